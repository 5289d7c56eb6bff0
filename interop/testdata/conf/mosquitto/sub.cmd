mosquitto_sub -h {{.Host}} -p {{.Port}} --psk {{.Key}} --psk-identity {{.Identity}} -t topic -C 1 -N {{.Args}}
