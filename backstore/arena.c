/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A buddy allocator over pages of 4 KiB, in blocks of at most 1 MiB.  Its books
 * lie beside the memory, not in it: pages nobody uses are never touched.
 */
#include "arena.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "ring_impl.h"

#define ORDERS 9 /* 4 KiB << 8 == 1 MiB */
#define NONE   UINT32_MAX

_Static_assert(ARENA_MIN_PIECE << (ORDERS - 1) == ARENA_MAX_PIECE, "orders span the sizes");

enum page_state { PAGE_INNER, PAGE_FREE, PAGE_TAKEN };

struct page {
	uint32_t next, prev; /* in the free list of its order */
	uint8_t order;	     /* of the block that starts here  */
	uint8_t state;	     /* enum page_state               */
};

struct arena {
	struct ring *ring;
	char *mem;
	size_t bytes, used;
	struct page *pages;
	uint32_t free[ORDERS];
	int slots[RING_BUFS]; /* of the registered segments */
	unsigned nslots;
	bool registered;
	struct arena_waiter *first, *last;
	struct ring_timer serve;
};

static unsigned order_of(size_t len)
{
	unsigned order = 0;

	assert(len > 0 && len <= ARENA_MAX_PIECE);
	while (((size_t)ARENA_MIN_PIECE << order) < len)
		order++;
	return order;
}

static void list_add(struct arena *a, uint32_t i, unsigned order)
{
	struct page *p = &a->pages[i];

	*p = (struct page) {
		.next = a->free[order], .prev = NONE, .order = (uint8_t)order, .state = PAGE_FREE
	};
	if (p->next != NONE)
		a->pages[p->next].prev = i;
	a->free[order] = i;
}

static void list_del(struct arena *a, uint32_t i)
{
	struct page *p = &a->pages[i];

	if (p->prev != NONE)
		a->pages[p->prev].next = p->next;
	else
		a->free[p->order] = p->next;
	if (p->next != NONE)
		a->pages[p->next].prev = p->prev;
	p->state = PAGE_INNER;
}

static void *take(struct arena *a, unsigned order)
{
	unsigned o = order;
	uint32_t i;

	while (o < ORDERS && a->free[o] == NONE)
		o++;
	if (o == ORDERS)
		return NULL;
	i = a->free[o];
	list_del(a, i);
	while (o > order) {
		o--;
		list_add(a, i + (1u << o), o);
	}
	a->pages[i].order = (uint8_t)order;
	a->pages[i].state = PAGE_TAKEN;
	a->used += (size_t)ARENA_MIN_PIECE << order;
	return a->mem + (size_t)i * ARENA_MIN_PIECE;
}

static void serve_later(struct arena *a)
{
	if (a->first && !a->serve.armed)
		ring_timer_set(a->ring, &a->serve, 0);
}

/* Grants in order of arrival; who does not fit yet holds up those behind him. */
static void serve(struct ring_timer *timer)
{
	struct arena *a = (struct arena *)((char *)timer - offsetof(struct arena, serve));

	while (a->first) {
		struct arena_waiter *w = a->first;
		void *mem = take(a, order_of(w->len));

		if (!mem)
			return;
		arena_unwait(a, w);
		w->granted(w, mem);
	}
}

/* All or nothing: without it the arena works just as well, a little slower. */
static void register_all(struct arena *a)
{
	for (size_t at = 0; at < a->bytes; at += RING_BUF_MAX_LEN) {
		size_t len = a->bytes - at;
		int slot;

		if (len > RING_BUF_MAX_LEN)
			len = RING_BUF_MAX_LEN;
		slot = ring_buf_add(a->ring, a->mem + at, len);
		if (slot < 0)
			break;
		a->slots[a->nslots++] = slot;
	}
	a->registered = a->nslots == (a->bytes + RING_BUF_MAX_LEN - 1) / RING_BUF_MAX_LEN;
	if (!a->registered)
		while (a->nslots)
			ring_buf_remove(a->ring, a->slots[--a->nslots]);
}

int arena_new(struct arena **ret, struct ring *ring, size_t bytes)
{
	struct arena *a;
	size_t npages;

	assert(bytes > 0);
	if (__builtin_add_overflow(bytes, ARENA_MAX_PIECE - 1, &bytes))
		return -ENOMEM;
	bytes &= ~(size_t)(ARENA_MAX_PIECE - 1);
	npages = bytes / ARENA_MIN_PIECE;
	if (npages >= NONE)
		return -ENOMEM;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->pages = calloc(npages, sizeof(*a->pages));
	a->mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!a->pages || a->mem == MAP_FAILED)
		goto fail;
	a->ring = ring;
	a->bytes = bytes;
	a->serve.fn = serve;
	for (unsigned o = 0; o < ORDERS; o++)
		a->free[o] = NONE;
	for (size_t i = npages; i > 0; i -= ARENA_MAX_PIECE / ARENA_MIN_PIECE)
		list_add(a, (uint32_t)(i - ARENA_MAX_PIECE / ARENA_MIN_PIECE), ORDERS - 1);
	register_all(a);
	*ret = a;
	return 0;

fail:
	if (a->mem != MAP_FAILED)
		munmap(a->mem, bytes);
	free(a->pages);
	free(a);
	return -ENOMEM;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	assert(a->used == 0 && !a->first);
	ring_timer_cancel(a->ring, &a->serve);
	while (a->nslots)
		ring_buf_remove(a->ring, a->slots[--a->nslots]);
	munmap(a->mem, a->bytes);
	free(a->pages);
	free(a);
}

void *arena_get(struct arena *a, size_t len)
{
	return a->first ? NULL : take(a, order_of(len));
}

void arena_put(struct arena *a, void *mem, size_t len)
{
	uint32_t i = (uint32_t)((size_t)((char *)mem - a->mem) / ARENA_MIN_PIECE);
	unsigned order = order_of(len);

	assert((char *)mem >= a->mem && (char *)mem < a->mem + a->bytes);
	assert(a->pages[i].state == PAGE_TAKEN && a->pages[i].order == order);
	a->used -= (size_t)ARENA_MIN_PIECE << order;
	a->pages[i].state = PAGE_INNER;
	while (order < ORDERS - 1) {
		uint32_t buddy = i ^ (1u << order);

		if (a->pages[buddy].state != PAGE_FREE || a->pages[buddy].order != order)
			break;
		list_del(a, buddy);
		i &= ~(1u << order);
		order++;
	}
	list_add(a, i, order);
	serve_later(a);
}

void arena_wait(struct arena *a, struct arena_waiter *w)
{
	assert(!w->waiting && w->len > 0 && w->len <= ARENA_MAX_PIECE);
	w->next = NULL;
	w->prev = a->last;
	if (a->last)
		a->last->next = w;
	else
		a->first = w;
	a->last = w;
	w->waiting = true;
	serve_later(a);
}

void arena_unwait(struct arena *a, struct arena_waiter *w)
{
	if (!w->waiting)
		return;
	if (w->prev)
		w->prev->next = w->next;
	else
		a->first = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		a->last = w->prev;
	w->next = w->prev = NULL;
	w->waiting = false;
	serve_later(a); /* it may have been in somebody's way */
}

size_t arena_bytes(const struct arena *a)
{
	return a->bytes;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

bool arena_registered(const struct arena *a)
{
	return a->registered;
}

int arena_buf_index(const struct ring *ring, const void *mem, size_t len)
{
	uintptr_t at = (uintptr_t)mem;

	for (int i = 0; i < RING_BUFS; i++) {
		uintptr_t base = (uintptr_t)ring->bufs[i].base;
		size_t have = ring->bufs[i].len;

		if (at >= base && at - base < have && len <= have - (at - base))
			return i;
	}
	return -1;
}
