package wire

// KeyUpdate (RFC 9846 §4.7.3).

// KeyUpdateRequest says whether the receiver is to update its own key too.
type KeyUpdateRequest uint8

// The two values of request_update.
const (
	UpdateNotRequested KeyUpdateRequest = 0
	UpdateRequested    KeyUpdateRequest = 1
)

func (k KeyUpdateRequest) String() string {
	if k == UpdateRequested {
		return "update_requested"
	}
	return "update_not_requested"
}

// ParseKeyUpdate parses a whole message.
func ParseKeyUpdate(raw []byte, rec *Fields) (KeyUpdateRequest, error) {
	r := start(raw, TypeKeyUpdate, "RFC 9846 §4.7.3", rec)
	v := KeyUpdateRequest(r.uint8("request_update"))
	r.note(v.String)
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
