stunnel server.conf
