package main

// key new: makes a key and says how it gets to the other end.

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
)

func init() {
	register(verb{
		name: "key new", order: 30,
		synopsis: "[--id NAME] [--keys FILE] [options]",
		summary:  "make a key, and the file for it",
		detail: `
Makes a random key and puts it into the key file, which is made if there is
none. Then it says how the file gets to the other machine, and prints the key's
fingerprint, to be compared there. The key itself is never shown.

The key is imported into TLS 1.3 (RFC 9258) unless --external is given. OpenSSL
3 and everything built on it, and GnuTLS before 3.8.1, need an external key, and
so does TLS 1.2. An external key serves TLS 1.3 and 1.2 unless --tls names one.

A second key for an identity that has one needs --rotate. The new key becomes
the current one: clients offer it from the moment they have the file, servers
accept the old one as well. So the servers get the file first. When every client
has it, remove the old key with "watchword key remove". Options that are not
given are then those of the key before.`,
		run: runKeyNew,
	})
}

// newKeyFlags are the options of key new.
type newKeyFlags struct {
	*flags
	keys     *keyFlags
	id       *string
	rotate   *bool
	external *bool
	bytes    *int
	context  hexValue
	options  watchword.KeyOptions // hash, role and version alone
}

func keyNewFlags(env *ui) *newKeyFlags {
	f := &newKeyFlags{flags: env.flags("key new")}
	f.keys = f.keyFile()
	f.id = f.String("id", keyfile.DefaultIdentity, "the `NAME` that the client gives when it offers the key; it goes over\nthe network in the clear. #HEX stands for arbitrary bytes")
	f.rotate = f.Bool("rotate", false, "add a new key to an identity that has one")
	f.external = f.Bool("external", false, "a key that is used as it is, for OpenSSL and what is built on it")
	f.bytes = f.Int("bytes", keyfile.DefaultKeyLen, fmt.Sprintf("the `NUMBER` of random bytes, %d to %d; 16 to 32 work everywhere", limits.MinKeyLen, limits.MaxKeyLen))
	f.Var(&f.context, "context", "bytes in `HEX` that an imported key is bound to; both ends have the same")
	f.Var(choice[watchword.Hash]{&f.options.Hash, []string{"sha256", "sha384"}, []watchword.Hash{watchword.SHA256, watchword.SHA384}},
		"hash", "the `HASH` that the key belongs to, sha256 or sha384; most other\nprograms know sha256 only")
	f.Var(choice[watchword.Role]{&f.options.Role, []string{"any", "client", "server"}, []watchword.Role{watchword.AnyRole, watchword.ClientRole, watchword.ServerRole}},
		"role", "the only `ROLE` that this machine uses the key in, client or server,\nagainst messages reflected to their sender")
	f.Var(choice[uint16]{&f.options.Version, []string{"any", "1.2", "1.3"}, []uint16{0, watchword.VersionTLS12, watchword.VersionTLS13}},
		"tls", "the only `VERSION` of TLS that the key is for, 1.2 or 1.3; 1.2 needs\n--external")
	return f
}

func runKeyNew(_ context.Context, env *ui, args []string) int {
	f := keyNewFlags(env)
	if status, ok := f.parse(args); !ok {
		return status
	}
	if err := f.check(); err != nil {
		return env.usage("key new", "%v", err)
	}
	var file *keyfile.File
	var made *watchword.Key
	err := keyfile.EditOrCreate(f.keys.name, f.keys.options(), func(current *keyfile.File) (err error) {
		file = f.keys.warn(current)
		made, err = f.add(file)
		return err
	})
	if err != nil {
		return env.fail(err)
	}
	f.report(env, file, made)
	return statusOK
}

// check refuses what makes no sense before anything is read or written.
func (f *newKeyFlags) check() error {
	switch {
	case *f.id == "":
		return errors.New("--id is empty: give the key a name")
	case *f.bytes < limits.MinKeyLen || *f.bytes > limits.MaxKeyLen:
		return fmt.Errorf("--bytes is %d: a key has %d to %d bytes", *f.bytes, limits.MinKeyLen, limits.MaxKeyLen)
	case *f.external && f.given("context"):
		return errors.New("--external and --context exclude each other: an external key is used as it is, bound to nothing")
	case f.given("context") && f.options.Version == watchword.VersionTLS12:
		return errors.New("--tls 1.2 and --context exclude each other: TLS 1.2 knows external keys alone, bound to nothing")
	case !*f.external && !*f.rotate && f.options.Version == watchword.VersionTLS12:
		return errors.New("--tls 1.2 needs --external: keys are imported into TLS 1.3 alone (RFC 9258)")
	}
	return nil
}

// add makes the key and puts it into the file.
func (f *newKeyFlags) add(file *keyfile.File) (*watchword.Key, error) {
	identity := keyfile.ParseIdentity(*f.id)
	shown := keyfile.FormatIdentity(identity)
	before := file.KeysOf(identity)
	switch {
	case len(before) > 0 && !*f.rotate:
		return nil, fmt.Errorf("%s has a key for %s already: say --rotate to replace it step by step, or --id with another name for a key of its own", file.Name(), shown)
	case len(before) == 0 && *f.rotate:
		return nil, fmt.Errorf("%s has no key for %s that could be rotated: leave --rotate out, or give its name with --id", file.Name(), shown)
	}
	var o watchword.KeyOptions
	if len(before) > 0 {
		o = before[0].Options()
	}
	return file.Add(identity, keyfile.NewSecret(*f.bytes), f.merge(o))
}

// merge puts the options that were given over those of the key before.
func (f *newKeyFlags) merge(o watchword.KeyOptions) watchword.KeyOptions {
	if f.given("hash") {
		o.Hash = f.options.Hash
	}
	if f.given("role") {
		o.Role = f.options.Role
	}
	if f.given("tls") {
		o.Version = f.options.Version
	}
	if f.given("external") {
		o.Kind = watchword.Imported
		if *f.external {
			o.Kind, o.Context = watchword.External, nil
		}
	}
	if f.given("context") {
		o.Kind, o.Context = watchword.Imported, f.context
	}
	return o
}

// report says what was made and what to do next. The fingerprint is data.
func (f *newKeyFlags) report(env *ui, file *keyfile.File, made *watchword.Key) {
	shown := keyfile.FormatIdentity(made.Identity())
	all := file.KeysOf(made.Identity())
	for _, w := range made.Warnings() {
		env.warn("%s", w)
	}
	env.say("A new key for %s is in %s: %s.", shown, file.Name(), describe(made, *f.bytes))
	env.printf("%s  %s\n", made.Fingerprint(), shown)
	env.say("\nNext:")
	order := ""
	if len(all) > 1 {
		order = ",\n     to the servers first, then to the clients"
	}
	env.say("  1. Carry it to the other machine over a channel that you trust%s.\n     A file of that name is replaced there:", order)
	for _, command := range f.carry(file, made) {
		env.say("       %s", command)
	}
	env.say("  2. Compare: this prints the same fingerprint there.")
	there := keyFlags{name: filepath.Base(file.Name())}
	env.say("       watchword key fingerprint --id %s%s", keyfile.Quote(shown), there.suffix())
	if len(all) > 1 {
		env.say("  3. When every client has the new key, remove the old one on both machines:")
		env.say("       watchword key remove --id %s --fingerprint %s%s", keyfile.Quote(shown), all[1].Fingerprint(), f.keys.suffix())
	}
}

func describe(k *watchword.Key, n int) string {
	o := k.Options()
	text := fmt.Sprintf("%s, %s, %d random bytes", o.Kind, o.Hash, n)
	if len(o.Context) > 0 {
		text += ", with a context"
	}
	if o.Version != 0 {
		text += ", for " + watchword.VersionName(o.Version) + " alone"
	}
	if o.Role != watchword.AnyRole {
		text += fmt.Sprintf(", used by the %s on this machine", o.Role)
	}
	return text
}

// carry returns the commands that bring the key to the other machine, and
// nothing else with it: a file that holds other keys is not the other end's
// business, and a role is the other one there.
func (f *newKeyFlags) carry(file *keyfile.File, made *watchword.Key) []string {
	const other = "OTHER-MACHINE:"
	there := filepath.Base(file.Name()) // so that both ends' commands are alike
	if len(file.Identities()) == 1 && made.Options().Role == watchword.AnyRole {
		return []string{fmt.Sprintf("scp %s %s", scpName(file.Name()), keyfile.Quote(other+there))}
	}
	out := filepath.Join(filepath.Dir(file.Name()), "for-the-other-machine.keys")
	return []string{
		fmt.Sprintf("watchword key export --id %s --to %s%s", keyfile.Quote(keyfile.FormatIdentity(made.Identity())), keyfile.Quote(out), f.keys.suffix()),
		fmt.Sprintf("scp %s %s && rm %s", scpName(out), keyfile.Quote(other+there), keyfile.Quote(out)),
	}
}

// scpName keeps scp from taking what is before a colon for a machine.
func scpName(name string) string {
	if strings.Contains(name, ":") && !filepath.IsAbs(name) {
		name = "./" + name
	}
	return keyfile.Quote(name)
}
