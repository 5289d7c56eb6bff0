package settings

import (
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

// Default returns the settings of a process that was told nothing.
func Default() Settings {
	return Settings{
		Confine:        true,
		DrainTime:      limits.TunnelDrainSeconds * time.Second,
		MaxConnections: limits.TunnelConnections,
	}
}

// DefaultService returns the settings of a service that was told nothing.
func DefaultService() Service {
	return Service{
		SocketMode:       0o600,
		HealthInterval:   limits.TunnelHealthSeconds * time.Second,
		HandshakeTimeout: limits.HandshakeTimeoutSeconds * time.Second,
		ConnectTimeout:   limits.TunnelConnectSeconds * time.Second,
		ConnectRetries:   2,
		MaxHandshakes:    limits.TunnelHandshakes,
	}
}
