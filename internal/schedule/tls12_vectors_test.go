package schedule

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/watchword-tls/watchword/internal/suite"
)

// vectors12 are NIST's. Those with randoms of the hellos are the first of each
// hash in "tls.rsp" of its CAVP (SP 800-135, TLS 1.2); those with a session hash
// are an ACVP sample (TLS-v1.2 KDF RFC7627, vector set 1586642, cases 11 and 31).
var vectors12 = []struct {
	name                       string
	h                          suite.Hash
	premaster                  string
	sessionHash                string
	clientHello, serverHello   string // randoms for the master secret
	clientRandom, serverRandom string // randoms for the key_block
	master, keyBlock           string
}{
	{
		name: "CAVP/SHA-256", h: suite.SHA256,
		premaster:    "f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bcadb386b411fd4fe4313a604fce6c17fbc",
		clientHello:  "36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c",
		serverHello:  "f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce",
		clientRandom: "62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616",
		serverRandom: "ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868",
		master:       "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb3a043e5d52a65e66125188bf",
		keyBlock: "d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531016a2530c51a3a0f7e1d6590d0f0566b2f387f8d11fd4f731cdd572d2eae927f" +
			"6f2f81410b25e6960be68985add6c38445ad9f8c64bf8068bf9a6679485d966f1ad6f68b43495b10a683755ea2b858d70ccac7ec8b053c6bd41ca299d4e51928",
	},
	{
		name: "CAVP/SHA-384", h: suite.SHA384,
		premaster:    "a5e2642633f5b8c81ad3fe0c2fe3a8e5ef806b06121dd10df4bb0fe857bfdcf522558e05d2682c9a80c741a3aab1716f",
		clientHello:  "abe4bf5527429ac8eb13574d2709e8012bd1a113c6d3b1d3aa2c3840518778ac",
		serverHello:  "cb6e0b3eb02976b6466dfa9651c2919414f1648fd3a7838d02153e5bd39535b6",
		clientRandom: "954b5fe1849c2ede177438261f099a2fcd884d001b9fe1de754364b1f6a6dd8e",
		serverRandom: "1b1c8568344a65c30828e7483c0e353e2c68641c9551efae6927d9cd627a107c",
		master:       "b4d49bfa87747fe815457bc3da15073d6ac73389e703079a3503c09e14bd559a5b3c7c601c7365f6ea8c68d3d9596827",
		keyBlock: "10fd89ef689c7ef033387b8a8f3e5e8e7c11f680f6bdd71fbac3246a73e98d45d03185dde686e6b2369e4503e9dc5a6d2cee3e2bf2fa3f41d3de57dff3e197c8" +
			"a9d5f74cc2d277119d894f8584b07a0a5822f0bd68b3433ec6adaf5c9406c5f3ddbb71bbe17ce98f3d4d5893d3179ef369f57aad908e2bf710639100c3ce7e0c",
	},
	{
		name: "ACVP/SHA-256", h: suite.SHA256,
		premaster:    "23c9d8d88575378f5f8009bb596be6815f5d96a3b633467712e1a22405a73482192ec19f5b1273832cb9663e7e66cb28",
		sessionHash:  "9f395b2cec7548b4785dd555b9d9b315ec880233f70654e986366248fd766cc4",
		clientRandom: "8d5a49ecff49fd0fefce10fe246f88ae8c2b8802666fe5af1f175f2036f10f7c",
		serverRandom: "66321715222702416ca015eca33ee91c2b76f6667009ba9bb6cc5211237b671a",
		master:       "3a43bb93200224518942279b01cbe0c04398c6da15232bfb4790b52f15fa563048360312c9958e788c74a19a2f16465e",
		keyBlock: "12562ee7021c315e0b23ccd6daac537b47741a2fb61717c83c76ee203b27ccd4cb7864044cdd22c4a77bd2dc163cb2ed082351a11cb9c1af1893f833058382f5" +
			"e0e1e16ec79f7f04cd670fb1f38259561f0d2cfd2525f51a1cc1bcf065022493b35565cba3e216466a3b85f7f5785a99d1d964a5a1c414e6ccc14ca68d80a319",
	},
	{
		name: "ACVP/SHA-384", h: suite.SHA384,
		premaster:    "86d4c4505eb4b275bddbd62f7a368638427bf2cd4341b575ae00a7f34e06088e3af6dd916898e28078bf4656a204c2cd",
		sessionHash:  "fab73aa9d9b80f3d7acaceff0eb2bae0b15ea2f240d9492db70b7ba70b3055678eaa7b05a02c56c22648bd77acf2be91",
		clientRandom: "f20e31c397cdb58b988e9cc84ac07bf8203307e42e7f3ab315dfc994faf62607",
		serverRandom: "825247fbde6e5d986b316d7a2ee198dc36969b4fc45b9dda171d63abcb38df91",
		master:       "0020134a8a8a830082674842e91bd090e695f06685298ff2fe4fc6598fd0ce2f2920faf1127b6f6745f33527a9c6a131",
		keyBlock: "0e4f3d3a50bf595aa110edfebce1ee84b8cf95787e0a57f1bc66d25c0ac2c723fb8af0ca1a1a934a1209cfaba51b022bca27d4d56b875f516157b28e0fda285a" +
			"097358bc56ca8ae5966fc9dad0241dd9c77b6d2ac55706350eade2c5fc139cb704412665c3595fa4104746858427054869d50eeaa212e0732cce09904f8badf0",
	},
}

func TestNISTOfTLS12(t *testing.T) {
	for _, c := range vectors12 {
		t.Run(c.name, func(t *testing.T) {
			unhex := func(s string) []byte {
				b, err := hex.DecodeString(s)
				if err != nil {
					t.Fatalf("This is not hex: %s.", s)
				}
				return b
			}
			premaster := Premaster{hide(unhex(c.premaster))}
			var m Master12
			if c.sessionHash != "" {
				m = premaster.ExtendedMaster(c.h, unhex(c.sessionHash))
			} else {
				m = premaster.Master(c.h, [32]byte(unhex(c.clientHello)), [32]byte(unhex(c.serverHello)))
			}
			if !bytes.Equal(m.Expose(), unhex(c.master)) {
				t.Fatalf("The master secret is %x, NIST has %s.", m.Expose(), c.master)
			}
			for _, s := range suite.Of(suite.TLS12) {
				if s.Hash != c.h {
					continue
				}
				client, server := m.Keys(s, [32]byte(unhex(c.clientRandom)), [32]byte(unhex(c.serverRandom)))
				block := bytes.Join([][]byte{client.MACKey(), server.MACKey(), client.Key(), server.Key(), client.IV(), server.IV()}, nil)
				want := unhex(c.keyBlock) // shorter than what AES-256-CBC-SHA384 takes
				n := min(len(block), len(want))
				if n == 0 || !bytes.Equal(block[:n], want[:n]) {
					t.Errorf("%s: the key_block begins with %x, NIST has %x.", s.Name, block[:n], want[:n])
				}
			}
		})
	}
}
