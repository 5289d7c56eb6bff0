#!/usr/bin/env bash
# Has systemd itself look at the units, and fails above the exposure that they
# are known to have:  packaging/check.sh
# It needs systemd-analyze (package systemd), no running systemd and no root.
set -euo pipefail
cd "$(dirname "$0")"

LIMIT=1.5   # of 10; 1.1 on systemd 252. The network itself is 0.8 of it.

fail() {
	printf 'packaging/check.sh: %s\n' "$*" >&2
	exit 1
}

command -v systemd-analyze >/dev/null || fail "systemd-analyze is missing: install the package systemd"

# verify asks that the program and its manual are there: a tree of its own has
# an empty program in its place, and the units of this machine.
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/units"
cp watchword.service watchword.socket "$root/units"
sed -i "s|^ExecStart=/usr/bin/watchword|ExecStart=$(command -v true)|; /^Documentation=man:/d" "$root/units/"watchword.*
said=$(systemd-analyze verify --recursive-errors=no "$root/units/watchword.service" "$root/units/watchword.socket" 2>&1) || fail "systemd-analyze verify: $said"
[ -z "$said" ] || fail "systemd-analyze verify: $said"
echo "systemd-analyze verify: watchword.service and watchword.socket have no mistake"

score=$(systemd-analyze security --offline=true --no-pager watchword.service | sed -n 's/.*exposure level for watchword.service: \([0-9.]*\).*/\1/p')
[ -n "$score" ] || fail "systemd-analyze security gave no figure"
echo "systemd-analyze security: exposure $score of 10, at most $LIMIT allowed"
awk -v score="$score" -v limit="$LIMIT" 'BEGIN { exit !(score <= limit) }' || fail "the unit exposes more than it did"
