/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dump of many small objects can't do without: floor_calls PID DIR stops the process and its
 * children, asks the kernel once for each thing that only it knows, by the cheapest call there is,
 * writes as many images as a dump does, by the calls that make them visible whole, and ends them:
 * with many children two processes of its own do half each. It
 * compares nothing, checks nothing, encodes nothing and could not restore anything: it is the part
 * of a dump that is the kernel's. bench/run --floor has it take its turn with the same loads, timed
 * as the tools are; doc/performance.md holds the rows against it.
 *
 * Left out though a dump needs it: namespaces of single threads, locks, owners of signals, build
 * ids of mapped files, whether names still lead to the files, the lock of the network, all that
 * concerns other objects.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <sched.h>
#include <unistd.h>

#define MAX	  16384
#define IMAGES	  14 /* of a process, the inventory and the manifest included */
#define EACH	  7  /* of a child */
#define CORE_SIZE 2048
#define MANY	  8 /* children are worth a second process */

static struct target {
	pid_t pid, *tids;
	int n_tids, proc, mem, task_dir;
} targets[MAX];
static int n_targets, self = -1, dir = -1;
/* Of the target that is being looked at. */
static pid_t pid, *tids;
static int n_tids, proc = -1, mem = -1, task_dir = -1;
static char text[1 << 20];

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "floor_calls: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void must(long ret, const char *what)
{
	if (ret < 0)
		die(what);
}

static void slurp(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY);
	ssize_t n;

	must(fd, name);
	/* A record of a sequence file at a time. Of others a second read tells the end. */
	do {
		n = read(fd, text, sizeof(text));
		must(n, name);
	} while (n && !strcmp(name, "smaps"));
	close(fd);
}

static int numbers(const char *dir, int *ret)
{
	int fd = openat(proc, dir, O_RDONLY | O_DIRECTORY), n = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		die(dir);
	for (struct dirent *e; (e = readdir(d)) && n < MAX;)
		if (e->d_name[0] != '.')
			ret[n++] = atoi(e->d_name);
	closedir(d);
	return n;
}

static void await(pid_t tid)
{
	int status;

	must(waitpid(tid, &status, __WALL), "waitpid");
	if (!WIFSTOPPED(status))
		die("a thread has ended");
}

static void turn_to(const struct target *t)
{
	pid = t->pid;
	tids = t->tids;
	n_tids = t->n_tids;
	proc = t->proc;
	mem = t->mem;
	task_dir = t->task_dir;
}

static void open_target(struct target *t)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d", t->pid);
	t->proc = open(name, O_RDONLY | O_DIRECTORY);
	must(t->proc, name);
	t->mem = openat(t->proc, "mem", O_RDWR);
	must(t->mem, "mem");
	t->task_dir = openat(t->proc, "task", O_RDONLY | O_DIRECTORY);
	must(t->task_dir, "task");
}

static void stop_all(struct target *t)
{
	static int found[MAX];

	open_target(t);
	proc = t->proc;
	t->n_tids = numbers("task", found);
	t->tids = malloc(t->n_tids * sizeof(*t->tids));
	if (!t->tids)
		die("malloc");
	memcpy(t->tids, found, t->n_tids * sizeof(*t->tids));
	turn_to(t);
	for (int i = 0; i < n_tids; i++) {
		must(ptrace(PTRACE_SEIZE, tids[i], 0, 0), "PTRACE_SEIZE");
		must(ptrace(PTRACE_INTERRUPT, tids[i], 0, 0), "PTRACE_INTERRUPT");
	}
	for (int i = 0; i < n_tids; i++)
		await(tids[i]);
}

/* --- threads ------------------------------------------------------------------------------------ */

/* Some of a thread's state only it can ask for: it makes one call. */
static void visit(pid_t tid, const struct user_regs_struct *regs)
{
	struct user_regs_struct in = *regs;

	in.orig_rax = -1;
	in.rax = SYS_getpid;
	must(ptrace(PTRACE_SETREGS, tid, 0, &in), "PTRACE_SETREGS");
	must(ptrace(PTRACE_CONT, tid, 0, 0), "PTRACE_CONT");
	await(tid);
	must(ptrace(PTRACE_SETREGS, tid, 0, regs), "PTRACE_SETREGS");
}

/* The call and a trap, where the first thread stands. */
static void plant(const struct user_regs_struct *regs)
{
	static const unsigned char code[] = { 0x0f, 0x05, 0xcc };

	if (pwrite(mem, code, sizeof(code), regs->rip) != sizeof(code))
		die("writing code");
}

static void ask_thread(pid_t tid)
{
	static struct user_regs_struct first;
	static pid_t planted;
	static char xstate[16384];
	struct user_regs_struct regs;
	struct iovec iov = { xstate, sizeof(xstate) };
	struct __ptrace_peeksiginfo_args args = { .nr = 32 };
	static siginfo_t infos[32];
	uint64_t mask, rseq[4];
	struct {
		uint32_t size;
		char rest[64];
	} sched = { 56, "" };
	void *list;
	size_t len;
	char name[32];

	must(ptrace(PTRACE_GETREGS, tid, 0, &regs), "PTRACE_GETREGS");
	must(ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &iov), "PTRACE_GETREGSET");
	must(ptrace(PTRACE_GETSIGMASK, tid, 8, &mask), "PTRACE_GETSIGMASK");
	must(ptrace(PTRACE_PEEKSIGINFO, tid, &args, infos), "PTRACE_PEEKSIGINFO");
	must(ptrace(0x420f /* PTRACE_GET_RSEQ_CONFIGURATION */, tid, 24, rseq), "rseq");
	must(syscall(SYS_get_robust_list, tid, &list, &len), "get_robust_list");
	must(syscall(SYS_sched_getattr, tid, &sched, 56, 0), "sched_getattr");
	must(syscall(SYS_sched_getaffinity, tid, sizeof(xstate), xstate), "sched_getaffinity");
	must(syscall(SYS_ioprio_get, 1, tid), "ioprio_get");
	/* Credentials, capabilities, seccomp, name. */
	snprintf(name, sizeof(name), "%d/status", tid);
	slurp(task_dir, name);
	if (planted != pid) {
		planted = pid;
		first = regs;
		plant(&regs);
	}
	first.fs_base = regs.fs_base;
	visit(tid, &first);
}

/* --- descriptors -------------------------------------------------------------------------------- */

/* The options that CRIU's format has fields for; the sizes of buffers come with SO_MEMINFO. */
static void ask_socket(int fd)
{
	static const int options[] = {
		55 /* SO_MEMINFO */,  SO_REUSEADDR, SO_REUSEPORT, SO_PRIORITY,
		SO_RCVLOWAT,	      SO_MARK,	    SO_PASSCRED,  SO_PASSSEC,
		SO_DONTROUTE,	      SO_NO_CHECK,  SO_BROADCAST, SO_KEEPALIVE,
		SO_OOBINLINE,	      SO_LINGER,    SO_RCVTIMEO,  SO_SNDTIMEO,
		72 /* SO_BUF_LOCK */,
	};
	struct iovec iov = { text, sizeof(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	char value[64];

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		socklen_t len = sizeof(value);

		getsockopt(fd, SOL_SOCKET, options[i], value, &len);
	}
	recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);
}

/* A connection, which answers in repair mode only; it is left there, so that its end tells nobody. */
static void ask_tcp(int fd)
{
	static const int options[] = { TCP_INFO,	 TCP_MAXSEG,	TCP_NODELAY,   TCP_CORK,
				       TCP_KEEPIDLE,	 TCP_KEEPINTVL, TCP_KEEPCNT,   TCP_LINGER2,
				       TCP_USER_TIMEOUT, TCP_TIMESTAMP, TCP_CONGESTION };
	struct tcp_repair_window window;
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int on = 1;

	getsockname(fd, (struct sockaddr *)&addr, &len);
	len = sizeof(addr);
	getpeername(fd, (struct sockaddr *)&addr, &len);
	must(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), "TCP_REPAIR");
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		len = 256;
		getsockopt(fd, IPPROTO_TCP, options[i], text, &len);
	}
	len = sizeof(window);
	must(getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &len), "TCP_REPAIR_WINDOW");
	for (int queue = TCP_RECV_QUEUE; queue <= TCP_SEND_QUEUE; queue++) {
		int sequence;

		len = sizeof(sequence);
		setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue));
		must(getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &len), "TCP_QUEUE_SEQ");
		recv(fd, text, 1 << 16, MSG_PEEK | MSG_DONTWAIT);
	}
}

static int is_tcp(int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
	return protocol == IPPROTO_TCP;
}

/* Contents: teed into a pipe, and read from it. */
static void ask_pipe(int fd)
{
	static int into[2] = { -1, -1 };

	if (into[0] < 0 && pipe(into) < 0)
		die("pipe");
	if (tee(fd, into[1], 1 << 16, SPLICE_F_NONBLOCK) > 0)
		must(read(into[0], text, 1 << 16), "read");
}

static void ask_descriptors(int pidfd)
{
	static int fds[MAX];
	int n = numbers("fd", fds);

	for (int i = 0; i < n; i++) {
		int fd = syscall(SYS_pidfd_getfd, pidfd, fds[i], 0);
		struct stat st;
		char name[32];

		must(fd, "pidfd_getfd");
		must(fstat(fd, &st), "fstat");
		snprintf(name, sizeof(name), "fdinfo/%d", fd);
		slurp(self, name);
		snprintf(name, sizeof(name), "fd/%d", fd);
		if (S_ISREG(st.st_mode))
			must(readlinkat(self, name, text, sizeof(text)), name);
		else if (S_ISSOCK(st.st_mode)) {
			ask_socket(fd);
			if (is_tcp(fd))
				ask_tcp(fd);
		} else if (S_ISFIFO(st.st_mode))
			ask_pipe(fd);
		close(fd);
	}
}

/* --- the process -------------------------------------------------------------------------------- */

static void ask_process(void)
{
	static const char *const files[] = {
		"stat",	  "status",	     "smaps",	 "auxv",   "limits",
		"timers", "coredump_filter", "loginuid", "cgroup", "oom_score_adj"
	};
	static const char *const links[] = { "exe",	"cwd",	  "root",   "ns/cgroup",
					     "ns/ipc",	"ns/mnt", "ns/net", "ns/pid",
					     "ns/user", "ns/uts", "ns/time" };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		slurp(proc, files[i]);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		must(readlinkat(proc, links[i], text, sizeof(text)), links[i]);
}

/* linux/fs.h of Linux 6.7 */
#define SCAN_PAGES _IOWR('f', 16, struct scan)
#define IS_FILE	   (1u << 2)
#define IS_PRESENT (1u << 3)

struct range {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted,
		category_mask, category_anyof_mask, return_mask;
};

/* Private pages, to images/pages-PID. */
static void save_pages(void)
{
	static struct range found[4096];
	struct scan arg = {
		.size = sizeof(arg),
		.end = 0x7ffffffff000,
		.vec = (uintptr_t)found,
		.vec_len = sizeof(found) / sizeof(*found),
		.category_mask = IS_PRESENT | IS_FILE,
		.category_inverted = IS_FILE,
		.return_mask = IS_PRESENT,
	};
	int pages, map = openat(proc, "pagemap", O_RDONLY), n;
	char name[32];

	snprintf(name, sizeof(name), "pages-%d", pid);
	pages = openat(dir, name, O_RDWR | O_CREAT, 0600);
	n = ioctl(map, SCAN_PAGES, &arg);
	must(n, "scanning pages");
	for (int i = 0; i < n; i++) {
		size_t size = found[i].end - found[i].start;
		struct iovec from = { (void *)(uintptr_t)found[i].start, size };

		for (size_t part; size; size -= part) {
			struct iovec to = { text, size < sizeof(text) ? size : sizeof(text) };

			from.iov_len = part = to.iov_len;
			if (process_vm_readv(pid, &to, 1, &from, 1, 0) != (ssize_t)part)
				break; /* [vvar] */
			must(write(pages, text, part), "write");
			from.iov_base = (char *)from.iov_base + part;
		}
	}
	close(map);
	close(pages);
}

/* Under a name that no restore takes, then its own: so it is seen whole or not at all. */
static void save_images(int images)
{
	for (int i = 0; i < images + n_tids - 1; i++) {
		char name[48], then[48];
		int fd;

		snprintf(name, sizeof(name), "new/image-%d-%d", pid, i);
		snprintf(then, sizeof(then), "image-%d-%d", pid, i);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		must(fd, name);
		must(write(fd, text, CORE_SIZE), "write");
		close(fd);
		must(renameat(dir, name, dir, then), "renameat");
	}
}

static void save(const struct target *t)
{
	int pidfd = syscall(SYS_pidfd_open, t->pid, 0);

	must(pidfd, "pidfd_open");
	turn_to(t);
	ask_process();
	ask_descriptors(pidfd);
	save_pages();
	for (int i = 0; i < n_tids; i++)
		ask_thread(tids[i]);
	save_images(t == targets ? IMAGES : EACH);
	close(pidfd);
}

static void find_targets(pid_t first)
{
	char name[64];
	ssize_t n;
	int fd;

	targets[n_targets++].pid = first;
	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", first, first);
	fd = open(name, O_RDONLY);
	must(fd, name);
	n = read(fd, text, sizeof(text) - 1);
	must(n, name);
	close(fd);
	text[n] = '\0';
	for (char *p = text; *p && n_targets < MAX; p += strspn(p, " "))
		targets[n_targets++].pid = strtol(p, &p, 10);
}

/* Of those who work, each waits until all have come. */
static void meet(_Atomic int *met, int all)
{
	++*met;
	while (*met < all)
		sched_yield();
}

int main(int argc, char **argv)
{
	_Atomic int *met =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int workers, who, status = 0;
	pid_t other = 0;

	if (argc != 3)
		return 2;
	dir = open(argv[2], O_RDONLY | O_DIRECTORY);
	self = open("/proc/self", O_RDONLY | O_DIRECTORY);
	if (met == MAP_FAILED || dir < 0 || self < 0 || mkdirat(dir, "new", 0700) < 0)
		die("setting up");
	find_targets(atoi(argv[1]));
	workers = n_targets > MANY ? 2 : 1;
	if (workers > 1)
		other = fork();
	who = workers > 1 && !other;
	for (int i = who; i < n_targets; i += workers)
		stop_all(&targets[i]);
	meet(&met[0], workers);
	for (int i = who; i < n_targets; i += workers)
		save(&targets[i]);
	meet(&met[1], workers);
	for (int i = who; i < n_targets; i += workers)
		must(kill(targets[i].pid, SIGKILL), "kill");
	/* The first thread is told of when all others are. */
	for (int i = who; i < n_targets; i += workers)
		for (int k = targets[i].n_tids; k-- > 0;)
			waitpid(targets[i].tids[k], NULL, __WALL);
	if (who)
		_exit(0);
	if (other)
		waitpid(other, &status, 0);
	must(unlinkat(dir, "new", AT_REMOVEDIR), "unlinkat");
	return status != 0;
}
