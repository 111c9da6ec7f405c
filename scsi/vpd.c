/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>

#include "inquiry.h"
#include "lu_supports.h"
#include "tpc.h"
#include "xcopy.h"

/* Each page writes its body; the header and PAGE LENGTH are vpd_encode()'s. */

struct vpd_page {
	uint8_t code;
	void (*put)(struct writer *w, const struct lu_info *lu);
};

static const struct vpd_page *find_page(uint8_t code, const struct lu_info *lu);

static void put_list(struct writer *w, const struct lu_info *lu)
{
	/* Ascending because the codes are tried in order: Windows insists on it. */
	for (unsigned code = 0; code < 256; code++)
		if (find_page((uint8_t)code, lu))
			wr_u8(w, (uint8_t)code);
}

static void put_serial(struct writer *w, const struct lu_info *lu)
{
	wr_bytes(w, lu->serial, strlen(lu->serial));
}

/* Designation descriptors, SPC-4 7.8.6 */
enum { CODE_BINARY = 1, CODE_ASCII = 2, CODE_UTF8 = 3 };
enum { OF_LU = 0x00, OF_PORT = 0x10, OF_TARGET = 0x20 };
enum { TYPE_T10 = 1, TYPE_NAA = 3, TYPE_REL_PORT = 4, TYPE_PORT_GROUP = 5, TYPE_NAME = 8 };
#define PIV	   0x80
#define PROT_ISCSI 0x50
#define NAME_LIMIT 252 /* DESIGNATOR LENGTH is a byte, a name's is a multiple of four */

static void put_designator_head(struct writer *w, uint8_t code_set, uint8_t of, uint8_t type,
				size_t len)
{
	bool piv = of != OF_LU;

	wr_u8(w, (piv ? PROT_ISCSI : 0) | code_set);
	wr_u8(w, (piv ? PIV : 0) | of | type);
	wr_u8(w, 0);
	wr_u8(w, (uint8_t)len);
}

/*
 * A SCSI name string, NUL-terminated and padded to a multiple of four (SPC-4
 * 7.8.6.10).  Left out when it does not fit: a cut name would name something else.
 */
static void put_name(struct writer *w, uint8_t of, const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);
	size_t len = (n + m + 1 + 3) & ~(size_t)3;

	if (len > NAME_LIMIT)
		return;
	put_designator_head(w, CODE_UTF8, of, TYPE_NAME, len);
	wr_bytes(w, name, n);
	wr_bytes(w, suffix, m);
	wr_zero(w, len - n - m);
}

static void put_lu_name(struct writer *w, const struct lu_info *lu)
{
	char suffix[8 + 2 * sizeof(lu->naa)] = ",L,0x";
	size_t at = strlen(suffix);

	for (unsigned i = 0; i < lu->naa_len; i++)
		at += (size_t)snprintf(suffix + at, sizeof(suffix) - at, "%02x", lu->naa[i]);
	put_name(w, OF_LU, lu->target_name, suffix);
}

static void put_identification(struct writer *w, const struct lu_info *lu)
{
	char suffix[16];
	size_t serial = strlen(lu->serial);

	assert(lu->naa_len == 8 || lu->naa_len == 16);
	put_designator_head(w, CODE_ASCII, OF_LU, TYPE_T10, 8 + 16 + serial);
	scsi_put_padded(w, lu->vendor, 8);
	scsi_put_padded(w, lu->product, 16);
	wr_bytes(w, lu->serial, serial);

	put_designator_head(w, CODE_BINARY, OF_LU, TYPE_NAA, lu->naa_len);
	wr_bytes(w, lu->naa, lu->naa_len);

	if (lu->rtpi) {
		put_designator_head(w, CODE_BINARY, OF_PORT, TYPE_REL_PORT, 4);
		wr_be32(w, lu->rtpi);
		put_designator_head(w, CODE_BINARY, OF_PORT, TYPE_PORT_GROUP, 4);
		wr_be32(w, lu->tpgt);
	}
	if (!lu->target_name[0])
		return;
	put_lu_name(w, lu);
	snprintf(suffix, sizeof(suffix), ",t,0x%04x", lu->tpgt);
	put_name(w, OF_PORT, lu->target_name, suffix);
	put_name(w, OF_TARGET, lu->target_name, "");
}

static void put_extended_inquiry(struct writer *w, const struct lu_info *lu)
{
	uint8_t b[60] = { 0 };

	b[1] = 0x01;			      /* SIMPSUP; every task is treated as SIMPLE */
	b[2] = lu->write_cache ? 0x01 : 0x00; /* V_SUP */
	b[3] = 0x01;			      /* LUICLR */
	wr_bytes(w, b, sizeof(b));
}

#define UGAVALID 0x80000000u

static void put_block_limits(struct writer *w, const struct lu_info *lu)
{
	uint8_t b[60] = { 0 };

	b[1] = lu->max_caw_blocks;
	put_be16(b + 2, (uint16_t)(1u << (lu->lbppbe & 0x0f)));
	put_be32(b + 4, lu->max_transfer_blocks);
	put_be32(b + 8, lu->opt_transfer_blocks);
	put_be32(b + 16, lu->max_unmap_blocks);
	put_be32(b + 20, lu->max_unmap_descriptors);
	put_be32(b + 24, lu->unmap_granularity);
	if (lu->unmap_granularity)
		put_be32(b + 28, UGAVALID | lu->unmap_alignment);
	put_be64(b + 32, lu->max_write_same_blocks);
	put_be32(b + 40, lu->max_atomic_blocks);
	put_be32(b + 44, lu->atomic_alignment);
	put_be32(b + 48, lu->atomic_granularity);
	wr_bytes(w, b, sizeof(b));
}

static void put_characteristics(struct writer *w, const struct lu_info *lu)
{
	uint8_t b[60] = { 0 };

	put_be16(b, lu->rotational ? 0 : 1); /* not reported; non-rotating medium */
	/* WABEREQ: after a block erase reads work and need no write first */
	if (lu->lbpme && lu_supports(lu, &scsi_ops[CMD_SANITIZE_BLOCK_ERASE]))
		b[3] = 0x40;
	/* WACEREQ: the same after a cryptographic erase */
	if (lu_supports(lu, &scsi_ops[CMD_SANITIZE_CRYPTO_ERASE]))
		b[3] |= 0x10;
	wr_bytes(w, b, sizeof(b));
}

static void put_provisioning(struct writer *w, const struct lu_info *lu)
{
	static const struct {
		enum scsi_cmd cmd;
		uint8_t bit;
	} ways[] = {
		{ CMD_UNMAP, 0x80 },	     /* LBPU    */
		{ CMD_WRITE_SAME_16, 0x40 }, /* LBPWS   */
		{ CMD_WRITE_SAME_10, 0x20 }, /* LBPWS10 */
	};
	uint8_t flags = lu->lbprz ? 0x04 : 0x00; /* LBPRZ = 001b; ANC_SUP = 0 */

	for (size_t i = 0; lu->lbpme && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (lu_supports(lu, &scsi_ops[ways[i].cmd]))
			flags |= ways[i].bit;
	wr_u8(w, 0); /* no threshold sets, so no log page of them either */
	wr_u8(w, flags);
	wr_u8(w, lu->lbpme ? 0x02 : 0x00); /* thin; else fully provisioned */
	wr_u8(w, 0);
}

/* ---- 8Fh, wire-format 5.2; every descriptor is a multiple of four bytes ---- */

enum {
	TPC_DESC_LIMITS = 0x0000,
	TPC_DESC_COMMANDS = 0x0001,
	TPC_DESC_PARAMETERS = 0x0004,
	TPC_DESC_DESCRIPTORS = 0x0008,
	TPC_DESC_CSCD_IDS = 0x000c,
	TPC_DESC_ROD_FEATURES = 0x0106,
	TPC_DESC_ROD_TYPES = 0x0108,
	TPC_DESC_GENERAL = 0x8001,
};
#define TPC_PAGE_MAX	   1020
#define ROD_TYPE_ENTRY_LEN 64
#define TOKEN_OUT	   0x01
#define TOKEN_IN	   0x02

static void put_limits(struct writer *w, const struct lu_info *lu)
{
	const struct tpc_limits *l = &lu->limits;

	wr_be16(w, TPC_DESC_LIMITS);
	wr_be16(w, 0x20);
	wr_zero(w, 6);
	wr_be16(w, l->max_ranges);
	wr_be32(w, l->max_timeout);
	wr_be32(w, l->default_timeout);
	wr_be64(w, l->max_token_bytes / lu->block_size);
	wr_be64(w, l->optimal_bytes / lu->block_size);
}

/* One entry: opcode, number of service actions, service actions ascending. */
static void put_opcode_sas(struct writer *w, const struct lu_info *lu, uint8_t opcode)
{
	uint8_t entry[2 + CMD_COUNT] = { opcode, 0 };

	for (int i = 0; i < CMD_COUNT; i++) {
		const struct scsi_op *op = &scsi_ops[i];

		if (op->opcode == opcode && lu_supports(lu, op))
			entry[2 + entry[1]++] = op->sa;
	}
	if (entry[1])
		wr_bytes(w, entry, 2 + (size_t)entry[1]);
}

static void put_commands(struct writer *w, const struct lu_info *lu)
{
	size_t start = w->len;
	uint8_t list_len;

	wr_be16(w, TPC_DESC_COMMANDS);
	wr_be16(w, 0);
	wr_u8(w, 0);
	put_opcode_sas(w, lu, 0x83);
	put_opcode_sas(w, lu, 0x84);
	list_len = (uint8_t)(w->len - start - 5); /* without the padding */
	wr_at(w, start + 4, &list_len, 1);
	wr_zero(w, (4 - (w->len - start) % 4) % 4);
	wr_be16_at(w, start + 2, (uint16_t)(w->len - start - 4));
}

/* The three of EXTENDED COPY. */
static void put_xcopy(struct writer *w)
{
	wr_be16(w, TPC_DESC_PARAMETERS);
	wr_be16(w, 0x1c);
	wr_zero(w, 4);
	wr_be16(w, XCOPY_MAX_CSCDS);
	wr_be16(w, XCOPY_MAX_SEGMENTS);
	wr_be32(w, XCOPY_MAX_LIST);
	wr_zero(w, 16); /* no inline data */
	wr_be16(w, TPC_DESC_DESCRIPTORS);
	wr_be16(w, 8);
	wr_u8(w, sizeof(xcopy_descriptors));
	wr_bytes(w, xcopy_descriptors, sizeof(xcopy_descriptors));
	wr_zero(w, 3);
	wr_be16(w, TPC_DESC_CSCD_IDS);
	wr_be16(w, 4);
	wr_be16(w, 2);
	wr_be16(w, XCOPY_ID_THIS_LU);
}

/* Whole blocks only, so that 0106h and 0000h agree. */
static uint64_t in_blocks(const struct lu_info *lu, uint64_t bytes)
{
	return bytes - bytes % lu->block_size;
}

static void put_rod_features(struct writer *w, const struct lu_info *lu)
{
	const struct tpc_limits *l = &lu->limits;
	uint64_t optimal = in_blocks(lu, l->optimal_bytes);

	wr_be16(w, TPC_DESC_ROD_FEATURES);
	wr_be16(w, 0x5c);
	wr_zero(w, 12);			/* REMOTE TOKENS 0: ours only     */
	wr_be32(w, l->default_timeout); /* MINIMUM TOKEN LIFETIME         */
	wr_be32(w, l->max_timeout);	/* MAXIMUM TOKEN LIFETIME         */
	wr_be32(w, l->max_timeout);	/* MAXIMUM TOKEN INACTIVITY       */
	wr_zero(w, 18);
	wr_be16(w, 0x30);
	wr_be16(w, 0x0000); /* block device entry */
	wr_be16(w, 0x2c);
	wr_be16(w, 0);
	wr_be16(w, (uint16_t)(l->optimal_granularity / lu->block_size));
	wr_be64(w, in_blocks(lu, l->max_token_bytes));
	wr_be64(w, optimal); /* OPTIMAL BYTES IN BLOCK ROD TRANSFER      */
	wr_be64(w, optimal); /* OPTIMAL BYTES TO TOKEN PER SEGMENT       */
	wr_be64(w, optimal); /* OPTIMAL BYTES FROM TOKEN PER SEGMENT     */
	wr_zero(w, 8);
}

static void put_rod_type(struct writer *w, uint32_t type, uint8_t flags, uint32_t preference)
{
	wr_be32(w, type);
	wr_u8(w, flags);
	wr_zero(w, 1);
	wr_be16(w, (uint16_t)preference);
	wr_zero(w, ROD_TYPE_ENTRY_LEN - 8);
}

/*
 * PREFERENCE INDICATOR, all zero or of all types together FFFFh.  One type that PT makes is
 * no choice; several share it, and what is left over goes to the first, which PT makes when
 * it is free to choose.  The zero token, which it never makes, has none.
 */
static uint32_t preference(size_t i, size_t n)
{
	uint32_t share = 0xffffu / (uint32_t)n;

	if (n == 1)
		return 0;
	return i == 0 ? 0xffffu - share * (uint32_t)(n - 1) : share;
}

static void put_rod_types(struct writer *w, const struct lu_info *lu)
{
	const struct tpc_limits *l = &lu->limits;
	const size_t max = sizeof(l->rod_types) / sizeof(l->rod_types[0]);
	size_t n = 0;

	while (n < max && l->rod_types[n])
		n++;
	wr_be16(w, TPC_DESC_ROD_TYPES);
	wr_be16(w, (uint16_t)(4 + ROD_TYPE_ENTRY_LEN * (n + 1)));
	wr_be16(w, 0);
	wr_be16(w, (uint16_t)(ROD_TYPE_ENTRY_LEN * (n + 1)));
	for (size_t i = 0; i < n; i++)
		put_rod_type(w, l->rod_types[i], TOKEN_IN | TOKEN_OUT, preference(i, n));
	put_rod_type(w, ROD_TYPE_ZERO, TOKEN_IN, 0);
}

static uint8_t log2_floor(uint32_t v)
{
	uint8_t n = 0;

	while (v >>= 1)
		n++;
	return n;
}

static void put_general(struct writer *w, const struct lu_info *lu)
{
	wr_be16(w, TPC_DESC_GENERAL);
	wr_be16(w, 0x20);
	wr_be32(w, lu->limits.max_copies);
	wr_be32(w, lu->limits.max_copies);
	wr_be32(w, 0); /* MAXIMUM SEGMENT LENGTH: no limit */
	wr_u8(w, log2_floor(lu->block_size));
	wr_zero(w, 19);
}

static void put_third_party_copy(struct writer *w, const struct lu_info *lu)
{
	size_t start = w->len;

	assert(lu->block_size > 0);
	put_limits(w, lu); /* first, or Windows does not see it */
	put_commands(w, lu);
	if (lu_supports(lu, &scsi_ops[CMD_EXTENDED_COPY_LID1]))
		put_xcopy(w);
	put_rod_features(w, lu);
	put_rod_types(w, lu);
	put_general(w, lu);
	assert(w->len - start + 4 <= TPC_PAGE_MAX);
}

static const struct vpd_page pages[] = {
	{ 0x00, put_list },
	{ 0x80, put_serial },
	{ 0x83, put_identification },
	{ 0x86, put_extended_inquiry },
	{ 0x8f, put_third_party_copy },
	{ 0xb0, put_block_limits },
	{ 0xb1, put_characteristics },
	{ 0xb2, put_provisioning },
};

static const struct vpd_page *find_page(uint8_t code, const struct lu_info *lu)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (pages[i].code == code)
			return code != 0x8f || lu->tpc ? &pages[i] : NULL;
	return NULL;
}

bool vpd_encode(struct writer *w, uint8_t page, const struct lu_info *lu)
{
	const struct vpd_page *p = find_page(page, lu);
	size_t start = w->len;

	if (!p)
		return false;
	wr_u8(w, 0); /* connected, direct access block device */
	wr_u8(w, page);
	wr_be16(w, 0);
	p->put(w, lu);
	wr_be16_at(w, start + 2, (uint16_t)(w->len - start - 4));
	return true;
}
