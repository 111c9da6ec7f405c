# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: packages, and a build tree. Asks nothing, uses the
# network only when a package is missing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What odxd, odxcp and the tests are built with.
build_packages=(gcc libc6-dev pkg-config meson ninja-build liburing-dev nettle-dev
	libisal-dev libconfuse-dev libjansson-dev uthash-dev libiscsi-dev libcunit1-dev)

# What tests/vm boots a Debian with.
vm_packages=(qemu-system-x86 mmdebstrap e2fsprogs util-linux libiscsi-bin)

say() { printf '== %s\n' "$*"; }
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Runs a command quietly; shows what it said when it fails.
quietly() {
	local log status=0
	log=$(mktemp)
	"$@" >"$log" 2>&1 || status=$?
	if [ "$status" != 0 ]; then
		cat "$log"
		printf '%s: failed with status %s: %s\n' "${0##*/}" "$status" "$*" >&2
	fi
	rm -f "$log"
	return "$status"
}

# Installs those of the named packages that are missing.
need_packages() {
	local missing=() package as_root=()
	command -v dpkg-query >/dev/null ||
		die "this needs Debian 12 (or another system with apt); see README.md for the packages"
	for package in "$@"; do
		installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} = 0 ] && return
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null ||
			die "packages are missing; as root run: apt-get install ${missing[*]}"
		as_root=(sudo)
	fi
	say "installing ${missing[*]}"
	quietly "${as_root[@]}" apt-get update || die "apt-get update failed: is there a network?"
	quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "${missing[@]}" ||
		die "apt-get install failed; by hand: apt-get install ${missing[*]}"
}

# configure NAME CC [meson options]: the build tree build/NAME, made, or reused when it
# was made with the same words.
configure() {
	local name=$1 cc=$2 tree=$root/build/$1
	shift 2
	[ -f "$tree/build.ninja" ] && [ "$(cat "$tree/made-with" 2>/dev/null)" = "$cc $*" ] && return
	say "configuring build/$name"
	rm -rf "$tree"
	mkdir -p "$root/build"
	CC=$cc quietly meson setup "$tree" "$root" "$@" ||
		die "build/$name could not be configured"
	echo "$cc $*" >"$tree/made-with"
}

# build NAME [ninja targets]
build() {
	local name=$1
	shift
	say "building build/$name"
	quietly ninja -C "$root/build/$name" "$@"
}
