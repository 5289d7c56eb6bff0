zabbix_sender -z {{.Host}} -p {{.Port}} -i values --tls-connect psk --tls-psk-identity {{.Identity}} --tls-psk-file key.psk -vv
