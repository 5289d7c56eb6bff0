qemu-nbd -t -x "" -b {{.Host}} -p {{.Port}} -f raw --object tls-creds-psk,id=t0,dir={{.Dir}},endpoint=server --tls-creds t0 image
