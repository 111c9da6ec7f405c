/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled, not run: are the places in runner_abi.h those of the true headers?  The
 * true names are seen first, ours under other names after them.
 */
#include <tcmu-runner.h>

#include <libtcmu.h>

#define TCMU_ABI_CHECK
#define tcmulib_cmd		 our_tcmulib_cmd
#define tcmur_cmd		 our_tcmur_cmd
#define tcmulib_cfg_info	 our_tcmulib_cfg_info
#define tcmulib_cfg_type	 our_tcmulib_cfg_type
#define tcmur_handler		 our_tcmur_handler
#define TCMU_STS_ASYNC_HANDLED	 OUR_ASYNC_HANDLED
#define TCMU_STS_NOT_HANDLED	 OUR_NOT_HANDLED
#define TCMU_STS_OK		 OUR_OK
#define TCMU_STS_NO_RESOURCE	 OUR_NO_RESOURCE
#define TCMU_STS_PASSTHROUGH_ERR OUR_PASSTHROUGH_ERR
#define TCMU_STS_BUSY		 OUR_BUSY
#define TCMULIB_CFG_DEV_CFGSTR	 OUR_CFG_DEV_CFGSTR
#define TCMULIB_CFG_DEV_SIZE	 OUR_CFG_DEV_SIZE
#define TCMULIB_CFG_WRITE_CACHE	 OUR_CFG_WRITE_CACHE
#define tcmur_register_handler	 our_register_handler
#include "runner_abi.h"
#undef tcmulib_cmd
#undef tcmur_cmd
#undef tcmulib_cfg_info
#undef tcmur_handler
#undef TCMU_STS_ASYNC_HANDLED
#undef TCMU_STS_NOT_HANDLED
#undef TCMU_STS_OK
#undef TCMU_STS_NO_RESOURCE
#undef TCMU_STS_PASSTHROUGH_ERR
#undef TCMU_STS_BUSY
#undef TCMULIB_CFG_DEV_CFGSTR
#undef TCMULIB_CFG_DEV_SIZE
#undef TCMULIB_CFG_WRITE_CACHE

#define SAME_PLACE(type, field)                                                            \
	_Static_assert(offsetof(struct type, field) == offsetof(struct our_##type, field), \
		       #type "." #field " lies elsewhere")
SAME_PLACE(tcmulib_cmd, cmd_id);
SAME_PLACE(tcmulib_cmd, cdb);
SAME_PLACE(tcmulib_cmd, iovec);
SAME_PLACE(tcmulib_cmd, iov_cnt);
SAME_PLACE(tcmulib_cmd, sense_buf);
SAME_PLACE(tcmur_cmd, lib_cmd);
SAME_PLACE(tcmur_cmd, cmd_state);
SAME_PLACE(tcmur_cmd, done);
SAME_PLACE(tcmulib_cfg_info, type);
SAME_PLACE(tcmulib_cfg_info, data);
SAME_PLACE(tcmur_handler, name);
SAME_PLACE(tcmur_handler, subtype);
SAME_PLACE(tcmur_handler, cfg_desc);
SAME_PLACE(tcmur_handler, check_config);
SAME_PLACE(tcmur_handler, reconfig);
SAME_PLACE(tcmur_handler, open);
SAME_PLACE(tcmur_handler, close);
SAME_PLACE(tcmur_handler, nr_threads);
SAME_PLACE(tcmur_handler, handle_cmd);
_Static_assert(sizeof(struct tcmur_handler) <= sizeof(struct our_tcmur_handler),
	       "the runner looks at more than we set to zero");
_Static_assert(sizeof(((struct tcmulib_cmd *)NULL)->sense_buf) == TCMU_SENSE_LEN, "sense");
_Static_assert((int)TCMU_STS_ASYNC_HANDLED == OUR_ASYNC_HANDLED, "status");
_Static_assert((int)TCMU_STS_OK == OUR_OK, "status");
_Static_assert((int)TCMU_STS_NO_RESOURCE == OUR_NO_RESOURCE, "status");
_Static_assert((int)TCMU_STS_PASSTHROUGH_ERR == OUR_PASSTHROUGH_ERR, "status");
_Static_assert((int)TCMU_STS_BUSY == OUR_BUSY, "status");
_Static_assert((int)TCMULIB_CFG_DEV_SIZE == OUR_CFG_DEV_SIZE, "reconfig");
_Static_assert((int)TCMULIB_CFG_WRITE_CACHE == OUR_CFG_WRITE_CACHE, "reconfig");
