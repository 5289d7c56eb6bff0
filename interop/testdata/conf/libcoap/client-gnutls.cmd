coap-client-gnutls -B 5 -u {{.Identity}} -k {{.Key}} -m get coaps+tcp://{{.Host}}:{{.Port}}/
