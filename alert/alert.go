// Package alert names the TLS alerts and the two errors that carry them.
//
// An alert is a byte on the wire, not an error. [LocalError] means that this
// end found a fault and told the peer; [RemoteError] means that the peer told
// us. Both work with errors.As.
package alert

import "strconv"

// Level is the first byte of an alert. TLS 1.3 ignores it on receipt, but for
// close_notify and user_canceled it is sent as warning (RFC 9846 §6).
type Level uint8

// The two levels (RFC 9846 §6).
const (
	Warning Level = 1
	Fatal   Level = 2
)

// Description is the second byte of an alert: what is the matter.
type Description uint8

// Alert descriptions (RFC 9846 §6 and the IANA registry of TLS alerts).
const (
	CloseNotify                  Description = 0
	UnexpectedMessage            Description = 10
	BadRecordMAC                 Description = 20
	RecordOverflow               Description = 22
	HandshakeFailure             Description = 40
	BadCertificate               Description = 42
	UnsupportedCertificate       Description = 43
	CertificateRevoked           Description = 44
	CertificateExpired           Description = 45
	CertificateUnknown           Description = 46
	IllegalParameter             Description = 47
	UnknownCA                    Description = 48
	AccessDenied                 Description = 49
	DecodeError                  Description = 50
	DecryptError                 Description = 51
	ProtocolVersion              Description = 70
	InsufficientSecurity         Description = 71
	InternalError                Description = 80
	InappropriateFallback        Description = 86
	UserCanceled                 Description = 90
	NoRenegotiation              Description = 100
	MissingExtension             Description = 109
	UnsupportedExtension         Description = 110
	UnrecognizedName             Description = 112
	BadCertificateStatusResponse Description = 113
	UnknownPSKIdentity           Description = 115
	CertificateRequired          Description = 116
	GeneralError                 Description = 117
	NoApplicationProtocol        Description = 120
)

var names = map[Description]string{
	CloseNotify:                  "close_notify",
	UnexpectedMessage:            "unexpected_message",
	BadRecordMAC:                 "bad_record_mac",
	RecordOverflow:               "record_overflow",
	HandshakeFailure:             "handshake_failure",
	BadCertificate:               "bad_certificate",
	UnsupportedCertificate:       "unsupported_certificate",
	CertificateRevoked:           "certificate_revoked",
	CertificateExpired:           "certificate_expired",
	CertificateUnknown:           "certificate_unknown",
	IllegalParameter:             "illegal_parameter",
	UnknownCA:                    "unknown_ca",
	AccessDenied:                 "access_denied",
	DecodeError:                  "decode_error",
	DecryptError:                 "decrypt_error",
	ProtocolVersion:              "protocol_version",
	InsufficientSecurity:         "insufficient_security",
	InternalError:                "internal_error",
	InappropriateFallback:        "inappropriate_fallback",
	UserCanceled:                 "user_canceled",
	NoRenegotiation:              "no_renegotiation",
	MissingExtension:             "missing_extension",
	UnsupportedExtension:         "unsupported_extension",
	UnrecognizedName:             "unrecognized_name",
	BadCertificateStatusResponse: "bad_certificate_status_response",
	UnknownPSKIdentity:           "unknown_psk_identity",
	CertificateRequired:          "certificate_required",
	GeneralError:                 "general_error",
	NoApplicationProtocol:        "no_application_protocol",
}

// String returns the RFC's name of d, or "alert N" for a number without one.
func (d Description) String() string {
	if s, ok := names[d]; ok {
		return s
	}
	return "alert " + strconv.Itoa(int(d))
}

// Numbered returns the number and the name, such as "alert 51 decrypt_error".
func (d Description) Numbered() string {
	number := "alert " + strconv.Itoa(int(d))
	if s, ok := names[d]; ok {
		return number + " " + s
	}
	return number
}

// Level returns the level that d is sent with (RFC 9846 §6.1).
func (d Description) Level() Level {
	if d == CloseNotify || d == UserCanceled {
		return Warning
	}
	return Fatal
}

// LocalError is a fault that this end found. Description is what the peer was
// told; Reason, a short phrase, says more than the peer may know; Cause, where
// set, is the error beneath, which says it where there is no Reason.
type LocalError struct {
	Description Description
	Reason      string
	Cause       error
}

func (e *LocalError) Error() string {
	return e.Why() + " (sent alert " + strconv.Itoa(int(e.Description)) + " " + e.Description.String() + ")"
}

// Why returns Reason, or else what Cause says.
func (e *LocalError) Why() string {
	if e.Reason == "" && e.Cause != nil {
		return e.Cause.Error()
	}
	return e.Reason
}

// Unwrap returns Cause.
func (e *LocalError) Unwrap() error { return e.Cause }

// New returns a LocalError with the alert to send and the reason for it.
func New(d Description, reason string) error {
	return &LocalError{Description: d, Reason: reason}
}

// Wrap returns a LocalError whose Cause callers can match with errors.Is. It asks
// the cause nothing: to put an error into words takes time, which a peer may measure.
func Wrap(d Description, cause error) error {
	return &LocalError{Description: d, Cause: cause}
}

// RemoteError is an alert that the peer sent: it found the fault, and only its
// own log says more.
type RemoteError struct {
	Description Description
}

func (e *RemoteError) Error() string {
	return "the other end ended the connection (received " + e.Description.Numbered() + ")"
}
