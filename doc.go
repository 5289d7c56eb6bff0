// Package watchword secures a connection between two ends that already share a
// key. On the wire it is standard TLS 1.3 with a pre-shared key (RFC 9846),
// imported (RFC 9258) or external, so that it works with OpenSSL, GnuTLS,
// Mosquitto, QEMU and the rest. There are no certificates.
//
// It is used as crypto/tls is: [Dial] and [Listen], or [Client] and [Server] on
// any net.Conn. [Engine] is the same without the network.
//
// You must ensure:
//
//  1. that keys are random, such as `watchword key new` makes: TLS with a
//     pre-shared key lets whoever sees one handshake try guesses at it;
//  2. that one key belongs to one pair of ends (RFC 9257 §4): whoever holds it
//     can pretend to be either;
//  3. that key files are readable by their users only;
//  4. that the end of a stream is believed only when Read returns io.EOF.
//
// What it refuses to do: connections without forward secrecy unless asked for
// by name, early data, keys shorter than 16 bytes, a stream that ends without
// close_notify as a clean end.
package watchword
