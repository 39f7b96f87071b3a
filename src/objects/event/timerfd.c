/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timerfd_create(2): a timer whose expirations are counted until they are read.
 *
 * fdinfo shows clock, unread ticks, the flags of timerfd_settime(2), the time left and the
 * interval. A periodic timer that has expired and was not read stands still in the kernel: it shows
 * no time left, and its next expiry is computed when somebody looks (timerfd_read_iter(),
 * do_timerfd_gettime() in fs/timerfd.c). So such a one is asked first by timerfd_gettime(2),
 * through the tool's copy of the descriptor: that counts what was missed and sets the timer going,
 * in phase. The program can't tell but by one more edge in an EPOLLET watch.
 *
 * In images of CRIU such a timer has no time left; there the phase is lost, and it goes on one
 * interval after the restore, instead of never.
 *
 * Kept: clock, ticks (TFD_IOC_SET_TICKS, Linux 3.17), flags with TFD_TIMER_CANCEL_ON_SET, the time
 * left, interval, status flags, owner. As the image holds the time left, an absolute timer too
 * stops while the tree does not run. Not readable: that the clock was set and the read that would
 * tell (ECANCELED) is due.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "objects/event/event.h"

#define SET_TICKS     _IOW('T', 0, uint64_t) /* TFD_IOC_SET_TICKS */
#define SETTIME_FLAGS (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)
#define SECOND	      UINT64_C(1000000000)
#define SECONDS_MAX   (INT64_MAX / SECOND)

static bool timerfd_match(const struct file_probe *p)
{
	return event_is(p, "[timerfd]");
}

/* "it_value: (0, 12345)" */
static int parse_pair(struct dump *d, const struct file_probe *p, const char *key,
		      uint64_t *ret_sec, uint64_t *ret_nsec)
{
	const char *line = strstr(p->info.text, key);
	unsigned long long sec, nsec;

	if (!line || sscanf(line + strlen(key), ": (%llu, %llu)", &sec, &nsec) != 2 ||
	    nsec >= SECOND)
		return err_set(dump_err(d), ERR_KERNEL, EBADMSG, "fdinfo of %s shows no %s",
			       probe_object(p), key);
	*ret_sec = sec;
	*ret_nsec = nsec;
	return 0;
}

static int fill(struct dump *d, const struct file_probe *p, TimerfdEntry *e)
{
	uint64_t clock, flags;
	int ret = event_num(d, p, "clockid", 10, &clock);

	if (ret == 0)
		ret = event_num(d, p, "ticks", 10, &e->ticks);
	if (ret == 0)
		ret = event_num(d, p, "settime flags", 8, &flags);
	if (ret == 0)
		ret = parse_pair(d, p, "it_value", &e->vsec, &e->vnsec);
	if (ret == 0)
		ret = parse_pair(d, p, "it_interval", &e->isec, &e->insec);
	if (ret < 0)
		return ret;
	e->clockid = clock;
	e->settime_flags = flags;
	return 0;
}

static bool has_time(const TimerfdEntry *e)
{
	return e->vsec || e->vnsec;
}

static bool is_periodic(const TimerfdEntry *e)
{
	return e->isec || e->insec;
}

static int timerfd_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	TimerfdEntry *e = arena_msg(dump_arena(d), TimerfdEntry, timerfd_entry);
	struct file_probe again = *p;
	struct itimerspec spec;
	int ret = fill(d, p, e);

	if (ret < 0)
		return ret;
	if (!has_time(e)) {
		/* Standing still, about to expire, or not set at all: a second look tells. */
		if (timerfd_gettime(probe_local(p), &spec) < 0)
			return err_sys(dump_err(d), "timerfd_gettime", "can't read %s",
				       probe_object(p));
		ret = proc_fdinfo(&p->task->stop->proc, p->fd, dump_arena(d), &again.info,
				  dump_err(d));
		if (ret == 0)
			ret = fill(d, &again, e);
		if (ret < 0)
			return ret;
	}
	f->entry->tfd = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	return fown_collect(d, p, &e->fown);
}

static int timerfd_check(struct restore *r, struct restore_file *f)
{
	const TimerfdEntry *e = f->entry->tfd;
	int ret = event_check(r, f, e, e ? e->id : 0, e ? e->fown : NULL);

	if (ret == 0 && (e->vnsec >= SECOND || e->insec >= SECOND || e->vsec > SECONDS_MAX ||
			 e->isec > SECONDS_MAX || e->settime_flags & ~SETTIME_FLAGS))
		ret = err_set(restore_err(r), ERR_IMAGE_CORRUPT, ERANGE,
			      "files.img: the times of timerfd %u are out of range", f->id);
	return ret;
}

static int timerfd_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const TimerfdEntry *e = f->entry->tfd;
	_cleanup_fd_ int fd = timerfd_create(e->clockid, TFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return err_sys(restore_err(t->r), "timerfd_create",
			       "can't make timerfd %u on clock %u%s", f->id, e->clockid,
			       errno == EPERM ? " (that takes CAP_WAKE_ALARM)" : "");
	ret = event_set_flags(t, f, e->flags, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

/* The first expiry: from now, or, of an absolute timer, on its clock. */
static void first_expiry(const TimerfdEntry *e, struct timespec *ret)
{
	clockid_t clock = e->clockid == CLOCK_REALTIME_ALARM   ? CLOCK_REALTIME
			  : e->clockid == CLOCK_BOOTTIME_ALARM ? CLOCK_BOOTTIME
							       : (clockid_t)e->clockid;
	struct timespec now;

	*ret = (struct timespec){ e->vsec, e->vnsec };
	if (!has_time(e) && e->ticks && is_periodic(e))
		*ret = (struct timespec){ e->isec, e->insec };
	if (!(e->settime_flags & TFD_TIMER_ABSTIME) || (!ret->tv_sec && !ret->tv_nsec))
		return;
	clock_gettime(clock, &now);
	if (__builtin_add_overflow(ret->tv_sec, now.tv_sec, &ret->tv_sec))
		ret->tv_sec = SECONDS_MAX;
	ret->tv_nsec += now.tv_nsec;
	if (ret->tv_nsec >= (long)SECOND && ret->tv_sec < (time_t)SECONDS_MAX) {
		ret->tv_nsec -= SECOND;
		ret->tv_sec++;
	}
	if (ret->tv_nsec >= (long)SECOND)
		ret->tv_nsec = SECOND - 1;
}

static int timerfd_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const TimerfdEntry *e = f->entry->tfd;
	struct itimerspec spec = { .it_interval = { e->isec, e->insec } };

	first_expiry(e, &spec.it_value);
	if (timerfd_settime(fd, e->settime_flags, &spec, NULL) < 0)
		return err_sys(restore_err(t->r), "timerfd_settime", "can't set timerfd %u", f->id);
	if (e->ticks && ioctl(fd, SET_TICKS, &e->ticks) < 0)
		return err_sys(
			restore_err(t->r), "ioctl",
			"can't set the unread ticks of timerfd %u (that takes Linux 3.17 with "
			"CONFIG_CHECKPOINT_RESTORE)",
			f->id);
	return fown_attach(t, f, e->fown, 0, fd);
}

const struct file_class timerfd_class = {
	.name = "timerfd",
	.type = FD_TYPES__TIMERFD,
	.match = timerfd_match,
	.collect = timerfd_collect,
	.check = timerfd_check,
	.open = timerfd_open,
	.attach = timerfd_attach,
};
