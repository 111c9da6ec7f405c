# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# open-iscsi: this kernel's own initiator, a file system, a tree of files.  The target is
# that of configs/targetcli-recipe.sh, with CHAP.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
rm -rf /etc/rtslib-fb-target/pr
check "the recipe of configs/" env TARGET="$iqn" INITIATOR="$initiator" CHAP_USER=host1 \
	CHAP_SECRET=secret-secret bash /odx/targetcli-recipe.sh fs=256M:/srv/fs.img

initiator_start

node() { iscsiadm -m node -T "$iqn" -p 127.0.0.1 "$@"; }
# chap SECRET
chap() {
	node -o update -n node.session.auth.authmethod -v CHAP &&
		node -o update -n node.session.auth.username -v host1 &&
		node -o update -n node.session.auth.password -v "$1"
}

check "discovery" iscsiadm -m discovery -t sendtargets -p 127.0.0.1
node -o update -n node.session.initial_login_retry_max -v 1
check_text "no login without CHAP" "$(node --login 2>&1)" "authorization failure"
chap wrong-secret-x
check_text "nor with another secret" "$(node --login 2>&1)" "authorization failure"
check "CHAP" chap secret-secret
check "login" node --login || exit 1
if ! disk=$(scsi_device 0 block session); then
	not_ok "the disk appears" "$(iscsiadm -m session -P 3 2>&1 | tail -n 5)"
	exit 1
fi
ok "the disk appears"
sg_turs -n 4 "$disk" >/dev/null 2>&1
check "a persistent reservation" sg_persist --out --register --param-aptpl --param-sark=123abc "$disk"
check "which LIO wrote down, for after a reboot" grep -r res_key /etc/rtslib-fb-target/pr
check "and given up" sg_persist --out --register --param-rk=123abc "$disk"
tree=/usr/lib/python3.11/lib-dynload
mkdir -p /mnt/fs
check "mkfs.ext4" mkfs.ext4 -q -F "$disk"
check "mount" mount "$disk" /mnt/fs
check "copy a tree" cp -a "$tree" /mnt/fs/tree
check "unmount" umount /mnt/fs
check "fsck finds nothing" fsck.ext4 -f -n "$disk"
check "logout" node --logout
check "login again" node --login
disk=$(scsi_device 0 block session)
check "mount again" mount -o ro "$disk" /mnt/fs
check "the tree is the same" diff -r --no-dereference "$tree" /mnt/fs/tree
check "unmount again" umount /mnt/fs
check "logout again" node --logout
check_text "fsck of the file behind it" "$(fsck.ext4 -f -n /srv/fs.img 2>&1)" "non-contiguous"
