package record

import (
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// A Writer makes the records of one direction. Its zero value writes plaintext
// records. It must not be copied after SetKey.
type Writer struct {
	protection
	limit      uint64 // of records under this key
	version    uint16 // zero: legacyVersion
	maxContent int    // zero: limits.MaxPlaintext
	padding    int    // zero or one: none
}

// SetLegacyVersion sets legacy_record_version of plaintext records. It is for
// the initial ClientHello, which says 0x0301 for the sake of old middleboxes
// (RFC 9846 §5.1); zero sets 0x0303 again.
func (w *Writer) SetLegacyVersion(v uint16) { w.version = v }

// SetKey protects all records from now on with suite s and the keys of t. The
// sequence number starts at zero.
func (w *Writer) SetKey(s *suite.Suite, t schedule.Traffic) {
	w.setKey(s, t)
	// RecordLimit is at most 2^64-1, so that the sequence number cannot wrap
	// (RFC 9846 §5.3): its last value is never used.
	w.limit = s.RecordLimit
}

// SetMaxContent sets how many bytes of content and padding one protected
// record holds: the peer's record_size_limit, in TLS 1.3 without the content
// type byte (RFC 8449 §4). Values outside of 1 to limits.MaxPlaintext are brought inside.
func (w *Writer) SetMaxContent(n int) {
	w.maxContent = min(max(n, 1), limits.MaxPlaintext)
}

// MaxContent returns how many bytes of content the next record may hold.
// record_size_limit does not apply to plaintext records (RFC 8449 §4).
func (w *Writer) MaxContent() int {
	if !w.Protected() || w.maxContent == 0 {
		return limits.MaxPlaintext
	}
	return w.maxContent
}

// SetPadding pads the content of every protected record to a multiple of this
// many bytes, as far as MaxContent has room, so that lengths tell less
// (RFC 9846 §5.4). An empty content counts as one that needs padding. Zero
// or one means none. TLS 1.2 has no such padding.
func (w *Writer) SetPadding(multiple int) { w.padding = max(multiple, 0) }

// Overhead returns how many bytes a record has beside its content and padding:
// in TLS 1.2, where CBC pads to whole blocks, the most that it can have.
func (w *Writer) Overhead() int {
	if !w.Protected() {
		return headerLen
	}
	if w.tls12 != nil {
		return headerLen + w.tls12.overhead()
	}
	return headerLen + overhead
}

// NearLimit reports that the key has sealed so many records that it must be
// updated before any more application data (RFC 9846 §5.5). What is left
// suffices for the KeyUpdate and for alerts. It is always false in TLS 1.2,
// where a key cannot be updated.
func (w *Writer) NearLimit() bool {
	return w.Protected() && w.tls12 == nil && w.seq >= w.limit-limits.KeyUpdateMargin
}

// Append appends to dst one record with this content, which has at most
// MaxContent bytes and must not overlap the free room of dst. It does not
// allocate where dst has room.
//
// change_cipher_spec is never protected, whatever the key (RFC 9846 §5); in
// TLS 1.2 it is refused once there is a key.
func (w *Writer) Append(dst []byte, t ContentType, content []byte) ([]byte, error) {
	if w.tls12 != nil {
		return w.append12(dst, t, content)
	}
	if err := w.check(t, content); err != nil {
		return dst, err
	}
	if !w.Protected() || t == ChangeCipherSpec {
		version := w.version
		if version == 0 || w.Protected() {
			version = legacyVersion
		}
		dst = slices.Grow(dst, headerLen+len(content))
		dst = appendHeader(dst, t, version, len(content))
		return append(dst, content...), nil
	}
	if err := w.expand(); err != nil {
		return dst, err
	}
	inner := len(content) + w.paddingFor(len(content)) + 1
	length := inner + suite.TagLen
	dst = slices.Grow(dst, headerLen+length)
	start := len(dst)
	dst = appendHeader(dst, ApplicationData, legacyVersion, length)
	header, body := dst[start:], dst[start+headerLen:start+headerLen+inner]
	n := copy(body, content)
	body[n] = byte(t)
	clear(body[n+1:])
	dst = w.aead.Seal(dst, w.recordNonce(), body, header)
	w.seq++
	return dst, nil
}

var (
	errWriteSize  = alert.New(alert.InternalError, "a record to be sent has more content than a record may have")
	errWriteEmpty = alert.New(alert.InternalError, "a record to be sent has no content, which only application data may lack")
	errWriteType  = alert.New(alert.InternalError, "a record to be sent has an unknown content type")
	errWritePlain = alert.New(alert.InternalError, "application data was to be sent before the connection has a key")
	// errWriteLimit cannot happen where the caller heeds NearLimit.
	errWriteLimit = alert.New(alert.InternalError, "the key has sealed as many records as it may: it must be updated first")
)

func (w *Writer) check(t ContentType, content []byte) error {
	switch {
	case !t.known():
		return errWriteType
	case len(content) > w.MaxContent():
		return errWriteSize
	case len(content) == 0 && t != ApplicationData:
		return errWriteEmpty
	case !w.Protected() && t == ApplicationData:
		return errWritePlain
	case w.Protected() && t != ChangeCipherSpec && w.seq >= w.limit:
		return errWriteLimit
	}
	return nil
}

// paddingFor returns how many zeros follow n bytes of content.
func (w *Writer) paddingFor(n int) int {
	if w.padding <= 1 {
		return 0
	}
	room := w.MaxContent() - n
	if n == 0 {
		return min(w.padding, room)
	}
	over := n % w.padding
	if over == 0 {
		return 0
	}
	return min(w.padding-over, room)
}
