# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# odxcheck through LIO's portal: green for our handler, red for LIO's own fileio.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
lun a 32M
lun b 32M 4096
lun c 32M
truncate -s 32M /srv/f.img
mkdir -p "$config/core/fileio_0/f"
printf 'fd_dev_name=/srv/f.img,fd_dev_size=%s' $((32 << 20)) >"$config/core/fileio_0/f/control"
echo 1 >"$config/core/fileio_0/f/enable"
printf '00000f00-aaaa-4bbb-8ccc-%012x\n' $$ >"$config/core/fileio_0/f/wwn/vpd_unit_serial"
portal a b c f
check "LIO listens" until_true 60 grep -qE ':0CBC [0-9A-F]+:0000 0A' /proc/net/tcp
loop a
sd=$(loop_sd 0)
check "fill LUN 0" fill "$sd" 7 32
sum=$(sum "$sd" 0 65536)
host odxcheck
check_is "LUN 0 holds what it held before" "$(sum "$sd" 0 65536)" "$sum"
check "the runner lives" runner_pid
