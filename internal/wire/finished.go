package wire

// Finished: a MAC over the whole handshake (RFC 9846 §4.5.3; of TLS 1.2, RFC 5246
// §7.4.9).

// VerifyDataLen12 is the length of a TLS 1.2 verify_data in bytes, whatever the
// suite (RFC 5246 §7.4.9).
const VerifyDataLen12 = 12

// ParseFinished parses a whole message and returns its verify_data, which has
// n bytes: the length of the suite's hash, or VerifyDataLen12.
func ParseFinished(raw []byte, n int, rec *Fields) ([]byte, error) {
	var r *reader
	if n == VerifyDataLen12 {
		r = start12(raw, TypeFinished, "RFC 5246 §7.4.9", rec)
	} else {
		r = start(raw, TypeFinished, "RFC 9846 §4.5.3", rec)
	}
	verifyData := r.bytes("verify_data", n)
	r.done()
	return verifyData, *r.err
}

// AppendFinished appends a whole message.
func AppendFinished(b, verifyData []byte) []byte {
	return frame(b, TypeFinished, func(b []byte) []byte { return append(b, verifyData...) })
}
