gnutls-serv --port {{.Port}} --pskpasswd psk.txt --echo --priority NORMAL:-KX-ALL:+ECDHE-PSK:+PSK:+SHA256:+SHA384{{.Args}}
