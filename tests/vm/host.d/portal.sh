# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# libiscsi's small programs through LIO; LUNs 0 to 2 are the handler's.
# shellcheck source=tests/vm/lib.sh
. "$VM_LIB"

check_text "iscsi-ls finds the target" "$(timeout 120 iscsi-ls "iscsi://$VM_PORTAL" 2>&1)" \
	"iqn.2001-04.com.example:odx"
check_text "iscsi-inq sees our vendor" "$(timeout 120 iscsi-inq "$VM_URI/0" 2>&1)" "Vendor:ODX"
check_text "iscsi-inq reads VPD 83h" "$(timeout 120 iscsi-inq -e 1 -c 131 "$VM_URI/1" 2>&1)" \
	"NAA"
check_text "a LUN of 512-byte blocks" "$(timeout 120 iscsi-readcapacity16 "$VM_URI/0" 2>&1)" \
	"Total size:16777216"
check_text "a LUN of 4096-byte blocks" "$(timeout 120 iscsi-readcapacity16 "$VM_URI/2" 2>&1)" \
	"BlockSize:4096|Logical block size:4096|4096"
