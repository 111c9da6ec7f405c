#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Serves files as ODX disks through the kernel's iSCSI target:
#
#   targetcli-recipe.sh NAME=SIZE:PATH [NAME=SIZE:PATH]...
#
# NAME is LIO's name of the disk, SIZE what targetcli takes (20G), PATH the file, which
# is made if it is not there.  All disks go to one target, LUN 0, 1, ... in this order.
# As root, with targetcli-fb, tcmu-runner and handler_odx.so installed (meson install).
#
# Settings, from the environment:
#   TARGET     the target's name            iqn.2001-04.com.example:odx
#   PORTAL     where it listens             0.0.0.0:3260
#   INITIATOR  who may log in               (none: everybody, without CHAP)
#   CHAP_USER, CHAP_SECRET  how INITIATOR proves who it is; Windows wants 12 to 16 characters
#   BLOCK_SIZE 512 or 4096                  512
#   OPTIONS    more for cfgstring           (as "direct;odx.max-ranges=8")
#
# docs/lio.md explains every step.

set -euo pipefail

TARGET=${TARGET:-iqn.2001-04.com.example:odx}
PORTAL=${PORTAL:-0.0.0.0:3260}
INITIATOR=${INITIATOR:-}
CHAP_USER=${CHAP_USER:-}
CHAP_SECRET=${CHAP_SECRET:-}
BLOCK_SIZE=${BLOCK_SIZE:-512}
OPTIONS=${OPTIONS:-}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

[ $# -gt 0 ] || die "which disks? give NAME=SIZE:PATH, as vol1=20G:/srv/vol1.img"
[ "$(id -u)" = 0 ] || die "run it as root"
if [ -n "$CHAP_USER$CHAP_SECRET" ]; then
	[ -n "$INITIATOR" ] || die "CHAP is for one INITIATOR: name it"
	if [ -z "$CHAP_USER" ] || [ -z "$CHAP_SECRET" ]; then
		die "give CHAP_USER and CHAP_SECRET both"
	fi
fi
for disk; do
	[[ $disk =~ ^[A-Za-z0-9._-]+=[0-9]+[kKmMgGtT]?[bB]?:/.+ ]] ||
		die "\"$disk\": give NAME=SIZE:PATH, as vol1=20G:/srv/vol1.img"
	[[ $disk != *,* ]] || die "\"$disk\": LIO cuts names off at a comma"
done

# 1. The runner has to be there before the backstores.
targetcli ls /backstores/user:odx >/dev/null 2>&1 ||
	die "targetcli has no user:odx: is tcmu-runner running, and handler_odx.so installed?"

# Where LIO keeps persistent reservations; it fails the command when there is no such place.
mkdir -p /etc/rtslib-fb-target/pr

# 2. A backstore for each disk.  hw_max_sectors is the longest READ or WRITE, in blocks:
# the kernel's own default of 128 would cut everything into small pieces.
names=()
for disk; do
	name=${disk%%=*} rest=${disk#*=}
	targetcli /backstores/user:odx create "name=$name" "size=${rest%%:*}" \
		"cfgstring=${rest#*:}${OPTIONS:+;$OPTIONS}" \
		"hw_max_sectors=$((4194304 / BLOCK_SIZE))" "control=hw_block_size=$BLOCK_SIZE"
	names+=("$name")
	# 3. Timeouts: they can only be changed before the disk is exported.
	targetcli "/backstores/user:odx/$name" set attribute cmd_time_out=60 qfull_time_out=30
done

# 4. The target and its portal; targetcli may have made one on all addresses by itself.
targetcli /iscsi create "$TARGET"
tpg=/iscsi/$TARGET/tpg1
targetcli "$tpg/portals" delete 0.0.0.0 3260 >/dev/null 2>&1 || true
targetcli "$tpg/portals" create "${PORTAL%:*}" "${PORTAL##*:}"

# 5. The LUNs.
for name in "${names[@]}"; do
	targetcli "$tpg/luns" create "/backstores/user:odx/$name"
done

# 6. Who may log in.
if [ -z "$INITIATOR" ]; then
	targetcli "$tpg" set attribute authentication=0 generate_node_acls=1 \
		demo_mode_write_protect=0 cache_dynamic_acls=1
else
	targetcli "$tpg/acls" create "$INITIATOR"
fi
if [ -n "$CHAP_USER" ]; then
	targetcli "$tpg" set attribute authentication=1
	# Not as an argument, which everybody could see in the list of processes.
	targetcli <<-END
		cd $tpg/acls/$INITIATOR
		set auth userid=$CHAP_USER
		set auth password=$CHAP_SECRET
	END
elif [ -n "$INITIATOR" ]; then
	targetcli "$tpg" set attribute authentication=0
fi

# 7. So that it is all there again after the next start.
targetcli saveconfig
