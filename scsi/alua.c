/* SPDX-License-Identifier: Apache-2.0 */
#include "alua.h"

#include <assert.h>

#define PREF		     0x80
#define RTPG_EXTENDED	     0x10 /* RETURN DATA FORMAT 001b, byte 4 */
#define RTPG_HEADER	     4
#define RTPG_EXTENDED_HEADER 8
#define GROUP_LEN	     8
#define PORT_LEN	     4
#define TMFS_EXTENDED_LEN    12

static void put_group(struct writer *w, const struct alua_group *g)
{
	assert(g->nports <= ALUA_MAX_PORTS);
	wr_u8(w, (g->preferred ? PREF : 0) | (g->state & 0x0f));
	wr_u8(w, g->supported);
	wr_be16(w, g->tag);
	wr_u8(w, 0);
	wr_u8(w, g->status);
	wr_u8(w, g->vendor);
	wr_u8(w, (uint8_t)g->nports);
	for (unsigned i = 0; i < g->nports; i++) {
		wr_be16(w, 0);
		wr_be16(w, g->ports[i]);
	}
}

void rtpg_encode(struct writer *w, bool extended, uint8_t transition_s,
		 const struct alua_group *groups, unsigned n)
{
	size_t start = w->len;

	wr_be32(w, 0);
	if (extended) {
		wr_u8(w, RTPG_EXTENDED);
		wr_u8(w, transition_s);
		wr_be16(w, 0);
	}
	for (unsigned i = 0; i < n; i++)
		put_group(w, &groups[i]);
	wr_be32_at(w, start, (uint32_t)(w->len - start - RTPG_HEADER));
}

/*
 * In the length-only form byte 4 is the first group's PREF and state, whose bits 6:4
 * are reserved: the two can be told apart (SPC-4 6.37).
 */
static size_t header_len(const uint8_t *p, size_t end)
{
	return end > RTPG_HEADER && (p[RTPG_HEADER] & 0x70) == RTPG_EXTENDED ? RTPG_EXTENDED_HEADER
									     : RTPG_HEADER;
}

bool rtpg_next(const uint8_t *p, size_t len, size_t *pos, struct alua_group *ret)
{
	struct alua_group g = { 0 };
	size_t end, at;

	if (len < RTPG_HEADER)
		return false;
	end = (size_t)get_be32(p) + RTPG_HEADER;
	if (end > len)
		end = len;
	at = *pos ? *pos : header_len(p, end);
	if (at > end || end - at < GROUP_LEN)
		return false;
	g.preferred = p[at] & PREF;
	g.state = p[at] & 0x0f;
	g.supported = p[at + 1];
	g.tag = get_be16(p + at + 2);
	g.status = p[at + 5];
	g.vendor = p[at + 6];
	g.nports = p[at + 7];
	at += GROUP_LEN;
	if (end - at < (size_t)g.nports * PORT_LEN)
		return false;
	for (unsigned i = 0; i < g.nports && i < ALUA_MAX_PORTS; i++)
		g.ports[i] = get_be16(p + at + i * PORT_LEN + 2);
	*pos = at + (size_t)g.nports * PORT_LEN;
	*ret = g;
	return true;
}

void report_tmfs_encode(struct writer *w, bool extended, uint8_t functions)
{
	wr_u8(w, functions);
	wr_be16(w, 0);
	wr_u8(w, extended ? TMFS_EXTENDED_LEN : 0);
	if (extended)
		wr_zero(w, TMFS_EXTENDED_LEN); /* TMFTMOV 0 */
}

bool report_tmfs_decode(const uint8_t *p, size_t len, uint8_t *ret_functions)
{
	if (len < 4)
		return false;
	*ret_functions = p[0];
	return true;
}
