/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of /proc/PID over captured and over hostile text; and this very process, for agreement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/proc/fd.h"
#include "kernel/proc/maps.h"
#include "kernel/proc/mountinfo.h"
#include "kernel/proc/stat.h"
#include "kernel/proc/task.h"

#define OK(call)  assert_int_equal((call), 0)
#define BAD(call) assert_int_equal((call), -EBADMSG)
#define TEXT(s)	  (s), sizeof(s) - 1

static struct arena arena;
static struct proc_buf buf;

static int end_test(void **state)
{
	(void)state;
	arena_free(&arena);
	proc_buf_free(&buf);
	return 0;
}

#define STAT_REST                                                                                  \
	" S 1 4880 4881 34821 -1 4194560 176 2 3 4 5 6 -7 8 20 -5 1 0 8472 3133440 403 "           \
	"18446744073709551615 93952281739264 93952281757977 140735519468512 11 12 0 0 0 0 13 "     \
	"0 0 17 1 99 2 14 15 16 93952281774224 93952281775744 93952610385920 140735519475433 "     \
	"140735519475453 140735519475453 140735519477739 256\n"

static void stat_fields(void **state)
{
	struct proc_stat st;

	(void)state;
	OK(proc_stat_parse(TEXT("4242 (cat)" STAT_REST), &st));
	assert_int_equal(st.pid, 4242);
	assert_string_equal(st.comm, "cat");
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.ppid, 1);
	assert_int_equal(st.pgrp, 4880);
	assert_int_equal(st.session, 4881);
	assert_true(proc_tty_dev(st.tty_nr) == makedev(136, 5));
	assert_int_equal(st.tpgid, -1);
	assert_int_equal(st.flags, 4194560);
	assert_int_equal(st.cutime, -7);
	assert_int_equal(st.nice, -5);
	assert_int_equal(st.num_threads, 1);
	assert_int_equal(st.starttime, 8472);
	assert_int_equal(st.vsize, 3133440);
	assert_int_equal(st.rss, 403);
	assert_true(st.rsslim == UINT64_MAX);
	assert_int_equal(st.startstack, 140735519468512);
	assert_int_equal(st.kstkesp, 11);
	assert_int_equal(st.kstkeip, 12);
	assert_int_equal(st.wchan, 13);
	assert_int_equal(st.exit_signal, 17);
	assert_int_equal(st.processor, 1);
	assert_int_equal(st.rt_priority, 99);
	assert_int_equal(st.policy, 2);
	assert_int_equal(st.guest_time, 15);
	assert_true(st.has_mm_layout);
	assert_int_equal(st.start_data, 93952281774224);
	assert_int_equal(st.start_brk, 93952610385920);
	assert_int_equal(st.env_end, 140735519477739);
	assert_int_equal(st.exit_code, 256);
}

static void stat_names(void **state)
{
	struct proc_stat st;
	char text[1024], name[128];

	(void)state;
	OK(proc_stat_parse(TEXT("1 (a) S (b)" STAT_REST), &st));
	assert_string_equal(st.comm, "a) S (b");
	OK(proc_stat_parse(TEXT("1 ()" STAT_REST), &st));
	assert_string_equal(st.comm, "");
	OK(proc_stat_parse(TEXT("1 (x\n2 (y) R 1)" STAT_REST), &st));
	assert_string_equal(st.comm, "x\n2 (y) R 1");
	OK(proc_stat_parse(TEXT("1 ()))))" STAT_REST), &st));
	assert_string_equal(st.comm, "))))");
	memset(name, 'n', sizeof(name));
	for (int len = 60; len < 70; len++) {
		snprintf(text, sizeof(text), "1 (%.*s)%s", len, name, STAT_REST);
		assert_int_equal(proc_stat_parse(text, strlen(text), &st),
				 len < PROC_NAME_MAX ? 0 : -EBADMSG);
	}
}

static void stat_hostile(void **state)
{
	static const char good[] = "4242 (cat)" STAT_REST;
	static const char *const bad[] = {
		"",
		"1",
		"1 ",
		"1 (",
		"1 (x",
		"1 (x)",
		"(x) S 1",
		"1 x) S 1",
		"x (y)" STAT_REST,
		"99999999999 (y)" STAT_REST,
		"18446744073709551617 (y)" STAT_REST,
		"1 (y) S -99999999999 1 1 0 -1 0",
		")(",
		"1 )x(" STAT_REST,
	};
	struct proc_stat st;
	size_t cut = strlen(good);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		BAD(proc_stat_parse(bad[i], strlen(bad[i]), &st));
	/* Cut anywhere: an error, or the fields of an older kernel, never a wild read. */
	while (cut--) {
		char *copy = malloc(cut + 1);
		int e;

		memcpy(copy, good, cut);
		copy = realloc(copy, cut ? cut : 1); /* so that the sanitizer sees the end */
		e = proc_stat_parse(copy, cut, &st);
		assert_true(e == 0 || e == -EBADMSG);
		if (!e && st.has_mm_layout)
			assert_true(cut >= strlen(good) - 4); /* all but the last number's digits */
		free(copy);
	}
}

#define STATUS_HEAD                                                                                \
	"Name:\ta\\nb\\\\ c\nUmask:\t0027\nState:\tt (tracing stop)\nTgid:\t55\n"                  \
	"Ngid:\t0\nPid:\t56\nPPid:\t54\nTracerPid:\t9\n"
#define STATUS_TAIL                                                                                 \
	"Uid:\t1\t2\t3\t4294967295\nGid:\t5\t6\t7\t8\nFDSize:\t256\nGroups:\t10 20 4000000000 \n"   \
	"NStgid:\t55\t7\t1\nNSpid:\t56\t8\t2\nNSpgid:\t50\t0\t0\nNSsid:\t40\t0\t0\nKthread:\t0\n"   \
	"VmPeak:\t    3060 kB\nVmSize:\t    3056 kB\nVmRSS:\t    1612 kB\nRssAnon:\t     112 kB\n"  \
	"VmSwap:\t       4 kB\nCoreDumping:\t1\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n" \
	"Threads:\t3\nSigQ:\t2/96365\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000000200\n"       \
	"SigBlk:\tfffffffe7ffbfeff\nSigIgn:\t0000000000001000\nSigCgt:\t8000000000000000\n"         \
	"CapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000002\n"         \
	"CapBnd:\t0000000000000003\nCapAmb:\t0000000000000004\nNoNewPrivs:\t1\nSeccomp:\t2\n"       \
	"Seccomp_filters:\t3\nSpeculation_Store_Bypass:\tthread force mitigated\n"                  \
	"SpeculationIndirectBranch:\tconditional enabled\nCpus_allowed:\t3\n"                       \
	"voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t13\n"                           \
	"x86_Thread_features:\tshstk wrss \nx86_Thread_features_locked:\twrss\n"

static void status_fields(void **state)
{
	struct proc_status st;

	(void)state;
	OK(proc_status_parse(&arena, TEXT(STATUS_HEAD STATUS_TAIL), &st));
	assert_string_equal(st.name, "a\nb\\ c");
	assert_true(st.has_umask);
	assert_int_equal(st.umask, 027);
	assert_int_equal(st.state, 't');
	assert_int_equal(st.tgid, 55);
	assert_int_equal(st.pid, 56);
	assert_int_equal(st.ppid, 54);
	assert_int_equal(st.tracer_pid, 9);
	assert_int_equal(st.uid[0], 1);
	assert_true(st.uid[3] == UINT32_MAX);
	assert_int_equal(st.gid[2], 7);
	assert_int_equal(st.n_groups, 3);
	assert_true(st.groups[2] == 4000000000U);
	assert_int_equal(st.ns_tgid.n, 3);
	assert_int_equal(st.ns_pid.id[2], 2);
	assert_int_equal(st.ns_pgid.id[0], 50);
	assert_int_equal(st.ns_sid.id[0], 40);
	assert_true(st.has_mm);
	assert_int_equal(st.vm_size, 3056 * 1024);
	assert_int_equal(st.rss_anon, 112 * 1024);
	assert_int_equal(st.vm_swap, 4096);
	assert_true(st.core_dumping && st.has_thp_enabled && !st.thp_enabled);
	assert_int_equal(st.threads, 3);
	assert_int_equal(st.sigq, 2);
	assert_int_equal(st.sigq_limit, 96365);
	assert_int_equal(st.sig_pnd, 1);
	assert_int_equal(st.shd_pnd, 0x200);
	assert_true(st.sig_blk == 0xfffffffe7ffbfeff);
	assert_true(st.sig_cgt == UINT64_C(1) << 63);
	assert_true(st.cap_prm == 0x1ffffffffff);
	assert_int_equal(st.cap_inh, 1);
	assert_int_equal(st.cap_eff, 2);
	assert_int_equal(st.cap_bnd, 3);
	assert_int_equal(st.cap_amb, 4);
	assert_true(st.no_new_privs && st.has_seccomp);
	assert_int_equal(st.seccomp, 2);
	assert_int_equal(st.seccomp_filters, 3);
	assert_string_equal(st.ssb, "thread force mitigated");
	assert_string_equal(st.spec_ib, "conditional enabled");
	assert_int_equal(st.voluntary_ctxt_switches, 12);
	assert_int_equal(st.nonvoluntary_ctxt_switches, 13);
	assert_true(st.has_thread_features);
	assert_int_equal(st.thread_features, 3);
	assert_int_equal(st.thread_features_locked, 2);
}

static void status_hostile(void **state)
{
	static const char *const bad[] = {
		"",
		"Name:\tx\n",
		"no colon at all\n",
		STATUS_HEAD,
		STATUS_HEAD "Threads:\t1\nUid:\t1\t2\t3\n",
		STATUS_HEAD "Threads:\t1\nUid:\t1\t2\t3\t99999999999\n",
		STATUS_HEAD "Threads:\t1\nGroups:\t1 x\n",
		STATUS_HEAD "Threads:\t1\nVmRSS:\t12\n",
		STATUS_HEAD "Threads:\t1\nVmRSS:\t99999999999999999999 kB\n",
		STATUS_HEAD "Threads:\t1\nVmRSS:\t18446744073709551615 kB\n",
		STATUS_HEAD "Threads:\t1\nCapEff:\t10000000000000000\n",
		STATUS_HEAD "Threads:\t1\nUmask:\t9\n",
		STATUS_HEAD "Threads:\t-1\n",
	};
	char text[8192];
	struct proc_status st;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		BAD(proc_status_parse(&arena, bad[i], strlen(bad[i]), &st));
	/* More namespaces than can be nested, a name longer than any. */
	n = snprintf(text, sizeof(text), "%sThreads:\t1\nNSpid:", STATUS_HEAD);
	for (int i = 0; i < PROC_PIDNS_MAX; i++)
		n += snprintf(text + n, sizeof(text) - n, "\t%d", i + 1);
	OK(proc_status_parse(&arena, text, n, &st));
	assert_int_equal(st.ns_pid.n, PROC_PIDNS_MAX);
	n += snprintf(text + n, sizeof(text) - n, "\t1\n");
	BAD(proc_status_parse(&arena, text, n, &st));
	n = snprintf(text, sizeof(text), "Name:\t%0100d\nState:\tR\nTgid:\t1\nThreads:\t1\n", 0);
	BAD(proc_status_parse(&arena, text, n, &st));
}

static void maps_fields(void **state)
{
	static const char text[] =
		"00400000-00401000 r-xp 00002000 fe:00 247498                     /bin/with space\n"
		"00401000-00402000 rw-p 00000000 00:00 0 \n"
		"00402000-00403000 ---s 7fffffffff000 00:01 18446744073709551615    /dev/x (deleted)\n"
		"00403000-00404000 r--p 00000000 fe:00 2                          /a\\012b\\040c\n"
		"00404000-00405000 r--p 00000000 fe:00 2                          /a\\012b\\040c (deleted)\n"
		"00405000-00406000 rw-p 00000000 00:00 0                          [anon:my name]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
	struct proc_areas list;

	(void)state;
	OK(proc_areas_parse(&arena, TEXT(text), &list));
	assert_int_equal(list.n, 7);
	assert_int_equal(list.areas[0].start, 0x400000);
	assert_int_equal(list.areas[0].end, 0x401000);
	assert_int_equal(list.areas[0].prot, PROT_READ | PROT_EXEC);
	assert_int_equal(list.areas[0].offset, 0x2000);
	assert_int_equal(list.areas[0].major, 0xfe);
	assert_int_equal(list.areas[0].ino, 247498);
	assert_string_equal(list.areas[0].path, "/bin/with space");
	assert_false(list.areas[0].has_smaps);
	assert_string_equal(list.areas[1].path, "");
	assert_true(list.areas[2].shared && list.areas[2].deleted);
	assert_string_equal(list.areas[2].path, "/dev/x");
	assert_true(list.areas[2].ino == UINT64_MAX);
	/* Only newlines are escaped in this file. */
	assert_string_equal(list.areas[3].path, "/a\nb\\040c");
	assert_false(list.areas[3].deleted);
	assert_string_equal(list.areas[4].path, "/a\nb\\040c");
	assert_true(list.areas[4].deleted);
	assert_string_equal(list.areas[5].path, "[anon:my name]");
	assert_true(list.areas[6].end == 0xffffffffff601000);
	assert_ptr_equal(proc_areas_find(&list, 0x401fff), &list.areas[1]);
	assert_ptr_equal(proc_areas_find(&list, 0x400000), &list.areas[0]);
	assert_null(proc_areas_find(&list, 0x406000));
	assert_null(proc_areas_find(&list, 0));
}

static void smaps_fields(void **state)
{
	static const char text[] =
		"00400000-00600000 rw-p 00000000 00:00 0 \nSize:               2048 kB\n"
		"KernelPageSize:        4 kB\nMMUPageSize:           4 kB\nRss:                 100 kB\n"
		"Anonymous:            96 kB\nLazyFree:              8 kB\nAnonHugePages:      2048 kB\n"
		"Private_Hugetlb:      16 kB\nSwap:                 12 kB\nSwapPss:               0 kB\n"
		"Locked:                4 kB\nTHPeligible:           1\nProtectionKey:         7\n"
		"VmFlags: rd wr mr mw me ac sd zz hg \n"
		"00600000-00601000 r--p 00000000 fe:00 2                          /x\n"
		"Rss:                   0 kB\nVmFlags: rd mr \n";
	const struct proc_area *a;
	struct proc_areas list;

	(void)state;
	OK(proc_areas_parse(&arena, TEXT(text), &list));
	assert_int_equal(list.n, 2);
	a = &list.areas[0];
	assert_true(a->has_smaps);
	assert_int_equal(a->rss_kb, 100);
	assert_int_equal(a->swap_kb, 12);
	assert_int_equal(a->pkey, 7);
	assert_int_equal(a->kernel_page_kb, 4);
	assert_true(a->vmflags ==
		    (VMF_(READ) | VMF_(WRITE) | VMF_(MAYREAD) | VMF_(MAYWRITE) | VMF_(MAYEXEC) |
		     VMF_(ACCOUNT) | VMF_(SOFTDIRTY) | VMF_(HUGEPAGE) | VMF_(UNKNOWN)));
	assert_string_equal(a->unknown_flag, "zz");
	assert_int_equal(list.areas[1].pkey, -1);
	assert_true(list.areas[1].vmflags == (VMF_(READ) | VMF_(MAYREAD)));
	assert_string_equal(vmf_code(VMF_BIT_SEALED), "sl");
	assert_null(vmf_code(VMF_BIT_UNKNOWN));
}

static void maps_hostile(void **state)
{
	static const char *const bad[] = {
		"\n",
		"Rss: 1 kB\n",
		"1000-2000 r-xp 0 fe:00 1", /* no newline: cut */
		"1000-1000 r-xp 0 0:0 0 \n",
		"2000-1000 r-xp 0 0:0 0 \n",
		"1000-2001 r-xp 0 0:0 0 \n",
		"1000-2000 q-xp 0 0:0 0 \n",
		"1000-2000 r-x\n",
		"1000-2000 r-xz 0 0:0 0 \n",
		"1000-2000 r-xp 11112222333344445 0:0 0 \n",
		"1000-2000 r-xp 0 100000000:0 0 \n",
		"1000-2000 r-xp 0 0:0 18446744073709551616 \n",
		"1000-2000 r-xp 0 0:0 0 \nRss no colon\n",
		"1000-2000 r-xp 0 0:0 0 \nRss: x kB\n",
		"1000-2000 r-xp 0 0:0 0 \nRss: 99999999999999999 kB\nSwap: 18446744073709551615 kB\n",
	};
	struct proc_areas list;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		BAD(proc_areas_parse(&arena, bad[i], strlen(bad[i]), &list));
	OK(proc_areas_parse(&arena, "", 0, &list));
	assert_int_equal(list.n, 0);
}

/* Neighbours share a path in memory; it must be the right one, whatever lies between them. */
static void maps_paths(void **state)
{
	static const char text[] =
		"1000-2000 r-xp 0 0:0 1 /a\n2000-3000 r-xp 0 0:0 0 \n"
		"3000-4000 r-xp 0 0:0 1 /a\n4000-5000 r-xp 0 0:0 1 /a\\012\n"
		"5000-6000 r-xp 0 0:0 1 /a\n6000-7000 r-xp 0 0:0 1 /a (deleted)\n"
		"7000-8000 r-xp 0 0:0 1 /ab\n8000-9000 r-xp 0 0:0 1 /ab\n";
	static const char *const paths[] = { "/a", "", "/a", "/a\n", "/a", "/a", "/ab", "/ab" };
	struct proc_areas list;

	(void)state;
	OK(proc_areas_parse(&arena, TEXT(text), &list));
	assert_int_equal(list.n, 8);
	for (size_t i = 0; i < list.n; i++)
		assert_string_equal(list.areas[i].path, paths[i]);
	assert_true(list.areas[5].deleted && !list.areas[4].deleted);
	assert_ptr_equal(list.areas[6].path, list.areas[7].path);
}

/* Read while the process ran: later lines are newer, and nothing overlaps. */
static void maps_in_motion(void **state)
{
	struct proc_areas list;

	(void)state;
	OK(proc_areas_parse(&arena,
			    TEXT("1000-3000 r-xp 0 0:0 1 /a\n2000-4000 r-xp 0 0:0 2 /b\n"
				 "5000-6000 r-xp 0 0:0 3 \n6000-7000 r-xp 0 0:0 4 \n"
				 "5000-8000 r-xp 0 0:0 5 \n"),
			    &list));
	assert_int_equal(list.n, 3);
	assert_true(list.areas[0].start == 0x1000 && list.areas[0].end == 0x2000);
	assert_true(list.areas[1].start == 0x2000 && list.areas[1].ino == 2);
	assert_true(list.areas[2].start == 0x5000 && list.areas[2].end == 0x8000);
	assert_int_equal(list.areas[2].ino, 5);
}

static void fdinfo_fields(void **state)
{
	static const char text[] = "pos:\t-5\nflags:\t02100002\nmnt_id:\t24\nino:\t1234\n"
				   "lock:\t1: FLOCK  ADVISORY  WRITE 77 fe:00:5678 0 EOF\n"
				   "eventfd-count:               1f\npos:\t7\nino 12\n";
	struct proc_fdinfo info;
	uint64_t v;

	(void)state;
	OK(proc_fdinfo_parse(&arena, TEXT(text), &info));
	assert_int_equal(info.pos, -5);
	assert_int_equal(info.flags, 02100002);
	assert_int_equal(info.mnt_id, 24);
	assert_int_equal(info.ino, 1234);
	assert_string_equal(info.text, "lock:\t1: FLOCK  ADVISORY  WRITE 77 fe:00:5678 0 EOF\n"
				       "eventfd-count:               1f\npos:\t7\nino 12\n");
	assert_int_equal(info.text_len, strlen(info.text));
	OK(proc_fdinfo_num(&info, "eventfd-count", 16, &v));
	assert_int_equal(v, 0x1f);
	OK(proc_fdinfo_num(&info, "pos", 10, &v));
	assert_int_equal(v, 7);
	assert_int_equal(proc_fdinfo_num(&info, "eventfd", 16, &v), -ENOENT);
	OK(proc_fdinfo_parse(&arena, TEXT("pos:\t0\nflags:\t0\n"), &info));
	assert_int_equal(info.mnt_id, -1);
	assert_string_equal(info.text, "");
	BAD(proc_fdinfo_parse(&arena, TEXT("pos:\t0\n"), &info));
	BAD(proc_fdinfo_parse(&arena, TEXT("pos:\t0\nflags:\t9\n"), &info));
	BAD(proc_fdinfo_parse(&arena, TEXT("pos:\t0 0\nflags:\t0\n"), &info));
	BAD(proc_fdinfo_parse(&arena, TEXT("pos:\t9223372036854775808\nflags:\t0\n"), &info));
	BAD(proc_fdinfo_parse(&arena, TEXT("pos:\t0\nflags:\t0"), &info));
	BAD(proc_fdinfo_parse(&arena, TEXT(""), &info));
}

static void lock_lines(void **state)
{
	struct proc_lock lock;

	(void)state;
	OK(proc_lock_parse(TEXT("1: POSIX  ADVISORY  READ 1234 fe:1f:5678 10 19"), &lock));
	assert_int_equal(lock.kind, LOCK_KIND_POSIX);
	assert_int_equal(lock.how, LOCK_HOW_READ);
	assert_int_equal(lock.pid, 1234);
	assert_int_equal(lock.minor, 0x1f);
	assert_int_equal(lock.start, 10);
	assert_int_equal(lock.end, 19);
	OK(proc_lock_parse(TEXT("2: -> OFDLCK ADVISORY  WRITE -1 00:05:1 0 EOF\n"), &lock));
	assert_int_equal(lock.kind, LOCK_KIND_OFD);
	assert_int_equal(lock.pid, -1);
	assert_int_equal(lock.end, -1);
	OK(proc_lock_parse(TEXT("3: LEASE  BREAKING  READ 9 00:05:1 0 EOF"), &lock));
	assert_true(lock.kind == LOCK_KIND_LEASE && lock.breaking);
	BAD(proc_lock_parse(TEXT(""), &lock));
	BAD(proc_lock_parse(TEXT("1: NEW ADVISORY READ 1 00:05:1 0 EOF"), &lock));
	BAD(proc_lock_parse(TEXT("1: POSIX  ADVISORY  READ 1234 fe:1f:5678 10"), &lock));
	BAD(proc_lock_parse(TEXT("1: POSIX  ADVISORY  READ 1234 fe:1f 10 EOF"), &lock));
	BAD(proc_lock_parse(TEXT("1: POSIX  ADVISORY  READ 1234 fe:1f:5 10 EOFx"), &lock));
}

static void timer_lines(void **state)
{
	static const char text[] =
		"ID: 0\nsignal: 60/00007fff86e452a8\nnotify: signal/pid.2634\nClockID: 0\n"
		"ID: 7\nsignal: 14/0\nnotify: thread/tid.9\nClockID: -6\n"
		"ID: 8\nsignal: 0/(null)\nnotify: none/pid.1\nClockID: 11\n";
	struct proc_timers list;

	(void)state;
	OK(proc_timers_parse(&arena, TEXT(text), &list));
	assert_int_equal(list.n, 3);
	assert_int_equal(list.timers[0].signo, 60);
	assert_true(list.timers[0].sigval == 0x7fff86e452a8);
	assert_int_equal(list.timers[0].notify, SIGEV_SIGNAL);
	assert_false(list.timers[0].thread);
	assert_int_equal(list.timers[0].target, 2634);
	assert_int_equal(list.timers[1].id, 7);
	assert_int_equal(list.timers[1].notify, SIGEV_THREAD);
	assert_true(list.timers[1].thread);
	assert_int_equal(list.timers[1].clock, -6);
	assert_int_equal(list.timers[2].notify, SIGEV_NONE);
	/* Cut anywhere inside of the first one. */
	for (size_t cut = 1; cut < (size_t)(strstr(text, "ID: 7") - text); cut++)
		BAD(proc_timers_parse(&arena, text, cut, &list));
	OK(proc_timers_parse(&arena, "", 0, &list));
	assert_int_equal(list.n, 0);
}

static void mountinfo_lines(void **state)
{
	static const char text[] =
		"36 35 98:0 /mnt1 /mnt\\0402\\134\\012 rw,noatime,nosuid shared:1 master:2 "
		"propagate_from:3 - ext3 /dev/root rw,errors=continue\n"
		"37 36 0:40 /x//deleted /a ro,relatime unbindable new:9 - fuse.sshfs  rw,sync odd blank\n"
		"38 36 0:4 net:[4026531840] /run/netns/x rw - nsfs nsfs rw\n";
	struct proc_mounts list;

	(void)state;
	OK(proc_mountinfo_parse(&arena, TEXT(text), &list));
	assert_int_equal(list.n, 3);
	assert_int_equal(list.mounts[0].id, 36);
	assert_int_equal(list.mounts[0].parent, 35);
	assert_int_equal(list.mounts[0].major, 98);
	assert_string_equal(list.mounts[0].point, "/mnt 2\\\n");
	assert_true(list.mounts[0].flags == (MS_NOATIME | MS_NOSUID));
	assert_int_equal(list.mounts[0].shared, 1);
	assert_int_equal(list.mounts[0].master, 2);
	assert_int_equal(list.mounts[0].propagate_from, 3);
	assert_string_equal(list.mounts[0].super_options, "rw,errors=continue");
	assert_string_equal(list.mounts[1].root, "/x");
	assert_true(list.mounts[1].root_deleted && list.mounts[1].unbindable);
	assert_string_equal(list.mounts[1].fstype, "fuse.sshfs");
	assert_string_equal(list.mounts[1].source, "");
	assert_string_equal(list.mounts[1].super_options, "rw,sync odd blank");
	assert_true(list.mounts[1].flags == (MS_RDONLY | MS_RELATIME));
	assert_string_equal(list.mounts[2].root, "net:[4026531840]");
	BAD(proc_mountinfo_parse(&arena, TEXT("36 35 98:0 / /mnt rw shared:1\n"), &list));
	BAD(proc_mountinfo_parse(&arena, TEXT("36 35 98:0 / /mnt rw - ext4\n"), &list));
	BAD(proc_mountinfo_parse(&arena, TEXT("36 35 98 / /mnt rw - ext4 x rw\n"), &list));
	BAD(proc_mountinfo_parse(&arena, TEXT("36 35 1:1 / /m rw shared:x - ext4 x rw\n"), &list));
	BAD(proc_mountinfo_parse(&arena, TEXT("\n"), &list));
}

static void small_files(void **state)
{
	struct proc_cgroups groups;
	struct proc_syscall sc;
	struct proc_tids tids = { 0 };
	struct proc_link link;
	uint32_t ino;

	(void)state;
	OK(proc_cgroups_parse(
		&arena, TEXT("4:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/x (deleted)\n"), &groups));
	assert_int_equal(groups.n, 3);
	assert_string_equal(groups.groups[0].controllers, "cpu,cpuacct");
	assert_string_equal(groups.groups[0].path, "/a:b");
	assert_true(groups.groups[2].deleted);
	assert_string_equal(groups.groups[2].path, "/x");
	BAD(proc_cgroups_parse(&arena, TEXT("0:/x\n"), &groups));
	BAD(proc_cgroups_parse(&arena, TEXT("x::/x\n"), &groups));

	OK(proc_syscall_parse(TEXT("running\n"), &sc));
	assert_true(sc.running);
	OK(proc_syscall_parse(TEXT("-1 0x7ffd 0x400123\n"), &sc));
	assert_true(sc.nr == -1 && sc.sp == 0x7ffd && sc.pc == 0x400123);
	OK(proc_syscall_parse(TEXT("35 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n"), &sc));
	assert_true(sc.nr == 35 && sc.arg[0] == 1 && sc.arg[5] == 6 && sc.pc == 8);
	BAD(proc_syscall_parse(TEXT("35 0x1 0x2 0x3\n"), &sc));
	BAD(proc_syscall_parse(TEXT(""), &sc));

	OK(proc_children_parse(&arena, TEXT("12 34 "), &tids));
	OK(proc_children_parse(&arena, TEXT("56"), &tids));
	assert_int_equal(tids.n, 3);
	assert_int_equal(tids.tids[2], 56);
	BAD(proc_children_parse(&arena, TEXT("0 "), &tids));
	BAD(proc_children_parse(&arena, TEXT("99999999999"), &tids));

	OK(proc_ns_parse(TEXT("net:[4026531840]"), &ino));
	assert_true(ino == 4026531840U);
	BAD(proc_ns_parse(TEXT("net:[4026531840"), &ino));
	BAD(proc_ns_parse(TEXT("net"), &ino));

	proc_link_parse(&arena, TEXT("/a (deleted)"), &link);
	assert_true(link.deleted && link.reachable && !strcmp(link.path, "/a"));
	proc_link_parse(&arena, TEXT("(unreachable)/b"), &link);
	assert_true(!link.deleted && !link.reachable && !strcmp(link.path, "/b"));
	proc_link_parse(&arena, TEXT(""), &link);
	assert_string_equal(link.path, "");
}

static pid_t spawn(void (*fn)(void))
{
	int fds[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		if (fn)
			fn();
		if (write(fds[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static void odd_name(void)
{
	prctl(PR_SET_NAME, "a) R\n(\\b ");
	umask(0137);
	signal(SIGUSR1, SIG_IGN);
}

static void live_names(void **state)
{
	struct proc p = PROC_INIT;
	struct proc_status status;
	struct proc_stat st;
	pid_t pid = spawn(odd_name);

	(void)state;
	OK(proc_open(&p, pid, &buf, NULL));
	OK(proc_stat(&p, &st, NULL));
	OK(proc_status(&p, &arena, &status, NULL));
	assert_string_equal(st.comm, "a) R\n(\\b ");
	assert_string_equal(status.name, "a) R\n(\\b ");
	assert_int_equal(st.ppid, getpid());
	assert_int_equal(status.umask, 0137);
	assert_true(status.sig_ign & 1 << (SIGUSR1 - 1));
	assert_true(status.has_mm && status.vm_rss);
	/* Gone, and its directory open: never mistaken for another. */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(proc_stat(&p, &st, NULL), -ESRCH);
	assert_int_equal(proc_status(&p, &arena, &status, NULL), -ESRCH);
	proc_close(&p);
	assert_int_equal(proc_open(&p, pid, &buf, NULL), -ESRCH);
	assert_int_equal(proc_open(&p, -1, &buf, NULL), -ESRCH);
}

static void live_zombie(void **state)
{
	struct proc p = PROC_INIT;
	struct proc_areas areas;
	struct proc_stat st;
	struct proc_fds fds;
	pid_t pid = spawn(NULL);
	siginfo_t info;
	int ret;

	(void)state;
	OK(proc_open(&p, pid, &buf, NULL));
	kill(pid, SIGKILL);
	OK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	OK(proc_stat(&p, &st, NULL));
	assert_int_equal(st.state, 'Z');
	assert_int_equal(st.exit_code, SIGKILL);
	OK(proc_maps(&p, &arena, &areas, NULL));
	assert_int_equal(areas.n, 0);
	OK(proc_smaps(&p, &arena, &areas, NULL));
	assert_int_equal(areas.n, 0);
	/* Its folder is that of root now, as of all that have no memory. */
	ret = proc_fds(&p, &arena, &fds, NULL);
	assert_true(ret == 0 ? fds.n == 0 : ret == -EACCES && geteuid());
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	proc_close(&p);
}

static void live_lists(void **state)
{
	struct proc p = PROC_INIT;
	struct proc_tids children, threads;
	struct proc_fds fds;
	struct proc_fdinfo info;
	struct proc_limits limits;
	struct proc_timers timers;
	struct rlimit lim;
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	pid_t a = spawn(NULL), b = spawn(NULL);
	int fd = eventfd(42, 0), high = fcntl(fd, F_DUPFD_CLOEXEC, 500);
	timer_t timer;
	uint64_t count;

	(void)state;
	OK(proc_open(&p, getpid(), &buf, NULL));
	OK(proc_threads(&p, &arena, &threads, NULL));
	assert_int_equal(threads.n, 1);
	assert_int_equal(threads.tids[0], getpid());
	OK(proc_children(&p, NULL, &arena, &children, NULL));
	assert_int_equal(children.n, 2);
	assert_true(children.tids[0] == a && children.tids[1] == b);
	OK(proc_fds(&p, &arena, &fds, NULL));
	assert_int_equal(fds.fds[fds.n - 1], high);
	OK(proc_fdinfo(&p, high, &arena, &info, NULL));
	assert_true(info.flags & O_CLOEXEC);
	OK(proc_fdinfo_num(&info, "eventfd-count", 16, &count));
	assert_int_equal(count, 42);
	assert_int_equal(proc_fdinfo(&p, 499, &arena, &info, NULL), -ENOENT);
	OK(proc_limits(&p, &limits, NULL));
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		OK(getrlimit(i, &lim));
		assert_true(lim.rlim_cur == limits.limit[i].rlim_cur);
		assert_true(lim.rlim_max == limits.limit[i].rlim_max);
	}
	OK(timer_create(CLOCK_BOOTTIME, &ev, &timer));
	OK(proc_timers(&p, &arena, &timers, NULL));
	assert_int_equal(timers.n, 1);
	assert_int_equal(timers.timers[0].notify, SIGEV_NONE);
	assert_int_equal(timers.timers[0].clock, CLOCK_BOOTTIME);
	timer_delete(timer);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	assert_int_equal(waitpid(a, NULL, 0), a);
	assert_int_equal(waitpid(b, NULL, 0), b);
	close(fd);
	close(high);
	proc_close(&p);
}

/* Thousands of areas, read in pieces: the same as text parsed whole. */
static void live_many_areas(void **state)
{
	enum { AREAS = 5000 };
	size_t page = getpagesize();
	char *mem = mmap(NULL, 2 * AREAS * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct proc p = PROC_INIT;
	struct proc_areas maps, smaps;
	size_t found = 0;

	(void)state;
	assert_true(mem != MAP_FAILED);
	for (size_t i = 0; i < AREAS; i++)
		OK(mprotect(mem + 2 * i * page, page, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE));
	OK(proc_open(&p, getpid(), &buf, NULL));
	OK(proc_smaps(&p, &arena, &smaps, NULL));
	OK(proc_maps(&p, &arena, &maps, NULL));
	for (size_t i = 0; i < maps.n; i++) {
		const struct proc_area *s = proc_areas_find(&smaps, maps.areas[i].start);

		if (maps.areas[i].start < (uintptr_t)mem ||
		    maps.areas[i].end > (uintptr_t)mem + 2 * AREAS * page)
			continue;
		assert_true(s && s->has_smaps && s->end == maps.areas[i].end &&
			    s->prot == maps.areas[i].prot && !s->unknown_flag[0]);
		assert_true(!!(s->vmflags & VMF_(WRITE)) == !!(s->prot & PROT_WRITE));
		found++;
	}
	/* The outermost ones may have been joined with neighbours. */
	assert_in_range(found, 2 * AREAS - 2, 2 * AREAS);
	munmap(mem, 2 * AREAS * page);
	proc_close(&p);
}

#define T(fn) cmocka_unit_test_teardown(fn, end_test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(stat_fields),	   T(stat_names),      T(stat_hostile),	   T(status_fields),
		T(status_hostile), T(maps_fields),     T(smaps_fields),	   T(maps_in_motion),
		T(maps_paths),	   T(maps_hostile),    T(fdinfo_fields),   T(lock_lines),
		T(timer_lines),	   T(mountinfo_lines), T(small_files),	   T(live_names),
		T(live_zombie),	   T(live_lists),      T(live_many_areas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
