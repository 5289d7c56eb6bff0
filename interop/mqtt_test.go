package interop

// As much of MQTT 3.1.1 as the tests with Mosquitto need: packets, and both
// sides of a connection that carries one large message.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// The types of packets (MQTT 3.1.1, section 2.2.1).
const (
	mqttConnect    = 1
	mqttConnack    = 2
	mqttPublish    = 3
	mqttSubscribe  = 8
	mqttSuback     = 9
	mqttDisconnect = 14
)

const mqttTopic = "topic"

// mqttPacket returns a packet: type and flags, length, body.
func mqttPacket(kind, flags byte, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	packet := []byte{kind<<4 | flags}
	packet = binary.AppendUvarint(packet, uint64(len(all))) // section 2.2.3: seven bits a byte, the lowest first
	return append(packet, all...)
}

func mqttString(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// readMQTT reads one packet, which must be of this type.
func readMQTT(r *bufio.Reader, kind byte) ([]byte, error) {
	first, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	if first>>4 != kind {
		return nil, fmt.Errorf("a packet of type %d, want %d", first>>4, kind)
	}
	return body, nil
}

// readMQTTMessage reads a PUBLISH and returns its message.
func readMQTTMessage(r *bufio.Reader) ([]byte, error) {
	body, err := readMQTT(r, mqttPublish)
	if err != nil {
		return nil, err
	}
	message, ok := bytes.CutPrefix(body, mqttString(mqttTopic))
	if !ok {
		return nil, fmt.Errorf("a message to another topic: %q", body[:min(len(body), 20)])
	}
	return message, nil
}

// mqttThroughBroker is a client that subscribes to a topic, publishes a message
// to it, and returns what the broker sends it.
func mqttThroughBroker(c io.ReadWriter, message []byte) ([]byte, error) {
	r := bufio.NewReader(c)
	const cleanSession, keepAlive = 2, 60 // seconds
	hello := [][]byte{mqttString("MQTT"), {4, cleanSession, 0, keepAlive}, mqttString("watchword")}
	if _, err := c.Write(mqttPacket(mqttConnect, 0, hello...)); err != nil {
		return nil, err
	}
	if answer, err := readMQTT(r, mqttConnack); err != nil || !bytes.Equal(answer, []byte{0, 0}) {
		return nil, fmt.Errorf("the broker answers %x, %w", answer, err)
	}
	if _, err := c.Write(mqttPacket(mqttSubscribe, 2, []byte{0, 1}, mqttString(mqttTopic), []byte{0})); err != nil {
		return nil, err
	}
	if _, err := readMQTT(r, mqttSuback); err != nil {
		return nil, err
	}
	if _, err := c.Write(mqttPacket(mqttPublish, 0, mqttString(mqttTopic), message)); err != nil {
		return nil, err
	}
	got, err := readMQTTMessage(r)
	if err != nil {
		return nil, err
	}
	_, err = c.Write(mqttPacket(mqttDisconnect, 0))
	return got, err
}

// acceptMQTT is a broker's side of CONNECT.
func acceptMQTT(c io.ReadWriter) (*bufio.Reader, error) {
	r := bufio.NewReader(c)
	if _, err := readMQTT(r, mqttConnect); err != nil {
		return nil, err
	}
	_, err := c.Write(mqttPacket(mqttConnack, 0, []byte{0, 0}))
	return r, err
}

// takeMQTTMessage is a broker for one client that publishes one message.
func takeMQTTMessage(c io.ReadWriter) ([]byte, error) {
	r, err := acceptMQTT(c)
	if err != nil {
		return nil, err
	}
	message, err := readMQTTMessage(r)
	if err != nil {
		return nil, err
	}
	return message, endMQTT(r)
}

// giveMQTTMessage is a broker for one client that subscribes and gets one
// message.
func giveMQTTMessage(c io.ReadWriter, message []byte) error {
	r, err := acceptMQTT(c)
	if err != nil {
		return err
	}
	request, err := readMQTT(r, mqttSubscribe)
	if err != nil {
		return err
	}
	if len(request) < 2 {
		return fmt.Errorf("a SUBSCRIBE of %d bytes", len(request))
	}
	if _, err := c.Write(mqttPacket(mqttSuback, 0, request[:2], []byte{0})); err != nil {
		return err
	}
	if _, err := c.Write(mqttPacket(mqttPublish, 0, mqttString(mqttTopic), message)); err != nil {
		return err
	}
	return endMQTT(r)
}

// endMQTT reads DISCONNECT and then the clean end of the stream.
func endMQTT(r *bufio.Reader) error {
	if _, err := readMQTT(r, mqttDisconnect); err != nil {
		return fmt.Errorf("in place of DISCONNECT: %w", err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		return fmt.Errorf("after DISCONNECT come %d bytes, %w", len(rest), err)
	}
	return nil
}
