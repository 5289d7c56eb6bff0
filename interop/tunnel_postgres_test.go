//go:build unix

package interop

// A real PostgreSQL behind a pair of tunnels: psql and pgbench.

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestTunnelPostgreSQL(t *testing.T) {
	database := startPostgreSQL(t)
	folder := t.TempDir()
	newKeyFile(t, folder)
	server, front := tunnel(t, folder, "server", "--to", "127.0.0.1:"+database)
	_, plain := tunnel(t, folder, "client", "--to", front)
	port := plain[strings.LastIndexByte(plain, ':')+1:]

	if got := sql(t, port, "SELECT n, n * n FROM generate_series(1, 3) n"); got != "1|1\n2|4\n3|9\n" {
		t.Errorf("psql prints %q", got)
	}
	server.prints(`msg=connection .*identity=alice .*end=done`)
	// 64 MiB in one row, and 200,000 rows, with the database's own checksum.
	if got := sql(t, port, "SELECT repeat('0123456789abcdef', 4194304)"); len(got) != 64<<20+1 || strings.Trim(got, "0123456789abcdef\n") != "" {
		t.Errorf("of 64 MiB psql prints %d bytes", len(got))
	}
	const rows = "SELECT md5(n::text) FROM generate_series(1, 200000) n"
	if direct, through := sql(t, database, rows), sql(t, port, rows); direct != through {
		t.Errorf("200,000 rows are others through the tunnel: %d bytes, %d directly", len(through), len(direct))
	}

	bench(t, database, "-i", "-q", "-s", "5")
	load := []string{"-n", "-c", "8", "-j", "2", "-T", "2", "-S"}
	if testing.Short() {
		load[6] = "1"
	}
	for _, mode := range []struct {
		name string
		args []string
	}{{"connections that stay", nil}, {"a connection for each transaction", []string{"-C"}}} {
		args := append(load[:len(load):len(load)], mode.args...)
		direct, through := bench(t, database, args...), bench(t, port, args...)
		t.Logf("pgbench -S, 8 clients, %s: %.0f transactions a second directly, %.0f through the pair of tunnels (%.2f)",
			mode.name, direct, through, through/direct)
	}
}

func sql(t *testing.T, port, query string) string {
	t.Helper()
	cmd := command(t, wholeTime, postgresProgram(t, "psql"), "-h", "127.0.0.1", "-p", port, "-U", "alice", "-d", "postgres", "-XAtq", "-c", query)
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("psql ends with %v: %s", err, failure.String())
	}
	return string(out)
}

var transactions = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// bench runs pgbench, which must have no transaction that failed, and returns
// its transactions a second.
func bench(t *testing.T, port string, args ...string) float64 {
	t.Helper()
	cmd := command(t, wholeTime, postgresProgram(t, "pgbench"), append([]string{"-h", "127.0.0.1", "-p", port, "-U", "alice"}, append(args, "postgres")...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("pgbench %v ends with %v:\n%s", args, err, out)
	}
	if strings.Contains(string(out), "failed transactions: ") && !strings.Contains(string(out), "failed transactions: 0 (") {
		t.Errorf("pgbench %v has transactions that failed:\n%s", args, out)
	}
	found := transactions.FindSubmatch(out)
	if found == nil {
		return 0 // -i
	}
	perSecond, _ := strconv.ParseFloat(string(found[1]), 64)
	return perSecond
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

// startPostgreSQL makes a database and serves it on a port that it returns.
func startPostgreSQL(t *testing.T) (port string) {
	t.Helper()
	initdb, postgres := postgresProgram(t, "initdb"), postgresProgram(t, "postgres")
	account := unprivileged(t)
	folder, err := os.MkdirTemp("", "postgres") // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if account != nil {
		if err := os.Chown(folder, int(account.Uid), int(account.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(folder, "data")
	create := command(t, wholeTime, initdb, "-D", data, "-U", "alice", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
	create.Dir, create.SysProcAttr = folder, &syscall.SysProcAttr{Credential: account}
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("initdb ends with %v:\n%s", err, out)
	}
	port = freePort(t)
	args := []string{postgres, "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"}
	if account != nil {
		args = append([]string{"setpriv", fmt.Sprintf("--reuid=%d", account.Uid), fmt.Sprintf("--regid=%d", account.Gid), "--clear-groups"}, args...)
	}
	p := startIn(t, folder, nil, args[0], args[1:]...)
	p.hasChildren()
	p.prints(`database system is ready to accept connections`)
	return port
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
		t.Fatalf("there is no user for PostgreSQL: %v", err)
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
