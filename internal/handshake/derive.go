package handshake

// The steps of the key schedule that both sides take alike (RFC 9846 §7.1),
// and the check of a Finished.

import (
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Names of secrets as shown to an observer: RFC 9850 §2.2's labels, and our
// own in lower case where it has none.
const (
	nameEarly           = "early secret"
	nameShared          = "shared secret"
	nameClientHandshake = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
	nameServerHandshake = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
	nameClientTraffic   = "CLIENT_TRAFFIC_SECRET_0"
	nameServerTraffic   = "SERVER_TRAFFIC_SECRET_0"
	nameExporter        = "EXPORTER_SECRET"
	nameMain            = "main secret"
	nameResumption      = "resumption secret"
)

type handshakeSecrets struct {
	secret         schedule.Handshake
	client, server schedule.Traffic
}

// deriveHandshake derives the handshake secrets. shared is nil for psk_ke.
func deriveHandshake(m *Machine, psk *schedule.PSK, shared, transcriptHash []byte) handshakeSecrets {
	hs := psk.Handshake(shared)
	s := handshakeSecrets{hs, hs.ClientTraffic(transcriptHash), hs.ServerTraffic(transcriptHash)}
	m.secret(nameEarly, psk)
	if m.hooks.Secret != nil && shared != nil {
		m.hooks.Secret(nameShared, shared)
	}
	m.secret(nameClientHandshake, s.client)
	m.secret(nameServerHandshake, s.server)
	return s
}

type applicationSecrets struct {
	main           schedule.Main
	client, server schedule.Traffic
}

// deriveApplication derives the application secrets and the exporter secret
// from the transcript up to the server's Finished.
func deriveApplication(m *Machine, main schedule.Main, transcriptHash []byte) applicationSecrets {
	s := applicationSecrets{main, main.ClientTraffic(transcriptHash), main.ServerTraffic(transcriptHash)}
	exporter := main.Exporter(transcriptHash)
	m.result.Exporter = exporter
	m.secret(nameMain, main)
	m.secret(nameClientTraffic, s.client)
	m.secret(nameServerTraffic, s.server)
	m.secret(nameExporter, exporter)
	return s
}

// checkFinished verifies the peer's Finished (RFC 9846 §4.5.3).
func checkFinished(m *Machine, raw []byte, secret schedule.Traffic, transcriptHash []byte) error {
	rec := m.recording()
	verifyData, err := wire.ParseFinished(raw, m.result.Suite.Hash.Size(), rec)
	m.received(raw, rec)
	if err != nil {
		return err
	}
	if !secret.VerifyFinished(transcriptHash, verifyData) {
		return alert.New(alert.DecryptError, "the other end's Finished does not verify: the handshake was changed on the way")
	}
	return nil
}
