mosquitto -c mosquitto.conf -v
