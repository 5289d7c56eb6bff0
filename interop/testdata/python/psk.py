"""psk.py server|client PORT IDENTITY KEYFILE: both ends in Python 3.13.

The server takes any port for 0, says which, and sends back whatever comes. The
client sends its input and prints what comes back.
"""

import socket
import ssl
import sys

role, port, identity, file = sys.argv[1:]
with open(file) as f:
    key = bytes.fromhex(f.read())


def end(conn):
    """Says close_notify, which closing alone does not."""
    try:
        conn.unwrap()
    except OSError:
        pass


if role == "server":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("PSK")
    context.set_psk_server_callback(lambda offered: key if offered == identity else b"", "watchword")
    listener = socket.create_server(("127.0.0.1", int(port)))
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        raw, _ = listener.accept()
        try:
            with context.wrap_socket(raw, server_side=True) as conn:
                while data := conn.recv(16384):
                    conn.sendall(data)
                end(conn)
        except OSError as e:
            print("error", e, flush=True)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE  # the key is the proof: there is no certificate
context.set_ciphers("PSK")
context.set_psk_client_callback(lambda hint: (identity, key))
with context.wrap_socket(socket.create_connection(("127.0.0.1", int(port)))) as conn:
    while data := sys.stdin.buffer.read(16384):
        conn.sendall(data)
        rest = len(data)
        while rest:
            data = conn.recv(16384)
            rest -= len(data)
            sys.stdout.buffer.write(data)
        sys.stdout.flush()
    end(conn)
