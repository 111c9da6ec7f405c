# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# open-iscsi: this kernel's own initiator, a file system, a tree of files.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
lun fs 256M
portal fs

pidof iscsid >/dev/null || setsid iscsid 8>&- 9>&-
check "discovery" iscsiadm -m discovery -t sendtargets -p 127.0.0.1
check "login" iscsiadm -m node -T "$iqn" -p 127.0.0.1 --login || exit 1
if ! disk=$(scsi_device 0 block session); then
	not_ok "the disk appears" "$(iscsiadm -m session -P 3 2>&1 | tail -n 5)"
	exit 1
fi
ok "the disk appears"
tree=/usr/lib/python3.11
mkdir -p /mnt/fs
check "mkfs.ext4" mkfs.ext4 -q -F "$disk"
check "mount" mount "$disk" /mnt/fs
check "copy a tree" cp -a "$tree" /mnt/fs/tree
check "unmount" umount /mnt/fs
check "fsck finds nothing" fsck.ext4 -f -n "$disk"
check "logout" iscsiadm -m node -T "$iqn" -p 127.0.0.1 --logout
check "login again" iscsiadm -m node -T "$iqn" -p 127.0.0.1 --login
disk=$(scsi_device 0 block session)
check "mount again" mount -o ro "$disk" /mnt/fs
check "the tree is the same" diff -r --no-dereference "$tree" /mnt/fs/tree
check "unmount again" umount /mnt/fs
check "logout again" iscsiadm -m node -T "$iqn" -p 127.0.0.1 --logout
check_text "fsck of the file behind it" "$(fsck.ext4 -f -n /srv/fs.img 2>&1)" "non-contiguous"
