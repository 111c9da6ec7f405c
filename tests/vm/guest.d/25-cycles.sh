# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A LUN is created and deleted 1,000 times: 900 times beside another one, 100 times alone,
# when the handler starts and ends all that it has.  Nothing leaks.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh

rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(runner_pid)/status"; }
descriptors() { find "/proc/$(runner_pid)/fd" -mindepth 1 | wc -l; }
threads() { awk '/^Threads/ { print $2 }' "/proc/$(runner_pid)/status"; }

# cycles NAME COUNT
cycles() {
	local said
	if said=$(python3 /odx/cycles.py "$2" 2>&1); then
		ok "$1"
		note "25-cycles: $said"
	else
		not_ok "$1" "$(tail -n 1 <<<"$said")"
	fi
}

cycles "30 cycles to warm up" 30
pid=$(runner_pid)
sleep 1
rss=$(rss) descriptors=$(descriptors) threads=$(threads)
cycles "100 cycles alone" 100
lun a 16M
cycles "900 cycles beside another LUN" 900
unconfigure
sleep 1
check_is "by the same runner" "$(runner_pid)" "$pid"
check_is "as many descriptors as before" "$(descriptors)" "$descriptors"
check "no more threads than before" test "$(threads)" -le "$threads" # of io_uring, some end late
grown=$(($(rss) - rss))
note "25-cycles: resident memory grew by $grown KiB from $rss KiB"
check "memory grew by less than 2 MiB" test "$grown" -lt 2048
