mosquitto_pub -h {{.Host}} -p {{.Port}} --psk {{.Key}} --psk-identity {{.Identity}} -t topic -f message {{.Args}}
