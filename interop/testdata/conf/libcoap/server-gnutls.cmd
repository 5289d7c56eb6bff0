coap-server-gnutls -A {{.Host}} -p {{.Port}} -k {{.Key}} -h hint -v 7
