// Command nbd prints the SHA-256 of the first MiB that an NBD server exports.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"

	"github.com/watchword-tls/watchword"
)

func main() {
	log.SetFlags(0)
	address := flag.String("address", "localhost:10809", "the server")
	file := flag.String("key", "keys.psk", "a file with one line, identity:hex")
	flag.Parse()
	identity, digits, found := strings.Cut(strings.TrimSpace(string(must(os.ReadFile(*file)))), ":")
	secret, err := hex.DecodeString(digits)
	if err != nil || !found {
		log.Fatalf("%s does not hold one line, identity:hex", *file)
	}
	key := must(watchword.NewKey(identity, secret, watchword.KeyOptions{Kind: watchword.External}))
	raw := must(net.Dial("tcp", *address)) // NBD begins in the clear
	hello, reply := make([]byte, 18), make([]byte, 20)
	must(io.ReadFull(raw, hello))                                                         // NBDMAGIC, IHAVEOPT, flags
	must(io.WriteString(raw, "\x00\x00\x00\x03IHAVEOPT\x00\x00\x00\x05\x00\x00\x00\x00")) // flags, NBD_OPT_STARTTLS
	must(io.ReadFull(raw, reply))                                                         // its last 8 bytes: type, length
	if string(hello[:16]) != "NBDMAGICIHAVEOPT" || binary.BigEndian.Uint64(reply[12:]) != 1<<32 {
		log.Fatalf("%s is no NBD server, or one without TLS", *address)
	}
	conn := watchword.Client(raw, &watchword.Config{Keys: []*watchword.Key{key}})
	must(io.WriteString(conn, "IHAVEOPT\x00\x00\x00\x01\x00\x00\x00\x00")) // NBD_OPT_EXPORT_NAME, the default one
	must(io.ReadFull(conn, reply[:10]))                                    // size, flags
	block := make([]byte, min(1<<20, binary.BigEndian.Uint64(reply)))
	read := append([]byte("\x25\x60\x95\x13"), make([]byte, 20)...) // magic, NBD_CMD_READ, offset 0
	must(conn.Write(binary.BigEndian.AppendUint32(read, uint32(len(block)))))
	must(io.ReadFull(conn, reply[:16])) // magic, error, cookie
	if answer := binary.BigEndian.Uint64(reply); answer != 0x67446698<<32 {
		log.Fatalf("the server cannot read the export: error %d", uint32(answer))
	}
	must(io.ReadFull(conn, block))
	fmt.Printf("%x  %d bytes\n", sha256.Sum256(block), len(block))
	must(conn.Write(append([]byte("\x25\x60\x95\x13\x00\x00\x00\x02"), make([]byte, 20)...))) // NBD_CMD_DISC
	must(0, conn.Close())
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
