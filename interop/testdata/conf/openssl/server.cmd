{{.Env}} openssl s_server -accept {{.Host}}:{{.Port}} -nocert -psk_identity {{.Identity}} {{if .Session}}-psk_session {{.Session}}{{else}}-psk {{.Key}}{{end}} -rev {{.Args}}
