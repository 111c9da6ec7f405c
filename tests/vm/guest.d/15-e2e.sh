# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The end-to-end tests of odxd, run outside, through LIO: odxd-lio asks for LUNs by
# e2e_start.  Configured as targetcli does it, but by configfs, which takes no seconds.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler

# e2e_start DISK:SIZE:BLOCK-SIZE:OPTIONS...
# shellcheck disable=SC2317 # called by host
e2e_start() {
	local word disk size block options lun=0
	for word; do
		IFS=: read -r disk size block options <<<"$word"
		disk=/dev/vd$(tr 0-3 d-g <<<"$disk")
		until_true 60 eval "[ \"\$(blockdev --getsize64 $disk)\" = $size ]" || return
		lun_on "lun$lun" "$disk;$options" "$size" "$block" || return
		mkdir "$tpg/lun/lun_$lun"
		ln -s "$(echo "$config"/core/user_*/lun$lun)" "$tpg/lun/lun_$lun/e2e" || return
		lun=$((lun + 1))
	done
}

e2e_stop() {
	local path
	for path in "$tpg"/lun/lun_*; do
		[ -d "$path" ] || continue
		rm "$path/e2e"
		rmdir "$path"
	done
	for path in "$config"/core/user_*/lun*; do
		[ ! -d "$path" ] || rmdir "$path" "${path%/*}" || return
	done
}

fresh
processors 1
# shellcheck disable=SC2119 # no LUN yet
portal
host e2e token_rules token_life copy windows_target windows_writes windows_silent
e2e_stop
check "the runner lives" runner_pid
