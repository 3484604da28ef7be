#!/usr/bin/env bash
# Builds the Kubo that go.mod pins into .tools/bin/ipfs of this repository, and does nothing when
# that very version is there already. Needs Go; the modules come through Go's own proxy settings.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
binary=$root/.tools/bin/ipfs
stamp=$root/.tools/bin/.ipfs-version

if ! command -v go >/dev/null; then
    echo "kubo: no 'go' on PATH; install Go 1.26 or newer, or put an 'ipfs' binary on PATH" >&2
    exit 3
fi

version=$(awk '$1 == "github.com/ipfs/kubo" { print $2 }' "$here/go.mod")
wanted="$version $(cksum <"$here/go.sum")"
if [[ -x $binary && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
    echo "kubo: $version is in place at .tools/bin/ipfs"
    exit 0
fi

mkdir -p "$root/.tools/bin"
scratch=$(mktemp -d "$root/.tools/kubo.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

echo "kubo: building $version; the first build takes some minutes"
# No cgo and no FUSE: the daemon is used over HTTP only, and then needs no C toolchain.
(
    cd "$here"
    CGO_ENABLED=0 nice go build -mod=readonly -buildvcs=false -trimpath -tags nofuse \
        -ldflags '-s -w' -o "$scratch/ipfs" github.com/ipfs/kubo/cmd/ipfs
)
IPFS_PATH=$scratch/repo "$scratch/ipfs" version
mv -f "$scratch/ipfs" "$binary"
printf '%s\n' "$wanted" >"$stamp"
