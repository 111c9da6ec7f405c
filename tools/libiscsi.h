/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libiscsi beside our own codec: both name an "enum scsi_status", so theirs goes
 * by another name here.  Include this, never <iscsi/...> directly.
 */
#ifndef TOOLS_LIBISCSI_H
#define TOOLS_LIBISCSI_H

#define scsi_status libiscsi_scsi_status
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#undef scsi_status

#endif
