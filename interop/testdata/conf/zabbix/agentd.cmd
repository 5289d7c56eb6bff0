zabbix_agentd -f -c {{.Dir}}/agentd.conf
