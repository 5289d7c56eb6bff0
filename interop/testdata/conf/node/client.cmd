node {{.Args}} client.js {{.Port}} {{.Identity}} key.hex
