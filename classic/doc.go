// Package classic is a teaching protocol: what one would write after reading
// the names "AES", "CBC" and "HMAC" and before reading about TLS. It is here to
// be compared with TLS 1.3 and FOR LEARNING ONLY. Protect nothing with it.
//
// # The protocol
//
//  1. The client makes a random session key of 16 bytes and writes it, raw, to
//     a file. How the file reaches the server is not the protocol's business.
//  2. The client pads the message (PKCS #7) and encrypts it with AES-128 in CBC
//     mode, with that key and an IV of zeros.
//  3. It computes HMAC-SHA256 over the ciphertext, with the same key.
//  4. It sends ciphertext ‖ MAC (32 bytes) and ends the stream. There is one
//     message in a connection.
//  5. The server reads to the end of the stream, then the key file, compares
//     the MAC in constant time, and only if it is right decrypts and shows the
//     message. Then it closes the connection.
//
// What is right about it: the MAC is over the ciphertext and is checked first
// (encrypt-then-MAC), so a changed bit is found and there is no padding oracle.
//
// # What it lacks
//
//   - The IV is always zero. Under one key, messages with equal first blocks
//     have ciphertexts with equal first blocks, and equal messages are equal on
//     the wire. Only a new key for each session hides this.
//   - Replay: who recorded a message can send it again while the key file is
//     unchanged, and it is shown again.
//   - Reordering and dropping: messages have no number. Nobody notices that one
//     is missing or that two changed places.
//   - Truncation: the end of a message is the end of the TCP stream, which
//     anybody on the path can forge. The MAC turns a cut message into a refused
//     one, but a conversation that was cut short looks finished.
//   - No forward secrecy: whoever finds the key file later reads what was
//     recorded.
//   - One key for two uses, AES and HMAC. Nothing is known to break by it here,
//     but no proof covers it; TLS derives a key for each use and direction.
//   - The key lies in a file, and has to be carried to the other end by some
//     other means, which must already be secure. Two clients with one file
//     overwrite each other's key.
//   - No identity: the server learns that somebody has the key, not who.
//     Nothing says which end made a message either, so it can be reflected.
//   - No answer: the client learns that the connection was closed, not that
//     its message was read, and not by whom.
//   - No negotiation and no version: nothing in it can be replaced without
//     breaking every peer. The length of a message is visible, to the block.
//
// The package imports nothing else of this module, and only the program
// imports it.
package classic
