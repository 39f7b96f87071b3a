/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of a process: the three interval timers and POSIX timers with their ids.
 *
 * POSIX timers are listed by /proc/PID/timers; what is left of each is read by the process. The
 * list does not say who made a timer: one on CLOCK_THREAD_CPUTIME_ID counts the time of its maker,
 * which is taken to be the thread that it notifies, else the leader.
 *
 * Ids: since Linux 6.15 timer_create(2) takes the id that it is to give
 * (PR_TIMER_CREATE_RESTORE_IDS). Before, a process gives ids in ascending order, so those in
 * between are made and deleted.
 *
 * A timer whose signal is pending stands still until the signal is taken, and then counts the
 * expirations that were missed. To be in that state again it is set to a past time, one interval
 * before its next expiry: it queues its signal at once, by itself, and keeps its phase. The clocks
 * of processor time start at zero in a restored process; there, the signal is queued like others.
 *
 * Not readable, and so not kept: whether the time was absolute (a timer on CLOCK_REALTIME does not
 * follow when the clock is set after a restore), the number that timer_getoverrun(2) returns.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "kernel/proc/task.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#ifndef PR_TIMER_CREATE_RESTORE_IDS
#define PR_TIMER_CREATE_RESTORE_IDS	77
#define PR_TIMER_CREATE_RESTORE_IDS_OFF 0
#define PR_TIMER_CREATE_RESTORE_IDS_ON	1
#define PR_TIMER_CREATE_RESTORE_IDS_GET 2
#endif

#define MAX_HOLES 65536 /* ids that are tried one by one */
#define SECOND	  INT64_C(1000000000)

struct timer_reads {
	uint64_t itimer[3]; /* area offsets, by ITIMER_* */
	size_t n;
	struct posix_read {
		uint64_t setting;
		call_id get, overrun;
	} * posix;
};

/* --- dump ----------------------------------------------------------------------------------- */

static void warn_no_thread(struct dump_task *t, const struct proc_timer *timer)
{
	task_warn(t, arena_printf(dump_arena(t->dump), "POSIX timer %d", timer->id),
		  "notifies a thread that has ended; it is kept as one that notifies nobody", "");
}

static void check_clock(struct dump_task *t, const struct proc_timer *timer)
{
	if (timer->clock == CLOCK_THREAD_CPUTIME_ID && !timer->thread && t->n_threads > 1)
		task_warn(
			t, arena_printf(dump_arena(t->dump), "POSIX timer %d", timer->id),
			"counts the processor time of one thread, and the kernel does not say of which; "
			"it will count that of the leader",
			"");
}

static PosixTimerEntry *posix_entry(struct dump_task *t, const struct proc_timer *timer)
{
	struct dump *d = t->dump;
	PosixTimerEntry *e = arena_msg(dump_arena(d), PosixTimerEntry, posix_timer_entry);

	e->it_id = timer->id;
	e->clock_id = timer->clock;
	e->si_signo = timer->signo;
	e->sival_ptr = timer->sigval;
	e->it_sigev_notify = timer->notify;
	if (timer->thread) {
		e->it_sigev_notify |= SIGEV_THREAD_ID;
		e->has_notify_thread_id = true;
		e->notify_thread_id = dump_vpid(d, timer->target);
		if (!e->notify_thread_id) {
			warn_no_thread(t, timer);
			e->has_notify_thread_id = false;
			e->it_sigev_notify = SIGEV_NONE;
		}
	}
	check_clock(t, timer);
	return e;
}

static int collect(struct dump_task *t)
{
	struct arena *a = dump_arena(t->dump);
	struct timer_reads *reads;
	struct proc_timers timers = { 0 };
	TaskTimersEntry *e;
	struct program *p;
	int ret;

	if (t->zombie)
		return 0;
	ret = proc_timers(&t->stop->proc, a, &timers, NULL);
	if (ret < 0 && ret != -ENOENT)
		return err_set(dump_err(t->dump), ERR_KERNEL, -ret, "can't read the timers of %d",
			       t->vpid);
	p = t->threads[0].prog;
	reads = arena_new(a, struct timer_reads);
	e = arena_msg(a, TaskTimersEntry, task_timers_entry);
	t->priv[SLOT_TIMERS] = reads;
	t->core->tc->timers = e;
	program_note(p, "the timers");
	for (int which = 0; which < 3; which++) {
		reads->itimer[which] = area_reserve(p->area, sizeof(struct itimerval));
		program_do(p, SYS_getitimer, IMM(which), AREA(reads->itimer[which]));
	}
	reads->n = timers.n;
	reads->posix = arena_array(a, struct posix_read, timers.n + 1);
	for (size_t i = 0; i < timers.n; i++) {
		struct posix_read *r = &reads->posix[i];

		arena_push(a, e->posix, e->n_posix, posix_entry(t, &timers.timers[i]));
		r->setting = area_reserve(p->area, sizeof(struct itimerspec));
		r->get = program_do(p, SYS_timer_gettime, IMM(timers.timers[i].id),
				    AREA(r->setting));
		r->overrun = program_call(p, SYS_timer_getoverrun, IMM(timers.timers[i].id));
	}
	return 0;
}

/* The thread may be younger than the list of threads: whether it is there is asked anew. */
static int examine(struct dump_task *t)
{
	struct proc_timers timers = { 0 };

	if (t->zombie || proc_timers(&t->stop->proc, dump_arena(t->dump), &timers, NULL) < 0)
		return 0;
	for (size_t i = 0; i < timers.n; i++) {
		struct proc thread = PROC_INIT;

		check_clock(t, &timers.timers[i]);
		if (!timers.timers[i].thread)
			continue;
		if (!timers.timers[i].target ||
		    proc_open_thread(&thread, &t->stop->proc, timers.timers[i].target, NULL) < 0)
			warn_no_thread(t, &timers.timers[i]);
		proc_close(&thread);
	}
	return 0;
}

static ItimerEntry *itimer_entry(struct dump_task *t, uint64_t at)
{
	const struct itimerval *v = area_data(t->threads[0].prog->area, at);
	ItimerEntry *e = arena_msg(dump_arena(t->dump), ItimerEntry, itimer_entry);

	e->isec = v->it_interval.tv_sec;
	e->iusec = v->it_interval.tv_usec;
	e->vsec = v->it_value.tv_sec;
	e->vusec = v->it_value.tv_usec;
	return e;
}

bool timers_of_threads(const struct dump_task *t)
{
	const TaskTimersEntry *e = t->core->tc->timers;

	for (size_t i = 0; i < e->n_posix; i++)
		if (e->posix[i]->has_notify_thread_id)
			return true;
	return false;
}

/* A timer that had run off when it was read has nothing left, or has begun its next interval;
 * another one did so since, and will again after the restore. */
static bool had_fired(int64_t left, int64_t interval)
{
	return !left || (interval && left > interval - left);
}

static bool itimer_had_fired(const struct dump_task *t, int which)
{
	const struct timer_reads *reads = t->priv[SLOT_TIMERS];
	const struct itimerval *v = area_data(t->threads[0].prog->area, reads->itimer[which]);

	return had_fired(v->it_value.tv_sec * INT64_C(1000000) + v->it_value.tv_usec,
			 v->it_interval.tv_sec * INT64_C(1000000) + v->it_interval.tv_usec);
}

static bool posix_had_fired(const struct dump_task *t, int id)
{
	const struct timer_reads *reads = t->priv[SLOT_TIMERS];
	const TaskTimersEntry *e = t->core->tc->timers;

	for (size_t i = 0; i < reads->n; i++) {
		const struct itimerspec *v =
			area_data(t->threads[0].prog->area, reads->posix[i].setting);

		if ((int)e->posix[i]->it_id == id)
			return had_fired(v->it_value.tv_sec * SECOND + v->it_value.tv_nsec,
					 v->it_interval.tv_sec * SECOND + v->it_interval.tv_nsec);
	}
	return false;
}

bool timers_had_fired(const struct dump_task *t, const siginfo_t *info)
{
	if (info->si_code == SI_TIMER)
		return posix_had_fired(t, info->si_timerid);
	if (info->si_code != SI_KERNEL)
		return false;
	switch (info->si_signo) {
	case SIGALRM:
		return itimer_had_fired(t, ITIMER_REAL);
	case SIGVTALRM:
		return itimer_had_fired(t, ITIMER_VIRTUAL);
	case SIGPROF:
		return itimer_had_fired(t, ITIMER_PROF);
	default:
		return false;
	}
}

static int absorb(struct dump_task *t)
{
	struct timer_reads *reads = state_priv(t, SLOT_TIMERS, struct timer_reads);
	struct program *p = t->threads[0].prog;
	TaskTimersEntry *e = t->core->tc->timers;

	e->real = itimer_entry(t, reads->itimer[ITIMER_REAL]);
	e->virt = itimer_entry(t, reads->itimer[ITIMER_VIRTUAL]);
	e->prof = itimer_entry(t, reads->itimer[ITIMER_PROF]);
	for (size_t i = 0; i < reads->n; i++) {
		const struct itimerspec *v = area_data(p->area, reads->posix[i].setting);
		int64_t overrun = program_result(p, reads->posix[i].overrun);

		e->posix[i]->isec = v->it_interval.tv_sec;
		e->posix[i]->insec = v->it_interval.tv_nsec;
		e->posix[i]->vsec = v->it_value.tv_sec;
		e->posix[i]->vnsec = v->it_value.tv_nsec;
		e->posix[i]->overrun = overrun > 0 ? overrun : 0;
	}
	return 0;
}

/* --- restore -------------------------------------------------------------------------------- */

static bool time_good(uint64_t sec, uint64_t part, uint64_t parts)
{
	return sec <= INT64_MAX / SECOND && part < parts;
}

static int check_posix(struct restore_task *t, const PosixTimerEntry *e)
{
	int signo = e->si_signo;

	if (e->it_id > INT32_MAX || !time_good(e->isec, e->insec, SECOND) ||
	    !time_good(e->vsec, e->vnsec, SECOND))
		return image_bad(t, IMAGE_CORE, t->vpid,
				 "POSIX timer %u has an impossible id or time", e->it_id);
	switch (e->it_sigev_notify) {
	case SIGEV_THREAD_ID:
		if (!e->has_notify_thread_id)
			return image_bad(t, IMAGE_CORE, t->vpid,
					 "POSIX timer %u notifies no thread", e->it_id);
		break;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		break;
	case SIGEV_NONE:
		return 0;
	default:
		return image_bad(t, IMAGE_CORE, t->vpid, "POSIX timer %u notifies by method %u",
				 e->it_id, e->it_sigev_notify);
	}
	if (signo < 1 || signo > 64)
		return image_bad(t, IMAGE_CORE, t->vpid, "POSIX timer %u sends signal %d", e->it_id,
				 signo);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const PosixTimerEntry *x = *(PosixTimerEntry *const *)a, *y = *(PosixTimerEntry *const *)b;

	return x->it_id < y->it_id ? -1 : x->it_id > y->it_id;
}

static bool ids_can_be_asked_for(void)
{
	return prctl(PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0) >= 0;
}

static int check_itimer(struct restore_task *t, const ItimerEntry *e)
{
	if (!time_good(e->isec, e->iusec, 1000000) || !time_good(e->vsec, e->vusec, 1000000))
		return image_bad(t, IMAGE_CORE, t->vpid,
				 "an interval timer has an impossible time");
	return 0;
}

static int check(struct restore_task *t)
{
	TaskTimersEntry *e;
	int ret;

	if (t->zombie || t->helper || !t->core->tc->timers)
		return 0;
	e = t->core->tc->timers;
	ret = check_itimer(t, e->real);
	if (ret == 0)
		ret = check_itimer(t, e->virt);
	if (ret == 0)
		ret = check_itimer(t, e->prof);
	for (size_t i = 0; ret == 0 && i < e->n_posix; i++)
		ret = check_posix(t, e->posix[i]);
	if (ret < 0 || !e->n_posix)
		return ret;
	qsort(e->posix, e->n_posix, sizeof(*e->posix), by_id);
	for (size_t i = 1; i < e->n_posix; i++)
		if (e->posix[i]->it_id == e->posix[i - 1]->it_id)
			return image_bad(t, IMAGE_CORE, t->vpid, "there are two POSIX timers %u",
					 e->posix[i]->it_id);
	if (e->posix[e->n_posix - 1]->it_id - e->n_posix + 1 > MAX_HOLES && !ids_can_be_asked_for())
		restored_refuse(
			t,
			arena_printf(restore_arena(t->r), "POSIX timer %u",
				     e->posix[e->n_posix - 1]->it_id),
			"this kernel gives ids of timers only in order, and this one is too far",
			"Restore on Linux 6.15 or newer.");
	return 0;
}

/* The kernel adds a tick to a time on a processor's clock when it is set, and shows it as left
 * (kernel/time/posix-cpu-timers.c, set_process_cpu_timer): every restore would add another. The
 * coarse clocks go by the tick. */
static void take_tick(struct timeval *left)
{
	int64_t us = left->tv_sec * INT64_C(1000000) + left->tv_usec;
	struct timespec tick;

	if (!us || clock_getres(CLOCK_MONOTONIC_COARSE, &tick) < 0)
		return;
	us -= tick.tv_nsec / 1000;
	if (us < 1)
		us = 1;
	*left = (struct timeval){ us / 1000000, us % 1000000 };
}

static void put_itimer(struct program *p, int which, const ItimerEntry *e)
{
	struct itimerval v = { { e->isec, e->iusec }, { e->vsec, e->vusec } };

	if (which != ITIMER_REAL)
		take_tick(&v.it_value);
	if (!v.it_value.tv_sec && !v.it_value.tv_usec)
		v.it_value = v.it_interval;
	if (!v.it_value.tv_sec && !v.it_value.tv_usec)
		return;
	program_note(p, "interval timer %d", which);
	program_do(p, SYS_setitimer, IMM(which), AREA(area_put(p->area, &v, sizeof(v))), IMM(0));
}

/* Clocks on which a restored process sees the same time go by as any other. */
static bool runs_on(uint32_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
	case CLOCK_TAI:
		return true;
	default:
		return false;
	}
}

static bool fires_again(const struct restore_task *t, const PosixTimerEntry *e)
{
	return runs_on(e->clock_id) && e->it_sigev_notify != SIGEV_NONE &&
	       signals_timer_pending(t, e->it_id);
}

bool timers_fire_again(const struct restore_task *t, uint32_t timer_id)
{
	const TaskTimersEntry *e = t->core->tc->timers;

	for (size_t i = 0; e && i < e->n_posix; i++)
		if (e->posix[i]->it_id == timer_id)
			return fires_again(t, e->posix[i]);
	return false;
}

/* The clock that the leader must name: its own name for another thread's processor time. */
static int64_t clock_for_leader(const struct restore_task *t, const PosixTimerEntry *e)
{
	const int per_thread = 4, sched = 2; /* include/linux/posix-timers_types.h */

	if (e->clock_id != CLOCK_THREAD_CPUTIME_ID || !e->has_notify_thread_id ||
	    e->notify_thread_id == t->threads[0].vtid)
		return (int32_t)e->clock_id;
	return (int32_t)((~(uint32_t)e->notify_thread_id << 3) | per_thread | sched);
}

static void put_create(struct restore_task *t, const PosixTimerEntry *e, uint64_t id_at)
{
	struct program *p = t->threads[0].prog;
	struct sigevent event = { .sigev_notify = e->it_sigev_notify, .sigev_signo = e->si_signo };

	event.sigev_value.sival_ptr = (void *)(uintptr_t)e->sival_ptr;
	if (e->has_notify_thread_id)
		event._sigev_un._tid = e->notify_thread_id;
	program_note(p, "POSIX timer %u", e->it_id);
	program_do(p, SYS_timer_create, IMM(clock_for_leader(t, e)),
		   AREA(area_put(p->area, &event, sizeof(event))), AREA(id_at));
}

/* A past moment on the timer's clock from which its phase goes on. */
static void set_past(const PosixTimerEntry *e, struct itimerspec *v)
{
	int64_t interval = e->isec * SECOND + e->insec, left = e->vsec * SECOND + e->vnsec, at = 1;
	struct timespec now;

	if (interval && clock_gettime(e->clock_id, &now) == 0) {
		at = now.tv_sec * SECOND + now.tv_nsec + left - interval;
		if (at < 1)
			at = 1;
	}
	v->it_value = (struct timespec){ at / SECOND, at % SECOND };
}

static void put_start(struct restore_task *t, const PosixTimerEntry *e)
{
	struct program *p = t->threads[0].prog;
	struct itimerspec v = { { e->isec, e->insec }, { e->vsec, e->vnsec } };
	bool past = fires_again(t, e);

	if (past)
		set_past(e, &v);
	else if (!v.it_value.tv_sec && !v.it_value.tv_nsec)
		v.it_value = v.it_interval;
	if (!v.it_value.tv_sec && !v.it_value.tv_nsec)
		return;
	program_note(p, "starting POSIX timer %u", e->it_id);
	program_do(p, SYS_timer_settime, IMM(e->it_id), IMM(past ? TIMER_ABSTIME : 0),
		   AREA(area_put(p->area, &v, sizeof(v))), IMM(0));
}

static void put_ids_on_request(struct program *p, int on)
{
	program_note(p, "ids of POSIX timers");
	program_do(p, SYS_prctl, IMM(PR_TIMER_CREATE_RESTORE_IDS), IMM(on), IMM(0), IMM(0), IMM(0));
}

static int emit(struct restore_task *t)
{
	const TaskTimersEntry *e = t->core->tc->timers;
	struct program *p = t->threads[0].prog;
	bool ask = ids_can_be_asked_for();
	uint32_t next = 0;

	program_stage(p, STAGE_TIMERS);
	if (!e)
		return 0;
	if (e->n_posix && ask)
		put_ids_on_request(p, PR_TIMER_CREATE_RESTORE_IDS_ON);
	for (size_t i = 0; i < e->n_posix; i++) {
		uint32_t id = e->posix[i]->it_id;
		uint64_t at = area_put(p->area, &id, sizeof(id));

		for (; !ask && next < id; next++) {
			put_create(t, e->posix[i], at);
			program_do(p, SYS_timer_delete, IMM(next));
		}
		put_create(t, e->posix[i], at);
		program_want(p, program_op(p, AGENT_LOAD, 0, AREA(at), IMM(4)), id);
		next = id + 1;
	}
	if (e->n_posix && ask)
		put_ids_on_request(p, PR_TIMER_CREATE_RESTORE_IDS_OFF);
	put_itimer(p, ITIMER_REAL, e->real);
	put_itimer(p, ITIMER_VIRTUAL, e->virt);
	put_itimer(p, ITIMER_PROF, e->prof);
	for (size_t i = 0; i < e->n_posix; i++)
		put_start(t, e->posix[i]);
	return 0;
}

const struct state_class timers_state = {
	.name = "timers",
	.collect = collect,
	.examine = examine,
	.absorb = absorb,
	.check = check,
	.emit = emit,
};
