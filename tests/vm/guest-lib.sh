# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by guest-init and by the tests of guest.d: the runner, LIO, the host.

# shellcheck source=tests/vm/lib.sh
. /odx/lib.sh

handlers=/usr/lib/x86_64-linux-gnu/tcmu-runner
# shellcheck disable=SC2034 # the tests use it
iqn=iqn.2001-04.com.example:odx
# shellcheck disable=SC2034
config=/sys/kernel/config/target

# host NAME [WORD]...: runs host.d/NAME.sh out there, waits; its exit status.  What that
# script gives to tell-guest, a function of this test and its words, is run here meanwhile.
host() {
	local verb words out status call=$$-$RANDOM
	{
		flock 7
		tell "host $call $*"
		while read -r verb words; do
			# Another call's: its test did not end in time.
			[ "$verb" != status ] || [ "${words% *}" = "$call" ] || continue
			[ "$verb" != status ] || break
			status=0
			# shellcheck disable=SC2086 # many words
			out=$($words 2>&1) || status=$?
			printf '%s\n' "-- for the host: $words -> $status" "$out"
			tell "ran $status $(tail -n 1 <<<"$out")"
		done </dev/ttyS1
	} 7>/run/host.lock
	return "${words#* }"
}

runner_pid() { pidof tcmu-runner; }

# The subtypes that targetcli is offered; status 1 while the runner is not on D-Bus.
runner_handlers() {
	dbus-send --system --print-reply --dest=org.freedesktop.DBus / \
		org.freedesktop.DBus.NameHasOwner string:org.kernel.TCMUService1 |
		grep -q 'boolean true' || return
	dbus-send --system --print-reply --dest=org.kernel.TCMUService1 \
		/org/kernel/TCMUService1 org.freedesktop.DBus.Introspectable.Introspect |
		sed -nE 's/.*<node name="([a-z_]+)".*/\1/p'
}

# The last of what it registers is its own object.
runner_ready() { runner_handlers | grep -q rbd; }

# The runner writes its log to /var/log/tcmu-runner.log, its last words here.
runner_start() {
	setsid tcmu-runner </dev/null >>/run/log/tcmu-runner 2>&1 8>&- 9>&- &
	until_true 200 runner_ready
}

runner_stop() {
	local pid
	pid=$(runner_pid) || return 0
	kill "$pid"
	until_true 200 test ! -d "/proc/$pid"
}

# True when our handler is loaded; says "not ok" otherwise, and the test should end.
need_handler() {
	if [ ! -f "$handlers/handler_odx.so" ]; then
		not_ok "$VM_SCRIPT" "there is no handler_odx.so in the build tree"
		exit 1
	fi
	if ! runner_handlers | grep -q '^odx$'; then
		not_ok "$VM_SCRIPT" "the runner did not load handler_odx.so; see its log"
		exit 1
	fi
}

# tcli LINE...: one targetcli for all lines; what it says without its prompt.
tcli() { printf '%s\n' "$@" | targetcli 2>&1; }

# ---- LIO, by configfs: what targetcli writes there, without its seconds of start-up.
# Where targetcli is what is tested, it is called. ----

loopback=$config/loopback/naa.50014050000000aa/tpgt_1
tpg=$config/iscsi/$iqn/tpgt_1

# Nothing is configured any more, whoever did it.
unconfigure() {
	local path
	for path in "$config"/{iscsi,loopback}/*/tpgt_*; do
		[ -d "$path" ] || continue
		[ ! -e "$path/enable" ] || echo 0 >"$path/enable"
		find "$path"/acls/*/lun_* "$path"/lun/lun_* -maxdepth 1 -type l -delete 2>/dev/null
		rmdir "$path"/acls/*/lun_* "$path"/acls/* "$path"/lun/* "$path"/np/* 2>/dev/null
		[ ! -e "$path/nexus" ] || echo NULL >"$path/nexus"
		rmdir "$path" "${path%/*}" || return
	done
	for path in "$config"/core/*_*/*/wwn; do
		[ ! -d "$path" ] || rmdir "${path%/wwn}" || return
	done
	for path in "$config"/core/*_*; do
		[ ! -d "$path" ] || rmdir "$path" || return
	done
}

# processors 1|2: how many of its two this machine uses.  One where much is to be done and
# little at once: that two wake each other up is what costs most under TCG (twice the time,
# test-cu three times).
processors() { echo $(($1 - 1)) >/sys/devices/system/cpu/cpu1/online; }

# Nothing configured, the runner runs, no file is there; both processors.
fresh() {
	processors 2
	[ ! -d /sys/class/iscsi_session ] || [ -z "$(ls /sys/class/iscsi_session)" ] ||
		iscsiadm -m node -u >/dev/null 2>&1
	runner_pid >/dev/null || runner_start
	unconfigure
	rm -rf /srv/*
}

# lun_on NAME CONFIG SIZE BLOCK-SIZE: an odx backstore.
lun_on() {
	local number=0 device
	# One HBA for each, as targetcli expects.
	while [ -d "$config/core/user_$number" ]; do
		number=$((number + 1))
	done
	device=$config/core/user_$number/$1
	mkdir -p "$device" || return
	printf '%s' "dev_config=odx/$2" >"$device/control"
	printf '%s' "dev_size=$3,hw_block_size=$4,hw_max_sectors=8192" >"$device/control"
	echo 1 >"$device/enable" || return
	printf '%08x-aaaa-4bbb-8ccc-%012x\n' "$number" "$$" >"$device/wwn/vpd_unit_serial"
}

# lun NAME SIZE [BLOCK-SIZE [OPTIONS]]: one on a new file /srv/NAME.img.
lun() {
	truncate -s "$2" "/srv/$1.img"
	lun_on "$1" "/srv/$1.img${4:+;$4}" "$(stat -c %s "/srv/$1.img")" "${3:-512}"
}

# map DIRECTORY NAME...: backstores, whoever made them, become its LUNs 0, 1, ...
map() {
	local directory=$1 number=0 name
	shift
	for name; do
		mkdir "$directory/lun/lun_$number"
		ln -s "$(echo "$config"/core/*_*/"$name")" "$directory/lun/lun_$number/$name" ||
			return
		number=$((number + 1))
	done
}

# loop NAME...: the backstores become LUNs 0, 1, ... of a SCSI host of this kernel.
loop() {
	mkdir -p "$loopback"
	echo naa.50014050000000ab >"$loopback/nexus"
	map "$loopback" "$@"
}

# loop_sg LUN, loop_sd LUN: /dev/sgN and /dev/sdX of a LUN of loop; waits for it.
# The unit attentions that LIO makes when LUNs appear are taken.
loop_sg() {
	local sg
	sg=$(scsi_device "$1" scsi_generic tcm_loop) || return
	sg_turs -n 4 "$sg" >/dev/null 2>&1
	echo "$sg"
}
loop_sd() { scsi_device "$1" block tcm_loop; }

# scsi_device LUN block|scsi_generic DRIVER
scsi_device() {
	local path end=$((SECONDS + 20))
	while [ "$SECONDS" -lt "$end" ]; do
		for path in /sys/bus/scsi/devices/*:*:*:"$1"/"$2"/*; do
			if [ -e "$path/dev" ] && [[ $(realpath "$path") == */$3* ]]; then
				echo "/dev/$(basename "$path")"
				return 0
			fi
		done
		sleep 0.2
	done
	return 1
}

# shellcheck disable=SC2034 # the tests use it
initiator=iqn.1993-08.org.debian:01:odx

# The kernel's own initiator, by that name; iscsid reads it once, when it starts.
initiator_start() {
	echo "InitiatorName=$initiator" >/etc/iscsi/initiatorname.iscsi
	pidof iscsid >/dev/null || setsid iscsid 8>&- 9>&-
}

# portal NAME...: the backstores become LUNs 0, 1, ... of $iqn on port 3260, for anybody.
portal() {
	local attribute
	mkdir -p "$tpg/np/0.0.0.0:3260"
	map "$tpg" "$@"
	for attribute in authentication=0 generate_node_acls=1 cache_dynamic_acls=1 \
		demo_mode_write_protect=0; do
		echo "${attribute#*=}" >"$tpg/attrib/${attribute%=*}"
	done
	echo 1 >"$tpg/enable"
}

# pattern SEED MIB: bytes of which no two blocks are alike, the same for the same seed.
pattern() {
	python3 -c 'import random, sys
stream = random.Random(int(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    sys.stdout.buffer.write(stream.randbytes(1 << 20))' "$1" "$2"
}

# fill DEVICE SEED MIB: writes the pattern to the front of it, past the cache, flushed.
fill() {
	pattern "$2" "$3" | dd of="$1" bs=1M iflag=fullblock oflag=direct conv=notrunc,fsync \
		status=none
}

# sum DEVICE SKIP-BLOCKS BLOCKS: of blocks of 512 bytes, read past the cache.
sum() {
	dd if="$1" bs=256k skip="$(($2 * 512))" count="$(($3 * 512))" \
		iflag=direct,skip_bytes,count_bytes status=none | sha256sum
}

# ---- tokens, by sg_raw and tpc.py ----

tpc() { python3 /odx/tpc.py "$@"; }

# token_of SG LIST-ID FILE LBA BLOCKS [...]: POPULATE TOKEN, its result; the token to FILE.
token_of() {
	local sg=$1 id=$2 file=$3
	shift 3
	tpc pt "$@" >/tmp/pt.list
	# shellcheck disable=SC2046 # a CDB is many words
	sg_raw -s "$(stat -c %s /tmp/pt.list)" -i /tmp/pt.list "$sg" \
		$(tpc cdb pt "$id" "$(stat -c %s /tmp/pt.list)") &&
		rrti "$sg" "$id" /tmp/pt.result && tpc token </tmp/pt.result >"$file"
}

# rrti SG LIST-ID FILE: RECEIVE ROD TOKEN INFORMATION to FILE.
rrti() {
	# shellcheck disable=SC2046
	sg_raw -r 1024 -o "$3" "$1" $(tpc cdb rrti "$2" 1024)
}

# write_token SG LIST-ID FILE OFFSET LBA BLOCKS [...]: WRITE USING TOKEN of FILE's token.
write_token() {
	local sg=$1 id=$2
	shift 2
	tpc wut "$@" >/tmp/wut.list
	# shellcheck disable=SC2046
	sg_raw -t 120 -s "$(stat -c %s /tmp/wut.list)" -i /tmp/wut.list "$sg" \
		$(tpc cdb wut "$id" "$(stat -c %s /tmp/wut.list)")
}
