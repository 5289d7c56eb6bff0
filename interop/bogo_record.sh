#!/bin/sh
# bogo_record.sh RUNNERDIR: records anew what stands in testdata/bogo: what
# BoringSSL's test runner and our shim say to each other in a few tests of
# imported keys, all of which must pass. bogo_test.go checks it without the
# runner. RUNNERDIR is as for bogo.sh.
set -eu
runner=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here" && go build -o "$work/shim" ./bogoshim)
for t in \
	PSK-Client-SHA256-SHA256-TLS PSK-Client-SHA256-SHA384-TLS PSK-Client-SHA384-SHA256-TLS PSK-Client-SHA384-SHA384-TLS \
	PSK-Client-HRR-SHA256-SHA384-TLS PSK-Client-HRR-SHA384-SHA256-TLS \
	PSK-Server-EarlyCallback-TLS PSK-Server-PartialImport-Match-TLS PSK-Server-ConsiderMultiplePSKs-TLS PSK-Server-HRR-UpdateIndex-TLS; do
	(cd "$runner" && ./runner.test -shim-path "$work/shim" -shim-config "$here/bogoshim/config.json" \
		-test "$t" -shim-extra-flags "-record;$work/$t.txt") >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
	{
		echo "# $t, recorded by bogo_record.sh: BoringSSL's test runner (runner) and our shim (shim)."
		cat "$work/$t.txt"
	} >"$here/testdata/bogo/$t.txt"
done
