# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# odxd's end-to-end tests through LIO: e2e BINARY...  None may fail but those that
# e2e.known names with the reason; what is named there and passes is told, too.
# shellcheck source=tests/vm/lib.sh
. "$VM_LIB"

here=$(dirname "$VM_LIB")
mkdir -p "$VM_WORK/e2e"
export TMPDIR=$VM_WORK/e2e ODXD=$here/odxd-lio ODXCP=$VM_BUILD/tools/odxcp ODX_SANITIZED=0

# is_known BINARY TEST
is_known() { grep -qF "$1|$2|" "$here/e2e.known"; }

# binary NAME: its tests, but those that are not to be run.
binary() {
	local name=$1 program=$VM_BUILD/tests/e2e/e2e_$1 tests test out good=0 excused=0
	local bad="" better="" gone=""
	if [ ! -x "$program" ]; then
		not_ok "e2e $name" "there is no $program"
		return
	fi
	out=$(timeout -k 5 900 "$program" 2>&1 </dev/null)
	printf '%s\n' "==== $name" "$out"
	tests=$(sed -nE 's/^  (.*) \.\.\.$/\1/p' <<<"$out")
	while IFS='|' read -r _ test _; do
		grep -qxF "$test" <<<"$tests" || gone="$gone; $test"
	done < <(grep "^$name|" "$here/e2e.known")
	while read -r test; do
		if ! grep -qF "FAILED $test: " <<<"$out"; then
			good=$((good + 1))
			! is_known "$name" "$test" || better="$better; $test"
		elif is_known "$name" "$test"; then
			excused=$((excused + 1))
		else
			bad="$bad; $test"
		fi
	done <<<"$tests"
	if ! tail -n 1 <<<"$out" | grep -qE '[0-9]+ passed, [0-9]+ failed'; then
		not_ok "e2e $name" "did not end: $(tail -n 1 <<<"$out")"
	elif [ -n "$bad" ]; then
		not_ok "e2e $name" "failed${bad/;/:}"
	elif [ -n "$better" ]; then
		not_ok "e2e $name" "named in e2e.known, but passed${better/;/:}"
	elif [ -n "$gone" ]; then
		not_ok "e2e $name" "named in e2e.known, but there is no such test${gone/;/:}"
	else
		ok "e2e $name ($good passed, $excused known)"
	fi
}

for name; do
	binary "$name"
done
