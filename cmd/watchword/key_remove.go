package main

// key remove: takes one key out of a file.

import (
	"context"
	"fmt"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
)

func init() {
	register(verb{
		name: "key remove", order: 33, synopsis: "--id NAME [--fingerprint FINGERPRINT] [--keys FILE]",
		summary: "remove a key from a file",
		detail: `
Removes the key of an identity. If the identity has several, --fingerprint says
which one. Comments and the other keys stay as they are. A running server
notices the change by itself and refuses the key from then on; connections that
stand already are not cut.`,
		run: runKeyRemove,
	})
}

func runKeyRemove(_ context.Context, env *ui, args []string) int {
	f := env.flags("key remove")
	keys, id := f.keyFile(), f.identity("the identity of the key, `NAME` or #HEX")
	fingerprint := f.String("fingerprint", "", "which of several keys, by its `FINGERPRINT`")
	if status, ok := f.parse(args); !ok {
		return status
	}
	if id() == "" {
		return env.usage("key remove", "--id is needed: the identity of the key to remove")
	}
	var file *keyfile.File
	var key *watchword.Key
	err := keyfile.Edit(keys.name, keys.options(), func(current *keyfile.File) (err error) {
		file = keys.warn(current)
		if key, err = pickKey(file, id(), *fingerprint); err != nil {
			return err
		}
		return file.Remove(key)
	})
	if err != nil {
		return env.fail(err)
	}
	env.say("The key %s of %s is removed from %s.", key.Fingerprint(), keyfile.FormatIdentity(id()), file.Name())
	if len(file.Keys()) == 0 {
		env.warn("%s holds no key any more: a server that runs lets nobody in, and none can be started with it", file.Name())
	} else if left := file.KeysOf(id()); len(left) > 0 {
		env.say("The current key is %s.", left[0].Fingerprint())
	}
	return statusOK
}

// pickKey returns the key of the identity with the fingerprint, or its only
// key if that is empty.
func pickKey(file *keyfile.File, id, fingerprint string) (*watchword.Key, error) {
	if _, err := file.Current(id); err != nil {
		return nil, err
	}
	keys := file.KeysOf(id)
	shown := keyfile.FormatIdentity(id)
	if fingerprint == "" && len(keys) == 1 {
		return keys[0], nil
	}
	var have []string
	for i, k := range keys {
		if strings.EqualFold(k.Fingerprint(), fingerprint) {
			return k, nil
		}
		have = append(have, k.Fingerprint())
		if i == 0 {
			have[0] += " (current)"
		}
	}
	if fingerprint == "" {
		return nil, fmt.Errorf("%s has %d keys for %s: say which one with --fingerprint: %s", file.Name(), len(keys), shown, strings.Join(have, ", "))
	}
	return nil, fmt.Errorf("no key for %s in %s has that fingerprint, there is: %s", shown, file.Name(), strings.Join(have, ", "))
}
