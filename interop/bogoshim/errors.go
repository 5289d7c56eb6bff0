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

// A row says: an alert of ours, with this in its reason, has these names. There
// are several where BoringSSL has different names for what is one fault to us.
type row struct {
	description alert.Description
	reason      string
	names       string
}

// local is read from the top; the first row that fits counts.
var local = []row{
	{alert.BadRecordMAC, "", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC BAD_DECRYPT"},

	{alert.DecodeError, "client_hello.end", "CLIENTHELLO_PARSE_FAILED DECODE_ERROR"},
	{alert.DecodeError, "client_hello.legacy_session_id", "CLIENTHELLO_PARSE_FAILED DECODE_ERROR"},
	{alert.DecodeError, "alert.", "BAD_ALERT"},
	{alert.DecodeError, ".application_layer_protocol_negotiation", "PARSE_TLSEXT ERROR_PARSING_EXTENSION DECODE_ERROR"},
	{alert.DecodeError, ".extensions.", "ERROR_PARSING_EXTENSION DECODE_ERROR"},
	{alert.DecodeError, "", "DECODE_ERROR"},

	{alert.DecryptError, "", "DIGEST_CHECK_FAILED"},

	{alert.HandshakeFailure, "no offered key is known", "PSK_IDENTITY_NOT_FOUND"},
	{alert.HandshakeFailure, "no suite in common", "PSK_IDENTITY_NOT_FOUND NO_SHARED_CIPHER"},
	{alert.HandshakeFailure, "without a pre-shared key", "MISSING_EXTENSION"},
	{alert.HandshakeFailure, "psk_key_exchange_mode", "NO_SUPPORTED_PSK_MODE"},
	{alert.HandshakeFailure, "group in common", "NO_SHARED_GROUP"},

	{alert.IllegalParameter, "binders", "PSK_IDENTITY_BINDER_COUNT_MISMATCH"},
	{alert.IllegalParameter, "not the last extension", "PRE_SHARED_KEY_MUST_BE_LAST"},
	{alert.IllegalParameter, "identity that was not offered", "PSK_IDENTITY_NOT_FOUND"},
	{alert.IllegalParameter, "lacks the identity", "PSK_IDENTITY_NOT_FOUND"},
	{alert.IllegalParameter, "no key_share", "MISSING_KEY_SHARE"},
	{alert.IllegalParameter, "stands there twice", "DUPLICATE_EXTENSION"},
	{alert.IllegalParameter, "two shares", "DUPLICATE_KEY_SHARE"},
	{alert.IllegalParameter, "which its supported_groups lack", "WRONG_CURVE"},
	{alert.IllegalParameter, "key share of", "BAD_ECPOINT"},
	{alert.IllegalParameter, "of which we sent none", "WRONG_CURVE"},
	{alert.IllegalParameter, "not exactly the share", "WRONG_CURVE"},
	{alert.IllegalParameter, "HelloRetryRequest asks for no change", "EMPTY_HELLO_RETRY_REQUEST"},
	{alert.IllegalParameter, "HelloRetryRequest asks for", "WRONG_CURVE"},
	{alert.IllegalParameter, "the client offers compression", "INVALID_COMPRESSION_LIST"},
	{alert.IllegalParameter, "the server selected compression", "DECODE_ERROR"},
	{alert.IllegalParameter, "selected a suite that was not offered", "WRONG_CIPHER_RETURNED"},
	{alert.IllegalParameter, "changed the suite", "WRONG_CIPHER_RETURNED"},
	{alert.IllegalParameter, "different hashes", "OLD_SESSION_PRF_HASH_MISMATCH"},
	{alert.IllegalParameter, "version that was not offered", "UNSUPPORTED_PROTOCOL"},
	{alert.IllegalParameter, "legacy_session_id", "SERVER_ECHOED_INVALID_SESSION_ID DECODE_ERROR"},
	{alert.IllegalParameter, "application protocol that was not offered", "INVALID_ALPN_PROTOCOL"},
	{alert.IllegalParameter, "where it does not belong", "UNEXPECTED_EXTENSION"},
	{alert.IllegalParameter, "alert.level", "UNKNOWN_ALERT_TYPE"},
	{alert.IllegalParameter, "key_update.", "DECODE_ERROR"},
	{alert.IllegalParameter, "message is longer", "EXCESSIVE_MESSAGE_SIZE"},

	{alert.MissingExtension, "supported_groups and key_share", "MISSING_KEY_SHARE NO_SHARED_GROUP"},
	{alert.MissingExtension, "", "MISSING_EXTENSION"},

	{alert.NoApplicationProtocol, "", "NO_APPLICATION_PROTOCOL"},

	{alert.ProtocolVersion, "plain HTTP request", "HTTP_REQUEST HTTPS_PROXY_REQUEST"},
	{alert.ProtocolVersion, "not TLS", "WRONG_VERSION_NUMBER"},
	{alert.ProtocolVersion, "", "UNSUPPORTED_PROTOCOL"},

	{alert.RecordOverflow, "", "ENCRYPTED_LENGTH_TOO_LONG DATA_LENGTH_TOO_LONG"},

	{alert.UnexpectedMessage, "goes on beyond a change of keys", "EXCESS_HANDSHAKE_DATA"},
	{alert.UnexpectedMessage, "before there is a key", "UNEXPECTED_RECORD"},
	{alert.UnexpectedMessage, "type that does not exist", "UNEXPECTED_RECORD"},
	{alert.UnexpectedMessage, "without protection", "INVALID_OUTER_RECORD_TYPE UNEXPECTED_RECORD"},
	{alert.UnexpectedMessage, "too many empty records", "TOO_MANY_EMPTY_FRAGMENTS"},
	{alert.UnexpectedMessage, "too many change_cipher_spec", "TOO_MANY_EMPTY_FRAGMENTS"},
	{alert.UnexpectedMessage, "too many warning alerts", "TOO_MANY_WARNING_ALERTS"},
	{alert.UnexpectedMessage, "too many KeyUpdates", "TOO_MANY_KEY_UPDATES"},
	{alert.UnexpectedMessage, "padding only", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"},
	{alert.UnexpectedMessage, "early data", "TOO_MUCH_SKIPPED_EARLY_DATA"},
	{alert.UnexpectedMessage, "", "UNEXPECTED_MESSAGE"},

	{alert.UnsupportedExtension, "", "UNEXPECTED_EXTENSION"},
}

// boringName returns the names of err, each between colons.
func boringName(err error) string {
	var l *watchword.LocalError
	var r *watchword.RemoteError
	switch {
	case errors.As(err, &l):
		for _, row := range local {
			if row.description == l.Description && strings.Contains(l.Why(), row.reason) {
				return ":" + strings.ReplaceAll(row.names, " ", ": :") + ":"
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
