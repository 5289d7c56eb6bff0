node {{.Args}} server.js {{.Port}} {{.Identity}} key.hex
