nbdcopy nbds://{{.Identity}}@{{.Host}}:{{.Port}}/?tls-psk-file={{.Dir}}/keys.psk copy
