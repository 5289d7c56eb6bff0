package main

// What Watchword's errors are called in BoringSSL: the runner wants to see that
// a test failed for the right reason, and compares names. This table is the
// only place that knows them. Where BoringSSL is finer than an alert, a part
// of our reason tells which name is meant.

import (
	"errors"
	"io"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
)

// A row says: an alert of ours, with this in its reason, has this name.
type row struct {
	description alert.Description
	reason      string
	name        string
}

// local is read from the top; the first row that fits counts.
var local = []row{
	{alert.BadRecordMAC, "", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"},
	{alert.DecodeError, "", "DECODE_ERROR"},
	{alert.DecryptError, "", "DIGEST_CHECK_FAILED"},
	{alert.HandshakeFailure, "no suite in common", "PSK_IDENTITY_NOT_FOUND"},
	{alert.HandshakeFailure, "without a pre-shared key", "MISSING_EXTENSION"},
	{alert.HandshakeFailure, "psk_key_exchange_mode", "NO_SUPPORTED_PSK_MODE"},
	{alert.HandshakeFailure, "group in common", "NO_SHARED_GROUP"},
	{alert.IllegalParameter, "binders", "PSK_IDENTITY_BINDER_COUNT_MISMATCH"},
	{alert.IllegalParameter, "not the last extension", "PRE_SHARED_KEY_MUST_BE_LAST"},
	{alert.IllegalParameter, "identity that was not offered", "PSK_IDENTITY_NOT_FOUND"},
	{alert.IllegalParameter, "lacks the identity", "PSK_IDENTITY_NOT_FOUND"},
	{alert.IllegalParameter, "no key_share", "MISSING_KEY_SHARE"},
	{alert.MissingExtension, "no key_share", "MISSING_KEY_SHARE"},
	{alert.MissingExtension, "", "MISSING_EXTENSION"},
	{alert.NoApplicationProtocol, "", "NO_APPLICATION_PROTOCOL"},
	{alert.ProtocolVersion, "", "UNSUPPORTED_PROTOCOL"},
	{alert.RecordOverflow, "", "DATA_LENGTH_TOO_LONG"},
	{alert.UnexpectedMessage, "", "UNEXPECTED_MESSAGE"},
	{alert.UnsupportedExtension, "", "UNEXPECTED_EXTENSION"},
}

// boringName returns the name of err, between colons.
func boringName(err error) string {
	var l *watchword.LocalError
	var r *watchword.RemoteError
	switch {
	case errors.As(err, &l):
		for _, row := range local {
			if row.description == l.Description && strings.Contains(l.Reason, row.reason) {
				return ":" + row.name + ":"
			}
		}
	case errors.As(err, &r):
		if name, ok := remote[r.Description]; ok {
			return ":" + name + ":"
		}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, watchword.ErrTruncated):
		return ":UNEXPECTED_EOF:"
	}
	return ":UNKNOWN:"
}

// remote names the alerts that the runner sends.
var remote = map[alert.Description]string{
	alert.DecodeError:        "TLSV1_ALERT_DECODE_ERROR",
	alert.DecryptError:       "TLSV1_ALERT_DECRYPT_ERROR",
	alert.HandshakeFailure:   "SSLV3_ALERT_HANDSHAKE_FAILURE",
	alert.ProtocolVersion:    "TLSV1_ALERT_PROTOCOL_VERSION",
	alert.RecordOverflow:     "TLSV1_ALERT_RECORD_OVERFLOW",
	alert.UnknownPSKIdentity: "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
}
