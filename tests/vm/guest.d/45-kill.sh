# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# kill -9 of the runner while it copies, and its restart: LIO goes on where it was.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
lun a 256M
lun b 256M
loop a b
if ! sg=$(loop_sg 0) || ! sgb=$(loop_sg 1) || ! sd=$(loop_sd 0) || ! sdb=$(loop_sd 1); then
	not_ok "tcm_loop shows two disks" "$(ls /sys/bus/scsi/devices)"
	exit 1
fi

check "write the source" fill "$sd" 3 32
flushed=$(sum "$sd" 0 65536)
check "a token from before" token_of "$sg" 300 /tmp/old 0 65536

dd if="$sd" of="$sdb" bs=64k count=2048 iflag=direct oflag=direct conv=fsync status=none &
copy=$!
(write_token "$sgb" 301 /tmp/old 0 262144 65536) &
offloaded=$!
sleep 0.5
old=$(runner_pid)
check "kill -9 of the runner" kill -9 "$old"
until_true 60 test ! -d "/proc/$old"
check "it starts again" runner_start
begin=$SECONDS
# SC_TIMEOUT of a copy by token is tcm_loop's; all must have ended after it.
until_true 400 eval "! kill -0 $copy 2>/dev/null && ! kill -0 $offloaded 2>/dev/null"
check_is "nothing hangs" "$(jobs -r | wc -l)" 0
note "45-kill: all commands ended $((SECONDS - begin)) s after the restart"
wait "$copy"
check_is "the copy by the initiator ended well" $? 0
check_is "what was flushed is there" "$(sum "$sd" 0 65536)" "$flushed"
check_is "and was copied" "$(sum "$sdb" 0 65536)" "$flushed"
out=$(write_token "$sgb" 302 /tmp/old 0 262144 8 2>&1)
check_text "its token is unknown now, 5/23/04" "$out" "(asc.*23.*04|token unknown)"
check "a new token" token_of "$sg" 303 /tmp/new 0 65536
check "is written" write_token "$sgb" 304 /tmp/new 0 262144 65536
check_is "and the data is right" "$(sum "$sdb" 262144 65536)" "$flushed"

kill -9 "$(runner_pid)"
check "starts after a kill while idle" runner_start
check_is "and reads" "$(sum "$sd" 0 65536)" "$flushed"
runner_stop
check "starts after SIGTERM" runner_start
check_is "and still reads" "$(sum "$sd" 0 65536)" "$flushed"
