/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time namespaces (Linux 5.6, time_namespaces(7)): offsets that are added to CLOCK_MONOTONIC and
 * CLOCK_BOOTTIME. /proc/PID/timens_offsets tells them, against the first namespace, and sets those
 * of a new one as long as it has no member. unshare(2) puts the children to come into a new one.
 */
#include "objects/namespace/time.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/reader.h"
#include "image/writer.h"
#include "kernel/ns.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define SECOND INT64_C(1000000000)

enum { MONOTONIC, BOOTTIME, CLOCKS };
static const clockid_t clock_ids[CLOCKS] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME };
static const char *const clock_names[CLOCKS] = { "monotonic", "boottime" };

static int64_t clock_now(int which)
{
	struct timespec now;

	clock_gettime(clock_ids[which], &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/* Offsets in ns; zeroes where the kernel has no time namespaces. */
static int read_offsets(const struct proc *p, int64_t offset[CLOCKS], struct err *err)
{
	size_t len;
	char *text;
	int ret = proc_read(p, "timens_offsets", &text, &len, NULL);

	offset[MONOTONIC] = offset[BOOTTIME] = 0;
	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return err_set(err, ERR_KERNEL, -ret, "can't read the clock offsets of process %d",
			       p->pid);
	for (int i = 0; i < CLOCKS; i++) {
		const char *line = strstr(text, clock_names[i]);
		long long sec, nsec;

		if (!line || sscanf(line + strlen(clock_names[i]), "%lld %lld", &sec, &nsec) != 2)
			return err_set(err, ERR_KERNEL, EINVAL,
				       "can't understand timens_offsets of process %d", p->pid);
		offset[i] = sec * SECOND + nsec;
	}
	return 0;
}

static int own_offsets(struct proc_buf *buf, int64_t offset[CLOCKS], struct err *err)
{
	struct proc self = PROC_INIT;
	int ret = proc_open(&self, getpid(), buf, err);

	if (ret == 0)
		ret = read_offsets(&self, offset, err);
	proc_close(&self);
	return ret;
}

int time_write(struct dump *d)
{
	Timespec spec[CLOCKS] = { TIMESPEC__INIT, TIMESPEC__INIT };
	int64_t own[CLOCKS] = { 0 }, tree[CLOCKS] = { 0 };
	TimensEntry e = TIMENS_ENTRY__INIT;
	int ret = 0;

	if (d->time_ns_id) {
		ret = own_offsets(&d->tree.buf, own, dump_err(d));
		if (ret == 0)
			ret = read_offsets(&d->tasks[0]->stop->proc, tree, dump_err(d));
	}
	for (int i = 0; i < CLOCKS; i++) {
		int64_t now = clock_now(i) - own[i] + tree[i];

		spec[i].tv_sec = now / SECOND;
		spec[i].tv_nsec = now % SECOND;
	}
	e.monotonic = &spec[MONOTONIC];
	e.boottime = &spec[BOOTTIME];
	return ret < 0 ? ret
		       : image_write_one(d->s->images, IMAGE_TIMENS, d->time_ns_id, &e,
					 dump_err(d));
}

/* The number of the image: 0 unless the tree had a namespace of its own. */
static uint32_t image_key(const struct restore *r)
{
	const TaskKobjIdsEntry *ids = r->root->ids, *tool = r->inventory->root_ids;

	if (!ids || !tool || !ids->has_time_ns_id || !tool->has_time_ns_id ||
	    ids->time_ns_id == tool->time_ns_id)
		return 0;
	return ids->time_ns_id;
}

static int set_offsets(struct restore *r, const int64_t want[CLOCKS], const int64_t own[CLOCKS])
{
	_cleanup_fd_ int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	char text[128];
	int n = 0, ret;

	if (fd < 0)
		return err_sys(restore_err(r), "open", "can't open /proc/self/timens_offsets");
	for (int i = 0; i < CLOCKS; i++) {
		int64_t offset = want[i] - (clock_now(i) - own[i]);
		int64_t sec = offset / SECOND, nsec = offset % SECOND;

		if (nsec < 0) {
			nsec += SECOND;
			sec--;
		}
		n += snprintf(text + n, sizeof(text) - n, "%s %lld %lld\n", clock_names[i],
			      (long long)sec, (long long)nsec);
	}
	ret = write_full(fd, text, n);
	return ret < 0 ? err_set(restore_err(r), ERR_KERNEL, -ret, "can't set the clocks' offsets")
		       : 0;
}

static int make_namespace(struct restore *r, bool needed, const int64_t want[CLOCKS], int *ret_back)
{
	struct proc_buf buf = { 0 };
	struct proc self = PROC_INIT;
	int64_t own[CLOCKS];
	int ret = proc_open(&self, getpid(), &buf, restore_err(r));

	if (ret == 0)
		ret = read_offsets(&self, own, restore_err(r));
	if (ret == 0)
		*ret_back = ns_open(&self, NS_TIME, NULL);
	proc_close(&self);
	proc_buf_free(&buf);
	if (ret < 0)
		return ret;
	if (*ret_back < 0 || unshare(CLONE_NEWTIME) < 0) {
		int num = *ret_back < 0 ? -*ret_back : errno;

		close_fd(ret_back);
		if (needed)
			return err_set(restore_err(r), num == EPERM ? ERR_PERMISSION : ERR_KERNEL,
				       num,
				       "can't make a time namespace, and the tree had its own");
		report_warn(&r->s->report, r->root->vpid, "its monotonic clock",
			    "steps back: the machine's is behind that of the dump, and a time "
			    "namespace can't be made",
			    "run with CAP_SYS_ADMIN, on Linux 5.6 or later");
		return 0;
	}
	return set_offsets(r, want, own);
}

int time_enter(struct restore *r, int *ret_back)
{
	uint32_t key = image_key(r);
	TimensEntry *e = NULL;
	int64_t want[CLOCKS];
	int ret;

	*ret_back = -1;
	ret = image_read_opt(r->s->images, IMAGE_TIMENS, key, restore_arena(r), restore_err(r), &e);
	if (ret < 0)
		return ret;
	if (!e)
		return !key ? 0
			    : err_set(restore_err(r), ERR_IMAGE_MISSING, ENOENT,
				      "timens-%u.img is missing", key);
	if (e->monotonic->tv_sec > INT64_MAX / SECOND / 2 || e->monotonic->tv_nsec >= SECOND ||
	    e->boottime->tv_sec > INT64_MAX / SECOND / 2 || e->boottime->tv_nsec >= SECOND)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, ERANGE,
			       "timens-%u.img: the clocks are out of range", key);
	want[MONOTONIC] = e->monotonic->tv_sec * SECOND + e->monotonic->tv_nsec;
	want[BOOTTIME] = e->boottime->tv_sec * SECOND + e->boottime->tv_nsec;
	if (!key && want[MONOTONIC] <= clock_now(MONOTONIC) &&
	    want[BOOTTIME] <= clock_now(BOOTTIME))
		return 0;
	return make_namespace(r, key != 0, want, ret_back);
}

void time_leave(int *back)
{
	if (*back >= 0)
		ns_enter_fd(*back, NS_TIME, NULL);
	close_fd(back);
}
