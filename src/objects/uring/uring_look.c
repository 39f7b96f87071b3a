/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * How a ring was set up. The kernel shows none of IORING_SETUP_…; each is told by what it changes:
 *
 *	SINGLE_ISSUER	to everybody else io_uring_register(2) says EEXIST
 *	DEFER_TASKRUN	such a ring may be resized (Linux 6.13): a bad pointer is EFAULT, else EINVAL
 *	IOPOLL		such a ring can't be polled by NAPI: EINVAL comes before EFAULT
 *	R_DISABLED	io_uring_enter(2) says EBADFD
 *	NO_MMAP		the descriptor can't be mapped
 *	CQE32, SQE128,	fdinfo lists what waits in both queues, from heads and tails that are the
 *	NO_SQARRAY	program's to write, and prints more of long entries. So for a moment an old
 *			completion is made one that waits, and a request is queued; a process of its
 *			own does that, which a killed tool does not take with it
 *
 * Where the kernel's memory can be read (uring_kernel.h), it tells all that is looked for in fdinfo,
 * and the flags for which there is no test (URING_MANNER_FLAGS; see uring_make.c). Kernels before
 * 6.18 show no requests of a ring without an array, as newer versions of liburing make them.
 */
/* clang-format on */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "kernel/child.h"
#include "objects/uring/uring_kernel.h"

#define BAD_POINTER ((void *)1)
#define LOOK_MAX    (32u << 20) /* bytes of fdinfo */

/* --- memory ----------------------------------------------------------------------------------- */

size_t uring_cqe_size(const struct io_uring_params *p)
{
	return sizeof(struct io_uring_cqe) << !!(p->flags & IORING_SETUP_CQE32);
}

size_t uring_sqe_size(const struct io_uring_params *p)
{
	return sizeof(struct io_uring_sqe) << !!(p->flags & IORING_SETUP_SQE128);
}

static size_t whole_pages(size_t len)
{
	return (len + PAGE_SIZE_ - 1) / PAGE_SIZE_ * PAGE_SIZE_;
}

static size_t rings_size(const struct io_uring_params *p)
{
	if (!(p->flags & URING_SETUP_NO_SQARRAY))
		return whole_pages(p->sq_off.array + p->sq_entries * sizeof(uint32_t));
	return whole_pages(p->cq_off.cqes + p->cq_entries * uring_cqe_size(p));
}

int uring_layout(struct io_uring_params *p)
{
	struct io_uring_params twin = { .flags = (p->flags & URING_LAYOUT_FLAGS) |
						 IORING_SETUP_CQSIZE,
					.cq_entries = p->cq_entries };
	_cleanup_fd_ int fd = syscall(SYS_io_uring_setup, p->sq_entries, &twin);

	if (fd < 0)
		return -errno;
	p->sq_off = twin.sq_off;
	p->cq_off = twin.cq_off;
	return 0;
}

static int map_region(int fd, uint64_t off, size_t len, unsigned char **ret)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off);

	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

int uring_map(int fd, const struct io_uring_params *p, struct uring_memory *ret)
{
	struct uring_memory m = { .rings_len = rings_size(p),
				  .sqes_len = whole_pages(p->sq_entries * uring_sqe_size(p)),
				  .p = *p };
	int err = map_region(fd, IORING_OFF_SQ_RING, m.rings_len, &m.rings);

	if (err == 0)
		err = map_region(fd, IORING_OFF_SQES, m.sqes_len, &m.sqes);
	if (err < 0) {
		uring_unmap(&m);
		return err;
	}
	*ret = m;
	return 0;
}

int uring_map_header(int fd, const struct io_uring_params *p, struct uring_memory *ret)
{
	*ret = (struct uring_memory){ .rings_len = PAGE_SIZE_, .p = *p };
	return map_region(fd, IORING_OFF_SQ_RING, PAGE_SIZE_, &ret->rings);
}

void uring_unmap(struct uring_memory *m)
{
	if (m->rings)
		munmap(m->rings, m->rings_len);
	if (m->sqes)
		munmap(m->sqes, m->sqes_len);
	m->rings = m->sqes = NULL;
}

/* --- questions without an effect -------------------------------------------------------------- */

static int ask(int fd, unsigned int op)
{
	return syscall(SYS_io_uring_register, fd, op, BAD_POINTER, 1) < 0 ? errno : 0;
}

/* Before Linux 6.9 there is no such call, for any ring: one that is polled (IOPOLL) is then taken
 * for one that is not, which its program can't tell but by the speed. */
static bool napi_is_known(void)
{
	struct io_uring_params p = { 0 };
	_cleanup_fd_ int fd = syscall(SYS_io_uring_setup, 1, &p);

	return fd >= 0 && ask(fd, URING_REGISTER_NAPI) != EINVAL;
}

void uring_ask(int fd, struct uring_setup *ret)
{
	int resize = ask(fd, URING_REGISTER_RESIZE), napi = ask(fd, URING_REGISTER_NAPI);
	int event = ask(fd, IORING_REGISTER_EVENTFD), region = ask(fd, URING_REGISTER_MEM_REGION);
	unsigned char *header = NULL;

	ret->closed = event == EEXIST;
	ret->restricted = event == EACCES || resize == EACCES || napi == EACCES || region == EACCES;
	ret->event = event == EBUSY;
	ret->region = region == EBUSY;
	ret->unmappable = map_region(fd, IORING_OFF_SQ_RING, PAGE_SIZE_, &header) < 0;
	if (!ret->unmappable)
		munmap(header, PAGE_SIZE_);
	if (ret->closed)
		ret->flags |= IORING_SETUP_SINGLE_ISSUER;
	if (napi == EINVAL && napi_is_known())
		ret->flags |= IORING_SETUP_IOPOLL;
	if (syscall(SYS_io_uring_enter, fd, 0, 0, 0, NULL, 0) < 0 && errno == EBADFD)
		ret->flags |= IORING_SETUP_R_DISABLED;
}

/* --- the look --------------------------------------------------------------------------------- */

/* Words of the ring that are another value while fdinfo is read. */
struct guise {
	uint32_t *word;
	uint32_t value;
};

struct look {
	int fd;
	char *text;	      /* shared with the process that looks */
	unsigned int seconds; /* that it may take */
	pid_t *ret_late;      /* who has not come to an end */
};

static void put(const struct guise *g, size_t n, uint32_t *saved)
{
	for (size_t i = 0; i < n; i++) {
		saved[i] = __atomic_load_n(g[i].word, __ATOMIC_RELAXED);
		__atomic_store_n(g[i].word, g[i].value, __ATOMIC_RELEASE);
	}
}

static void put_back(const struct guise *g, size_t n, const uint32_t *saved)
{
	while (n--)
		__atomic_store_n(g[n].word, saved[n], __ATOMIC_RELEASE);
}

static _Noreturn void look_and_end(const struct look *l, const struct guise *g, size_t n)
{
	uint32_t saved[2];
	ssize_t len;

	setsid(); /* no signal to the tool's group, no hangup */
	put(g, n, saved);
	fault_hold("helper-ring");
	len = uring_info_text(l->fd, l->text, LOOK_MAX);
	put_back(g, n, saved);
	_exit(len < 0);
}

/* Whatever has become of the process that looks, the words are the program's again before the
 * program runs: it stands still, so nobody else has changed them. */
static int look(const struct look *l, const struct guise *g, size_t n)
{
	uint32_t saved[2];
	sigset_t all, before;
	int status, ret;
	pid_t pid;

	for (size_t i = 0; i < n; i++)
		saved[i] = __atomic_load_n(g[i].word, __ATOMIC_RELAXED);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		look_and_end(l, g, n);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return -errno;
	ret = child_wait(pid, child_limit(l->seconds), &status);
	if (ret == 0 && WIFEXITED(status))
		return WEXITSTATUS(status) ? -EIO : 0;
	if (ret < 0) {
		child_kill(pid);
		*l->ret_late = pid;
	}
	put_back(g, n, saved);
	return ret < 0 ? ret : -EIO;
}

/* Any two headers agree in where heads and tails are; the array of requests is at different places.
 */
static int look_at_completion(const struct look *l, struct uring_memory *m,
			      struct uring_setup *setup)
{
	uint32_t tail = *uring_word(m, m->p.cq_off.tail), flags;
	const struct guise waits = { uring_word(m, m->p.cq_off.head), tail - 1 };
	const char *line, *found;
	int ret = look(l, &waits, 1);

	if (ret < 0)
		return ret;
	line = strstr(l->text, "\nCQEs:");
	line = line ? strchr(line + 1, '\n') : NULL;
	found = line ? strstr(line, "flag") : NULL; /* "flag:" before Linux 6.18, then "flags:" */
	found = found ? strchr(found, ':') : NULL;
	if (!found || sscanf(found, ":%x", &flags) != 1)
		return -EBADMSG;
	found = strstr(found, "extra1:");
	if (found && flags & URING_CQE_F_32)
		setup->mixed = true;
	else if (found && found < strstr(l->text, "\nSqThread:"))
		setup->flags |= IORING_SETUP_CQE32;
	return 0;
}

/* The request that is shown when the array says that it is `entry`; -1: none. */
static int look_at_request(const struct look *l, struct uring_memory *m, uint32_t entry,
			   bool *ret_long)
{
	uint32_t head = *uring_word(m, m->p.sq_off.head);
	uint32_t *array = uring_word(m, m->p.sq_off.array) + (head & (m->p.sq_entries - 1));
	const struct guise waits[] = { { array, entry },
				       { uring_word(m, m->p.sq_off.tail), head + 1 } };
	const char *line, *end;
	int ret = look(l, waits, 2);
	unsigned int shown;

	if (ret < 0)
		return ret;
	line = strstr(l->text, "\nSQEs:");
	line = line ? strchr(line + 1, '\n') : NULL;
	end = line ? strstr(line, "\nCQEs:") : NULL;
	if (!end)
		return -EBADMSG;
	if (sscanf(line, " %u: opcode", &shown) != 1)
		return -ENOENT;
	*ret_long = memmem(line, end - line, " e0:", 4) != NULL;
	return shown;
}

/* Without an array the entries are taken as they come; kernels before 6.18 show none then. */
static int look_at_array(const struct look *l, struct uring_memory *m, struct uring_setup *setup)
{
	uint32_t mask = m->p.sq_entries - 1, place = *uring_word(m, m->p.sq_off.head) & mask;
	bool is_long = false;
	int shown = look_at_request(l, m, (place + 1) & mask, &is_long);

	if (shown >= 0 && !mask) /* there is one only: another is invalid */
		shown = look_at_request(l, m, 1, &(bool){ false }) == -ENOENT ? 0 : 1;
	if (shown < 0 && shown != -ENOENT)
		return shown;
	setup->unsure = shown == -ENOENT;
	if (shown != (int)((place + 1) & mask))
		setup->flags |= URING_SETUP_NO_SQARRAY;
	if (is_long)
		setup->flags |= IORING_SETUP_SQE128;
	return 0;
}

static int find_layout(struct uring_out *u, const struct look *l)
{
	struct io_uring_params p = { .sq_entries = u->info.sq_entries,
				     .cq_entries = u->info.cq_entries };
	struct uring_memory m;
	int ret = uring_layout(&p);

	if (ret == 0)
		ret = uring_map_header(l->fd, &p, &m);
	if (ret < 0)
		return ret;
	ret = look_at_completion(l, &m, &u->setup);
	uring_unmap(&m);
	if (ret < 0)
		return ret;
	p.flags = u->setup.flags & URING_LAYOUT_FLAGS;
	ret = uring_layout(&p);
	if (ret == 0)
		ret = uring_map(l->fd, &p, &m);
	if (ret == -EINVAL) { /* too short for an array */
		u->setup.flags |= URING_SETUP_NO_SQARRAY;
		u->setup.unsure = true;
		return 0;
	}
	if (ret == 0)
		ret = look_at_array(l, &m, &u->setup);
	uring_unmap(&m);
	return ret;
}

/* From the kernel's memory; 0 or -errno. */
static int read_flags(struct dump *d, struct uring_out *u)
{
	struct uring_kernel *k = uring_kernel(d);
	uint64_t ring = k ? kmem_private(k->memory, u->fd) : 0;
	uint32_t flags;
	int ret = ring ? kmem_read(k->memory, ring + k->at[PLACE_SETUP], &flags, sizeof(flags))
		       : -ENOENT;

	if (ret < 0)
		return ret;
	u->setup.exact = true;
	u->setup.mixed = flags & URING_SETUP_CQE_MIXED;
	u->setup.flags |= flags & (URING_LAYOUT_FLAGS | URING_MANNER_FLAGS);
	return 0;
}

static int look_for_flags(struct dump *d, struct uring_out *u, pid_t *ret_late)
{
	struct look l = { .fd = u->fd, .seconds = d->s->opts->timeout, .ret_late = ret_late };
	int ret;

	l.text = mmap(NULL, LOOK_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (l.text == MAP_FAILED)
		return -errno;
	ret = find_layout(u, &l);
	munmap(l.text, LOOK_MAX);
	return ret;
}

int uring_look(struct dump *d, struct uring_out *u)
{
	struct io_uring_params p = { .sq_entries = u->info.sq_entries,
				     .cq_entries = u->info.cq_entries };
	pid_t late = 0;
	int ret = read_flags(d, u);

	if (ret < 0)
		ret = look_for_flags(d, u, &late);
	if (ret == -ETIMEDOUT)
		return err_set(dump_err(d), ERR_TIMEOUT, ETIMEDOUT,
			       "process %d of crtools, which finds out how %s was set up, has not "
			       "come to an end within %u s (is it stopped?), and was killed",
			       late, u->object, d->s->opts->timeout);
	if (ret == 0 && u->setup.unsure)
		task_warn(u->task, u->object,
			  "has no array of requests (IORING_SETUP_NO_SQARRAY), and the size of its "
			  "requests can't be told here: taken for short ones (no "
			  "IORING_SETUP_SQE128)",
			  "dump with CAP_SYS_ADMIN, on a kernel with BPF and BTF");
	p.flags = u->setup.flags & URING_LAYOUT_FLAGS;
	if (ret == 0)
		ret = uring_layout(&p);
	if (ret == 0)
		ret = uring_map(u->fd, &p, &u->memory);
	return ret < 0 ? err_set(dump_err(d), ERR_KERNEL, -ret, "can't find out how %s was set up",
				 u->object)
		       : 0;
}
