/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-XTS over sectors of a backstore, the sector's number being the tweak.  The
 * key is random, in memory only, and nobody can read it: when it is replaced, what was
 * stored under it is lost for good.
 */
#ifndef BACKSTORE_CIPHER_H
#define BACKSTORE_CIPHER_H

#include <stdint.h>

#define CIPHER_SECTOR 512u

struct cipher;

/* -ENOMEM, or -errno when there is no random key to be had. */
int cipher_new(struct cipher **ret);
/* NULL is fine. */
void cipher_free(struct cipher *c);
/* Another key; -errno: the old one stays. */
int cipher_rekey(struct cipher *c);

/* One sector at byte @off (a multiple of CIPHER_SECTOR) of the backstore. */
void cipher_seal(struct cipher *c, uint64_t off, void *stored, const void *plain);
void cipher_open(struct cipher *c, uint64_t off, void *plain, const void *stored);

#endif
