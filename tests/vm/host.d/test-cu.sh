# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# iscsi-test-cu through LIO, suite by suite.  No test may fail but those that
# test-cu.known names with LIO's reason; what is named there and passes is told, too.
# shellcheck source=tests/vm/lib.sh
. "$VM_LIB"

known=$(dirname "$VM_LIB")/test-cu.known
lun=$VM_URI/0

# "ok NAME", "failed NAME" or "skipped NAME" for each test of a suite.
verdicts() {
	awk '/^ *Test: / { name = $2; skipped = 0; sub(/\.\.\..*/, "", name) }
		/\[SKIPPED\]/ { skipped = 1 }
		name != "" && /passed$/ { print (skipped ? "skipped " : "ok ") name; name = "" }
		name != "" && /FAILED$/ { print "failed " name; name = "" }'
}

# suite FAMILY.SUITE
suite() {
	local out status=0 verdict name bad="" better="" good=0 skipped=0 excused=0
	out=$(timeout -k 5 90 iscsi-test-cu --dataloss --verbose --test="$1" "$lun" 2>&1) || status=$?
	printf '%s\n' "==== $1: $status" "$out"
	while read -r verdict name; do
		case $verdict in
		ok) good=$((good + 1)) ;;
		skipped) skipped=$((skipped + 1)) ;;
		failed)
			if grep -q "^${1#*.}\.$name " "$known"; then
				excused=$((excused + 1))
			else
				bad="$bad $name"
			fi
			continue
			;;
		esac
		if grep -q "^${1#*.}\.$name " "$known"; then
			better="$better $name"
		fi
	done < <(verdicts <<<"$out")
	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		not_ok "test-cu $1" "not ended in time"
	elif [ -n "$bad" ]; then
		not_ok "test-cu $1" "failed:$bad"
	elif [ -n "$better" ]; then
		not_ok "test-cu $1" "named in test-cu.known, but passed:$better"
	elif [ $((good + excused)) != 0 ]; then
		ok "test-cu $1 ($good passed, $excused known, $skipped not applicable)"
	elif [ "$skipped" != 0 ]; then
		skip "test-cu $1" "not applicable"
	else
		not_ok "test-cu $1" "no test ran"
	fi
}

mapfile -t suites < <(iscsi-test-cu --list 2>/dev/null | grep -E '^(SCSI|iSCSI)\.[A-Za-z0-9]+$' |
	grep -vE "$(sed -nE 's/^- ([A-Za-z0-9]+) .*/\\.\1$/p' "$known" | paste -sd'|')")
for name in "${suites[@]}"; do
	suite "$name"
done
