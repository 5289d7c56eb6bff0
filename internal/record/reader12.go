package record

// What a Reader does in TLS 1.2.

import (
	"errors"
	"math"
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// What a Reader finds wrong in TLS 1.2 alone.
var (
	ErrRecordVersion    = errors.New("a record of another version arrived on a TLS 1.2 connection")
	ErrChangeCipherSpec = errors.New("a change_cipher_spec record arrived where records are protected already")
)

var (
	errRecordVersion    = alert.Wrap(alert.ProtocolVersion, ErrRecordVersion)
	errChangeCipherSpec = alert.Wrap(alert.UnexpectedMessage, ErrChangeCipherSpec)
)

// SetKeys12 expects all records from now on to be protected as in TLS 1.2, with
// suite s and the keys k; form matters to suites with CBC. The sequence number
// starts at zero.
func (r *Reader) SetKeys12(s *suite.Suite, k schedule.Keys12, form suite.CBCForm) {
	r.setKeys12(protection12{suite: s, form: form, keys: []schedule.Keys12{k}})
}

// TryKeys12 is SetKeys12 where it is not known which of several keys the other
// end has: the first record is opened with each of them, and the first that
// opens it is kept. All of them are always tried, and the same is done whichever
// it is, so that time does not tell.
func (r *Reader) TryKeys12(s *suite.Suite, k []schedule.Keys12, form suite.CBCForm) {
	r.setKeys12(protection12{suite: s, form: form, keys: slices.Clone(k), trial: true})
}

// Tried returns which of the keys of TryKeys12 has opened the first record: its
// index, or -1 as long as none has.
func (r *Reader) Tried() int {
	if r.tls12 == nil {
		return -1
	}
	return r.tls12.tried
}

// contentLimit12 is the most bytes of content. In TLS 1.2 record_size_limit
// counts nothing else (RFC 8449 §4).
func (r *Reader) contentLimit12() int { return min(r.innerLimit(), limits.MaxPlaintext) }

// open12 opens a protected record of TLS 1.2. Whatever is wrong with a fragment
// itself, its length included, is one and the same error (RFC 5246 §7.2.2).
func (r *Reader) open12(dst, header, body []byte) (ContentType, []byte, error) {
	t := ContentType(header[0])
	switch {
	case headerVersion(header) != version12:
		return 0, nil, errRecordVersion
	case t == ChangeCipherSpec:
		return 0, nil, errChangeCipherSpec
	case !t.known():
		return 0, nil, errType
	case r.seq == math.MaxUint64:
		return 0, nil, errSequence
	}
	limit := r.contentLimit12()
	// A longer content fails in any case, and dst need not have room for it.
	if dst != nil && cap(dst) < min(r.tls12.mostContent(len(body)), limit) {
		return 0, nil, errNoRoom
	}
	content, err := r.tls12.open(dst, r.seq, t, body)
	switch {
	case err != nil:
		return 0, nil, err
	case len(content) > limit:
		clear(content)
		clear(body) // CBC opens there first
		return 0, nil, errTooLong
	case len(content) == 0 && t != ApplicationData:
		return 0, nil, errEmpty
	}
	r.seq++
	return t, content, nil
}

// open opens a fragment with the key or with the keys to be tried. Where dst is
// not nil and has room for the content, the content is there.
func (p *protection12) open(dst []byte, seq uint64, t ContentType, body []byte) ([]byte, error) {
	if p.trial {
		return p.try(dst, seq, t, body)
	}
	if err := p.expand(); err != nil {
		return nil, err
	}
	content, ok := p.cipher.open(dst, seq, t, body)
	if !ok {
		return nil, errMAC
	}
	return content, nil
}

// try opens a fragment with each of the keys, each time on a copy of its own,
// because opening destroys it, and keeps the first key that does it.
func (p *protection12) try(dst []byte, seq uint64, t ContentType, body []byte) ([]byte, error) {
	copies := make([]byte, len(p.keys)*len(body))
	defer clear(copies)
	var opener cipher12
	var opened []byte
	for i, k := range p.keys {
		c, err := p.newCipher(k)
		if err != nil {
			return nil, err
		}
		attempt := copies[i*len(body) : (i+1)*len(body)]
		copy(attempt, body)
		content, ok := c.open(nil, seq, t, attempt)
		if ok && opener == nil {
			opener, opened, p.tried = c, content, i
		}
	}
	if opener == nil {
		return nil, errMAC
	}
	p.use(opener)
	if dst == nil || cap(dst) < len(opened) {
		dst = body
	}
	return append(dst[:0], opened...), nil
}

func headerVersion(header []byte) uint16 { return uint16(header[1])<<8 | uint16(header[2]) }
