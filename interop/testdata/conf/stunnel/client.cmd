stunnel client.conf
