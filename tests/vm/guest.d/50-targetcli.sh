# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Configuration strings that work, and those that are refused with a reason.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh

# create NAME SIZE CFGSTRING [MORE]...
create() {
	targetcli /backstores/user:odx create "name=$1" "size=$2" "cfgstring=$3" "${@:4}" 2>&1
}

# refused WHY NAME SIZE CFGSTRING PATTERN: not made, and the user reads PATTERN.
refused() {
	local out
	out=$(create "$2" "$3" "$4")
	printf '%s\n' "-- refused: $4" "$out"
	if [ -d "$config/core" ] && ls -d "$config"/core/user_*/"$2" >/dev/null 2>&1; then
		not_ok "refused, $1" "it was created"
	else
		check_text "refused, $1" "$out" "$5"
	fi
}

truncate -s 64M /srv/plain.img
check_text "create with a path" "$(create plain 64M /srv/plain.img)" "^Created user-backed"
truncate -s 64M /srv/big.img
check_text "create with options" "$(create big 64M '/srv/big.img;block-size=4096;direct' \
	control=hw_block_size=4096)" \
	"^Created user-backed"
check_text "both are listed" "$(targetcli ls /backstores/user:odx | tr '\n' ' ')" "plain.*|big.*"
check "delete" targetcli /backstores/user:odx delete big

reason="cfgstring invalid: .*"
refused "no path" r1 64M "" "."
refused "a path that is not absolute" r2 64M vol.img "$reason(absolute|/)"
refused "an unknown option" r3 64M "/srv/big.img;colour=blue" "${reason}colour"
refused "a bad value" r4 64M "/srv/big.img;block-size=1000" "${reason}block-size"
refused "a comma, which LIO cuts off" r5 64M "/srv/big.img,direct" "${reason}comma"
refused "no such directory" r6 64M "/nowhere/vol.img" "${reason}/nowhere"
refused "a directory" r7 64M "/srv" "${reason}/srv"
refused "a file that is served already" r8 64M "/srv/plain.img" "."

check "the runner lives" runner_pid
