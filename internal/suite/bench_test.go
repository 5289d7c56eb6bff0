package suite

import "testing"

func BenchmarkExtract(b *testing.B) {
	b.ReportAllocs()
	in := make([]byte, 32)
	for b.Loop() {
		SHA256.Extract(in, in)
	}
}

func BenchmarkExpand(b *testing.B) {
	b.ReportAllocs()
	in := make([]byte, 32)
	for b.Loop() {
		SHA256.Expand(in, in, 32)
	}
}

func BenchmarkHMAC(b *testing.B) {
	b.ReportAllocs()
	in := make([]byte, 32)
	for b.Loop() {
		SHA256.HMAC(in, in)
	}
}
