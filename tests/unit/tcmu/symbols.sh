#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# handler_odx.so exports handler_init and nothing else, and needs nothing of the runner
# and libtcmu that Debian's do not export: symbols.sh HANDLER
set -u
handler=$1
passed=0 failed=0 skipped=0

check() {
	if [ -z "$2" ]; then
		passed=$((passed + 1))
	else
		echo "FAILED $1: $2"
		failed=$((failed + 1))
	fi
}

names() {
	nm -D "$@" 2>/dev/null | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u
}

check "more exported than handler_init, or not even that" \
	"$(names --defined-only "$handler" | diff - <(echo handler_init) | tr '\n' ' ')"

runner=/usr/bin/tcmu-runner
libtcmu=$(echo /usr/lib/*/libtcmu.so.2)
if [ -x "$runner" ] && [ -e "$libtcmu" ]; then
	check "the runner and libtcmu do not have" \
		"$(comm -23 <(names --undefined-only "$handler" | grep '^tcmu') \
			<(names --defined-only "$runner" "$libtcmu") | tr '\n' ' ')"
else
	echo "[SKIPPED] tcmu-runner and libtcmu2 are not installed"
	skipped=1
fi
echo "tcmu_symbols: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
