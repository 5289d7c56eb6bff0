"""The client of the teaching protocol: classic_seal.py KEYFILE PORT, message on stdin."""
import os, socket, sys
from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

key = os.urandom(16)
with open(sys.argv[1], "wb") as f:
    f.write(key)
padder, mac = padding.PKCS7(128).padder(), hmac.HMAC(key, hashes.SHA256())
aes = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
ciphertext = aes.update(padder.update(sys.stdin.buffer.read()) + padder.finalize())
mac.update(ciphertext)
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as s:
    s.sendall(ciphertext + mac.finalize())
