/* SPDX-License-Identifier: Apache-2.0 */
#include "mode.h"

enum { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

#define PAGE_ALL    0x3f
#define SUBPAGE_ALL 0xff
#define PAGE_MAX    20 /* the longest page with its header */

#define DSP_WP	    0x80
#define DSP_DPOFUA  0x10

/* Where a host's values stand in the pages. */
#define WCE_BYTE     2
#define WCE_BIT	     0x04
#define D_SENSE_BYTE 2
#define D_SENSE_BIT  0x04
#define SWP_BYTE     4
#define SWP_BIT	     0x08

/*
 * A mode page: the constant bytes, and how the state goes in and comes out.
 * What put() sets with every value true is exactly what a host can change.
 */
struct mode_page {
	uint8_t code, len; /* len: PAGE LENGTH + 2 */
	uint8_t bytes[PAGE_MAX];
	void (*put)(uint8_t *page, const struct mode_state *s);
	void (*get)(const uint8_t *page, struct mode_state *s);
};

static void caching_put(uint8_t *page, const struct mode_state *s)
{
	if (s->wce)
		page[WCE_BYTE] |= WCE_BIT;
}

static void caching_get(const uint8_t *page, struct mode_state *s)
{
	s->wce = page[WCE_BYTE] & WCE_BIT;
}

static void control_put(uint8_t *page, const struct mode_state *s)
{
	if (s->d_sense)
		page[D_SENSE_BYTE] |= D_SENSE_BIT;
	if (s->swp)
		page[SWP_BYTE] |= SWP_BIT;
}

static void control_get(const uint8_t *page, struct mode_state *s)
{
	s->d_sense = page[D_SENSE_BYTE] & D_SENSE_BIT;
	s->swp = page[SWP_BYTE] & SWP_BIT;
}

static const struct mode_page pages[] = {
	{ .code = 0x01, .len = 12 }, /* read-write error recovery: defaults */
	{ .code = 0x02, .len = 16 }, /* disconnect-reconnect                */
	{ .code = 0x08, .len = 20, .put = caching_put, .get = caching_get },
	/*
	 * Control: GLTSD; unrestricted reordering, QERR=0; TAS=0; BUSY TIMEOUT
	 * PERIOD unlimited.
	 */
	{ .code = 0x0a,
	  .len = 12,
	  .bytes = { [2] = 0x02, [3] = 0x10, [8] = 0xff, [9] = 0xff },
	  .put = control_put,
	  .get = control_get },
	/* Informational exceptions: DEXCPT, we have none to report */
	{ .code = 0x1c, .len = 12, .bytes = { [2] = 0x08 } },
};
#define NPAGES (sizeof(pages) / sizeof(pages[0]))

static void build(const struct mode_page *p, const struct mode_state *s, uint8_t out[PAGE_MAX])
{
	memcpy(out, p->bytes, PAGE_MAX);
	out[0] = p->code;
	out[1] = p->len - 2;
	if (p->put)
		p->put(out, s);
}

/* The page with ones in all bits that a host can change (SPC-4 6.11.3). */
static void build_changeable(const struct mode_page *p, const struct mode_ctx *ctx,
			     uint8_t out[PAGE_MAX])
{
	const struct mode_state all = { .wce = ctx->can_wce, .d_sense = true, .swp = true };

	memset(out, 0, PAGE_MAX);
	out[0] = p->code;
	out[1] = p->len - 2;
	if (p->put)
		p->put(out, &all);
}

static uint8_t device_specific(const struct mode_ctx *ctx)
{
	return DSP_DPOFUA | (ctx->read_only || ctx->current.swp ? DSP_WP : 0);
}

/* SBC-3 6.4.2; no descriptor with DBD. */
static void put_block_descriptor(struct writer *w, const struct mode_ctx *ctx, bool longlba)
{
	if (longlba) {
		wr_be64(w, ctx->blocks);
		wr_be32(w, 0);
		wr_be32(w, ctx->block_size);
	} else {
		wr_be32(w, ctx->blocks < UINT32_MAX ? (uint32_t)ctx->blocks : UINT32_MAX);
		wr_be32(w, ctx->block_size & 0xffffff);
	}
}

static void put_header(struct writer *w, const struct scsi_cdb *cdb, const struct mode_ctx *ctx)
{
	bool ten = cdb->op->cmd == CMD_MODE_SENSE_10, longlba = ten && cdb->llbaa && !cdb->dbd;
	uint8_t bd_len = cdb->dbd ? 0 : longlba ? 16 : 8;

	if (ten)
		wr_u8(w, 0);
	wr_u8(w, 0); /* MODE DATA LENGTH, filled in later */
	wr_u8(w, 0); /* MEDIUM TYPE */
	wr_u8(w, device_specific(ctx));
	if (ten) {
		wr_u8(w, longlba ? 1 : 0);
		wr_zero(w, 2);
	}
	wr_u8(w, bd_len);
	if (bd_len)
		put_block_descriptor(w, ctx, longlba);
}

static void put_page(struct writer *w, const struct mode_page *p, uint8_t pc,
		     const struct mode_ctx *ctx)
{
	uint8_t out[PAGE_MAX];

	if (pc == PC_CHANGEABLE)
		build_changeable(p, ctx, out);
	else
		build(p, pc == PC_DEFAULT ? &ctx->defaults : &ctx->current, out);
	wr_bytes(w, out, p->len);
}

static const struct mode_page *find_page(uint8_t code)
{
	for (size_t i = 0; i < NPAGES; i++)
		if (pages[i].code == code)
			return &pages[i];
	return NULL;
}

struct sense mode_sense_encode(struct writer *w, const struct scsi_cdb *cdb,
			       const struct mode_ctx *ctx)
{
	size_t start = w->len;

	if (cdb->pc == PC_SAVED)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_SAVING_PARAMETERS_UNSUPPORTED);
	if (cdb->page != PAGE_ALL && !find_page(cdb->page))
		return sense_cdb(2);
	/* We have no subpages: 00h and "all of them" come to the same. */
	if (cdb->subpage != 0x00 && cdb->subpage != SUBPAGE_ALL)
		return sense_cdb(3);
	put_header(w, cdb, ctx);
	for (size_t i = 0; i < NPAGES; i++)
		if (cdb->page == PAGE_ALL || cdb->page == pages[i].code)
			put_page(w, &pages[i], cdb->pc, ctx);
	if (cdb->op->cmd == CMD_MODE_SENSE_10) {
		wr_be16_at(w, start, (uint16_t)(w->len - start - 2));
	} else {
		uint8_t n = (uint8_t)(w->len - start - 1);

		wr_at(w, start, &n, 1);
	}
	return sense_good();
}

static struct sense bad_list(size_t byte)
{
	return sense_pl(ASC_INVALID_FIELD_IN_PARAMETER_LIST, (uint16_t)byte);
}

static struct sense cut_list(void)
{
	return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
}

/* Zero and "as many as there are" leave the capacity alone (SBC-3 6.4.2). */
static struct sense judge_block_descriptor(const uint8_t *bd, size_t len, size_t at,
					   const struct mode_ctx *ctx)
{
	uint64_t blocks = len == 16 ? get_be64(bd) : get_be32(bd);
	uint64_t all = len == 16 ? UINT64_MAX : UINT32_MAX;
	size_t size_at = len == 16 ? 12 : 5;
	uint32_t size = len == 16 ? get_be32(bd + 12) : get_be24(bd + 5);

	if (blocks != 0 && blocks != all && blocks != ctx->blocks)
		return bad_list(at);
	if (size != 0 && size != ctx->block_size)
		return bad_list(at + size_at);
	return sense_good();
}

/* *ret_at: where the pages begin. */
static struct sense judge_header(const uint8_t *pl, size_t len, bool ten,
				 const struct mode_ctx *ctx, size_t *ret_at)
{
	size_t head = ten ? 8 : 4, bd_at = ten ? 6 : 3, bd_len;
	bool longlba;

	if (len < head)
		return cut_list();
	longlba = ten && (pl[4] & 1);
	bd_len = ten ? get_be16(pl + 6) : pl[3];
	if (pl[ten ? 2 : 1] != 0) /* MEDIUM TYPE */
		return bad_list(ten ? 2 : 1);
	if (bd_len != 0 && bd_len != (longlba ? 16 : 8))
		return bad_list(bd_at);
	if (len < head + bd_len)
		return cut_list();
	*ret_at = head + bd_len;
	return bd_len ? judge_block_descriptor(pl + head, bd_len, head, ctx) : sense_good();
}

/* One page at @at of @pl; *ret_len: its length. */
static struct sense judge_page(const uint8_t *pl, size_t len, size_t at, const struct mode_ctx *ctx,
			       struct mode_state *state, size_t *ret_len)
{
	uint8_t now[PAGE_MAX], may[PAGE_MAX];
	const struct mode_page *p;

	if (len - at < 2)
		return cut_list();
	if (pl[at] & 0x40) /* SPF: we have no subpages */
		return sense_pl_bit(ASC_INVALID_FIELD_IN_PARAMETER_LIST, (uint16_t)at, 6);
	p = find_page(pl[at] & 0x3f);
	if (!p)
		return bad_list(at);
	if (pl[at + 1] != p->len - 2)
		return bad_list(at + 1);
	if (len - at < p->len)
		return cut_list();
	build(p, &ctx->current, now);
	build_changeable(p, ctx, may);
	for (size_t i = 2; i < p->len; i++)
		if ((pl[at + i] ^ now[i]) & ~may[i])
			return bad_list(at + i);
	if (p->get)
		p->get(pl + at, state);
	*ret_len = p->len;
	return sense_good();
}

struct sense mode_select_decode(const uint8_t *pl, size_t len, const struct scsi_cdb *cdb,
				const struct mode_ctx *ctx, struct mode_state *ret_new)
{
	struct mode_state state = ctx->current;
	size_t at = 0, n = 0;
	struct sense s;

	if (cdb->sp)
		return sense_cdb_bit(1, 0);
	if (len > 0) {
		s = judge_header(pl, len, cdb->op->cmd == CMD_MODE_SELECT_10, ctx, &at);
		if (!sense_is_good(s))
			return s;
	}
	/* Without PF the pages would be in a vendor's own format. */
	if (at < len && !cdb->pf)
		return sense_cdb_bit(1, 4);
	for (; at < len; at += n) {
		s = judge_page(pl, len, at, ctx, &state, &n);
		if (!sense_is_good(s))
			return s;
	}
	*ret_new = state;
	return sense_good();
}

/* ---- for initiators ---- */

#define HEADER_6      4
#define QERR_BYTE     3
#define QERR_SHIFT    1
#define QERR_MASK     0x06
#define CONTROL_LEAST 12 /* SPC-4 7.5.8 */

bool mode_control_decode(const uint8_t *p, size_t len, struct mode_control *ret)
{
	struct mode_control c = { 0 };
	size_t end, at;

	if (len < HEADER_6)
		return false;
	c.wp = p[2] & DSP_WP;
	end = (size_t)p[0] + 1 < len ? (size_t)p[0] + 1 : len;
	at = HEADER_6 + (size_t)p[3];
	if (end >= at && end - at >= CONTROL_LEAST && (p[at] & 0x7f) == MODE_PAGE_CONTROL &&
	    p[at + 1] + 2u >= CONTROL_LEAST && p[at + 1] + 2u <= end - at) {
		c.page = p + at;
		c.page_len = p[at + 1] + 2u;
		c.tst = c.page[2] & 0xe0;
		c.d_sense = c.page[D_SENSE_BYTE] & D_SENSE_BIT;
		c.qerr = (c.page[QERR_BYTE] & QERR_MASK) >> QERR_SHIFT;
		c.swp = c.page[SWP_BYTE] & SWP_BIT;
	}
	*ret = c;
	return true;
}

size_t mode_control_encode(uint8_t *pl, size_t cap, const struct mode_control *c, uint8_t qerr)
{
	struct writer w = writer(pl, cap);
	size_t at = HEADER_6;
	uint8_t byte;

	if (!c->page)
		return 0;
	wr_zero(&w, HEADER_6); /* no block descriptor; the rest is reserved here */
	wr_bytes(&w, c->page, c->page_len);
	byte = c->page[0] & 0x3f; /* PS is reserved in MODE SELECT */
	wr_at(&w, at, &byte, 1);
	byte = (uint8_t)((c->page[QERR_BYTE] & ~QERR_MASK) | qerr << QERR_SHIFT);
	wr_at(&w, at + QERR_BYTE, &byte, 1);
	return w.len;
}
