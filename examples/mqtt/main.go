// Command mqtt publishes a message through an MQTT broker, such as Mosquitto
// with a psk_file; without -message it prints what others publish.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/watchword-tls/watchword"
)

func main() {
	log.SetFlags(0)
	address := flag.String("address", "localhost:8883", "the broker")
	file := flag.String("key", "psk.txt", "a file with one line, identity:hex")
	topic := flag.String("topic", "watchword", "the topic")
	message := flag.String("message", "", "what to publish")
	flag.Parse()
	identity, digits, found := strings.Cut(strings.TrimSpace(string(must(os.ReadFile(*file)))), ":")
	secret, err := hex.DecodeString(digits)
	if err != nil || !found {
		log.Fatalf("%s does not hold one line, identity:hex", *file)
	}
	key := must(watchword.NewKey(identity, secret, watchword.KeyOptions{Kind: watchword.External}))
	conn := must(watchword.Dial("tcp", *address, &watchword.Config{Keys: []*watchword.Key{key}}))

	ctx, lost := context.WithCancelCause(context.Background())
	locked := packets.NewThreadSafeConn(conn) // paho writes a packet in several pieces
	client := paho.NewClient(paho.ClientConfig{Conn: locked, OnClientError: lost})
	must(client.Connect(ctx, &paho.Connect{CleanStart: true, KeepAlive: 30}))
	if *message != "" {
		must(client.Publish(ctx, &paho.Publish{Topic: *topic, QoS: 1, Payload: []byte(*message)}))
		must(0, client.Disconnect(&paho.Disconnect{}))
		return
	}
	client.AddOnPublishReceived(func(p paho.PublishReceived) (bool, error) {
		fmt.Printf("%s: %s\n", p.Packet.Topic, p.Packet.Payload)
		return true, nil
	})
	must(client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: *topic, QoS: 1}}}))
	log.Print("subscribed")
	<-ctx.Done()
	log.Fatal(context.Cause(ctx))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
