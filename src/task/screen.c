/* SPDX-License-Identifier: Apache-2.0 */
/* See screen.h. */
#include "task/screen.h"

#include <errno.h>
#include <linux/rseq.h>
#include <stddef.h>
#include <sys/ptrace.h>

#include "kernel/ptrace.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

static int suspend_seccomp(const struct thread_stop *t, bool confined, struct err *err)
{
	/* One that is not confined may be so after the visit's own calls: worth a try. */
	int ret =
		ptrace_set_options(t->tid, PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP, NULL);

	if (ret == 0 || !confined)
		return 0;
	return err_set(
		err, ERR_PERMISSION, -ret,
		"thread %d is confined by seccomp, and suspending that takes CAP_SYS_ADMIN in "
		"the first user namespace and no seccomp filter around crtools itself",
		t->tid);
}

static int suspend_dispatch(const struct thread_stop *t, struct screen *s, struct err *err)
{
	const struct ptrace_dispatch off = { 0 };

	s->dispatch.mode = 0;
	if (ptrace_get_dispatch(t->tid, &s->dispatch, NULL) < 0 || !s->dispatch.mode)
		return 0;
	if (ptrace_set_dispatch(t->tid, &off, NULL) < 0)
		return err_sys(err, "ptrace",
			       "can't suspend the syscall user dispatch of thread %d", t->tid);
	return 0;
}

static void remember_section(const struct proc_stop *p, const struct thread_stop *t,
			     struct screen *s)
{
	struct ptrace_rseq conf;

	s->rseq_at = s->rseq_section = 0;
	if (ptrace_get_rseq(t->tid, &conf, NULL) < 0 || !conf.pointer)
		return;
	s->rseq_at = conf.pointer + offsetof(struct rseq, rseq_cs);
	if (mem_read(p->mem_fd, s->rseq_at, &s->rseq_section, sizeof(s->rseq_section)) < 0)
		s->rseq_section = 0;
}

int screen_put(const struct proc_stop *p, const struct thread_stop *t, bool confined,
	       struct screen *ret, struct err *err)
{
	struct screen s;
	int r = suspend_seccomp(t, confined, err);

	if (r == 0)
		r = suspend_dispatch(t, &s, err);
	if (r < 0)
		return r;
	remember_section(p, t, &s);
	*ret = s;
	return 0;
}

int screen_remove(const struct proc_stop *p, const struct thread_stop *t, const struct screen *s,
		  struct err *err)
{
	if (s->rseq_section)
		mem_write(p->mem_fd, s->rseq_at, &s->rseq_section, sizeof(s->rseq_section));
	if (s->dispatch.mode && ptrace_set_dispatch(t->tid, &s->dispatch, NULL) < 0)
		return err_sys(err, "ptrace",
			       "can't switch the syscall user dispatch of thread %d on again",
			       t->tid);
	return 0;
}
