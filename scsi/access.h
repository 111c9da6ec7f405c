/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reservation held by somebody else does to a command: the columns of
 * SPC-4 table 65 and SBC-4 table 13 come down to three kinds of access.
 * Constant data, any thread.
 */
#ifndef SCSI_ACCESS_H
#define SCSI_ACCESS_H

#include "cdb.h"

enum scsi_access {
	ACCESS_NONE,  /* never a conflict                                          */
	ACCESS_READ,  /* conflicts with exclusive access, not with write exclusive */
	ACCESS_WRITE, /* conflicts with both                                       */
	ACCESS_PR,    /* the reservation commands have rules of their own          */
};

enum scsi_access scsi_cdb_access(const struct scsi_cdb *cdb);

/* Does it run while another nexus holds the logical unit by RESERVE (SPC-2 5.5.1)? */
bool scsi_cdb_passes_reserve(const struct scsi_cdb *cdb);

#endif
