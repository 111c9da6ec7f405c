/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENOUGH 20000u /* operations */

struct world w;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "model: %s\n", what);
	abort();
}

unsigned upto(unsigned n)
{
	uint64_t x = w.seed ? w.seed : 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	w.seed = x;
	return (unsigned)((x >> 11) % n);
}

static bool in_memory(const struct lun_kind *k)
{
	return strncmp(k->path, "mem:", 4) == 0;
}

void world_add_lun(unsigned lun)
{
	struct mlun *l = &w.lun[lun];
	const struct lun_kind *k = l->k;
	uint32_t block = k->block ? k->block : CELL;
	struct lu_config lc = { .lun = (uint16_t)lun, .block_size = block, .tpc = lu_tpc_defaults };
	struct bs_config bc = { .path = k->path,
				.size = (uint64_t)LUN_CELLS * CELL,
				.block_size = block,
				.direct = k->direct,
				.provisioning = k->full ? BS_FULL : BS_AUTO,
				.fault = k->fault,
				.keep = k->cancel ? ROD_KEEP_CANCEL : ROD_KEEP_PRESERVE,
				.sidecar_bytes = k->sidecar_bytes,
				.sidecar_fault = k->sidecar_fault };
	const struct lu_info *info;
	struct backstore *bs;
	char path[256], err[256];

	if (!in_memory(k)) {
		snprintf(path, sizeof(path), "%s/%s", w.s->fs ? w.fs.dir : w.dir, k->path);
		bc.path = path;
	}
	lc.tpc.default_timeout_s = 600;
	lc.tpc.deadline_ms = k->deadline_ms ? k->deadline_ms : 60000;
	must(bs_open(&bs, &bc, &w.env, err, sizeof(err)) == 0, err);
	must(target_add_lu(w.target, bs, &lc, err, sizeof(err)) == 0, err);
	info = lu_info(target_lu(w.target, (uint16_t)lun));
	l->there = true;
	l->per_block = block / CELL;
	l->blocks = LUN_CELLS / l->per_block;
	l->thin = info->max_unmap_blocks > 0;
	l->atomic = info->max_atomic_blocks > 0;
	l->naa_len = info->naa_len;
	memcpy(l->naa, info->naa, sizeof(l->naa));
	if (in_memory(k))
		model_set_lun(lun, 0);
}

bool world_open(const struct scenario *s, uint64_t seed, uint32_t ops)
{
	struct target_config tc = { .name = "iqn.2001-04.com.example:model",
				    .tokens = { .max_tokens = 65536, .max_tombstones = 65536 },
				    .copy = { .chunk = 16 << 10, .window = 4, .copies = 3 } };
	const char *tmp = getenv("TMPDIR");
	char err[256] = "";

	memset(&w, 0, sizeof(w));
	w.s = s;
	w.seed = seed;
	snprintf(w.dir, sizeof(w.dir), "%.32s/odx-model-XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(w.dir) != NULL, w.dir);
	if (s->fs && !mount_in(&w.fs, w.dir, s->fs)) {
		rmdir(w.dir);
		return false;
	}
	model_init(ops);
	must(ring_new(&w.env.ring, 64, err, sizeof(err)) == 0, err);
	must(aux_new(&w.env.aux, 2) == 0, "aux threads");
	must(target_new(&w.target, &tc, &w.env) == 0, "target");
	must(target_add_port_group(w.target, 1) == 0, "port group");
	for (; s->lun[w.nluns].path; w.nluns++) {
		w.lun[w.nluns].k = &s->lun[w.nluns];
		world_add_lun(w.nluns);
	}
	for (unsigned n = 0; n < NEXUSES; n++) {
		snprintf(w.nexus[n].initiator, sizeof(w.nexus[n].initiator),
			 "iqn.2001-04.com.example:host%u,i,0x0123456789a%u", n, n);
		w.nexus[n].rtpi = w.nexus[n].tpgt = 1;
		must(target_nexus_add(w.target, &w.nexus[n]) == 0, "nexus");
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		w.slots[i].buf = aligned_alloc(4096, SLOT_BYTES);
		must(w.slots[i].buf != NULL, "memory");
	}
	return true;
}

void world_tell(void)
{
	uint64_t saves = 0, clones = 0, grafted = 0;

	for (unsigned i = 0; i < w.nluns; i++) {
		const struct lu *lu = target_lu(w.target, (uint16_t)i);
		const struct bs_stats *b = lu ? bs_stats(lu_backstore(lu)) : NULL;

		saves += b ? b->saves : 0;
		clones += b ? b->rods_cloned : 0;
		grafted += b ? b->clones : 0;
	}
	printf("  %llu commands good, %llu failed, %llu refused; %llu tokens (%llu stale), %llu "
	       "copies, %llu partial, %llu ended, %llu resets\n",
	       (unsigned long long)w.good, (unsigned long long)w.failed,
	       (unsigned long long)w.refused, (unsigned long long)w.tokens_made,
	       (unsigned long long)w.stale, (unsigned long long)w.copies,
	       (unsigned long long)w.partial, (unsigned long long)w.aborted,
	       (unsigned long long)w.resets);
	printf("  %llu cells seen, %llu of them unknown; %llu choices, %llu atomic acts placed; "
	       "%llu chunks saved, %llu rods cloned, %llu grafts\n",
	       (unsigned long long)model_stats.cells_seen, (unsigned long long)model_stats.unknown,
	       (unsigned long long)model_stats.choices, (unsigned long long)model_stats.whole,
	       (unsigned long long)saves, (unsigned long long)clones, (unsigned long long)grafted);
	/* Short plays need not have come to everything. */
	if (w.begun >= ENOUGH) {
		CU_ASSERT(w.good > 0 && w.copies > 0 && w.tokens_made > 0 && saves > 0);
		CU_ASSERT(w.s->errors || !w.s->fs || strcmp(w.s->fs, "ext4") == 0 ||
			  (clones > 0 && grafted > 0));
		CU_ASSERT(model_stats.whole > 0 && model_stats.choices > 0);
	}
	/* What the model does not know it does not test. */
	CU_ASSERT(model_stats.unknown * 100 < model_stats.cells_seen);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void world_close(void)
{
	for (unsigned n = 0; n < NEXUSES; n++)
		target_nexus_remove(w.target, &w.nexus[n]);
	CU_ASSERT_EQUAL(target_free(w.target), 0);
	turn(200); /* what is closed elsewhere */
	aux_free(w.env.aux);
	ring_free(w.env.ring);
	for (unsigned i = 0; i < SLOTS; i++)
		free(w.slots[i].buf);
	if (w.s->fs)
		mount_done(&w.fs);
	nftw(w.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	model_done();
}
