/* SPDX-License-Identifier: Apache-2.0 */
/* What inquiry.c and vpd.c share.  Private to scsi/; pure, any thread. */
#ifndef SCSI_LU_SUPPORTS_H
#define SCSI_LU_SUPPORTS_H

#include "inquiry.h"

/*
 * Is @op offered by @lu?  A NULL @supported means every command; those of the
 * third-party copy family need @tpc as well (decisions.md 16).
 */
bool lu_supports(const struct lu_info *lu, const struct scsi_op *op);

/* An ASCII field: @s cut to @width, padded with blanks on the right (SPC-4 4.4.1). */
void scsi_put_padded(struct writer *w, const char *s, size_t width);

#endif
