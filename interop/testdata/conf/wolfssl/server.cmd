{{.Program}} server {{.Port}} {{.Identity}} key.hex {{.Args}}
