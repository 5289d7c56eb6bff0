package wire

// KeyUpdate (RFC 9846 §4.7.3).

import "strconv"

// KeyUpdateRequest says whether the receiver is to update its own key too.
type KeyUpdateRequest uint8

// The two values of request_update.
const (
	UpdateNotRequested KeyUpdateRequest = 0
	UpdateRequested    KeyUpdateRequest = 1
)

func (k KeyUpdateRequest) String() string {
	switch k {
	case UpdateNotRequested:
		return "update_not_requested"
	case UpdateRequested:
		return "update_requested"
	}
	return "request_update " + strconv.Itoa(int(k))
}

// ParseKeyUpdate parses a whole message.
func ParseKeyUpdate(raw []byte, rec *Fields) (KeyUpdateRequest, error) {
	r := start(raw, TypeKeyUpdate, "RFC 9846 §4.7.3", rec)
	v := KeyUpdateRequest(r.uint8("request_update"))
	describe(r, v, KeyUpdateRequest.String)
	r.done()
	if r.ok() && v > UpdateRequested {
		r.illegal("request_update", "neither 0 nor 1")
	}
	return v, *r.err
}

// AppendKeyUpdate appends a whole message.
func AppendKeyUpdate(b []byte, v KeyUpdateRequest) []byte {
	return frame(b, TypeKeyUpdate, func(b []byte) []byte { return append(b, byte(v)) })
}
