# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A file system of Linux on our disks, by odxd and the kernel's initiator, then behind LIO:
# whoever serves the disk is killed while files are written, and started again.  What was
# synced is there, the writing goes on, and fsck finds nothing.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
tree=/usr/lib/python3.11
mkdir -p /mnt/fs

# sums DIRECTORY: of all its files
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

source_sums=$(sums "$tree" | sha256sum)

# Something is always on its way to the disk.
write_and_sync() {
	local file
	mkdir /mnt/fs/all
	for file in "$tree"/*; do
		cp -a "$file" /mnt/fs/all || return
		[ ! -d "$file" ] || sync -f /mnt/fs || return
	done
}

# file_system NAME DISK PID: on DISK; PID is killed, start_NAME starts it again.
file_system() {
	local name=$1 disk=$2 writer
	check "$name, mkfs" mkfs.ext4 -q -F "$disk" || return
	check "$name, mount" mount "$disk" /mnt/fs || return
	check "$name, copy a tree" cp -a "$tree/json" "$tree/email" /mnt/fs
	check "$name, sync" sync -f /mnt/fs
	write_and_sync &
	writer=$!
	sleep 1
	check "$name, kill -9 in mid write" kill -9 "$3"
	until_true 60 test ! -d "/proc/$3"
	sleep 2
	# Not from the page cache, what is clean of it.
	echo 1 >/proc/sys/vm/drop_caches
	check "$name, it is started again" "start_$name"
	wait "$writer"
	check_is "$name, the writing went on" $? 0
	check "$name, unmount" umount /mnt/fs
	check "$name, fsck finds nothing" fsck.ext4 -f -n "$disk"
	check "$name, mount again" mount -o ro "$disk" /mnt/fs
	check_is "$name, what was synced is there" "$(sums /mnt/fs/json; sums /mnt/fs/email)" \
		"$(sums "$tree/json"; sums "$tree/email")"
	check_is "$name, and what was written meanwhile" "$(sums /mnt/fs/all | sha256sum)" \
		"$source_sums"
	check "$name, unmount again" umount /mnt/fs
}

start_odxd() {
	setsid /odx/odxd --portal 127.0.0.1:3261 --target iqn.2001-04.com.example:odxd \
		--lun /srv/odxd.img,size=256M </dev/null >>/run/log/odxd 2>&1 8>&- 9>&- &
	until_true 60 grep -q ":0CBD " /proc/net/tcp
}

start_lio() { runner_start; }

if [ ! -x /odx/odxd ]; then
	not_ok "$VM_SCRIPT" "there is no odxd in the build tree"
	exit 1
fi
initiator_start
check "odxd starts" start_odxd
check "discovery" iscsiadm -m discovery -t sendtargets -p 127.0.0.1:3261
check "login" iscsiadm -m node -T iqn.2001-04.com.example:odxd -p 127.0.0.1:3261 --login
if disk=$(scsi_device 0 block session); then
	file_system odxd "$disk" "$(pidof odxd)"
else
	not_ok "the disk appears" "$(iscsiadm -m session -P 3 2>&1 | tail -n 5)"
fi
check "logout" iscsiadm -m node -T iqn.2001-04.com.example:odxd -p 127.0.0.1:3261 --logout
kill "$(pidof odxd)"

lun fs 256M
loop fs
if disk=$(loop_sd 0); then
	file_system lio "$disk" "$(runner_pid)"
else
	not_ok "the disk appears" "$(ls /sys/bus/scsi/devices)"
fi
