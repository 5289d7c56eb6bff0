package examples

// A real PostgreSQL behind TLS-PSK servers, stunnel and ours: rows, COPY both ways, and what pgx
// does with a connection when a query is given up.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const databasePassword = "a password of the tests"

func TestPostgres(t *testing.T) {
	database := startPostgres(t)
	t.Setenv("PGHOST", "127.0.0.1")
	t.Setenv("PGUSER", "alice")
	t.Setenv("PGDATABASE", "postgres")
	t.Setenv("PGPASSWORD", databasePassword)
	for name, front := range map[string]func(*testing.T, string) string{
		"stunnel":          startStunnel,
		"watchword tunnel": startTunnel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PGPORT", front(t, database))
			t.Run("query", testQuery)
			t.Run("copy", testCopy)
			t.Run("pgx", testPgx)
		})
	}
}

func testQuery(t *testing.T) {
	key := pair(t, rightKey)
	if got := succeeds(t, "postgres", "-key", key, "-sql", "SELECT n, n * n FROM generate_series(1, 3) n"); got != "1\t1\n2\t4\n3\t9\n" {
		t.Errorf("The example prints %q, want three rows.", got)
	}
	if got := succeeds(t, "postgres", "-key", key); !strings.HasPrefix(got, "PostgreSQL ") {
		t.Errorf("The example prints %q, want the version of PostgreSQL.", got)
	}
	long := strings.Repeat("long ", 400_000)
	if got := succeeds(t, "postgres", "-key", key, "-sql", "SELECT repeat('long ', 400000)"); got != long+"\n" {
		t.Errorf("The example prints %d bytes, want %d.", len(got), len(long)+1)
	}
	fails(t, `relation "nothing" does not exist`, "postgres", "-key", key, "-sql", "SELECT * FROM nothing")
	fails(t, rejected, "postgres", "-key", pair(t, wrongKey))
}

// What COPY brings into a table is what the database counts and what COPY takes
// out of it again.
func testCopy(t *testing.T) {
	const rows = 50_000
	var table bytes.Buffer
	source := rand.NewChaCha8([32]byte{1})
	for n := range rows {
		noise := make([]byte, 40)
		source.Read(noise)
		fmt.Fprintf(&table, "%d\t%x\n", n, noise)
	}
	sent := sha256.Sum256(table.Bytes())
	key := pair(t, rightKey)
	succeeds(t, "postgres", "-key", key, "-sql", "DROP TABLE IF EXISTS noise; CREATE TABLE noise (n int PRIMARY KEY, text text)")
	size := table.Len()
	if stdout, stderr, status := runWith(t, &table, "postgres", "-key", key, "-sql", "COPY noise FROM STDIN"); status != 0 || stdout+stderr != "" {
		t.Fatalf("COPY of %d bytes into the table ends with status %d and %q.", size, status, stderr)
	}
	// The database's own checksum.
	sum := `SELECT count(*), encode(sha256(string_agg(n || E'\t' || text || E'\n', '' ORDER BY n)::bytea), 'hex') FROM noise`
	if got, want := succeeds(t, "postgres", "-key", key, "-sql", sum), fmt.Sprintf("%d\t%x\n", rows, sent); got != want {
		t.Errorf("The database has %q in its table, want %q.", got, want)
	}
	got := succeeds(t, "postgres", "-key", key, "-sql", "COPY (SELECT * FROM noise ORDER BY n) TO STDOUT")
	if sha256.Sum256([]byte(got)) != sent {
		t.Errorf("COPY out of the table gives %d bytes that are not the %d that went in.", len(got), size)
	}
}

// A query that is given up ends at once, in the database too, and a pool goes
// on after it.
func testPgx(t *testing.T) {
	config, err := pgxpool.ParseConfig("sslmode=disable pool_max_conns=4")
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.DialFunc = dial(t)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()

	ctx, giveUp := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := pool.Exec(ctx, "SELECT pg_sleep(600)")
		asked <- err
	}()
	const sleepers = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'"
	waitForRow(t, pool, sleepers, 1)
	giveUp()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("The query that was given up ends with %v, want context.Canceled.", err)
	}
	waitForRow(t, pool, sleepers, 0)

	// A sentence of the database arrives as pgx has it.
	var sentence *pgconn.PgError
	if _, err := pool.Exec(t.Context(), "SELECT 1/0"); !errors.As(err, &sentence) || sentence.Code != "22012" {
		t.Errorf("A division by zero gives %v, want the database's error.", err)
	}
	big := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{2}).Read(big)
	var back []byte
	if err := pool.QueryRow(t.Context(), "SELECT $1::bytea", big).Scan(&back); err != nil || !bytes.Equal(back, big) {
		t.Errorf("Of a parameter of %d bytes %d came back, error %v.", len(big), len(back), err)
	}
	batch := &pgx.Batch{}
	for n := range 1000 {
		batch.Queue("SELECT $1::int", n)
	}
	if err := pool.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Errorf("A batch of %d queries ends with %v.", batch.Len(), err)
	}
}

// waitForRow asks until the answer is what is wanted.
func waitForRow(t *testing.T, pool *pgxpool.Pool, sql string, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	for got := -1; got != want; {
		if err := pool.QueryRow(ctx, sql).Scan(&got); err != nil {
			t.Fatalf("%s gives %d, error %v, want %d.", sql, got, err, want)
		}
	}
}

// startPostgres makes a database and serves it on a port that it returns.
func startPostgres(t *testing.T) (port string) {
	t.Helper()
	initdb, postgres := postgresProgram(t, "initdb"), postgresProgram(t, "postgres")
	account := unprivileged(t)
	folder, err := os.MkdirTemp("", "postgres") // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	password := filepath.Join(folder, "password")
	if err := os.WriteFile(password, []byte(databasePassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if account != nil {
		for _, path := range []string{folder, password} {
			if err := os.Chown(path, int(account.Uid), int(account.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := filepath.Join(folder, "data")
	as := func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.SysProcAttr = folder, &syscall.SysProcAttr{Credential: account}
		return cmd
	}
	out, err := as(initdb, "-D", data, "-U", "alice", "--auth=scram-sha-256", "--pwfile="+password, "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb ends with %v:\n%s", err, out)
	}
	port = freePort(t)
	startCommand(t, as(postgres, "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "shared_buffers=16MB")).prints(`database system is ready to accept connections`)
	return port
}

// postgresProgram finds a program where Debian keeps those of each version.
func postgresProgram(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return lookup(t, name)
	}
	return found[len(found)-1]
}

// unprivileged returns whom PostgreSQL runs as where we are root: it refuses to
// be that. It is nil where we are not.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatalf("There is no user for PostgreSQL: %v", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// startStunnel puts stunnel before a port, and returns the port of its own.
func startStunnel(t *testing.T, port string) string {
	t.Helper()
	config := fmt.Sprintf("foreground = yes\npid =\nsyslog = no\ndebug = info\n[psk]\naccept = 127.0.0.1:0\n"+
		"connect = 127.0.0.1:%s\nPSKsecrets = %s\nciphers = PSK\n", port, pair(t, rightKey))
	p := start(t, "stunnel", writeFile(t, "stunnel.conf", config))
	own := p.prints(`bound to 127\.0\.0\.1:(\d+)`)
	p.prints("Accepting new connections")
	return own
}

// startTunnel puts "watchword tunnel server" before a port, and returns the port
// of its own.
func startTunnel(t *testing.T, port string) string {
	t.Helper()
	folder := t.TempDir()
	program := filepath.Join(folder, "watchword")
	build := exec.Command("go", "build", "-o", program, "./cmd/watchword")
	build.Dir = ".." // a module of its own
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("The program does not build: %v\n%s", err, out)
	}
	// The examples' key is one that OpenSSL takes too.
	text, err := os.ReadFile(pair(t, rightKey))
	if err != nil {
		t.Fatal(err)
	}
	keys := writeFile(t, "watchword.keys", "# watchword: external\n"+string(text))
	p := startCommand(t, exec.Command(program, "tunnel", "server", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:"+port, "--keys", keys))
	return p.prints(`msg=listening .* at=\[?127\.0\.0\.1:(\d+)`)
}
