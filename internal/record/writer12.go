package record

// What a Writer does in TLS 1.2.

import (
	"io"
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

var (
	errWriteChange  = alert.New(alert.InternalError, "change_cipher_spec was to be sent where records are protected already")
	errWriteLimit12 = alert.New(alert.InternalError, "the key has protected as many records as it may: open a new connection")
)

// SetKeys12 protects all records from now on as in TLS 1.2, with suite s and the
// keys k. In suites with CBC, form says how, and rand gives the IVs. The
// sequence number starts at zero.
func (w *Writer) SetKeys12(s *suite.Suite, k schedule.Keys12, form suite.CBCForm, rand io.Reader) {
	w.setKeys12(protection12{suite: s, form: form, keys: []schedule.Keys12{k}, rand: rand})
	w.limit = s.RecordLimit
}

// append12 is Append for protected records of TLS 1.2. They have no padding of
// our choice: SetPadding means nothing here.
func (w *Writer) append12(dst []byte, t ContentType, content []byte) ([]byte, error) {
	if err := w.check12(t, content); err != nil {
		return dst, err
	}
	if err := w.tls12.expand(); err != nil {
		return dst, err
	}
	c, start := w.tls12.cipher, len(dst)
	length := c.sealedLen(len(content))
	dst = slices.Grow(dst, headerLen+length)
	dst = appendHeader(dst, t, version12, length)
	dst, err := c.seal(dst, w.seq, t, content)
	if err != nil {
		return dst[:start], err
	}
	w.seq++
	return dst, nil
}

func (w *Writer) check12(t ContentType, content []byte) error {
	switch {
	case !t.known():
		return errWriteType
	case t == ChangeCipherSpec:
		// It goes before the key that it announces, and there is no second key:
		// renegotiation is refused.
		return errWriteChange
	case len(content) > w.MaxContent():
		return errWriteSize
	case len(content) == 0 && t != ApplicationData:
		return errWriteEmpty
	case w.seq >= w.recordLimit12(t):
		return errWriteLimit12
	}
	return nil
}

// recordLimit12 leaves room for the alerts that say that the limit is reached:
// there is no KeyUpdate to go on with.
func (w *Writer) recordLimit12(t ContentType) uint64 {
	if t == Alert {
		return w.limit
	}
	return w.limit - limits.KeyUpdateMargin
}
