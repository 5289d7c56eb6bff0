#!/usr/bin/env bash
# Builds dist/watchword and the Debian package beside it:  packaging/build.sh
#   VERSION=1.2.3   without it, 0.0.0 with the commit
#   ARCH=arm64      without it, this machine's
# It needs Go; nfpm is fetched as a Go module.
set -euo pipefail
cd "$(dirname "$0")/.."

NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0

commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
export VERSION=${VERSION:-0.0.0~git$commit}
export ARCH=${ARCH:-$(go env GOARCH)}
mkdir -p dist
# Static, so that it runs anywhere and takes no code from the machine.
CGO_ENABLED=0 GOOS=linux GOARCH=$ARCH go build -buildvcs=auto -trimpath -ldflags=-s -o dist/watchword ./cmd/watchword
gzip -9nc docs/watchword.1 >dist/watchword.1.gz
gzip -9nc CHANGELOG.md >dist/changelog.gz
GOARCH='' GOOS='' go run "$NFPM" package --config packaging/nfpm.yaml --packager deb --target dist/
ls -l dist/*.deb
