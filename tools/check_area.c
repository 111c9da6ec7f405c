/* SPDX-License-Identifier: Apache-2.0 */
#include "check_area.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (256u << 10)

/* READ or WRITE of @len bytes at @off, @data in and out. */
static bool transfer(struct area *a, bool write, size_t off, size_t len, uint8_t *data)
{
	uint32_t bs = probe_bs(a->p);
	char text[160];

	while (len > 0) {
		size_t n = len < a->piece ? len : a->piece;
		uint64_t lba = a->lba + off / bs;
		uint32_t blocks = (uint32_t)(n / bs);
		struct initiator_cmd cmd = write ? disk_write_cmd(lba, blocks, data, n)
						 : disk_read_cmd(lba, blocks, data, n);

		probe_run(a->p, &cmd);
		if (!probe_good(&cmd) || (!write && cmd.in_len != n)) {
			if (!a->err[0])
				snprintf(a->err, sizeof(a->err), "%s of block %" PRIu64 ": %s",
					 write ? "WRITE" : "READ", lba,
					 probe_text(&cmd, text, sizeof(text)));
			return false;
		}
		off += n;
		len -= n;
		data += n;
	}
	return true;
}

int area_open(struct area *a, struct probe *p, size_t len, unsigned seed)
{
	uint32_t bs = probe_bs(p);
	uint64_t mtl = p->disk->block_limits.max_transfer_blocks;

	*a = (struct area) { .p = p, .len = len, .piece = PIECE, .seed = seed };
	a->lba = p->disk->capacity.blocks - len / bs;
	if (mtl && mtl * bs < a->piece)
		a->piece = (uint32_t)mtl * bs;
	a->saved = malloc(len);
	a->model = malloc(len);
	a->buf = malloc(a->piece);
	if (!a->saved || !a->model || !a->buf) {
		snprintf(a->err, sizeof(a->err), "out of memory");
		return -ENOMEM;
	}
	if (!transfer(a, false, 0, len, a->saved))
		return -EIO;
	memcpy(a->model, a->saved, len);
	return 0;
}

void area_done(struct area *a)
{
	free(a->saved);
	free(a->model);
	free(a->buf);
}

/* splitmix64 of seed and place: no two words of any two patterns are alike. */
static uint64_t word(uint64_t seed, uint64_t at)
{
	uint64_t z = (seed << 40) + at + UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

bool area_fill(struct area *a, size_t off, size_t len)
{
	unsigned seed = a->seed++;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t w = word(seed, (off + i) / 8);

		memcpy(a->model + off + i, &w, 8);
	}
	return transfer(a, true, off, len, a->model + off);
}

bool area_holds(struct area *a, size_t off, size_t len, size_t *ret_bad)
{
	while (len > 0) {
		size_t n = len < a->piece ? len : a->piece;

		*ret_bad = off;
		if (!transfer(a, false, off, n, a->buf))
			return false;
		for (size_t i = 0; i < n && memcmp(a->buf, a->model + off, n) != 0; i++)
			if (a->buf[i] != a->model[off + i]) {
				*ret_bad = off + i;
				return false;
			}
		off += n;
		len -= n;
	}
	return true;
}

bool area_learn(struct area *a, size_t off, size_t len)
{
	return transfer(a, false, off, len, a->model + off);
}

bool area_restore(struct area *a)
{
	size_t bad;

	memcpy(a->model, a->saved, a->len);
	a->err[0] = '\0';
	if (!transfer(a, true, 0, a->len, a->model))
		return false;
	if (area_holds(a, 0, a->len, &bad))
		return true;
	if (!a->err[0])
		snprintf(a->err, sizeof(a->err),
			 "byte %zu of the area is another after it was written", bad);
	return false;
}
