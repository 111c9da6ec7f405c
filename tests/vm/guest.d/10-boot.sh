# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The kernel has what is needed, the runner runs, targetcli sees our handler.
# shellcheck source=tests/vm/guest-lib.sh
. /odx/guest-lib.sh

for module in target_core_user iscsi_target_mod tcm_loop; do
	check "module $module" test -d "/sys/module/$module"
done
check "tcmu-runner runs and is on D-Bus" runner_ready
need_handler
check_text "targetcli offers user:odx" "$(targetcli ls /backstores)" user:odx
