{{.Program}} client {{.Port}} {{.Identity}} key.hex {{.Args}}
