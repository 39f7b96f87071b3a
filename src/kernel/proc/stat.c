/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/stat: one line that is as old as Linux and only grows at its end (do_task_stat() in
 * fs/proc/array.c). The name in parentheses is raw; nothing behind it can hold a parenthesis, so
 * the last one ends it.
 */
#include "kernel/proc/stat.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "kernel/proc/list.h"
#include "kernel/scan.h"

static uint64_t next_u64(struct scan *s)
{
	scan_expect(s, ' ');
	return scan_dec(s);
}

static int64_t next_int(struct scan *s)
{
	scan_expect(s, ' ');
	return scan_int(s);
}

static int32_t next_i32(struct scan *s)
{
	scan_expect(s, ' ');
	return scan_i32(s);
}

static uint32_t next_u32(struct scan *s)
{
	scan_expect(s, ' ');
	return scan_u32(s);
}

static void parse_name(struct scan *s, struct proc_stat *st)
{
	const char *close = memrchr(s->p, ')', scan_left(s));
	size_t len;

	scan_expect(s, ' ');
	scan_expect(s, '(');
	if (s->bad || !close || close < s->p) {
		s->bad = true;
		return;
	}
	len = close - s->p;
	if (len >= sizeof(st->comm)) {
		s->bad = true;
		return;
	}
	memcpy(st->comm, s->p, len);
	s->p = close + 1;
}

static void parse_accounting(struct scan *s, struct proc_stat *st)
{
	st->flags = next_u32(s);
	st->minflt = next_u64(s);
	st->cminflt = next_u64(s);
	st->majflt = next_u64(s);
	st->cmajflt = next_u64(s);
	st->utime = next_u64(s);
	st->stime = next_u64(s);
	st->cutime = next_int(s);
	st->cstime = next_int(s);
	st->priority = next_int(s);
	st->nice = next_int(s);
	st->num_threads = next_int(s);
	next_int(s); /* itrealvalue: always 0 */
	st->starttime = next_u64(s);
	st->vsize = next_u64(s);
	st->rss = next_int(s);
	st->rsslim = next_u64(s);
}

static void parse_addresses(struct scan *s, struct proc_stat *st)
{
	st->startcode = next_u64(s);
	st->endcode = next_u64(s);
	st->startstack = next_u64(s);
	st->kstkesp = next_u64(s);
	st->kstkeip = next_u64(s);
	for (int i = 0; i < 4; i++)
		next_u64(s); /* signal sets, cut to 31 bits: status has them whole */
	st->wchan = next_u64(s);
	next_u64(s); /* nswap, cnswap: always 0 */
	next_u64(s);
	st->exit_signal = next_i32(s);
	st->processor = next_i32(s);
	st->rt_priority = next_u32(s);
	st->policy = next_u32(s);
	st->delayacct_blkio_ticks = next_u64(s);
	st->guest_time = next_u64(s);
	st->cguest_time = next_int(s);
}

int proc_stat_parse(const char *text, size_t len, struct proc_stat *ret)
{
	struct scan s = scan_text(text, len);
	struct proc_stat st = { 0 };

	st.pid = scan_i32(&s);
	parse_name(&s, &st);
	if (s.bad)
		return -EBADMSG;
	scan_expect(&s, ' ');
	st.state = scan_at_end(&s) ? '\0' : *s.p++;
	st.ppid = next_i32(&s);
	st.pgrp = next_i32(&s);
	st.session = next_i32(&s);
	st.tty_nr = next_i32(&s);
	st.tpgid = next_i32(&s);
	parse_accounting(&s, &st);
	parse_addresses(&s, &st);
	if (s.bad)
		return -EBADMSG;
	if (!scan_at_end(&s) && *s.p != '\n') {
		st.has_mm_layout = true;
		st.start_data = next_u64(&s);
		st.end_data = next_u64(&s);
		st.start_brk = next_u64(&s);
		st.arg_start = next_u64(&s);
		st.arg_end = next_u64(&s);
		st.env_start = next_u64(&s);
		st.env_end = next_u64(&s);
		st.exit_code = next_i32(&s);
	}
	if (s.bad)
		return -EBADMSG;
	*ret = st;
	return 0;
}

int proc_stat(const struct proc *p, struct proc_stat *ret, struct err *err)
{
	char *text;
	size_t len;
	int e = proc_read_single(p, "stat", &text, &len, err);

	if (e)
		return e;
	return proc_stat_parse(text, len, ret) ? proc_bad_text(p, "stat", err) : 0;
}

/* new_encode_dev(): minor bits 7..0, major bits 19..8, minor bits 31..20. */
dev_t proc_tty_dev(int32_t tty_nr)
{
	uint32_t nr = tty_nr;

	return makedev((nr >> 8) & 0xfff, (nr & 0xff) | ((nr >> 12) & 0xfff00));
}
