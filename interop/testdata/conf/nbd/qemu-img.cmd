qemu-img convert -O raw --object tls-creds-psk,id=t0,dir={{.Dir}},endpoint=client,username={{.Identity}} --image-opts driver=nbd,host={{.Host}},port={{.Port}},tls-creds=t0 copy
