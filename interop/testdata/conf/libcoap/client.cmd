coap-client-openssl -B 5 -u {{.Identity}} -k {{.Key}} -m get coaps+tcp://{{.Host}}:{{.Port}}/
