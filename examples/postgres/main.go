// Command postgres runs one statement in a PostgreSQL database behind TLS, such
// as watchword tunnel server or stunnel gives it, and prints the rows. COPY ...
// FROM STDIN and COPY ... TO STDOUT are done with its own stdin and stdout. Which
// database it is stands in PGHOST, PGPORT, PGUSER and the others.
package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/watchword-tls/watchword"
)

func main() {
	log.SetFlags(0)
	file := flag.String("key", "psk.txt", "a file with one line, identity:hex")
	sql := flag.String("sql", "SELECT version()", "the statement")
	flag.Parse()
	identity, digits, found := strings.Cut(strings.TrimSpace(string(must(os.ReadFile(*file)))), ":")
	secret, err := hex.DecodeString(digits)
	if err != nil || !found {
		log.Fatalf("%s does not hold one line, identity:hex", *file)
	}
	key := must(watchword.NewKey(identity, secret, watchword.KeyOptions{Kind: watchword.External}))
	psk := &watchword.Config{Keys: []*watchword.Key{key}}

	ctx := context.Background()
	config := must(pgx.ParseConfig("sslmode=disable")) // that is PostgreSQL's own TLS, inside of ours
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return watchword.DialContext(ctx, network, address, psk)
	}
	conn := must(pgx.ConnectConfig(ctx, config))
	switch {
	case strings.HasSuffix(*sql, "FROM STDIN"):
		must(conn.PgConn().CopyFrom(ctx, os.Stdin, *sql))
	case strings.HasSuffix(*sql, "TO STDOUT"):
		must(conn.PgConn().CopyTo(ctx, os.Stdout, *sql))
	default:
		for _, result := range must(conn.PgConn().Exec(ctx, *sql).ReadAll()) {
			for _, row := range result.Rows {
				fmt.Printf("%s\n", bytes.Join(row, []byte("\t")))
			}
		}
	}
	must(0, conn.Close(ctx))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
