#!/bin/sh
# bogo.sh RUNNERDIR [runner flags...]: lets BoringSSL's test runner judge
# Watchword, strictly: a refusal counts only with the right error and alert.
# RUNNERDIR is BoringSSL's folder ssl/test/runner with the runner built in it
# ("go test -c -o runner.test ."). Nothing is fetched.
# It prints the counts, and fails if a test fails or if fewer pass than must.
# With -test '*' as a runner flag all tests run; most need a certificate and
# count as unimplemented.
set -eu
must=${BOGO_MUST:-47}

if [ $# -lt 1 ] || [ ! -x "$1/runner.test" ]; then
	echo "usage: bogo.sh RUNNERDIR [runner flags...], where RUNNERDIR/runner.test is BoringSSL's built test runner" >&2
	exit 2
fi
runner=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
config=${BOGO_CONFIG:-$here/bogoshim/config.json}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$here" && go build -o "$work/shim" ./bogoshim)
status=0
(cd "$runner" && ./runner.test -shim-path "$work/shim" -shim-config "$config" -allow-unimplemented \
	-test 'PSK-*-TLS' -num-workers 2 -json-output "$work/result.json" "$@") >"$work/log" 2>&1 || status=$?
if [ ! -s "$work/result.json" ]; then
	cat "$work/log" >&2
	echo "the runner ended with status $status and without a result" >&2
	exit 1
fi

count() { grep -c "\"actual\": \"$1\"" "$work/result.json" || true; }
passed=$(count PASS) failed=$(count FAIL) unimplemented=$(count SKIP)
disabled=$(awk '/"DisabledTests"/ { on = 1; next } on && /}/ { exit } on { n++ } END { print n + 0 }' "$config")
echo "BoGo: $passed passed, $failed failed, $unimplemented unimplemented, $disabled disabled (see bogoshim/${config##*/})"
if [ "$failed" -gt 0 ] || [ "$status" -ne 0 ]; then
	cat "$work/log" >&2
	exit 1
fi
if [ "$passed" -lt "$must" ]; then
	echo "fewer than $must tests passed" >&2
	exit 1
fi
