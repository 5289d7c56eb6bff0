zabbix_agent2 -f -c {{.Dir}}/agent2.conf
