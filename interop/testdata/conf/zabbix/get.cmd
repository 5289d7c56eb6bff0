zabbix_get -s {{.Host}} -p {{.Port}} -k agent.ping --tls-connect psk --tls-psk-identity {{.Identity}} --tls-psk-file key.psk
