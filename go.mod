module github.com/watchword-tls/watchword

go 1.25.0

require (
	github.com/rogpeppe/go-internal v1.16.0
	golang.org/x/crypto v0.52.0
	golang.org/x/sys v0.45.0
)

require (
	github.com/coreos/go-systemd/v22 v22.7.0
	github.com/landlock-lsm/go-landlock v0.10.1
	github.com/pelletier/go-toml/v2 v2.4.3
	github.com/pires/go-proxyproto v0.15.0
	golang.org/x/time v0.12.0
	golang.org/x/tools v0.26.0 // indirect
	kernel.org/pub/linux/libs/security/libcap/psx v1.2.77 // indirect
)
