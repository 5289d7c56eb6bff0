package suite

// What the opener makes of records that are wrong, at each byte and of each
// length, and that it does the same work for all of them.

import (
	"bytes"
	"fmt"
	"testing"
)

// eachMAC calls f for the three MACs, with a CBC in the form MACThenEncrypt.
func eachMAC(t *testing.T, f func(t *testing.T, c *CBC, r reference)) {
	for _, id := range []ID{ECDHEPSKAES128CBCSHA, ECDHEPSKAES128CBCSHA256, ECDHEPSKAES256CBCSHA384} {
		t.Run(id.String(), func(t *testing.T) {
			c, r := newBoth(t, id, MACThenEncrypt)
			f(t, c, r)
		})
	}
}

// plaintext returns content, its MAC, and padding that makes length bytes of
// all; false where that takes more than 256 bytes of padding or none.
func (r reference) plaintext(seq uint64, typ byte, content []byte, length int) ([]byte, bool) {
	plain := append(bytes.Clone(content), r.mac(seq, typ, len(content), content)...)
	padding := length - len(plain) - 1
	if padding < 0 || padding > 255 {
		return nil, false
	}
	return append(plain, bytes.Repeat([]byte{byte(padding)}, padding+1)...), true
}

// TestEveryPadding: for records of each length, every content that fits opens,
// and opens to itself.
func TestEveryPadding(t *testing.T) {
	eachMAC(t, func(t *testing.T, c *CBC, r reference) {
		iv, text := bytesFrom("IV", 16), bytesFrom("content", 1<<15)
		opened := 0
		for _, length := range plainLengths(c) {
			for n := max(0, length-c.macLen-256); n <= length-c.macLen-1; n++ {
				plain, ok := r.plaintext(3, 22, text[:n], length)
				if !ok {
					t.Fatalf("The test's own arithmetic is wrong: %d bytes of content do not fit into %d.", n, length)
				}
				got, ok := c.Open(3, 22, r.encrypt(iv, plain))
				if !ok || !bytes.Equal(got, text[:n]) {
					t.Errorf("A record of %d bytes with %d bytes of content did not open.", length, n)
				}
				opened++
			}
		}
		if opened < 8000 {
			t.Errorf("Only %d records were opened: the test looks at too little.", opened)
		}
	})
}

// plainLengths are lengths of plaintext with MAC and padding: all that are near
// the shortest, and some near the longest.
func plainLengths(c *CBC) []int {
	var lengths []int
	for n := c.MinLen() - ivLen; n <= 704; n += 16 {
		lengths = append(lengths, n)
	}
	return append(lengths, 1<<14, 1<<14+64, 1<<14+304)
}

// stride is 1, or n where tests are to be short.
func stride(n int) int {
	if testing.Short() {
		return n
	}
	return 1
}

// TestEveryBadByte: for each length of padding, each byte of padding and MAC
// changed makes a bad record, and leaves no plaintext behind.
func TestEveryBadByte(t *testing.T) {
	eachMAC(t, func(t *testing.T, c *CBC, r reference) {
		iv := bytesFrom("IV", 16)
		for padding := 0; padding < 256; padding += stride(17) {
			const length = 320
			content := bytesFrom("content", length-c.macLen-1-padding)
			plain, _ := r.plaintext(9, 23, content, length)
			for at := len(content); at < length; at++ {
				// One bit, each in its turn, and all of them.
				for _, flip := range []byte{1 << (at % 8), 0xff} {
					plain[at] ^= flip
					body := r.encrypt(iv, plain)
					plain[at] ^= flip
					if _, ok := c.Open(9, 23, body); ok {
						t.Fatalf("A record with %d bytes of padding opened although byte %d of %d was changed by %#x.", padding, at, length, flip)
					}
					if !bytes.Equal(body, make([]byte, len(body))) {
						t.Fatalf("A bad record with %d bytes of padding left something behind.", padding)
					}
				}
			}
		}
	})
}

// TestEveryPaddingLengthValue: a record with each value of its last byte, right
// or wrong, with a MAC that is right for it where there is one. Padding may not
// reach into the place of the MAC, nor before the record.
func TestEveryPaddingLengthValue(t *testing.T) {
	eachMAC(t, func(t *testing.T, c *CBC, r reference) {
		iv := bytesFrom("IV", 16)
		for length := c.MinLen() - ivLen; length <= 400; length += 16 {
			for last := range 256 {
				plain := bytes.Repeat([]byte{byte(last)}, length)
				n := length - 1 - last - c.macLen
				if n >= 0 {
					copy(plain[n:], r.mac(0, 23, n, plain[:n]))
				}
				got, ok := c.Open(0, 23, r.encrypt(iv, plain))
				if ok != (n >= 0) || ok && !bytes.Equal(got, plain[:n]) {
					t.Errorf("A plaintext of %d bytes whose last is %d: opened is %v.", length, last, ok)
				}
			}
		}
	})
}

// TestEveryByteOfARecord: each byte of the fragment changed, and each part of
// what the MAC covers beside it.
func TestEveryByteOfARecord(t *testing.T) {
	both(t, func(t *testing.T, c *CBC, r reference) {
		content, iv := bytesFrom("content", 100), bytesFrom("IV", 16)
		sealed := c.Seal(nil, 5, 23, iv, content)
		for at := range sealed {
			body := bytes.Clone(sealed)
			body[at] ^= 1 << (at % 8)
			if _, ok := c.Open(5, 23, body); ok {
				t.Errorf("A record opened although byte %d was changed.", at)
			}
			if bytes.Contains(body, content[:16]) {
				t.Errorf("A record whose byte %d was changed left plaintext behind.", at)
			}
		}
		for name, seq := range map[string]uint64{"the next": 6, "a far": 5 + 1<<32} {
			if _, ok := c.Open(seq, 23, bytes.Clone(sealed)); ok {
				t.Errorf("A record opened with %s sequence number.", name)
			}
		}
		if _, ok := c.Open(5, 22, bytes.Clone(sealed)); ok {
			t.Error("A record opened as another type.")
		}
		if got, ok := c.Open(5, 23, bytes.Clone(sealed)); !ok || !bytes.Equal(got, content) {
			t.Error("The record itself did not open after all this.")
		}
	})
}

// TestForbiddenLengths: a fragment that is too short, or whose ciphertext is
// not whole blocks, is bad; nothing is done with it.
func TestForbiddenLengths(t *testing.T) {
	both(t, func(t *testing.T, c *CBC, r reference) {
		sealed := c.Seal(nil, 0, 23, bytesFrom("IV", 16), bytesFrom("content", 600))
		for n := range sealed {
			body := bytes.Clone(sealed[:n])
			if _, ok := c.Open(0, 23, body); ok {
				t.Errorf("The first %d bytes of a record opened.", n)
			}
			blocks := n
			if c.form == EncryptThenMAC {
				blocks -= c.macLen
			}
			if wrong := n < c.MinLen() || blocks%16 != 0; wrong && !bytes.Equal(body, sealed[:n]) {
				t.Errorf("A record of %d bytes, which is no length of one, was decrypted.", n)
			}
		}
	})
}

// TestPaddingUnderTheMAC: a peer that has the keys sends bad padding under a
// good MAC (RFC 7366 §3 leaves padding to the sender): the record is bad, and
// its plaintext is not left behind.
func TestPaddingUnderTheMAC(t *testing.T) {
	_, r := newBoth(t, ECDHEPSKAES128CBCSHA256, EncryptThenMAC)
	c, _ := newBoth(t, ECDHEPSKAES128CBCSHA256, EncryptThenMAC)
	for last := range 256 {
		for wrong := range 2 {
			plain := bytes.Repeat([]byte{byte(last)}, 64)
			if wrong == 1 {
				plain[62] ^= 0x40
			}
			body := r.encrypt(bytesFrom("IV", 16), plain)
			body = append(body, r.mac(0, 23, len(body), body)...)
			want, wantOK := r.open(0, 23, body)
			got, ok := c.Open(0, 23, body)
			if ok != wantOK || !bytes.Equal(got, want) {
				t.Errorf("Padding of %d (made wrong: %d) opened is %v, want %v.", last, wrong, ok, wantOK)
			}
			if !ok && bytes.Contains(body, plain[:48]) {
				t.Error("The plaintext of a bad record was left behind.")
			}
		}
	}
}

// TestCompressions is the proof that the work does not depend on the padding:
// for records of one length, the compression function is called the same
// number of times whatever they contain.
func TestCompressions(t *testing.T) {
	calls := 0
	stop := CountCompressions(func() { calls++ })
	defer stop()
	total := 0
	eachMAC(t, func(t *testing.T, c *CBC, r reference) {
		iv, text := bytesFrom("IV", 16), bytesFrom("content", 1<<15)
		// A call of the reference would be counted too if it used our hashes.
		for _, length := range plainLengths(c) {
			want := -1
			open := func(what string, plain []byte) (ok bool) {
				body := r.encrypt(iv, plain)
				calls = 0
				_, ok = c.Open(1, 23, body)
				total++
				if want < 0 {
					want = calls
				}
				if calls != want || calls == 0 {
					t.Errorf("A plaintext of %d bytes with %s cost %d compressions, others cost %d.", length, what, calls, want)
				}
				return ok
			}
			for padding := 0; padding < 256; padding += stride(5) {
				// A good MAC where there is room for it.
				if n := length - c.macLen - 1 - padding; n >= 0 {
					plain, _ := r.plaintext(1, 23, text[:n], length)
					if !open(fmt.Sprintf("a padding of %d", padding), plain) {
						t.Errorf("A plaintext of %d bytes with a padding of %d did not open.", length, padding)
					}
					plain[n] ^= 1
					open(fmt.Sprintf("a padding of %d and a bad MAC", padding), plain)
					plain[n] ^= 1
					plain[max(length-2, 0)] ^= 1
					open(fmt.Sprintf("a bad padding of %d", padding), plain)
				}
				// Anything, and everything the same.
				plain := bytes.Clone(text[padding:][:length])
				plain[length-1] = byte(padding)
				open(fmt.Sprintf("%d as its last byte", padding), plain)
				open(fmt.Sprintf("all bytes %d", padding), bytes.Repeat([]byte{byte(padding)}, length))
			}
		}
	})
	t.Logf("%d records were opened.", total)
	if total < 150_000/stride(5) {
		t.Error("That is too few for a proof.")
	}
}

// TestCompressionsAreCounted: the count is that of FIPS 180-4 for HMAC, so the
// proof above counts what it says.
func TestCompressionsAreCounted(t *testing.T) {
	calls := 0
	stop := CountCompressions(func() { calls++ })
	defer stop()
	for _, m := range []*macHash{&macSHA1, &macSHA256, &macSHA384} {
		for n := range 400 {
			h := m.new()
			calls = 0
			h.Write(make([]byte, n/3))
			h.Write(make([]byte, n-n/3))
			h.Sum(nil)
			want := (n + 1 + m.lengthLen + m.blockLen() - 1) / m.blockLen()
			if calls != want {
				t.Errorf("%d bytes cost %d compressions with values of %d bytes, counted were %d.", n, want, m.size, calls)
			}
		}
	}
	// Where nothing is secret the work follows the length: with the state after
	// the key's block kept, 13 bytes of header and 100 of record are two blocks
	// and their padding, and the outer hash is one.
	c, _ := newBoth(t, ECDHEPSKAES128CBCSHA256, EncryptThenMAC)
	body := make([]byte, 16+96+32)
	c.Open(0, 23, body)
	calls = 0
	c.Open(0, 23, body)
	if calls != 3+1 {
		t.Errorf("An HMAC over 125 bytes cost %d compressions, want 4.", calls)
	}
}

// FuzzCBCOpen holds the opener against the reference, with the data as the
// plaintext of a record and as the record itself.
func FuzzCBCOpen(f *testing.F) {
	f.Add([]byte{}, byte(0))
	f.Add(make([]byte, 64), byte(1))
	f.Add(bytes.Repeat([]byte{15}, 320), byte(2))
	f.Add(bytesFrom("seed", 1<<10), byte(7))
	ids := []ID{ECDHEPSKAES128CBCSHA, ECDHEPSKAES128CBCSHA256, ECDHEPSKAES256CBCSHA384}
	f.Fuzz(func(t *testing.T, data []byte, choice byte) {
		if len(data) > 1<<14+2048 {
			return
		}
		form := CBCForm(choice >> 2 & 1)
		c, r := newBoth(t, ids[int(choice&3)%len(ids)], form)
		compare := func(body []byte) {
			want, wantOK := r.open(1, 23, body)
			got, ok := c.Open(1, 23, bytes.Clone(body))
			if ok != wantOK || !bytes.Equal(got, want) {
				t.Errorf("A record of %d bytes: opened is %v, the reference says %v.", len(body), ok, wantOK)
			}
		}
		compare(data)
		whole := data[:len(data)/16*16]
		if len(whole) == 0 {
			return
		}
		body := r.encrypt(bytesFrom("IV", 16), whole)
		if form == EncryptThenMAC {
			body = append(body, r.mac(1, 23, len(body), body)...)
		}
		compare(body)
		// The MAC put where the last byte says that it stands.
		if n := len(whole) - 1 - int(whole[len(whole)-1]) - c.macLen; form == MACThenEncrypt && n >= 0 {
			plain := bytes.Clone(whole)
			copy(plain[n:], r.mac(1, 23, n, plain[:n]))
			compare(r.encrypt(bytesFrom("IV", 16), plain))
		}
	})
}
