#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh NAME FUZZER REPLAY CORPUS: replays the corpus through libFuzzer, fuzzes on
# from it for two seconds (finds go nowhere but into the exit status), then counts.
set -eu
name=$1 fuzzer=$2 replay=$3 corpus=$4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/new"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
if ! "$fuzzer" -runs=0 "$corpus" >"$tmp/log" 2>&1 ||
	! "$fuzzer" -max_total_time=2 -artifact_prefix="$tmp/" "$tmp/new" "$corpus" \
		>"$tmp/log" 2>&1; then
	cat "$tmp/log"
	for f in "$tmp"/crash-* "$tmp"/timeout-* "$tmp"/oom-*; do
		[ -e "$f" ] && echo "input:" && od -An -tx1 "$f"
	done
	echo "$name: 0 passed, 1 failed, 0 skipped"
	exit 1
fi
"$replay" "$name" "$corpus"
