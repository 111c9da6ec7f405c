# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Everything is unconfigured during I/O; devices go during a copy.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh

for round in 1 2 3; do
	lun a 256M
	lun b 256M
	loop a b
	if ! sg=$(loop_sg 0) || ! sgb=$(loop_sg 1) || ! sd=$(loop_sd 0) || ! sdb=$(loop_sd 1); then
		not_ok "round $round, tcm_loop shows two disks" "$(ls /sys/bus/scsi/devices)"
		exit 1
	fi
	fill "$sd" "$round" 32
	token_of "$sg" 400 /tmp/token 0 65536
	dd if="$sd" of="$sdb" bs=64k iflag=direct oflag=direct status=none &
	writer=$!
	(while write_token "$sgb" 401 /tmp/token 0 262144 65536; do :; done) &
	copier=$!
	sleep 1
	check "round $round, clearconfig ends" timeout 300 targetcli clearconfig confirm=True
	check "round $round, the I/O ends" until_true 300 \
		eval "! kill -0 $writer 2>/dev/null && ! kill -0 $copier 2>/dev/null"
	kill "$writer" "$copier" 2>/dev/null
	check_is "round $round, no device is left" "$(cat /sys/class/uio/*/name 2>/dev/null)" ""
	check "round $round, the runner lives" runner_pid
	rm -f /srv/*
done
