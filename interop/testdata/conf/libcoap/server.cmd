coap-server-openssl -A {{.Host}} -p {{.Port}} -k {{.Key}} -h hint -v 7
