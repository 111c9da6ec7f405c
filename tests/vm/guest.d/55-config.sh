# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What targetcli keeps and changes: names, saved configurations, sizes.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh

wwn=0a1b2c3d-4e5f-4a6b-8c7d-0123456789ab
truncate -s 32M /srv/a.img
# WCE, the third byte of the caching page; the data of sg_raw begins after "00     ".
wce() {
	sg_turs -n 4 "$1" >/dev/null 2>&1
	sg_raw -r 24 -b "$1" 1a 08 08 00 18 00 2>/dev/null | od -An -tu1 -j6 -N1 |
		awk '{ print int($1 / 4) % 2 }'
}
cache() { cat "$config"/core/user_*/a/attrib/emulate_write_cache; }

check "create with a wwn" targetcli /backstores/user:odx create name=a size=32M \
	cfgstring=/srv/a.img "wwn=$wwn"
loop a
sg=$(loop_sg 0) sd=$(loop_sd 0)
check_text "it is the unit serial number" "$(sg_inq -p 0x80 "$sg" 2>&1)" "$wwn"
check_text "the NAA name is LIO's own" "$(sg_vpd -p 0x83 "$sg" 2>&1 | tr -d ' \n')" \
	"0x60014050a1b2c3d4e5f4a6b8c7d0123"
check_is "a new disk has a write cache" "$(wce "$sg")" 1
check_is "and LIO knows it" "$(cache)" 1
fill "$sd" 5 16
sum=$(sum "$sd" 0 32768)

check "saveconfig" targetcli saveconfig
check "clearconfig" targetcli clearconfig confirm=True
check "restoreconfig" targetcli restoreconfig clear_existing=True
sg=$(loop_sg 0) sd=$(loop_sd 0)
check_text "the unit serial number is the same" "$(sg_inq -p 0x80 "$sg" 2>&1)" "$wwn"
check_is "the data is the same" "$(sum "$sd" 0 32768)" "$sum"

check_is "the write cache is still on" "$(wce "$sg")" 1
check "emulate_write_cache=0" targetcli /backstores/user:odx/a set attribute emulate_write_cache=0
check_is "switches it off" "$(wce "$sg")" 0
kill -9 "$(runner_pid)"
check "the runner is started again" runner_start
check_is "and the cache is still off" "$(wce "$sg")" 0
targetcli saveconfig >/dev/null
check "clearconfig again" targetcli clearconfig confirm=True
check "restoreconfig again" targetcli restoreconfig clear_existing=True
sg=$(loop_sg 0) sd=$(loop_sd 0)
check_is "and the cache is still off after it" "$(wce "$sg")" 0
check "emulate_write_cache=1" targetcli /backstores/user:odx/a set attribute emulate_write_cache=1
check_is "switches it on" "$(wce "$sg")" 1

# resize BYTES: LIO passes a new size on to the handler.
resize() { targetcli /backstores/user:odx/a set attribute "dev_size=$1" 2>&1; }
truncate -s 48M /srv/a.img
check "grow" resize $((48 << 20))
# LIO, too, may have a unit attention to tell.
sg_turs -n 4 "$sg"
check_text "the new size is seen" "$(sg_readcap -16 "$sg" 2>&1)" "Number of logical blocks=98304"
check_is "the data is the same after it" "$(sum "$sd" 0 32768)" "$sum"
check "the runner lives" runner_pid
