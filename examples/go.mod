// The examples are a module of their own: whoever uses the library does not
// inherit what they need.
module github.com/watchword-tls/watchword/examples

go 1.25.0

require (
	github.com/eclipse/paho.golang v0.23.0
	github.com/watchword-tls/watchword v0.0.0
)

require (
	golang.org/x/crypto v0.52.0 // indirect
	golang.org/x/sys v0.45.0 // indirect
)

replace github.com/watchword-tls/watchword => ../
