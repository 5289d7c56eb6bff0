#!/bin/sh
# bogo_psk.sh RUNNERDIR: lets BoringSSL's tests of records, messages,
# extensions, tickets, groups and alerts judge Watchword. Those tests use
# certificates; a copy of the runner is built in which both ends have a
# pre-shared key instead (testdata/bogopsk/pskdefaults.go). RUNNERDIR is
# BoringSSL's folder ssl/test/runner with its sources; its module's
# dependencies must be in Go's module cache. What is left out, and why, stands
# in bogoshim/config_psk.json.
set -eu
if [ $# -lt 1 ] || [ ! -f "$1/runner.go" ]; then
	echo "usage: bogo_psk.sh RUNNERDIR [runner flags...], where RUNNERDIR holds the sources of BoringSSL's test runner" >&2
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
cp "$here/testdata/bogopsk/pskdefaults.go" .
sed 's/^\tcheckTests()$/\tpskDefaults()\n\tcheckTests()/' runner.go >runner.go.new
if cmp -s runner.go runner.go.new; then
	echo "this runner has no call of checkTests in main: bogo_psk.sh does not fit it" >&2
	exit 1
fi
mv runner.go.new runner.go
GOFLAGS=-mod=mod GOPROXY=off go test -c -o runner.test .

BOGO_CONFIG=$here/bogoshim/config_psk.json BOGO_MUST=289 "$here/bogo.sh" "$PWD" -test '*' "$@"
