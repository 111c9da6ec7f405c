# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# iscsi-test-cu through LIO, suite by suite (those of the command line, or all).  No test may fail but those that
# docs/lio.md names with LIO's reason; what is named there and passes is told, too.
# shellcheck source=tests/vm/lib.sh
. "$VM_LIB"

lun=$VM_URI/0

# The tables of docs/lio.md: SUITE.TEST of those that fail, SUITE of those not run.
# shellcheck disable=SC2016 # backticks of Markdown
table=$(sed -nE 's/^\| `([A-Za-z0-9.]+)` \|.*/\1/p' "$(dirname "$VM_LIB")/../../docs/lio.md")
known=$(grep -F . <<<"$table")
not_run=$(grep -E '^[A-Z][A-Za-z0-9]+$' <<<"$table")
is_known() { grep -qxF "$1" <<<"$known"; }

# "ok NAME", "failed NAME" or "skipped NAME" for each test of a suite.
verdicts() {
	awk '/^ *Test: / { name = $2; skipped = 0; sub(/\.\.\..*/, "", name) }
		/\[SKIPPED\]|\[CU_PASS\].*[Ss]kipp/ { skipped = 1 }
		name != "" && /passed$/ { print (skipped ? "skipped " : "ok ") name; name = "" }
		name != "" && /FAILED$/ { print "failed " name; name = "" }'
}

# suite FAMILY.SUITE; cu_notes.so mends two tests that no correct target can pass.
suite() {
	local out status=0 verdict name bad="" better="" good=0 skipped=0 excused=0
	out=$(LD_PRELOAD=$VM_BUILD/tests/conformance/cu_notes.so timeout -k 5 400 iscsi-test-cu --dataloss --verbose --test="$1" "$lun" 2>&1) || status=$?
	printf '%s\n' "==== $1: $status" "$out"
	while read -r verdict name; do
		case $verdict in
		ok) good=$((good + 1)) ;;
		skipped) skipped=$((skipped + 1)) ;;
		failed)
			if is_known "${1#*.}.$name"; then
				excused=$((excused + 1))
			else
				bad="$bad $name"
			fi
			continue
			;;
		esac
		if is_known "${1#*.}.$name"; then
			better="$better $name"
		fi
	done < <(verdicts <<<"$out")
	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		not_ok "test-cu $1" "not ended in time"
	elif [ -n "$bad" ]; then
		not_ok "test-cu $1" "failed:$bad"
	elif [ -n "$better" ]; then
		not_ok "test-cu $1" "named in docs/lio.md, but passed:$better"
	elif [ $((good + excused)) != 0 ]; then
		ok "test-cu $1 ($good passed, $excused known, $skipped not applicable)"
	elif [ "$skipped" != 0 ]; then
		# None of ours is skipped by that: it is a command that the LUN has not.
		note "test-cu $1: not applicable:$(sed -nE 's/.*\[SKIPPED\]//p' <<<"$out" | head -n 1)"
	else
		not_ok "test-cu $1" "no test ran"
	fi
}

mapfile -t suites < <(iscsi-test-cu --list 2>/dev/null | grep -E '^(SCSI|iSCSI)\.[A-Za-z0-9]+$' |
	grep -vxF "$(sed -E 'p; s/^/SCSI./' <<<"$not_run")")
[ $# = 0 ] || suites=("$@")
if [ -z "$known" ] || [ -z "$not_run" ]; then
	not_ok "test-cu" "docs/lio.md has no table of exceptions"
fi
for name in "${suites[@]}"; do
	suite "$name"
done
