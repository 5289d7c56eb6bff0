package wire

// Finished: a MAC over the whole handshake (RFC 9846 §4.5.3).

// ParseFinished parses a whole message and returns its verify_data, which has
// the length of the suite's hash.
func ParseFinished(raw []byte, hashLen int, rec *Fields) ([]byte, error) {
	r := start(raw, TypeFinished, "RFC 9846 §4.5.3", rec)
	verifyData := r.bytes("verify_data", hashLen)
	r.done()
	return verifyData, *r.err
}

// AppendFinished appends a whole message.
func AppendFinished(b, verifyData []byte) []byte {
	return frame(b, TypeFinished, func(b []byte) []byte { return append(b, verifyData...) })
}
