/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells of a TCP socket takes a hundred calls, which is most of what a table of
 * thousands costs. They are made by a team of threads; then the first thread judges what they have
 * found, in the order of the numbers, as if it had looked itself: the report and the images are the
 * same whoever has read, and what a helper could not read is read again there.
 *
 * Threads that share a table of descriptors count references at each call (__fget_light() in
 * fs/file.c), and write to the same words for it, which takes longer than what two of them save. So
 * each helper makes the table its own first (unshare(2) CLONE_FILES): in that copy the tool's
 * descriptors have the same numbers, and it ends with the thread. It is a thread that
 * /proc/thread-self shows, not the process. Without a table of its own a helper keeps no
 * descriptor open that the tool's table would then have, and goes the long way (probe.c).
 */
#include "engine/dump/survey.h"

#include <sched.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/team.h"
#include "objects/registry.h"

/* So many descriptors of which much is asked pay for the start of a thread. */
#define WORTH 48

struct member {
	struct prober own, *prober;
	struct arena arena, brief;
	struct proc_buf buf;
};

struct survey {
	struct dump_task *t;
	struct prober *first;
	size_t size; /* of the table */
	const int *fds;
	struct descriptor seen[SURVEY_WINDOW];
	struct member members[TEAM_MAX];
};

static int ask_class(struct file_probe *p, const struct reader *r)
{
	for (size_t i = 0; file_classes[i]; i++) {
		int ret;

		if (!file_classes[i]->ask || !file_classes[i]->match(p))
			continue;
		ret = file_classes[i]->ask(p, r, &p->answers);
		if (ret == 0)
			p->answered = file_classes[i];
		return ret;
	}
	return 0;
}

int probe_ask(struct file_probe *p, const struct reader *r)
{
	int ret;

	if (p->asked || p->fd < 0 || p->info.flags & O_PATH)
		return 0;
	p->signal = fcntl(p->local, F_GETSIG);
	if (p->signal < 0 || fcntl(p->local, F_GETOWN_EX, &p->owner) < 0)
		return err_sys(r->err, "fcntl", "can't read the owner of descriptor %d (%s)", p->fd,
			       p->link.path);
	ret = ask_class(p, r);
	p->asked = ret == 0;
	return ret;
}

static struct prober *prober_of(struct survey *v, size_t who)
{
	struct member *m = &v->members[who];

	if (m->prober)
		return m->prober;
	m->prober = who ? &m->own : v->first;
	if (!who)
		return m->prober;
	m->own = (struct prober)PROBER_INIT;
	if (unshare(CLONE_FILES) == 0)
		prober_begin(&m->own, v->t->dump, v->size);
	return m->prober;
}

static int look(void *data, size_t who, size_t part)
{
	struct survey *v = data;
	struct member *m = &v->members[who];
	struct reader r = { &m->arena, &m->brief, &m->buf, NULL };
	struct descriptor *s = &v->seen[part];
	int ret = probe_fd(prober_of(v, who), &r, v->t, v->fds[part], &s->probe, &s->ask_cloexec);

	if (ret == 0 && !file_may_be_known(&s->probe))
		ret = probe_ask(&s->probe, &r);
	close_fd(&s->probe.local);
	s->seen = ret == 0;
	return 0;
}

struct survey *survey_begin(struct dump_task *t, struct prober *pr, size_t n)
{
	struct survey *v;

	if (t->dump->examining || team_size(n, WORTH) < 2)
		return NULL;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->t = t;
	v->first = pr;
	v->size = n;
	return v;
}

static void forget(struct survey *v)
{
	for (size_t i = 0; i < TEAM_MAX; i++) {
		arena_free(&v->members[i].brief);
		hash_free(&v->members[i].own.fs_magic);
		v->members[i].prober = NULL;
	}
}

const struct descriptor *survey_look(struct survey *v, const int *fds, size_t n)
{
	forget(v);
	v->fds = fds;
	team_run(team_size(n, WORTH), n, look, v);
	return v->seen;
}

void survey_end(struct survey *v)
{
	if (!v)
		return;
	forget(v);
	for (size_t i = 0; i < TEAM_MAX; i++) {
		arena_adopt(dump_arena(v->t->dump), &v->members[i].arena);
		proc_buf_free(&v->members[i].buf);
	}
	free(v);
}
