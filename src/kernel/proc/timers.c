/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/timers (show_timer() in fs/proc/base.c), four lines a timer:
 *	ID: 1
 *	signal: 60/00007fff86e452a8
 *	notify: signal/pid.2634
 *	ClockID: 0
 * "notify" is signal, none or
 * thread, then pid or tid, then the id in the reader's pid namespace. The value is "%px", so its
 * width is that of a pointer.
 */
#include <errno.h>
#include <signal.h>

#include "kernel/proc/list.h"
#include "kernel/proc/task.h"
#include "kernel/scan.h"

/* "notify: " has been read. */
static void parse_notify(struct scan *s, struct proc_timer *t)
{
	if (scan_try_str(s, "signal/"))
		t->notify = SIGEV_SIGNAL;
	else if (scan_try_str(s, "none/"))
		t->notify = SIGEV_NONE;
	else if (scan_try_str(s, "thread/"))
		t->notify = SIGEV_THREAD;
	else
		s->bad = true;
	if (scan_try_str(s, "tid."))
		t->thread = true;
	else if (!scan_try_str(s, "pid."))
		s->bad = true;
	t->target = scan_i32(s);
	scan_expect(s, '\n');
}

static void expect_str(struct scan *s, const char *str)
{
	if (!scan_try_str(s, str))
		s->bad = true;
}

int proc_timers_parse(struct arena *a, const char *text, size_t len, struct proc_timers *ret)
{
	struct scan s = scan_text(text, len);
	struct proc_timers list = { 0 };

	while (!scan_at_end(&s)) {
		struct proc_timer t = { 0 };

		expect_str(&s, "ID: ");
		t.id = scan_i32(&s);
		expect_str(&s, "\nsignal: ");
		t.signo = scan_i32(&s);
		scan_expect(&s, '/');
		if (!scan_try_str(&s, "(null)")) /* "%p" of NULL before Linux 4.15 */
			t.sigval = scan_hex(&s);
		expect_str(&s, "\nnotify: ");
		parse_notify(&s, &t);
		expect_str(&s, "ClockID: ");
		t.clock = scan_i32(&s);
		scan_expect(&s, '\n');
		if (s.bad)
			return -EBADMSG;
		arena_push(a, list.timers, list.n, t);
	}
	*ret = list;
	return 0;
}

int proc_timers(const struct proc *p, struct arena *a, struct proc_timers *ret, struct err *err)
{
	char *text;
	size_t len;
	int e = proc_read(p, "timers", &text, &len, err);

	if (e)
		return e;
	return proc_timers_parse(a, text, len, ret) ? proc_bad_text(p, "timers", err) : 0;
}
