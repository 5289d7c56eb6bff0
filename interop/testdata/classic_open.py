"""The server of the teaching protocol, for one message: classic_open.py KEYFILE; prints its port, then the message."""
import socket, sys
from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
connection = listener.accept()[0]
wire = b"".join(iter(lambda: connection.recv(65536), b""))
key = open(sys.argv[1], "rb").read()
mac, unpadder = hmac.HMAC(key, hashes.SHA256()), padding.PKCS7(128).unpadder()
mac.update(wire[:-32])
mac.verify(wire[-32:])
aes = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
sys.stdout.buffer.write(unpadder.update(aes.update(wire[:-32])) + unpadder.finalize())
