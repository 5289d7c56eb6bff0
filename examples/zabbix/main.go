// Command zabbix is zabbix_sender, or without -host zabbix_get: it asks an agent.
package main

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/watchword-tls/watchword"
)

func main() {
	log.SetFlags(0)
	address := flag.String("address", "localhost:10051", "the server, proxy or agent")
	identity := flag.String("identity", "alice", "its TLSPSKIdentity")
	file := flag.String("key", "zabbix.psk", "its TLSPSKFile: the key in hex")
	host, item := flag.String("host", "", "the host that the value belongs to"), flag.String("item", "agent.ping", "the key of the item")
	value := flag.String("value", "", "the value")
	flag.Parse()
	secret, err := hex.DecodeString(strings.TrimSpace(string(must(os.ReadFile(*file)))))
	if err != nil {
		log.Fatalf("%s does not hold one line in hex", *file)
	}
	key := must(watchword.NewKey(*identity, secret, watchword.KeyOptions{Kind: watchword.External}))
	config := &watchword.Config{Keys: []*watchword.Key{key}, Policy: watchword.Compatible} // agent 2 alone has TLS 1.3
	conn := must(watchword.Dial("tcp", *address, config))
	request := []byte(*item)
	if *host != "" {
		request = must(json.Marshal(map[string]any{"request": "sender data", "data": []any{map[string]string{"host": *host, "key": *item, "value": *value}}}))
	}
	must(conn.Write(append(binary.LittleEndian.AppendUint64([]byte("ZBXD\x01"), uint64(len(request))), request...)))
	header := make([]byte, 13)
	if must(io.ReadFull(conn, header)); string(header[:5]) != "ZBXD\x01" {
		log.Fatalf("%s does not answer as Zabbix does", *address)
	}
	answer := make([]byte, min(1<<24, binary.LittleEndian.Uint32(header[5:]))) // agent 2 fills the last four bytes too
	must(io.ReadFull(conn, answer))
	conn.Close()
	switch text, reason, _ := strings.Cut(string(answer), "\x00"); {
	case text == "ZBX_NOTSUPPORTED":
		log.Fatalf("the agent has no value of %s: %s", *item, reason)
	case *host != "" && !strings.Contains(text, "failed: 0;"):
		log.Fatalf("the value is not accepted: %s", text)
	}
	fmt.Printf("%s\n", answer)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
