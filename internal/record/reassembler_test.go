package record

import (
	"bytes"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
)

func message(t byte, body int) []byte {
	m := []byte{t, byte(body >> 16), byte(body >> 8), byte(body)}
	for i := range body {
		m = append(m, byte(i))
	}
	return m
}

// drain takes out all whole messages.
func drain(t *testing.T, r *Reassembler) (all [][]byte) {
	t.Helper()
	for {
		msg, ok, err := r.Next()
		if err != nil {
			t.Fatalf("A message was refused: %v", err)
		}
		if !ok {
			return all
		}
		all = append(all, bytes.Clone(msg))
	}
}

// TestSplitting cuts three messages in every two places. Each fragment is
// overwritten once it is drained, as a read buffer is.
func TestSplitting(t *testing.T) {
	want := [][]byte{message(2, 10), message(8, 0), message(20, 32)}
	stream := bytes.Join(want, nil)
	for i := 0; i <= len(stream); i++ {
		for j := i; j <= len(stream); j++ {
			var r Reassembler
			var got [][]byte
			for _, part := range [][]byte{stream[:i], stream[i:j], stream[j:]} {
				fragment := bytes.Clone(part)
				if err := r.Add(fragment); err != nil {
					t.Fatalf("A fragment was refused: %v", err)
				}
				got = append(got, drain(t, &r)...)
				for k := range fragment {
					fragment[k] = 0xee
				}
			}
			if len(got) != 3 || !bytes.Equal(bytes.Join(got, nil), stream) || !r.Empty() {
				t.Fatalf("Cut at %d and %d, the messages are %x.", i, j, got)
			}
		}
	}
}

func TestByteByByte(t *testing.T) {
	var r Reassembler
	m := message(1, limits.MaxClientHello)
	for i, b := range m {
		if err := r.Add([]byte{b}); err != nil {
			t.Fatalf("Byte %d was refused: %v", i, err)
		}
		msg, ok, err := r.Next()
		if err != nil || ok != (i == len(m)-1) || ok && !bytes.Equal(msg, m) {
			t.Fatalf("After %d of %d bytes: a message is %v, error %v.", i+1, len(m), ok, err)
		}
		if r.Empty() != ok {
			t.Fatalf("After %d of %d bytes Empty is %v.", i+1, len(m), r.Empty())
		}
	}
	if r.data != nil {
		t.Error("An empty Reassembler holds on to memory.")
	}
}

func TestWholeMessagesAreNotCopied(t *testing.T) {
	var r Reassembler
	fragment := append(message(2, 10), message(8, 2)...)
	if allocs := testing.AllocsPerRun(10, func() {
		if err := r.Add(fragment); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if msg, ok, err := r.Next(); !ok || err != nil || cap(msg) != len(msg) {
				t.Fatal(err)
			}
		}
		if _, ok, _ := r.Next(); ok || !r.Empty() {
			t.Fatal("There is a third message.")
		}
	}); allocs != 0 {
		t.Errorf("Whole messages cost %v allocations, want none.", allocs)
	}
}

// TestMessageLimits: the header alone decides, before the body arrives, and
// wherever it is cut.
func TestMessageLimits(t *testing.T) {
	for _, c := range []struct {
		t   byte
		max int
	}{{1, limits.MaxClientHello}, {2, limits.MaxHandshakeMessage}, {4, limits.MaxHandshakeMessage}, {11, limits.MaxHandshakeMessage}} {
		for cut := range 5 {
			right := message(c.t, c.max)[:4]
			wrong := message(c.t, c.max+1)[:4]
			var r Reassembler
			if err := addAll(&r, right[:cut], right[cut:]); err != nil {
				t.Errorf("Type %d with %d bytes was refused: %v", c.t, c.max, err)
			}
			r.Clear()
			if !r.Empty() {
				t.Error("Clear left something.")
			}
			wantAlert(t, "a message too long", addAll(&r, wrong[:cut], wrong[cut:]), alert.IllegalParameter, ErrMessageTooLong)
		}
	}
	// Behind another message in one fragment it is Next that finds it.
	var r Reassembler
	if err := r.Add(append(message(8, 2), 20, 0xff, 0xff, 0xff)); err != nil {
		t.Fatalf("The fragment was refused: %v", err)
	}
	if _, ok, err := r.Next(); !ok || err != nil {
		t.Fatalf("The first message was refused: %v", err)
	}
	for range 2 {
		_, ok, err := r.Next()
		wantAlert(t, "a message too long behind another", err, alert.IllegalParameter, ErrMessageTooLong)
		if ok {
			t.Error("A message too long came out.")
		}
	}
	wantAlert(t, "a fragment after that", r.Add([]byte{1}), alert.IllegalParameter, ErrMessageTooLong)
}

func addAll(r *Reassembler, fragments ...[]byte) error {
	for _, f := range fragments {
		if err := r.Add(f); err != nil {
			return err
		}
		if _, _, err := r.Next(); err != nil {
			return err
		}
	}
	return nil
}

// TestUndrained: memory stays bounded even where the caller forgets to take
// messages out.
func TestUndrained(t *testing.T) {
	var r Reassembler
	fragment := bytes.Repeat(message(24, 1), 3000)
	for range 100 {
		if err := r.Add(fragment); err != nil {
			wantAlert(t, "messages that pile up", err, alert.InternalError, nil)
			return
		}
	}
	t.Errorf("%d bytes piled up.", len(r.data))
}

// FuzzReassembler cuts any stream anyhow and holds the result against a simple
// walk over the whole.
func FuzzReassembler(f *testing.F) {
	f.Add(append(message(1, 300), message(20, 32)...), []byte{1, 2, 200})
	f.Add([]byte{1, 0, 0, 0, 24, 0, 0, 1, 1, 4, 0xff, 0, 0}, []byte{3})
	f.Add([]byte{1, 1, 0, 1}, []byte{})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		var want [][]byte
		rest, tooLong := stream, false
		for len(rest) >= 4 {
			n := int(rest[1])<<16 | int(rest[2])<<8 | int(rest[3])
			tooLong = rest[0] == 1 && n > limits.MaxClientHello || n > limits.MaxHandshakeMessage
			if tooLong || len(rest) < 4+n {
				break
			}
			want = append(want, rest[:4+n])
			rest = rest[4+n:]
		}
		var r Reassembler
		var got [][]byte
		failed := false
		for i := 0; len(stream) > 0 && !failed; i++ {
			n := len(stream)
			if i < len(cuts) {
				n = min(n, int(cuts[i]))
			}
			fragment := bytes.Clone(stream[:n])
			stream = stream[n:]
			failed = r.Add(fragment) != nil
			for !failed {
				msg, ok, err := r.Next()
				failed = err != nil
				if !ok {
					break
				}
				got = append(got, bytes.Clone(msg))
			}
			clear(fragment)
		}
		if failed != tooLong {
			t.Fatalf("The stream failed: %v, want %v.", failed, tooLong)
		}
		if len(got) != len(want) || !bytes.Equal(bytes.Join(got, nil), bytes.Join(want, nil)) {
			t.Errorf("%d messages came out, want %d.", len(got), len(want))
		}
		if !failed && !bytes.Equal(r.data, rest) {
			t.Errorf("%d bytes are left over, want %d.", len(r.data), len(rest))
		}
	})
}
