# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# How fast it is behind LIO, as ratios within this machine: the handler and LIO's own
# fileio with the same workload, then a copy by token and the same one by the initiator.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
size=$((256 << 20))

# fileio NAME: LIO's own backstore on a new file, with a write cache, as ours has one.
fileio() {
	local device=$config/core/fileio_9/$1
	mkdir -p "$device"
	truncate -s "$size" "/srv/$1.img"
	printf '%s' "fd_dev_name=/srv/$1.img,fd_dev_size=$size,fd_buffered_io=1" >"$device/control"
	echo 1 >"$device/enable"
}

# What is written is there already, or who comes second would have it easier.
lun ours "$size"
fileio theirs
loop ours theirs
ours=$(loop_sd 0) theirs=$(loop_sd 1)
fill "$ours" 1 256
fill "$theirs" 1 256
if python3 /odx/bench.py fio "$ours" "$theirs" >/run/bench; then
	ok "fio"
else
	not_ok "fio" "$(tail -n 1 /run/bench)"
fi
while read -r line; do note "$line"; done </run/bench

fresh
lun a "$size"
lun b "$size"
# No reflinks there.
cp --sparse=never /dev/null /var/tmp/c.img
truncate -s "$size" /var/tmp/c.img
lun_on c /var/tmp/c.img "$size" 512
portal a b c
loop a b c
sda=$(loop_sd 0) sdb=$(loop_sd 1) sdc=$(loop_sd 2)
for disk in "$sda" "$sdb" "$sdc"; do
	fill "$disk" 2 256
done
if python3 /odx/bench.py copy "iscsi://127.0.0.1/$iqn" "$sda" "$sdb" "$sdc" >/run/bench; then
	ok "copy"
else
	not_ok "copy" "$(tail -n 1 /run/bench)"
fi
while read -r line; do note "$line"; done </run/bench
check_is "the copy is right" "$(sum "$sdb" 0 $((size / 512)))" "$(sum "$sda" 0 $((size / 512)))"
fresh
rm -f /var/tmp/c.img
