{{.Env}} openssl s_client -connect {{.Host}}:{{.Port}} -psk_identity {{.Identity}} {{if .Session}}-psk_session {{.Session}}{{else}}-psk {{.Key}}{{end}} -quiet -no_ign_eof {{.Args}}
