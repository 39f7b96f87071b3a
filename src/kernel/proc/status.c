/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/status (proc_pid_status() in fs/proc/array.c): "Key:\tvalue" lines. Their order is the
 * kernel's and their set grows, so each line is looked up in a table; what a kernel does not show
 * keeps its default. Ids are those of the reader's namespaces, uids those of the opener's user
 * namespace (65534 where they do not map).
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/proc/list.h"
#include "kernel/proc/stat.h"
#include "kernel/scan.h"

enum field {
	F_NAME,
	F_CHAR,
	F_I32,
	F_U32,
	F_U64,
	F_HEX,
	F_OCT,
	F_KB,
	F_BOOL,
	F_FOUR,
	F_GROUPS,
	F_NSIDS,
	F_WORDS,
	F_SIGQ,
	F_FEATURES,
};

#define NO_FLAG	   SIZE_MAX
#define AT(member) offsetof(struct proc_status, member)

static const struct line {
	const char *key;
	enum field field;
	size_t at;
	size_t has; /* offset of the bool that says that the line was there */
} lines[] = {
	/* sorted by key, for bisection */
	{ "CapAmb", F_HEX, AT(cap_amb), NO_FLAG },
	{ "CapBnd", F_HEX, AT(cap_bnd), NO_FLAG },
	{ "CapEff", F_HEX, AT(cap_eff), NO_FLAG },
	{ "CapInh", F_HEX, AT(cap_inh), NO_FLAG },
	{ "CapPrm", F_HEX, AT(cap_prm), NO_FLAG },
	{ "CoreDumping", F_BOOL, AT(core_dumping), NO_FLAG },
	{ "FDSize", F_U32, AT(fdsize), NO_FLAG },
	{ "Gid", F_FOUR, AT(gid), NO_FLAG },
	{ "Groups", F_GROUPS, AT(groups), NO_FLAG },
	{ "HugetlbPages", F_KB, AT(hugetlb_pages), NO_FLAG },
	{ "Kthread", F_BOOL, AT(kthread), NO_FLAG },
	{ "NSpgid", F_NSIDS, AT(ns_pgid), NO_FLAG },
	{ "NSpid", F_NSIDS, AT(ns_pid), NO_FLAG },
	{ "NSsid", F_NSIDS, AT(ns_sid), NO_FLAG },
	{ "NStgid", F_NSIDS, AT(ns_tgid), NO_FLAG },
	{ "Name", F_NAME, AT(name), NO_FLAG },
	{ "Ngid", F_I32, AT(ngid), NO_FLAG },
	{ "NoNewPrivs", F_BOOL, AT(no_new_privs), NO_FLAG },
	{ "PPid", F_I32, AT(ppid), NO_FLAG },
	{ "Pid", F_I32, AT(pid), NO_FLAG },
	{ "RssAnon", F_KB, AT(rss_anon), NO_FLAG },
	{ "RssFile", F_KB, AT(rss_file), NO_FLAG },
	{ "RssShmem", F_KB, AT(rss_shmem), NO_FLAG },
	{ "Seccomp", F_U32, AT(seccomp), AT(has_seccomp) },
	{ "Seccomp_filters", F_I32, AT(seccomp_filters), NO_FLAG },
	{ "ShdPnd", F_HEX, AT(shd_pnd), NO_FLAG },
	{ "SigBlk", F_HEX, AT(sig_blk), NO_FLAG },
	{ "SigCgt", F_HEX, AT(sig_cgt), NO_FLAG },
	{ "SigIgn", F_HEX, AT(sig_ign), NO_FLAG },
	{ "SigPnd", F_HEX, AT(sig_pnd), NO_FLAG },
	{ "SigQ", F_SIGQ, AT(sigq), NO_FLAG },
	{ "SpeculationIndirectBranch", F_WORDS, AT(spec_ib), NO_FLAG },
	{ "Speculation_Store_Bypass", F_WORDS, AT(ssb), NO_FLAG },
	{ "State", F_CHAR, AT(state), NO_FLAG },
	{ "THP_enabled", F_BOOL, AT(thp_enabled), AT(has_thp_enabled) },
	{ "Tgid", F_I32, AT(tgid), NO_FLAG },
	{ "Threads", F_U32, AT(threads), NO_FLAG },
	{ "TracerPid", F_I32, AT(tracer_pid), NO_FLAG },
	{ "Uid", F_FOUR, AT(uid), NO_FLAG },
	{ "Umask", F_OCT, AT(umask), AT(has_umask) },
	{ "VmData", F_KB, AT(vm_data), NO_FLAG },
	{ "VmExe", F_KB, AT(vm_exe), NO_FLAG },
	{ "VmHWM", F_KB, AT(vm_hwm), NO_FLAG },
	{ "VmLck", F_KB, AT(vm_lck), NO_FLAG },
	{ "VmLib", F_KB, AT(vm_lib), NO_FLAG },
	{ "VmPTE", F_KB, AT(vm_pte), NO_FLAG },
	{ "VmPeak", F_KB, AT(vm_peak), NO_FLAG },
	{ "VmPin", F_KB, AT(vm_pin), NO_FLAG },
	{ "VmRSS", F_KB, AT(vm_rss), NO_FLAG },
	{ "VmSize", F_KB, AT(vm_size), AT(has_mm) },
	{ "VmStk", F_KB, AT(vm_stk), NO_FLAG },
	{ "VmSwap", F_KB, AT(vm_swap), NO_FLAG },
	{ "nonvoluntary_ctxt_switches", F_U64, AT(nonvoluntary_ctxt_switches), NO_FLAG },
	{ "voluntary_ctxt_switches", F_U64, AT(voluntary_ctxt_switches), NO_FLAG },
	{ "x86_Thread_features", F_FEATURES, AT(thread_features), AT(has_thread_features) },
	{ "x86_Thread_features_locked", F_FEATURES, AT(thread_features_locked), NO_FLAG },
};

static int by_key(const void *key, const void *line)
{
	const struct scan *k = key;
	const char *name = ((const struct line *)line)->key;
	size_t len = strlen(name), n = scan_left(k);
	int order = memcmp(k->p, name, n < len ? n : len);

	return order ? order : (n > len) - (n < len);
}

/* Newlines and backslashes of a name are written as \n and \\ (ESCAPE_SPECIAL, proc_task_name()). */
static void parse_name(struct scan *s, char *name)
{
	size_t n = 0;

	while (!scan_at_end(s)) {
		char c = *s->p++;

		if (c == '\\' && scan_try(s, 'n'))
			c = '\n';
		else if (c == '\\')
			scan_try(s, '\\');
		if (n == PROC_NAME_MAX - 1) {
			s->bad = true;
			break;
		}
		name[n++] = c;
	}
	name[n] = '\0';
}

static void parse_nsids(struct arena *a, struct scan *s, struct proc_nsids *ids)
{
	pid_t id[PROC_PIDNS_MAX];

	ids->n = 0;
	for (;;) {
		scan_blanks(s);
		if (scan_at_end(s) || s->bad)
			break;
		if (ids->n == PROC_PIDNS_MAX) {
			s->bad = true;
			break;
		}
		id[ids->n++] = scan_i32(s);
	}
	ids->id = arena_memdup(a, id, ids->n * sizeof(*id));
}

static void parse_groups(struct arena *a, struct scan *s, struct proc_status *st)
{
	st->groups = NULL;
	st->n_groups = 0;
	for (;;) {
		gid_t gid;

		scan_blanks(s);
		if (scan_at_end(s) || s->bad)
			break;
		gid = scan_u32(s);
		arena_push(a, st->groups, st->n_groups, gid);
	}
}

static void parse_words(struct scan *s, char *out, size_t size)
{
	size_t n = scan_left(s);

	if (n >= size) {
		s->bad = true;
		return;
	}
	memcpy(out, s->p, n);
	out[n] = '\0';
	s->p = s->end;
}

/* "shstk wrss", as dump_x86_features() in arch/x86/kernel/cpu/proc.c writes the set bits. */
static uint64_t parse_features(struct scan *s)
{
	uint64_t bits = 0;

	while (!scan_at_end(s)) {
		struct scan word = scan_word(s);

		if (scan_is(&word, "shstk"))
			bits |= 1;
		else if (scan_is(&word, "wrss"))
			bits |= 2;
		scan_blanks(s);
	}
	return bits;
}

static void parse_four(struct scan *s, uint32_t *ids)
{
	for (int i = 0; i < 4; i++) {
		scan_blanks(s);
		ids[i] = scan_u32(s);
	}
}

static void parse_value(struct arena *a, struct scan *s, const struct line *line,
			struct proc_status *st)
{
	void *to = (char *)st + line->at;

	switch (line->field) {
	case F_NAME:
		parse_name(s, to);
		break;
	case F_CHAR:
		*(char *)to = scan_at_end(s) ? '\0' : *s->p;
		s->p = s->end;
		break;
	case F_I32:
		*(int32_t *)to = scan_i32(s);
		break;
	case F_U32:
		*(uint32_t *)to = scan_u32(s);
		break;
	case F_U64:
		*(uint64_t *)to = scan_dec(s);
		break;
	case F_HEX:
		*(uint64_t *)to = scan_hex(s);
		break;
	case F_OCT:
		*(uint32_t *)to = scan_oct(s);
		break;
	case F_BOOL:
		*(bool *)to = scan_dec(s) != 0;
		break;
	case F_FOUR:
		parse_four(s, to);
		break;
	case F_GROUPS:
		parse_groups(a, s, st);
		break;
	case F_NSIDS:
		parse_nsids(a, s, to);
		break;
	case F_WORDS:
		parse_words(s, to, sizeof(st->ssb));
		break;
	case F_FEATURES:
		*(uint64_t *)to = parse_features(s);
		break;
	case F_KB:
		*(uint64_t *)to = scan_dec(s);
		if (__builtin_mul_overflow(*(uint64_t *)to, 1024, (uint64_t *)to) ||
		    !scan_try_str(s, " kB"))
			s->bad = true;
		break;
	case F_SIGQ:
		st->sigq = scan_u32(s);
		scan_expect(s, '/');
		/* RLIM_INFINITY is more than 32 bits; the kernel's own limit of 2^32 makes it moot.
		 */
		uint64_t limit = scan_dec(s);

		st->sigq_limit = limit > UINT32_MAX ? UINT32_MAX : limit;
		break;
	}
}

int proc_status_parse(struct arena *a, const char *text, size_t len, struct proc_status *ret)
{
	struct scan s = scan_text(text, len), value;
	struct proc_status st = { .seccomp_filters = -1, .tgid = -1, .threads = UINT32_MAX };
	bool bad = false;

	while (scan_line(&s, &value)) {
		struct scan key = scan_until(&value, ':');
		const struct line *line;

		if (!scan_try(&value, ':'))
			return -EBADMSG;
		line = bsearch(&key, lines, sizeof(lines) / sizeof(*lines), sizeof(*lines), by_key);
		if (!line)
			continue;
		/* Only what pads the value: a name may start with a blank itself. */
		if (line->field == F_NAME)
			scan_try(&value, '\t');
		else
			scan_blanks(&value);
		parse_value(a, &value, line, &st);
		scan_blanks(&value);
		if (value.bad || !scan_at_end(&value))
			bad = true;
		if (line->has != NO_FLAG)
			*(bool *)((char *)&st + line->has) = true;
	}
	/* Every kernel shows these: text without them was cut. */
	if (bad || !st.state || st.tgid < 0 || st.threads == UINT32_MAX)
		return -EBADMSG;
	*ret = st;
	return 0;
}

int proc_status(const struct proc *p, struct arena *a, struct proc_status *ret, struct err *err)
{
	char *text;
	size_t len;
	int e = proc_read_single(p, "status", &text, &len, err);

	if (e)
		return e;
	return proc_status_parse(a, text, len, ret) ? proc_bad_text(p, "status", err) : 0;
}
