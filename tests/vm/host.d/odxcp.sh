# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# odxcp between LUNs of LIO: all of it offloaded, hardly a byte through the portal.
# shellcheck source=tests/vm/lib.sh
. "$VM_LIB"

odxcp=$VM_BUILD/tools/odxcp
if [ ! -x "$odxcp" ]; then
	not_ok "odxcp" "there is no $odxcp"
	exit 1
fi

# copy NAME SOURCE DESTINATION: one offloaded copy, from LUN to LUN.
copy() {
	local out
	if ! out=$(timeout 600 "$odxcp" --json --verify "$VM_URI/$2" "$VM_URI/$3"); then
		not_ok "odxcp, $1" "$(tr -s ' \n' ' ' <<<"$out")"
		return
	fi
	printf '%s\n' "$out"
	check_text "odxcp, $1, all by token" "$out" '"bytes_copied": 0'
	check_text "odxcp, $1, verified" "$out" '"verified": true'
	check_text "odxcp, $1, no fallback" "$out" '"fallback": null'
}

copy "between LUNs" 0 1
copy "from 512-byte to 4096-byte blocks" 0 2
copy "from 4096-byte to 512-byte blocks" 2 1
