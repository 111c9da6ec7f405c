# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# libiscsi's conformance tests, run outside, through LIO.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh
need_handler
fresh
processors 1
lun a 32M 512 "provisioning=thin;physical-block-size=512"
portal a
host test-cu
check "the runner lives" runner_pid
