# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The end-to-end tests of odxd, run outside, through LIO: odxd-lio asks for LUNs by
# e2e_start.  Configured as targetcli does it, but by configfs, which takes no seconds.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler

hba=$config/core/user_88
tpg=$config/iscsi/$iqn/tpgt_1

# e2e_start DISK:SIZE:BLOCK-SIZE:OPTIONS...
# shellcheck disable=SC2317 # called by host
e2e_start() {
	local word disk size block options device lun=0
	mkdir -p "$hba"
	for word; do
		IFS=: read -r disk size block options <<<"$word"
		disk=/dev/vd$(tr 0-3 d-g <<<"$disk")
		until_true 5 test "$(blockdev --getsize64 "$disk")" = "$size" || return
		device=$hba/lun$lun
		mkdir "$device" || return
		printf '%s' "dev_config=odx/$disk;$options" >"$device/control"
		printf '%s' "dev_size=$size,hw_block_size=$block,hw_max_sectors=8192" >"$device/control"
		echo 1 >"$device/enable" || return
		echo "0dx$lun-e2e" >"$device/wwn/vpd_unit_serial"
		mkdir "$tpg/lun/lun_$lun"
		ln -s "$device" "$tpg/lun/lun_$lun/e2e" || return
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
	for path in "$hba"/lun*; do
		[ ! -d "$path" ] || rmdir "$path" || return
	done
}

fresh
portal
host e2e token_rules token_life copy
e2e_stop
check "the runner lives" runner_pid
