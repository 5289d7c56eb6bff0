module github.com/watchword-tls/watchword

go 1.25.0

require (
	github.com/pires/go-proxyproto v0.15.0
	github.com/rogpeppe/go-internal v1.16.0
	golang.org/x/crypto v0.52.0
	golang.org/x/sys v0.45.0
)

require golang.org/x/tools v0.26.0 // indirect
