package main

// What the verbs about keys share.

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/watchword-tls/watchword/internal/keyfile"
)

// keyFlags are the options of every verb that reads a key file.
type keyFlags struct {
	env           *ui
	name          string
	allowReadable bool
}

// keyFile declares --keys and --allow-readable-keys.
func (f *flags) keyFile() *keyFlags {
	k := &keyFlags{env: f.env}
	f.StringVar(&k.name, "keys", keyfile.DefaultName, "the key `FILE`")
	f.BoolVar(&k.allowReadable, "allow-readable-keys", false,
		"take a key file that every user of the machine can read,\nsuch as a secret mounted into a container")
	return k
}

func (k *keyFlags) options() keyfile.LoadOptions {
	return keyfile.LoadOptions{AllowReadable: k.allowReadable, Credentials: k.env.getenv("CREDENTIALS_DIRECTORY")}
}

// load reads the file and says its warnings.
func (k *keyFlags) load() (*keyfile.File, error) { return k.warned(keyfile.Load(k.name, k.options())) }

func (k *keyFlags) warned(f *keyfile.File, err error) (*keyfile.File, error) {
	if err != nil {
		return nil, err
	}
	return k.warn(f), nil
}

// warn says the warnings of a file.
func (k *keyFlags) warn(f *keyfile.File) *keyfile.File {
	for _, w := range f.Warnings() {
		k.env.warn("%s", w)
	}
	return f
}

// suffix is the option that names the file, for a command that is shown.
func (k *keyFlags) suffix() string {
	if k.name == keyfile.DefaultName {
		return ""
	}
	return " --keys " + keyfile.Quote(k.name)
}

// identity declares --id; what it returns is to be called after parsing.
func (f *flags) identity(usage string) func() string {
	typed := f.String("id", "", usage)
	return func() string { return keyfile.ParseIdentity(*typed) }
}

// hexValue is an option of hex digits.
type hexValue []byte

func (h *hexValue) String() string { return hex.EncodeToString(*h) }

func (h *hexValue) Set(s string) error {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) == 0 {
		return errors.New("an even number of hex digits is needed")
	}
	*h = raw
	return nil
}

// choice is an option with a few values.
type choice[T comparable] struct {
	value  *T
	names  []string
	values []T
}

func (c choice[T]) String() string {
	for i := range c.values {
		if c.value != nil && c.values[i] == *c.value {
			return c.names[i]
		}
	}
	return ""
}

func (c choice[T]) Set(s string) error {
	for i, name := range c.names {
		if s == name {
			*c.value = c.values[i]
			return nil
		}
	}
	return fmt.Errorf("it is one of %s", strings.Join(c.names, ", "))
}

func init() {
	register(verb{
		name: "key fingerprint", order: 32, synopsis: "[--id NAME] [--keys FILE]",
		summary: "print fingerprints of keys, to compare on both machines",
		detail: `
Prints the fingerprint and the identity of each key, or of those of one
identity. The same key of the same kind, hash and context has the same
fingerprint on both machines; the key cannot be told from it. Do not publish the
fingerprint of a key that somebody might guess, such as a password: it lets them
check their guesses. The keys that "watchword key new" makes cannot be guessed.`,
		run: runKeyFingerprint,
	})
}

func runKeyFingerprint(_ context.Context, env *ui, args []string) int {
	f := env.flags("key fingerprint")
	keys, id := f.keyFile(), f.identity("only the keys of this identity, `NAME` or #HEX")
	if status, ok := f.parse(args); !ok {
		return status
	}
	file, err := keys.load()
	if err != nil {
		return env.fail(err)
	}
	list := file.Keys()
	if f.given("id") {
		if _, err := file.Current(id()); err != nil {
			return env.fail(err)
		}
		list = file.KeysOf(id())
	}
	for _, k := range list {
		env.printf("%s  %s\n", k.Fingerprint(), keyfile.FormatIdentity(k.Identity()))
	}
	return statusOK
}
