/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of AIO contexts that wait for a file (IOCB_CMD_POLL, Linux 4.18): with them a program
 * uses a context as others use epoll(7), so they never end while nothing comes. They have had no
 * effect yet, and the program still has what it asked for where it gave it (aio_kernel.c looks): so
 * its restored leader gives the same again, as the last thing that its program does.
 *
 * The ring's pages are read later than the requests. An event that came in between is in the ring,
 * behind the tail that it had then, and its request is not given again.
 */
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "image/constants.h"
#include "objects/memory/aio.h"
#include "objects/memory/areas.h"
#include "objects/restored.h"

void aio_polls_save(struct dump_task *t, uint64_t id, uint32_t tail, uint64_t *requests, size_t n)
{
	struct arena *a = dump_arena(t->dump);
	CrtoolsAioPolls *e = arena_msg(a, CrtoolsAioPolls, crtools_aio_polls);

	e->has_context = e->has_tail = true;
	e->context = id;
	e->tail = tail;
	e->request = requests;
	e->n_request = n;
	arena_push(a, t->extra->aio_polls, t->extra->n_aio_polls, e);
}

/* --- restore ------------------------------------------------------------------------------------ */

static const VmaEntry *ring_of(const struct restore_task *t, const CrtoolsAioPolls *e)
{
	for (size_t i = 0; i < t->n_vmas; i++)
		if (t->vmas[i].e->status & VMA_AREA_AIORING && t->vmas[i].e->start == e->context)
			return t->vmas[i].e;
	return NULL;
}

static void take_out(CrtoolsAioPolls *e, uint64_t request)
{
	for (size_t i = 0; i < e->n_request; i++)
		if (e->request[i] == request) {
			e->request[i] = e->request[--e->n_request];
			return;
		}
}

static int leave_out_ended(struct restore_task *t, CrtoolsAioPolls *e, const VmaEntry *v)
{
	size_t length = v->end - v->start;
	_cleanup_free_ unsigned char *saved = malloc(length);
	const struct aio_header *h = (const void *)saved;
	int ret;

	if (!saved)
		return err_set(restore_err(t->r), ERR_RESOURCE, ENOMEM, "no memory for a ring");
	ret = aio_read_saved(t, v, length, saved);
	if (ret < 0)
		return ret;
	if (!aio_header_fits(h, length) || e->tail >= h->nr || e->n_request >= h->nr)
		return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
				 "AIO context %llx can't have %zu requests behind event %u",
				 (unsigned long long)e->context, e->n_request, e->tail);
	for (uint32_t i = e->tail; i != h->tail; i = (i + 1) % h->nr)
		take_out(e, ((const struct io_event *)(h + 1))[i].obj);
	return 0;
}

int aio_polls_check(struct restore_task *t)
{
	int ret = 0;

	for (size_t i = 0; t->extra && ret == 0 && i < t->extra->n_aio_polls; i++) {
		CrtoolsAioPolls *e = t->extra->aio_polls[i];
		const VmaEntry *v = ring_of(t, e);

		ret = v ? leave_out_ended(t, e, v)
			: image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
				    "requests of an AIO context at %llx, where none is",
				    (unsigned long long)e->context);
	}
	return ret;
}

int aio_polls_emit(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;

	program_stage(p, STAGE_LAST);
	for (size_t i = 0; t->extra && i < t->extra->n_aio_polls; i++) {
		const CrtoolsAioPolls *e = t->extra->aio_polls[i];
		uint64_t list = area_put(p->area, e->request, e->n_request * sizeof(*e->request));

		program_note(p, "requests of AIO context %llx that waited",
			     (unsigned long long)e->context);
		if (e->n_request)
			program_want(p,
				     program_call(p, SYS_io_submit, IMM(e->context),
						  IMM(e->n_request), AREA(list)),
				     (int64_t)e->n_request);
	}
	return 0;
}
