package watchword_test

import (
	"fmt"
	"io"
	"log"

	"github.com/watchword-tls/watchword"
)

// The example of the README, which a test in internal/tree compares.
func Example() {
	secret := []byte("32 random bytes, not such a text") // watchword key new makes one
	key, err := watchword.NewKey("alice", secret, watchword.KeyOptions{})
	if err != nil {
		log.Fatal(err)
	}
	config := &watchword.Config{Keys: []*watchword.Key{key}, AllowSameProcess: true} // one process: an example only
	listener, err := watchword.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		conn, err := watchword.Dial("tcp", listener.Addr().String(), config)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprint(conn, "hello")
		conn.Close()
	}()
	conn, err := listener.Accept()
	if err != nil {
		log.Fatal(err)
	}
	text, err := io.ReadAll(conn) // an error unless the other end said that this is all
	fmt.Println(conn.(*watchword.Conn).Session().Identity+":", string(text), err)
	// Output: alice: hello <nil>
}
