module github.com/watchword-tls/watchword

go 1.25.0

require (
	github.com/rogpeppe/go-internal v1.16.0
	golang.org/x/crypto v0.52.0
	golang.org/x/sys v0.45.0
)

require (
	github.com/pires/go-proxyproto v0.15.0 // indirect
	golang.org/x/time v0.12.0 // indirect
	golang.org/x/tools v0.26.0 // indirect
)
