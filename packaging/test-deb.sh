#!/usr/bin/env bash
# Installs the package in a clean Debian, made for it in a folder, and has systemd
# itself look at what is installed:  packaging/test-deb.sh dist/watchword_….deb
# It needs root, debootstrap and a Debian mirror (MIRROR=…, else this machine's),
# and takes three quarters of a minute; .ci/run package does it where it can.
set -euo pipefail

[ $# = 1 ] && [ -f "$1" ] || { echo "usage: packaging/test-deb.sh PACKAGE.deb" >&2; exit 2; }
package=$(realpath "$1")
suite=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null || :; rm -rf --one-file-system "$root" "$root.log"' EXIT

# BASE is a folder with such a Debian, where there is one already.
if [ -n "${BASE:-}" ]; then
	cp -a "$BASE/." "$root"
else
	debootstrap --variant=minbase --include=systemd,procps "$suite" "$root" ${MIRROR:+"$MIRROR"} >"$root.log" 2>&1 ||
		{ tail -5 "$root.log" >&2; exit 1; }
fi
chmod 755 "$root" # the user of the service goes through it
mount -t proc proc "$root/proc"
cp "$package" "$root/watchword.deb"
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }

echo "== install"
in_root dpkg -i /watchword.deb
in_root watchword version
in_root getent passwd watchword
in_root stat -c '%U %a %n' /etc/watchword

echo "== a configuration and its key, as the user of the service"
in_root setpriv --reuid=watchword --regid=watchword --clear-groups watchword key new --id web-1 --keys /etc/watchword/tunnel.keys 2>&1 | head -2
cat >"$root/etc/watchword/tunnel.toml" <<'CONFIG'
[[service]]
name = "postgresql"
direction = "server"
listen = "127.0.0.1:5433"
to = "127.0.0.1:5432"
keys = "/etc/watchword/tunnel.keys"
CONFIG
in_root setpriv --reuid=watchword --regid=watchword --clear-groups watchword tunnel check /etc/watchword/tunnel.toml

echo "== systemd's own verifier"
in_root systemd-analyze verify --man=no /usr/lib/systemd/system/watchword.service /usr/lib/systemd/system/watchword.socket
echo "watchword.service and watchword.socket have no mistake"
in_root systemd-analyze security --offline=true --no-pager /usr/lib/systemd/system/watchword.service | tail -1

echo "== the service, with the command line of its unit, as its user"
command=$(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/watchword.service")
# shellcheck disable=SC2086 # a command line
chroot "$root" setpriv --reuid=watchword --regid=watchword --clear-groups --bounding-set=-all --no-new-privs $command 2>"$root/service.log" &
pid=$!
for _ in $(seq 100); do
	grep -q msg=listening "$root/service.log" && break
	sleep 0.1
done
cat "$root/service.log"
grep -q msg=listening "$root/service.log"
kill "$pid"
wait "$pid"
tail -1 "$root/service.log"
echo "it ended in order"

echo "== remove, and purge"
in_root dpkg --purge watchword
in_root sh -c '! command -v watchword && ls /etc/watchword'
