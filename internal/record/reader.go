package record

import (
	"errors"
	"math"
	"strings"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// What a Reader finds wrong. Each comes inside an [alert.LocalError] that
// says which alert to send, and is found with errors.Is.
var (
	ErrVersion    = errors.New("what arrived is not TLS: the record header has no version of TLS in it")
	ErrHTTP       = error(notTLS("what arrived is not TLS but a plain HTTP request"))
	ErrHTTPAnswer = error(notTLS("what arrived is not TLS but a plain HTTP answer: no TLS is spoken there"))
	ErrText       = error(notTLS("what arrived is not TLS: it looks like plain text"))
	ErrType       = errors.New("a record of a type that does not exist arrived")
	ErrTooLong    = errors.New("a record longer than allowed arrived")
	ErrOuterType  = errors.New("a record without protection arrived where only protected ones may")
	ErrUnexpected = errors.New("a protected record arrived before there is a key for it")
	ErrMAC        = errors.New("a record failed authentication: it was changed on the way, or the other end has other keys")
	ErrNoType     = errors.New("a protected record consists of padding only")
	ErrEmpty      = errors.New("an empty record arrived where only application data may be empty")
	ErrSequence   = errors.New("the key has opened as many records as it may")
)

// notTLS is a common case of ErrVersion. It quotes nothing of what arrived,
// which may be anything and meant for nobody's log.
type notTLS string

func (e notTLS) Error() string { return string(e) }
func (notTLS) Unwrap() error   { return ErrVersion }

// The same with their alerts, made once: a peer that sends bad records must
// not cost allocations.
var (
	errVersion    = alert.Wrap(alert.ProtocolVersion, ErrVersion)
	errHTTP       = alert.Wrap(alert.ProtocolVersion, ErrHTTP)
	errHTTPAnswer = alert.Wrap(alert.ProtocolVersion, ErrHTTPAnswer)
	errText       = alert.Wrap(alert.ProtocolVersion, ErrText)
	errType       = alert.Wrap(alert.UnexpectedMessage, ErrType)
	errTooLong    = alert.Wrap(alert.RecordOverflow, ErrTooLong)
	errOuterType  = alert.Wrap(alert.UnexpectedMessage, ErrOuterType)
	errUnexpected = alert.Wrap(alert.UnexpectedMessage, ErrUnexpected)
	errMAC        = alert.Wrap(alert.BadRecordMAC, ErrMAC)
	errNoType     = alert.Wrap(alert.UnexpectedMessage, ErrNoType)
	errEmpty      = alert.Wrap(alert.UnexpectedMessage, ErrEmpty)
	errSequence   = alert.Wrap(alert.InternalError, ErrSequence)
	errNotWhole   = alert.New(alert.InternalError, "Open was called with something other than one whole record")
	errNoRoom     = alert.New(alert.InternalError, "Open was called with too little room for the content of the record")
)

// A Reader takes apart the records of one direction. Its zero value reads
// plaintext records. It must not be copied after SetKey.
type Reader struct {
	protection
	limit int // of TLSInnerPlaintext, or of content in TLS 1.2, in bytes; zero: limits.MaxInnerPlaintext
}

// SetKey expects all records from now on to be protected with suite s and the
// keys of t. The sequence number starts at zero.
func (r *Reader) SetKey(s *suite.Suite, t schedule.Traffic) { r.setKey(s, t) }

// SetLimit sets the longest TLSInnerPlaintext in bytes that is accepted: the
// record_size_limit that this end announced (RFC 8449 §4). In TLS 1.2 it is the
// longest content.
func (r *Reader) SetLimit(n int) { r.limit = min(max(n, 1), limits.MaxInnerPlaintext) }

func (r *Reader) innerLimit() int {
	if r.limit == 0 {
		return limits.MaxInnerPlaintext
	}
	return r.limit
}

// Next looks at the record at the start of buf. A total of zero without an
// error means that the header is not all there. Otherwise total is the length
// of the record with its header, which may be more than buf has yet. The
// header is checked as soon as it is there, before its body is waited for.
//
// A record of type application_data is let through even while records are
// plaintext: it is what a server meets that has refused early data by a
// HelloRetryRequest (RFC 9846 §4.3.10). Open refuses it.
func (r *Reader) Next(buf []byte) (h Header, total int, err error) {
	if len(buf) < headerLen {
		return Header{}, 0, nil
	}
	h = Header{
		Type:    ContentType(buf[0]),
		Version: headerVersion(buf),
		Length:  int(buf[3])<<8 | int(buf[4]),
	}
	// legacy_record_version is to be ignored (RFC 9846 §5.1). A major version
	// other than 3 is no TLS at all, though, and saying so at once is better
	// than to wait for a record of random length. Once TLS 1.2 has its keys the
	// version is that of the connection (RFC 5246 §6.2.1), and another one is
	// refused with protocol_version, as OpenSSL and BoringSSL do.
	if h.Version>>8 != 3 {
		return h, 0, whatElse(buf)
	}
	if r.tls12 != nil && h.Version != version12 {
		return h, 0, errRecordVersion
	}
	if !h.Type.known() {
		return h, 0, errType
	}
	if h.Length > r.maxLength(h.Type) {
		return h, 0, errTooLong
	}
	return h, headerLen + h.Length, nil
}

func (r *Reader) maxLength(t ContentType) int {
	if r.tls12 != nil {
		return limits.MaxCiphertext12
	}
	if !r.Protected() && t != ApplicationData {
		return limits.MaxPlaintext
	}
	return limits.MaxCiphertext
}

// whatElse tells the commonest mistakes from the others.
func whatElse(buf []byte) error {
	start := string(buf[:headerLen])
	for _, method := range [...]string{"GET ", "POST ", "HEAD ", "PUT ", "CONNE", "OPTIO", "DELET", "PATCH"} {
		if strings.HasPrefix(start, method) {
			return errHTTP
		}
	}
	switch {
	case start == "HTTP/":
		return errHTTPAnswer
	case strings.IndexFunc(start, unprintable) < 0:
		return errText
	}
	return errVersion
}

// unprintable reports whether r stands in no text of ASCII.
func unprintable(r rune) bool {
	return (r < ' ' || r > '~') && r != '\t' && r != '\r' && r != '\n'
}

// Open returns what one whole record carries. rec must be all of a record
// that Next has accepted.
//
// While records are plaintext, content is a part of rec. A protected record is
// decrypted in place where dst is nil, which destroys rec even if it fails.
// Otherwise it is decrypted into dst, whose capacity must suffice for the
// TLSInnerPlaintext, and content is a part of it. After a failure neither
// holds any plaintext. In TLS 1.2 rec is destroyed even where dst is set.
//
// The caller deals with change_cipher_spec beforehand: here it is unexpected
// among protected records. A record that fails does not count: the caller may
// skip it, which is what a server does that has refused early data.
func (r *Reader) Open(dst, rec []byte) (t ContentType, content []byte, err error) {
	if len(rec) < headerLen || len(rec) != headerLen+(int(rec[3])<<8|int(rec[4])) {
		return 0, nil, errNotWhole
	}
	t, body := ContentType(rec[0]), rec[headerLen:]
	if r.tls12 != nil {
		return r.open12(dst, rec[:headerLen], body)
	}
	if r.Protected() {
		return r.open(dst, rec[:headerLen], body)
	}
	switch {
	case t == ApplicationData:
		return 0, nil, errUnexpected
	case len(body) == 0:
		return 0, nil, errEmpty
	case len(body) > limits.MaxPlaintext:
		return 0, nil, errTooLong
	}
	return t, body, nil
}

func (r *Reader) open(dst, header, body []byte) (ContentType, []byte, error) {
	if ContentType(header[0]) != ApplicationData {
		return 0, nil, errOuterType
	}
	if r.seq == math.MaxUint64 {
		return 0, nil, errSequence
	}
	if len(body) < suite.TagLen {
		return 0, nil, errMAC
	}
	innerLen := len(body) - suite.TagLen
	if dst == nil || innerLen > r.innerLimit() {
		// A record over the limit fails in any case, and dst need not have
		// room for it.
		dst = body
	} else if cap(dst) < innerLen {
		return 0, nil, errNoRoom
	}
	if err := r.expand(); err != nil {
		return 0, nil, err
	}
	inner, err := r.aead.Open(dst[:0], r.recordNonce(), body, header)
	if err != nil {
		return 0, nil, errMAC
	}
	if len(inner) > r.innerLimit() {
		clear(inner)
		return 0, nil, errTooLong
	}
	t, content, err := splitInner(inner)
	if err != nil {
		clear(inner)
		return 0, nil, err
	}
	r.seq++
	return t, content, nil
}

// splitInner finds the content type, which is the last byte that is not zero
// (RFC 9846 §5.4). The scan takes longer the more padding there is; the RFC
// allows that, and the sender chose both.
func splitInner(inner []byte) (ContentType, []byte, error) {
	i := len(inner) - 1
	for i >= 0 && inner[i] == 0 {
		i--
	}
	if i < 0 {
		return 0, nil, errNoType
	}
	t, content := ContentType(inner[i]), inner[:i]
	switch {
	case !t.known() || t == ChangeCipherSpec:
		return 0, nil, errType
	case len(content) == 0 && t != ApplicationData:
		return 0, nil, errEmpty
	}
	return t, content, nil
}
