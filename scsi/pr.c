/* SPDX-License-Identifier: Apache-2.0 */
#include "pr.h"

#define HEAD_LEN	 8 /* PRGENERATION, ADDITIONAL LENGTH */
#define RESERVATION_LEN	 16
#define CAPABILITIES_LEN 8
#define STATUS_LEN	 24 /* a full status descriptor before its TransportID */
#define TRANSPORT_ISCSI	 0x05
#define TRANSPORT_DEVICE 0x00 /* FORMAT CODE 00b: a device's name */
#define TRANSPORT_PORT	 0x40 /* 01b: a port's, with the ISID     */
#define TRANSPORT_HEAD	 4
#define TRANSPORT_MIN	 20 /* ADDITIONAL LENGTH */

bool pr_type_valid(uint8_t type)
{
	return type == PR_WRITE_EXCLUSIVE || type == PR_EXCLUSIVE_ACCESS ||
	       pr_type_registrants_only(type) || pr_type_all_registrants(type);
}

bool pr_type_exclusive_access(uint8_t type)
{
	return type == PR_EXCLUSIVE_ACCESS || type == PR_EXCLUSIVE_ACCESS_RO ||
	       type == PR_EXCLUSIVE_ACCESS_AR;
}

bool pr_type_registrants_only(uint8_t type)
{
	return type == PR_WRITE_EXCLUSIVE_RO || type == PR_EXCLUSIVE_ACCESS_RO;
}

bool pr_type_all_registrants(uint8_t type)
{
	return type == PR_WRITE_EXCLUSIVE_AR || type == PR_EXCLUSIVE_ACCESS_AR;
}

/* ---- PERSISTENT RESERVE OUT ---- */

struct sense pr_out_decode(const uint8_t *pl, size_t len, struct pr_out *ret)
{
	struct pr_out p;

	if (len < PR_OUT_LEN)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	p.key = get_be64(pl);
	p.sa_key = get_be64(pl + 8);
	p.spec_i_pt = pl[20] & 0x08;
	p.all_tg_pt = pl[20] & 0x04;
	p.aptpl = pl[20] & 0x01;
	if (len != PR_OUT_LEN && !p.spec_i_pt)
		return sense_make(KEY_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH_ERROR);
	*ret = p;
	return sense_good();
}

void pr_out_encode(const struct pr_out *p, uint8_t ret[PR_OUT_LEN])
{
	memset(ret, 0, PR_OUT_LEN);
	put_be64(ret, p->key);
	put_be64(ret + 8, p->sa_key);
	ret[20] = (uint8_t)((p->spec_i_pt ? 0x08 : 0) | (p->all_tg_pt ? 0x04 : 0) |
			    (p->aptpl ? 0x01 : 0));
}

/* ---- PERSISTENT RESERVE IN, encoding ---- */

static void put_head(struct writer *w, uint32_t generation, size_t len)
{
	wr_be32(w, generation);
	wr_be32(w, (uint32_t)len);
}

void pr_keys_encode(struct writer *w, uint32_t generation, const uint64_t *keys, unsigned n)
{
	put_head(w, generation, (size_t)n * 8);
	for (unsigned i = 0; i < n; i++)
		wr_be64(w, keys[i]);
}

void pr_reservation_encode(struct writer *w, uint32_t generation, uint8_t type, uint64_t key)
{
	put_head(w, generation, type == PR_NONE ? 0 : RESERVATION_LEN);
	if (type == PR_NONE)
		return;
	wr_be64(w, key);
	wr_zero(w, 5);
	wr_u8(w, type); /* SCOPE 0h: the logical unit */
	wr_zero(w, 2);
}

/* Where a type's bit stands in PERSISTENT RESERVATION TYPE MASK (SPC-4 table 165). */
static const struct {
	uint8_t type;
	uint16_t bit;
} type_bits[] = {
	{ PR_WRITE_EXCLUSIVE, 0x0200 },	   { PR_EXCLUSIVE_ACCESS, 0x0800 },
	{ PR_WRITE_EXCLUSIVE_RO, 0x2000 }, { PR_EXCLUSIVE_ACCESS_RO, 0x4000 },
	{ PR_WRITE_EXCLUSIVE_AR, 0x8000 }, { PR_EXCLUSIVE_ACCESS_AR, 0x0001 },
};
#define NTYPES (sizeof(type_bits) / sizeof(type_bits[0]))

void pr_capabilities_encode(struct writer *w, const struct pr_capabilities *c)
{
	uint16_t mask = 0;

	for (size_t i = 0; i < NTYPES; i++)
		if (c->types >> type_bits[i].type & 1)
			mask |= type_bits[i].bit;
	wr_be16(w, CAPABILITIES_LEN);
	wr_u8(w, (uint8_t)((c->crh ? 0x10 : 0) | (c->sip_c ? 0x08 : 0) | (c->atp_c ? 0x04 : 0) |
			   (c->ptpl_c ? 0x01 : 0)));
	wr_u8(w, (uint8_t)((c->tmv ? 0x80 : 0) | (c->allow_commands & 7) << 4 |
			   (c->ptpl_a ? 0x01 : 0)));
	wr_be16(w, mask);
	wr_zero(w, 2);
}

/*
 * The name with its NUL, padded to a multiple of four and at least 20 bytes.  The
 * length is known before, so that the descriptor's own length can be.
 */
static size_t transport_id_len(const char *initiator)
{
	size_t n = (strlen(initiator) + 1 + 3) & ~(size_t)3;

	return TRANSPORT_HEAD + (n < TRANSPORT_MIN ? TRANSPORT_MIN : n);
}

static void put_transport_id(struct writer *w, const char *initiator)
{
	size_t len = transport_id_len(initiator), n = strlen(initiator);
	bool port = strstr(initiator, ",i,0x") != NULL;

	wr_u8(w, TRANSPORT_ISCSI | (port ? TRANSPORT_PORT : TRANSPORT_DEVICE));
	wr_u8(w, 0);
	wr_be16(w, (uint16_t)(len - TRANSPORT_HEAD));
	wr_bytes(w, initiator, n);
	wr_zero(w, len - TRANSPORT_HEAD - n);
}

void pr_full_status_encode(struct writer *w, uint32_t generation, const struct pr_status *list,
			   unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += STATUS_LEN + transport_id_len(list[i].initiator);
	put_head(w, generation, len);
	for (unsigned i = 0; i < n; i++) {
		const struct pr_status *s = &list[i];

		wr_be64(w, s->key);
		wr_zero(w, 4);
		wr_u8(w, (uint8_t)((s->all_tg_pt ? 0x02 : 0) | (s->holder ? 0x01 : 0)));
		wr_u8(w, s->holder ? s->type : 0);
		wr_zero(w, 4);
		wr_be16(w, s->rtpi);
		wr_be32(w, (uint32_t)transport_id_len(s->initiator));
		put_transport_id(w, s->initiator);
	}
}

/* ---- PERSISTENT RESERVE IN, decoding ---- */

bool pr_head_decode(const uint8_t *p, size_t len, uint32_t *ret_generation, uint32_t *ret_len)
{
	if (len < HEAD_LEN)
		return false;
	*ret_generation = get_be32(p);
	*ret_len = get_be32(p + 4);
	return true;
}

/* How many bytes of the list there are: what came, and no more than it has. */
static size_t list_end(const uint8_t *p, size_t len)
{
	uint32_t generation, more;

	if (!pr_head_decode(p, len, &generation, &more))
		return 0;
	return more < len - HEAD_LEN ? HEAD_LEN + (size_t)more : len;
}

bool pr_key_decode(const uint8_t *p, size_t len, unsigned i, uint64_t *ret)
{
	size_t end = list_end(p, len);

	if (end < HEAD_LEN || i >= (end - HEAD_LEN) / 8)
		return false;
	*ret = get_be64(p + HEAD_LEN + (size_t)i * 8);
	return true;
}

bool pr_reservation_decode(const uint8_t *p, size_t len, uint8_t *ret_type, uint64_t *ret_key)
{
	uint32_t generation, more;

	if (!pr_head_decode(p, len, &generation, &more))
		return false;
	if (more == 0) {
		*ret_type = PR_NONE;
		*ret_key = 0;
		return true;
	}
	if (list_end(p, len) < HEAD_LEN + RESERVATION_LEN)
		return false;
	*ret_key = get_be64(p + HEAD_LEN);
	*ret_type = p[HEAD_LEN + 13] & 0x0f;
	return true;
}

bool pr_capabilities_decode(const uint8_t *p, size_t len, struct pr_capabilities *ret)
{
	struct pr_capabilities c;
	uint16_t mask;

	if (len < CAPABILITIES_LEN || get_be16(p) < CAPABILITIES_LEN)
		return false;
	mask = get_be16(p + 4);
	c = (struct pr_capabilities) {
		.crh = p[2] & 0x10,
		.sip_c = p[2] & 0x08,
		.atp_c = p[2] & 0x04,
		.ptpl_c = p[2] & 0x01,
		.ptpl_a = p[3] & 0x01,
		.tmv = p[3] & 0x80,
		.allow_commands = p[3] >> 4 & 7,
	};
	for (size_t i = 0; i < NTYPES; i++)
		if (mask & type_bits[i].bit)
			c.types |= (uint16_t)(1u << type_bits[i].type);
	*ret = c;
	return true;
}

/* The name in a TransportID of @len bytes; NULL: another protocol, or not ended. */
static const char *transport_name(const uint8_t *p, size_t len)
{
	if (len <= TRANSPORT_HEAD || (p[0] & 0x0f) != TRANSPORT_ISCSI ||
	    get_be16(p + 2) > len - TRANSPORT_HEAD ||
	    !memchr(p + TRANSPORT_HEAD, 0, get_be16(p + 2)))
		return NULL;
	return (const char *)p + TRANSPORT_HEAD;
}

bool pr_full_status_next(const uint8_t *p, size_t len, size_t *pos, struct pr_status *ret)
{
	size_t end = list_end(p, len), at = *pos;
	uint32_t more;

	if (at > end || end - at < STATUS_LEN)
		return false;
	more = get_be32(p + at + 20);
	if (more > end - at - STATUS_LEN)
		return false;
	*ret = (struct pr_status) {
		.key = get_be64(p + at),
		.all_tg_pt = p[at + 12] & 0x02,
		.holder = p[at + 12] & 0x01,
		.type = p[at + 13] & 0x0f,
		.rtpi = get_be16(p + at + 18),
		.initiator = transport_name(p + at + STATUS_LEN, more),
	};
	*pos = at + STATUS_LEN + more;
	return true;
}
