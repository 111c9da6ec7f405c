# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# odxcheck on LUNs of LIO: 0 to 2 are the handler's, 3 is LIO's own fileio.
# shellcheck source=tests/vm/lib.sh
. "$VM_LIB"

odxcheck=$VM_BUILD/tools/odxcheck
if [ ! -x "$odxcheck" ]; then
	not_ok "odxcheck" "there is no $odxcheck"
	exit 1
fi

# findings VERDICT JSON: their ids and what was seen, one a line.
findings() {
	python3 -c 'import json, sys
for finding in json.loads(sys.argv[2])["findings"]:
    if finding["verdict"] == sys.argv[1]:
        print(finding["id"] + ":", finding["saw"])' "$1" "$2"
}

# What no handler can do behind LIO (docs/lio.md): tell initiators apart, tell how long an
# answer is.
known='rrti-nexus|list-id-nexus|list-id-reuse|wut-parallel|rrti-lengths|wut-rrti-lengths'

# green NAME LUN...: nothing fails, and warnings are only of that.
green() {
	local name=$1 out status=0
	shift
	out=$(timeout 900 "$odxcheck" --json --destructive --area=8 "${@/#/$VM_URI/}") || status=$?
	printf '%s\n' "$out"
	check_is "odxcheck, $name, fails nothing" "$(findings fail "$out")" ""
	check_is "odxcheck, $name, exit status" "$status" 0
	check_is "odxcheck, $name, warns only of what LIO cannot do" \
		"$(findings warn "$out" | cut -d: -f1 | grep -vxE "$known")" ""
	check_text "odxcheck, $name, puts the area back" "$(findings pass "$out")" "^restored:"
}

green "512-byte blocks" 0
green "4096-byte blocks" 1
green "from LUN to LUN" 0 2

status=0
out=$(timeout 300 "$odxcheck" --json --destructive "$VM_URI/3") || status=$?
printf '%s\n' "$out"
check_is "odxcheck, LIO's fileio, exit status" "$status" 1
check_is "odxcheck, LIO's fileio, fails for one reason" \
	"$(findings fail "$out" | cut -d: -f1)" vpd-list-8f
