/* SPDX-License-Identifier: Apache-2.0 */
#include "copy_pace.h"

#define WINDOW_FIRST 2u /* chunks in flight before the first came back */

void pace_init(struct pace *p, unsigned most)
{
	*p = (struct pace) { .window = WINDOW_FIRST < most ? WINDOW_FIRST : most, .most = most };
}

void pace_start(struct pace *p, uint64_t now, uint64_t len)
{
	if (p->active++ == 0)
		p->since = now;
	p->flying += len;
}

void pace_land(struct pace *p, uint64_t now, uint64_t len)
{
	p->flying -= len;
	p->landed += len;
	if (--p->active == 0)
		p->busy += now - p->since;
	if (p->window < p->most)
		p->window++;
}

bool pace_too_late(const struct pace *p, uint64_t now, uint64_t len, uint64_t deadline)
{
	uint64_t busy = p->busy + (p->active ? now - p->since : 0);
	double left;

	if (!deadline || !p->landed)
		return false;
	left = (double)busy / (double)p->landed * (double)(p->flying + len);
	return (double)now + left > (double)deadline;
}

uint64_t pace_graft(uint64_t most, uint64_t took)
{
	most = took <= PACE_GRAFT_QUICK ? most * 4 : most / 4;
	if (most < PACE_GRAFT_MIN)
		return PACE_GRAFT_MIN;
	return most < PACE_GRAFT_MAX ? most : PACE_GRAFT_MAX;
}

bool pace_disturbed(const struct bs_load *load, uint64_t now)
{
	return load && (load->running > 0 || (load->last && now - load->last < PACE_QUIET_NS));
}

uint64_t rate_wait(const struct copy_rate *r, uint64_t now)
{
	return r->limit && r->next > now ? r->next - now : 0;
}

void rate_take(struct copy_rate *r, uint64_t now, uint64_t len)
{
	uint64_t from = now > RATE_BURST_NS ? now - RATE_BURST_NS : 0;

	if (!r->limit)
		return;
	if (r->next < from)
		r->next = from;
	r->next += (uint64_t)((double)len * 1e9 / (double)r->limit);
}
