/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iSCSI text: key=value pairs ending in NUL (RFC 7143 6.1), and the value forms
 * that login needs.  Pure, any thread, no allocation.
 */
#ifndef SCSI_TEXT_H
#define SCSI_TEXT_H

#include "bytes.h"

#define TEXT_KEY_MAX   63  /* RFC 7143 6.1: key names are at most 63 bytes     */
#define TEXT_VALUE_MAX 255 /* simple values; binary (CHAP) may be up to 1024 bytes */

struct text_pair {
	const char *key;   /* NUL-terminated, inside the caller's buffer */
	const char *value; /* likewise                                   */
};

/*
 * Steps through @len writable bytes of text at @buf (the '=' is overwritten by
 * NUL); *pos starts at 0.  1: *ret is the next pair; 0: the end; -1: malformed
 * (no '=', empty or too long key, bad character in the key, no final NUL).
 */
int text_next(char *buf, size_t len, size_t *pos, struct text_pair *ret);

/* Appends "key=value\0". */
void text_put(struct writer *w, const char *key, const char *value);
void text_putf(struct writer *w, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Numerical value, decimal or 0x; false when malformed or above @max. */
bool text_number(const char *s, uint64_t max, uint64_t *ret);
/* "Yes" or "No" */
bool text_boolean(const char *s, bool *ret);
/* Is @item one of the comma-separated @list? */
bool text_list_has(const char *list, const char *item);
/* The first of @list (comma-separated, sender's preference) that is in @offer; false: none. */
bool text_list_choose(const char *list, const char *const *offer, const char **ret);

/* Binary value: 0x hex or 0b base64.  Returns bytes stored, or -1 (malformed, or over @cap). */
int text_binary(const char *s, uint8_t *ret, size_t cap);
/* "0x..." of @n bytes; @cap must be at least 2n + 3. */
void text_put_hex(char *dst, size_t cap, const uint8_t *src, size_t n);

/* iSCSI names: iqn., eui. or naa. form after stringprep's lower case (RFC 7143 4.2.7). */
bool iscsi_name_valid(const char *name);

#endif
