package suite

import "testing"

// What one record of full size costs, sealed and opened in both forms.
// crypto/tls does what Open/EncryptThenMAC does but finds the padding first;
// `go run ./bench/welch` has an opener like that to compare with.
func BenchmarkCBC(b *testing.B) {
	for name, form := range map[string]CBCForm{"MACThenEncrypt": MACThenEncrypt, "EncryptThenMAC": EncryptThenMAC} {
		for _, id := range []ID{ECDHEPSKAES128CBCSHA, ECDHEPSKAES128CBCSHA256, ECDHEPSKAES256CBCSHA384} {
			s, _ := ByID(id)
			c, err := s.NewCBC(make([]byte, s.MACLen), make([]byte, s.KeyLen), form)
			if err != nil {
				b.Fatal(err)
			}
			iv, content := make([]byte, 16), make([]byte, 1<<14)
			sealed := c.Seal(nil, 0, 23, iv, content)
			room := make([]byte, len(sealed))
			b.Run("Seal/"+name+"/"+s.Name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(1 << 14)
				for b.Loop() {
					c.Seal(room[:0], 0, 23, iv, content)
				}
			})
			b.Run("Open/"+name+"/"+s.Name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(1 << 14)
				for b.Loop() {
					copy(room, sealed)
					if _, ok := c.Open(0, 23, room); !ok {
						b.Fatal("The record did not open.")
					}
				}
			})
		}
	}
}
