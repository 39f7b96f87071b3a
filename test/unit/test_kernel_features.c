/* SPDX-License-Identifier: Apache-2.0 */
/* Features are probed without a trace and kept; kcmp's order, pidfds, visits to namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/probe/features.h"
#include "kernel/kcmp.h"
#include "kernel/ns.h"
#include "kernel/pidfd.h"
#include "kernel/proc/fd.h"

static struct proc_buf buf;
static struct arena arena;

static void names(void **state)
{
	(void)state;
	for (int i = 0; i < FEATURE_COUNT; i++) {
		const struct feature_info *info = feature_info(i);

		assert_true(info->name[0] && info->lost[0] && info->brings[0]);
		assert_int_equal(feature_by_name(info->name), i);
	}
	assert_int_equal(feature_by_name("no such feature"), FEATURE_COUNT);
	assert_int_equal(feature_by_name(""), FEATURE_COUNT);
	/* All names that CRIU 4.2 takes. */
	static const char *const known[] = {
		"mnt_id",
		"mem_dirty_track",
		"aio_remap",
		"timerfd",
		"tun",
		"tun_ns",
		"userns",
		"fdinfo_lock",
		"seccomp_suspend",
		"seccomp_filters",
		"loginuid",
		"cgroupns",
		"autofs",
		"tcp_half_closed",
		"compat_cr",
		"uffd",
		"uffd-noncoop",
		"can_map_vdso",
		"sk_ns",
		"sk_unix_file",
		"net_diag_raw",
		"nsid",
		"link_nsid",
		"kcmp_epoll",
		"timens",
		"external_net_ns",
		"clone3_set_tid",
		"newifindex",
		"nftables",
		"has_ipt_legacy",
		"pidfd_store",
		"ns_pid",
		"apparmor_stacking",
		"network_lock_nftables",
		"sockopt_buf_lock",
		"memfd_hugetlb",
		"move_mount_set_group",
		"openat2",
		"get_rseq_conf",
		"ipv6_freebind",
		"pagemap_scan",
		"timer_cr_ids",
		"overlayfs_maps",
		"breakpoints",
		"pagemap_scan_guard_pages",
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		enum feature f = feature_by_name(known[i]);

		assert_int_not_equal(f, FEATURE_COUNT);
		assert_false(feature_info(f)->ours);
	}
}

struct trace {
	size_t fds, children;
	struct proc_ns ns;
	mode_t mask;
	char cwd[4096];
};

static void take_trace(struct trace *t)
{
	struct proc self = PROC_INIT;
	struct proc_fds fds;
	struct proc_tids children;

	memset(t, 0, sizeof(*t));
	assert_int_equal(proc_open(&self, getpid(), &buf, NULL), 0);
	assert_int_equal(proc_fds(&self, &arena, &fds, NULL), 0);
	assert_int_equal(proc_children(&self, NULL, &arena, &children, NULL), 0);
	assert_int_equal(proc_ns(&self, NS_ALL, &t->ns, NULL), 0);
	t->fds = fds.n;
	t->children = children.n;
	t->mask = umask(0);
	umask(t->mask);
	assert_non_null(getcwd(t->cwd, sizeof(t->cwd)));
	proc_close(&self);
}

static volatile sig_atomic_t sigchld;

static void on_sigchld(int signo)
{
	(void)signo;
	sigchld++;
}

static void no_trace(void **state)
{
	struct trace before, after;
	struct features f = { 0 };

	(void)state;
	signal(SIGCHLD, on_sigchld);
	take_trace(&before);
	for (int i = 0; i < FEATURE_COUNT; i++) {
		feature_has(&f, i);
		take_trace(&after);
		if (memcmp(&before, &after, sizeof(before)))
			fail_msg("probing %s leaves something behind", feature_info(i)->name);
	}
	assert_int_equal(sigchld, 0);
	signal(SIGCHLD, SIG_DFL);
	/* What any kernel that the project runs on has, for anybody. */
	assert_int_equal(f.state[FEATURE_NS_PID], FEATURE_PRESENT);
	assert_int_equal(f.state[FEATURE_MNT_ID], FEATURE_PRESENT);
	assert_int_equal(f.state[FEATURE_FDINFO_LOCK], FEATURE_PRESENT);
	assert_int_equal(f.state[FEATURE_PIDFD_OPEN], FEATURE_PRESENT);
	assert_int_equal(f.state[FEATURE_OPENAT2], FEATURE_PRESENT);
	assert_int_equal(f.state[FEATURE_ROOT], geteuid() ? FEATURE_MISSING : FEATURE_PRESENT);
}

/* A child without any capability is told so. */
static void unprivileged(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid()) {
		print_message("not root: nothing to drop\n");
		skip();
	}
	pid = fork();
	if (!pid) {
		struct features f = { 0 };
		struct err err = { 0 };
		/* A change of ids makes a task undumpable, and its children untraceable. */
		int bad = setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 1);

		bad |= feature_has(&f, FEATURE_CAP_SYS_ADMIN) << 1;
		bad |= feature_has(&f, FEATURE_CLONE3_SET_TID) << 2;
		bad |= feature_has(&f, FEATURE_NS_LAST_PID) << 3;
		bad |= feature_has(&f, FEATURE_TCP_REPAIR) << 4;
		bad |= !feature_has(&f, FEATURE_PTRACE) << 5;
		bad |= (feature_need(&f, FEATURE_TCP_REPAIR, "this test", &err) != -EPERM) << 6;
		bad |= (err.id != ERR_PERMISSION || !strstr(err.text, "tcp_repair")) << 7;
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void cache(void **state)
{
	const char *path = "test_features.cache";
	struct features a = { 0 }, b = { 0 }, c = { 0 };
	struct stat st;
	int fd;

	(void)state;
	unlink(path);
	features_load(&a, path);
	feature_has(&a, FEATURE_KCMP);
	feature_has(&a, FEATURE_SOFT_DIRTY);
	features_save(&a);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	features_load(&b, path);
	assert_false(b.dirty);
	assert_memory_equal(a.state, b.state, sizeof(a.state));
	assert_memory_equal(a.num, b.num, sizeof(a.num));
	/* Another owner's hand in it, another key, another length: as if it were not there. */
	assert_int_equal(chmod(path, 0622), 0);
	features_load(&c, path);
	assert_int_equal(c.state[FEATURE_KCMP], FEATURE_UNKNOWN);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 30), 1);
	features_load(&c, path);
	assert_int_equal(c.state[FEATURE_KCMP], FEATURE_UNKNOWN);
	assert_int_equal(ftruncate(fd, 40), 0);
	features_load(&c, path);
	assert_int_equal(c.state[FEATURE_KCMP], FEATURE_UNKNOWN);
	close(fd);
	unlink(path);
}

static void order_of_files(void **state)
{
	enum { N = 64, OBJECTS = 16 };
	struct kcmp_ref refs[N];
	size_t class_of[OBJECTS];
	int base[OBJECTS], object[N];

	(void)state;
	srand(7);
	for (int i = 0; i < OBJECTS; i++) {
		base[i] = open("/dev/null", O_RDONLY);
		class_of[i] = SIZE_MAX;
	}
	for (int i = 0; i < N; i++) {
		object[i] = i < OBJECTS ? i : rand() % OBJECTS;
		refs[i] = (struct kcmp_ref){ .pid = getpid(),
					     .fd = dup(base[object[i]]),
					     .index = i };
	}
	assert_int_equal(kcmp_sort(refs, N, KCMP_T_FILE, NULL), 0);
	for (int i = 0; i < N; i++) {
		size_t *class = &class_of[object[refs[i].index]];

		assert_true(*class == SIZE_MAX || *class == refs[i].class);
		*class = refs[i].class;
		assert_true(!i || refs[i].class - refs[i - 1].class <= 1);
	}
	assert_int_equal(refs[N - 1].class, OBJECTS - 1);
	refs[0].fd = 9999;
	assert_int_equal(kcmp_sort(refs, N, KCMP_T_FILE, NULL), -EBADF);
	for (int i = 0; i < N; i++)
		close(refs[i].fd);
	for (int i = 0; i < OBJECTS; i++)
		close(base[i]);
}

static void epoll_targets(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0), fds[2], order;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev), 0);
	assert_int_equal(kcmp_epoll(getpid(), fds[0], getpid(), ep, fds[0], 0, &order, NULL), 0);
	assert_int_equal(order, 0);
	assert_int_equal(kcmp_epoll(getpid(), fds[1], getpid(), ep, fds[0], 0, &order, NULL), 0);
	assert_int_not_equal(order, 0);
	assert_int_equal(kcmp_epoll(getpid(), fds[0], getpid(), ep, fds[1], 0, &order, NULL),
			 -ENOENT);
	close(ep);
	close(fds[0]);
	close(fds[1]);
}

static void processes(void **state)
{
	struct proc p = PROC_INIT;
	int fds[2], pidfd, copy, order;
	bool same;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	pidfd = pidfd_open_pid(pid, NULL);
	assert_true(pidfd >= 0);
	assert_int_equal(proc_open(&p, pid, &buf, NULL), 0);
	copy = pidfd_get_or_reopen(pidfd, &p, fds[0], O_RDONLY, &same, NULL);
	assert_true(copy >= 0);
	if (same) {
		assert_int_equal(kcmp_files(getpid(), copy, pid, fds[0], &order, NULL), 0);
		assert_int_equal(order, 0);
	}
	assert_true(fcntl(copy, F_GETFD) & FD_CLOEXEC);
	close(copy);
	/* Without a pidfd at all: another description of the same pipe. */
	copy = pidfd_get_or_reopen(-1, &p, fds[0], O_RDONLY, &same, NULL);
	assert_true(copy >= 0 && !same);
	assert_int_equal(kcmp_files(getpid(), copy, pid, fds[0], &order, NULL), 0);
	assert_int_not_equal(order, 0);
	close(copy);
	assert_int_equal(pidfd_get(pidfd, 9999, NULL), -EBADF);
	assert_false(pidfd_ended(pidfd));
	assert_int_equal(pidfd_signal(pidfd, SIGKILL, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(pidfd_ended(pidfd));
	assert_int_equal(pidfd_signal(pidfd, 0, NULL, NULL), -ESRCH);
	assert_int_equal(pidfd_open_pid(pid, NULL), -ESRCH);
	close(pidfd);
	close(fds[0]);
	close(fds[1]);
	proc_close(&p);
}

static void visits(void **state)
{
	static const enum ns_kind kinds[] = { NS_UTS, NS_NET, NS_IPC, NS_MNT, NS_CGROUP };
	struct proc_ns before, there, now;
	struct proc p = PROC_INIT;
	struct ns_visit v;
	char c, cwd[4096], after[4096];
	int fds[2];
	pid_t pid;

	(void)state;
	if (geteuid()) {
		print_message("not root: no namespaces of its own\n");
		skip();
	}
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		c = !unshare(CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS |
			     CLONE_NEWCGROUP);
		if (write(fds[1], &c, 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(c, 1);
	assert_int_equal(proc_open(&p, pid, &buf, NULL), 0);
	assert_int_equal(ns_self(&before, NULL), 0);
	assert_int_equal(proc_ns(&p, NS_ALL, &there, NULL), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		assert_int_not_equal(before.ino[kinds[i]], there.ino[kinds[i]]);
		assert_int_equal(ns_visit(&v, &p, kinds[i], NULL), 0);
		assert_int_equal(ns_self(&now, NULL), 0);
		assert_int_equal(now.ino[kinds[i]], there.ino[kinds[i]]);
		assert_int_equal(ns_leave(&v, NULL), 0);
		assert_int_equal(ns_self(&now, NULL), 0);
		assert_memory_equal(&now, &before, sizeof(now));
		assert_non_null(getcwd(after, sizeof(after)));
		assert_string_equal(after, cwd);
	}
	assert_int_equal(ns_visit(&v, &p, NS_PID, NULL), -EINVAL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	proc_close(&p);
	close(fds[0]);
	close(fds[1]);
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	proc_buf_free(&buf);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),	  cmocka_unit_test(no_trace),
		cmocka_unit_test(unprivileged),	  cmocka_unit_test(cache),
		cmocka_unit_test(order_of_files), cmocka_unit_test(epoll_targets),
		cmocka_unit_test(processes),	  cmocka_unit_test(visits),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
