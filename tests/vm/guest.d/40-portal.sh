# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The portal of the kernel's target; what comes now runs outside, over the network.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
lun a 16M
lun b 16M
lun c 16M 4096
portal a b c
check "LIO listens" until_true 60 grep -qE ':0CBC [0-9A-F]+:0000 0A' /proc/net/tcp
host portal

# Written and compared in here, where the client that copies is not asked.
loop a b c
sda=$(loop_sd 0) sdb=$(loop_sd 1) sdc=$(loop_sd 2)
check "fill LUN 0" fill "$sda" 7 16
host odxcp
sum=$(sum "$sda" 0 32768)
check_is "LUN 1 holds the same" "$(sum "$sdb" 0 32768)" "$sum"
check_is "LUN 2 holds the same" "$(sum "$sdc" 0 32768)" "$sum"
check "the runner lives" runner_pid
