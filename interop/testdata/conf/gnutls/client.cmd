gnutls-cli --port {{.Port}} --pskusername {{.Identity}} --pskkey {{.Key}} --priority NORMAL:-KX-ALL:+ECDHE-PSK:+PSK:+SHA256:+SHA384{{.Args}} {{.Host}}
