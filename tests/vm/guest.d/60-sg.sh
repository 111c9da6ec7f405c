# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# SCSI commands from this kernel, over tcm_loop's /dev/sg*, as sg3_utils sees them.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
lun a 64M
lun b 64M
loop a b
if ! sg=$(loop_sg 0) || ! sgb=$(loop_sg 1) || ! sd=$(loop_sd 0) || ! sdb=$(loop_sd 1); then
	not_ok "tcm_loop shows two disks" "$(ls /sys/bus/scsi/devices)"
	exit 1
fi
ok "tcm_loop shows two disks"

serial=$(sed 's/.*: //' "$config"/core/user_*/a/wwn/vpd_unit_serial)
check_text "INQUIRY is answered by us" "$(sg_inq "$sg" 2>&1)" "ODX"
check_text "the unit serial number is LIO's" "$(sg_inq -p 0x80 "$sg" 2>&1)" "$serial"
naa=$(sg_vpd -p 0x83 "$sg" 2>&1)
check_text "the NAA name has LIO's serial number" "$(tr -d '\n ' <<<"$naa" | tr a-f A-F)" \
	"0x6[0-9A-F]*$(tr -cd '0-9a-f' <<<"$serial" | cut -c1-15 | tr a-f A-F)"
vpd=$(sg_vpd -p 0x8f "$sg" 2>&1)
check_text "VPD 8Fh has limits of block device ROD tokens" "$vpd" "Maximum range descriptors: [1-9]"
check_text "and a type of ROD" "$vpd" "ROD type: point in time copy"
opcodes=$(sg_opcodes "$sg" 2>&1)
check_text "REPORT SUPPORTED OPERATION CODES has POPULATE TOKEN" "$opcodes" "Populate token"
check_text "and WRITE USING TOKEN" "$opcodes" "Write using token"
check_text "and RECEIVE ROD TOKEN INFORMATION" "$opcodes" "(ROD|rod) token information"
check_text "READ CAPACITY(16) has targetcli's size" "$(sg_readcap -16 "$sg" 2>&1)" \
	"Number of logical blocks=131072"

check "write the source" fill "$sd" 1 16
check "write the destination" fill "$sdb" 2 16
before=$(sum "$sdb" 12000 4000)
check "POPULATE TOKEN and its RRTI" token_of "$sg" 257 /tmp/token 0 8192 16384 4096
check_is "RRTI counts the blocks" "$(tpc result count </tmp/pt.result)" 12288
check "WRITE USING TOKEN" write_token "$sgb" 258 /tmp/token 0 0 10000
check "its RRTI" rrti "$sgb" 258 /tmp/wut.result
check_is "which names WRITE USING TOKEN" "$(tpc result sa </tmp/wut.result)" 17
check_is "and counts the blocks" "$(tpc result count </tmp/wut.result)" 10000
check_is "the first range is copied" "$(sum "$sdb" 0 8192)" "$(sum "$sd" 0 8192)"
check_is "and the front of the second" "$(sum "$sdb" 8192 1808)" "$(sum "$sd" 16384 1808)"
check_is "what follows is not touched" "$(sum "$sdb" 12000 4000)" "$before"
check "WRITE USING TOKEN from an offset" write_token "$sgb" 259 /tmp/token 8192 40000 4096
check_is "takes the second range" "$(sum "$sdb" 40000 4096)" "$(sum "$sd" 16384 4096)"

# A command that SBC gives to no disk.  (The runner never answers 60h-7Fh and C0h-FFh.)
check_text "an unsupported command is 5/20/00" "$(sg_raw "$sg" 52 00 00 00 00 00 00 00 00 00 2>&1)" \
	"Invalid command operation code"
# One bit of the token's identifier.
python3 - <<'FLIP'
data = bytearray(open("/tmp/token", "rb").read())
data[300] ^= 1
open("/tmp/token.bad", "wb").write(data)
FLIP
check_text "a token with a flipped bit is refused" \
	"$(write_token "$sgb" 260 /tmp/token.bad 0 0 8 2>&1)" "(nvalid token|token operation)"
check "the disks are removed" unconfigure
