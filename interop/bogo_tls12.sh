#!/bin/sh
# bogo_tls12.sh RUNNERDIR: lets BoringSSL's tests of pre-shared keys in TLS 1.2
# judge Watchword, strictly. Their keys have five or six bytes and some of their
# identities none, which Watchword refuses, so a copy of the runner is built with
# longer keys, and with the identity "nameless" (but no hint) for the empty one;
# nothing else of it changes. RUNNERDIR is BoringSSL's folder ssl/test/runner with its sources; its
# module's dependencies must be in Go's module cache. What is left out, and why,
# stands in bogoshim/config_tls12.json.
set -eu
if [ $# -lt 1 ] || [ ! -f "$1/runner.go" ]; then
	echo "usage: bogo_tls12.sh RUNNERDIR [runner flags...], where RUNNERDIR holds the sources of BoringSSL's test runner" >&2
	exit 2
fi
runner=$(cd "$1" && pwd)
shift
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

root=$(cd "$runner" && dirname "$(go env GOMOD)")
mkdir -p "$work/src/ssl/test" "$work/src/util"
cp "$root/go.mod" "$root/go.sum" "$work/src/"
cp -R "$runner" "$work/src/ssl/test/runner"
cp -R "$root/util/testresult" "$work/src/util/"
cd "$work/src/ssl/test/runner"
rm -f runner.test
for file in cipher_suite_tests.go state_machine_tests.go curve_tests.go certificate_tests.go; do
	sed -e 's/"secret"/"secret of at least 16 bytes"/g' -e 's/"12345"/"1234567890123456"/g' "$file" >"$file.new"
	if cmp -s "$file" "$file.new"; then
		echo "this runner has no short key in $file: bogo_tls12.sh does not fit it" >&2
		exit 1
	fi
	mv "$file.new" "$file"
done
sed -e 's/if identity != config\.PreSharedKeyIdentity/if identity != pskName(config)/' \
	-e '/ka\.identityHint != config\.PreSharedKeyIdentity/,/^}/{/identityHint/!s/config\.PreSharedKeyIdentity/pskName(config)/;}' \
	key_agreement.go >key_agreement.go.new
if [ "$(grep -c 'pskName(config)' key_agreement.go.new)" != 5 ]; then
	echo "this runner's key_agreement.go has changed: bogo_tls12.sh does not fit it" >&2
	exit 1
fi
mv key_agreement.go.new key_agreement.go
cat >psk_name.go <<'GO'
package runner

func pskName(c *Config) string {
	if c.PreSharedKeyIdentity == "" {
		return "nameless"
	}
	return c.PreSharedKeyIdentity
}
GO
GOFLAGS=-mod=mod GOPROXY=off go test -c -o runner.test .

BOGO_CONFIG=$here/bogoshim/config_tls12.json BOGO_MUST=${BOGO_MUST:-38} "$here/bogo.sh" "$PWD" -test '*PSK*' "$@"
