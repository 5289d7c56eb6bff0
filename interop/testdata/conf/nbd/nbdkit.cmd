nbdkit -f -v -i {{.Host}} -p {{.Port}} --tls=require --tls-psk=keys.psk memory 8M
