/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of /proc/PID: one value, or one line each. */
#include <errno.h>
#include <inttypes.h>

#include "kernel/proc/list.h"
#include "kernel/scan.h"

static int read_ranged(const struct proc *p, const char *name, int64_t min, int64_t max,
		       int64_t *ret, struct err *err)
{
	int e = proc_read_num(p, name, ret, err);

	if (!e && (*ret < min || *ret > max))
		return proc_bad_text(p, name, err);
	return e;
}

int proc_oom_score_adj(const struct proc *p, int *ret, struct err *err)
{
	int64_t v;
	int e = read_ranged(p, "oom_score_adj", -1000, 1000, &v, err);

	if (!e)
		*ret = v;
	return e;
}

int proc_loginuid(const struct proc *p, uint32_t *ret, struct err *err)
{
	int64_t v;
	int e = read_ranged(p, "loginuid", 0, UINT32_MAX, &v, err);

	if (!e)
		*ret = v;
	return e;
}

static int read_hex(const struct proc *p, const char *name, uint32_t *ret, struct err *err)
{
	struct scan s;
	char *text;
	size_t len;
	uint32_t v;
	int e = proc_read_single(p, name, &text, &len, err);

	if (e)
		return e;
	if (!len) /* coredump_filter: no memory of its own */
		return err_set(err, ERR_KERNEL, EINVAL, "/proc/%d/%s is empty", p->pid, name);
	s = scan_text(text, len);
	v = scan_hex32(&s);
	scan_try(&s, '\n');
	if (s.bad || !scan_at_end(&s))
		return proc_bad_text(p, name, err);
	*ret = v;
	return 0;
}

int proc_coredump_filter(const struct proc *p, uint32_t *ret, struct err *err)
{
	return read_hex(p, "coredump_filter", ret, err);
}

int proc_autogroup(const struct proc *p, int *ret_id, int *ret_nice, struct err *err)
{
	struct scan s;
	char *text;
	size_t len;
	int id, nice, e;

	e = proc_read_single(p, "autogroup", &text, &len, err);
	if (e)
		return e;
	if (!len)
		return err_set(err, ERR_KERNEL, EINVAL, "task %d is in no autogroup", p->pid);
	s = scan_text(text, len);
	if (!scan_try_str(&s, "/autogroup-"))
		s.bad = true;
	id = scan_i32(&s);
	if (!scan_try_str(&s, " nice "))
		s.bad = true;
	nice = scan_i32(&s);
	if (s.bad)
		return proc_bad_text(p, "autogroup", err);
	*ret_id = id;
	*ret_nice = nice;
	return 0;
}

int proc_wchan(const struct proc *p, struct arena *a, char **ret, struct err *err)
{
	size_t len;

	return proc_read_dup(p, "wchan", a, ret, &len, err);
}

/* wait_for_vfork_done() is most often a part of its only caller, which waits for nothing else. */
bool proc_wchan_vfork(const char *wchan)
{
	return strstr(wchan, "vfork") || !strcmp(wchan, "kernel_clone") ||
	       !strcmp(wchan, "_do_fork");
}

int proc_auxv(const struct proc *p, bool compat, struct arena *a, struct proc_auxv *ret,
	      struct err *err)
{
	size_t word = compat ? 4 : 8;
	struct proc_auxv auxv = { 0 };
	int e = proc_read_dup(p, "auxv", a, &auxv.raw, &auxv.raw_len, err);

	if (e)
		return e;
	if (auxv.raw_len % (2 * word))
		return proc_bad_text(p, "auxv", err);
	for (size_t at = 0; at < auxv.raw_len; at += 2 * word) {
		uint64_t pair[2] = { 0 };

		/* Little endian, as both architectures of the project are. */
		memcpy(&pair[0], auxv.raw + at, word);
		memcpy(&pair[1], auxv.raw + at + word, word);
		if (!pair[0])
			break;
		auxv.pair = arena_grow_(a, auxv.pair, auxv.n, sizeof(*auxv.pair));
		memcpy(auxv.pair[auxv.n++], pair, sizeof(pair));
	}
	*ret = auxv;
	return 0;
}

/* proc_pid_syscall(): "running\n", "-1 0xSP 0xPC\n" or "NR 0xARG… 0xSP 0xPC\n" with six arguments. */
int proc_syscall_parse(const char *text, size_t len, struct proc_syscall *ret)
{
	struct scan s = scan_text(text, len);
	struct proc_syscall sc = { .nr = -1 };
	uint64_t *to[8] = { &sc.arg[0], &sc.arg[1], &sc.arg[2], &sc.arg[3],
			    &sc.arg[4], &sc.arg[5], &sc.sp,	&sc.pc };

	if (scan_try_str(&s, "running")) {
		sc.running = true;
	} else {
		sc.nr = scan_int(&s);
		for (int i = sc.nr == -1 ? 6 : 0; i < 8; i++) {
			if (!scan_try_str(&s, " 0x"))
				s.bad = true;
			*to[i] = scan_hex(&s);
		}
	}
	scan_try(&s, '\n');
	if (s.bad || !scan_at_end(&s))
		return -EBADMSG;
	*ret = sc;
	return 0;
}

int proc_syscall(const struct proc *p, struct proc_syscall *ret, struct err *err)
{
	char *text;
	size_t len;
	int e = proc_read_single(p, "syscall", &text, &len, err);

	if (e)
		return e;
	return proc_syscall_parse(text, len, ret) ? proc_bad_text(p, "syscall", err) : 0;
}

int proc_arch_status_parse(const char *text, size_t len, struct proc_arch_status *ret)
{
	struct scan s = scan_text(text, len), line;
	struct proc_arch_status st = { .avx512_elapsed_ms = -1 };

	while (scan_line(&s, &line)) {
		if (!scan_try_str(&line, "AVX512_elapsed_ms:"))
			continue;
		scan_blanks(&line);
		st.avx512_elapsed_ms = scan_int(&line);
		if (line.bad || !scan_at_end(&line))
			return -EBADMSG;
	}
	*ret = st;
	return 0;
}

int proc_arch_status(const struct proc *p, struct proc_arch_status *ret, struct err *err)
{
	char *text;
	size_t len;
	int e = proc_read_single(p, "arch_status", &text, &len, err);

	if (e)
		return e;
	return proc_arch_status_parse(text, len, ret) ? proc_bad_text(p, "arch_status", err) : 0;
}
