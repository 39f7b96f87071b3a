/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that waited at the dump are given again, each by the thread that gave it, as the last
 * thing that its program does. The new ring has been driven to the count before them
 * (uring_make.c), and their entries go where the old ones were; what the queue holds there is put
 * back behind that. A thread of the kernel's (SQPOLL) takes them later, so there it stays.
 *
 * A request may be done at once, as it might have been at any time; one that the kernel does not
 * take fails the restore.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "image/constants.h"
#include "objects/restored.h"
#include "objects/uring/uring.h"

#define WORD sizeof(uint64_t)
#define NS   UINT64_C(1000000000)

#define LINKS (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)

static struct io_uring_sqe *sqe_of(const CrtoolsUringRequest *r)
{
	return (struct io_uring_sqe *)r->sqe.data;
}

static bool is_sane(const CrtoolsUringRequest *r)
{
	return r->sqe.len == sizeof(struct io_uring_sqe) &&
	       uring_kind_is_known(sqe_of(r)->opcode) &&
	       (!r->has_pieces || (r->pieces.len % sizeof(struct iovec) == 0 &&
				   r->pieces.len <= URING_PIECES_MAX * sizeof(struct iovec))) &&
	       (!r->has_message || r->message.len == sizeof(struct msghdr)) &&
	       (!r->has_name || r->name.len <= sizeof(struct sockaddr_storage));
}

bool uring_requests_fit(const CrtoolsUring *e)
{
	for (size_t i = 0; i < e->n_request; i++)
		if (!is_sane(e->request[i]) ||
		    (sqe_of(e->request[i])->flags & LINKS && i + 1 == e->n_request))
			return false;
	return true;
}

/* --- one thread's share ------------------------------------------------------------------------ */

struct again {
	struct restore_thread *thread;
	const struct uring_in *in;
	uint64_t rings, sqes; /* where the task has them mapped */
	int fd;
	uint32_t at;	/* the count of the next request */
	uint32_t given; /* since the last call */
};

static bool is_polled(const struct again *a)
{
	return a->in->e->setup & IORING_SETUP_SQPOLL;
}

static uint32_t place_of(const struct again *a, uint32_t count)
{
	return count & (a->in->e->sq_entries - 1);
}

static void store(const struct again *a, uint64_t to, struct agent_val value, size_t size)
{
	program_op(a->thread->prog, AGENT_STORE, 0, IMM(to), value, IMM(size));
}

static void store_bytes(const struct again *a, uint64_t to, const ProtobufCBinaryData *from,
			size_t off, size_t size)
{
	for (size_t i = 0; i < size; i += WORD) {
		size_t len = size - i < WORD ? size - i : WORD;
		uint64_t word = 0;

		if (off + i < from->len)
			memcpy(&word, from->data + off + i,
			       from->len - off - i < len ? from->len - off - i : len);
		store(a, to + i, IMM(word), len);
	}
}

static void submit(struct again *a)
{
	struct program *p = a->thread->prog;

	if (a->given && is_polled(a)) {
		store(a, a->rings + a->in->p.sq_off.tail, IMM(a->at), sizeof(uint32_t));
		program_do(p, SYS_io_uring_enter, IMM(a->fd), IMM(a->given), IMM(0),
			   IMM(IORING_ENTER_SQ_WAKEUP), IMM(0), IMM(0));
	} else if (a->given) {
		program_want(p,
			     program_call(p, SYS_io_uring_enter, IMM(a->fd), IMM(a->given), IMM(0),
					  IMM(0), IMM(0), IMM(0)),
			     a->given);
	}
	a->given = 0;
}

static struct agent_val put_time(const struct again *a, const CrtoolsUringRequest *r)
{
	const struct __kernel_timespec time = { .tv_sec = r->wait / NS, .tv_nsec = r->wait % NS };

	return AREA(area_put(a->thread->prog->area, &time, sizeof(time)));
}

static struct agent_val put(const struct again *a, const ProtobufCBinaryData *data)
{
	return AREA(area_put(a->thread->prog->area, data->data, data->len));
}

/* A struct msghdr in the area leads to its pieces there, and to its name. */
static void put_message(const struct again *a, const CrtoolsUringRequest *r, uint64_t to)
{
	struct program *p = a->thread->prog;
	struct msghdr m;
	uint64_t at;

	memcpy(&m, r->message.data, sizeof(m));
	m.msg_iovlen = r->pieces.len / sizeof(struct iovec);
	if (r->has_name)
		m.msg_namelen = r->name.len;
	at = area_put(p->area, &m, sizeof(m));
	if (r->has_pieces)
		program_op(p, AGENT_STORE, 0, AREA(at + offsetof(struct msghdr, msg_iov)),
			   put(a, &r->pieces), IMM(WORD));
	if (r->has_name)
		program_op(p, AGENT_STORE, 0, AREA(at + offsetof(struct msghdr, msg_name)),
			   put(a, &r->name), IMM(WORD));
	store(a, to + offsetof(struct io_uring_sqe, addr), AREA(at), WORD);
}

static void put_name(const struct again *a, const CrtoolsUringRequest *r, uint64_t to)
{
	bool connects = sqe_of(r)->opcode == IORING_OP_CONNECT;

	store(a,
	      to + (connects ? offsetof(struct io_uring_sqe, addr)
			     : offsetof(struct io_uring_sqe, addr2)),
	      put(a, &r->name), WORD);
	if (connects)
		store(a, to + offsetof(struct io_uring_sqe, addr2), IMM(r->name.len), WORD);
	else
		store(a, to + offsetof(struct io_uring_sqe, addr_len), IMM(r->name.len),
		      sizeof(uint16_t));
}

/* What an entry leads to, and the kernel copies. */
static void put_behind(const struct again *a, const CrtoolsUringRequest *r, uint64_t to)
{
	if (r->has_wait)
		store(a, to + offsetof(struct io_uring_sqe, addr), put_time(a, r), WORD);
	else if (r->has_message)
		put_message(a, r, to);
	else if (r->has_pieces)
		store(a, to + offsetof(struct io_uring_sqe, addr), put(a, &r->pieces), WORD);
	else if (r->has_name)
		put_name(a, r, to);
}

/* `chain`: how many it begins; what is linked goes together, in one call. */
static void give(struct again *a, const CrtoolsUringRequest *r, uint32_t chain)
{
	const struct io_uring_params *p = &a->in->p;
	uint32_t place = place_of(a, a->at);
	uint64_t to = a->sqes + place * uring_sqe_size(p);

	if (a->given + chain > a->in->e->sq_entries)
		submit(a);
	store_bytes(a, to, &r->sqe, 0, uring_sqe_size(p));
	put_behind(a, r, to);
	if (!(p->flags & URING_SETUP_NO_SQARRAY))
		store(a, a->rings + p->sq_off.array + place * sizeof(uint32_t), IMM(place),
		      sizeof(uint32_t));
	a->at++;
	a->given++;
}

static uint32_t chain_at(const CrtoolsUring *e, size_t i)
{
	uint32_t n = 1;

	if (i && sqe_of(e->request[i - 1])->flags & LINKS)
		return 1;
	for (; i < e->n_request && sqe_of(e->request[i])->flags & LINKS; i++)
		n++;
	return n;
}

static void put_back(const struct again *a, uint32_t n)
{
	const struct io_uring_params *p = &a->in->p;

	for (uint32_t i = 0; i < n && i < a->in->e->sq_entries; i++) {
		uint32_t place = place_of(a, a->at - 1 - i);
		size_t sqe = place * uring_sqe_size(p),
		       index = p->sq_off.array + place * sizeof(uint32_t);

		store_bytes(a, a->sqes + sqe, &a->in->e->sqes, sqe, uring_sqe_size(p));
		if (!(p->flags & URING_SETUP_NO_SQARRAY))
			store_bytes(a, a->rings + index, &a->in->e->rings, index, sizeof(uint32_t));
	}
}

/* --- who gives what ---------------------------------------------------------------------------- */

/* The thread of the program's for one of the kernel's. */
static pid_t giver(const struct restore_file *f, const CrtoolsUringRequest *r)
{
	return r->tid ? (pid_t)r->tid : f->owner->vpid;
}

static bool gives(const struct restore_thread *th, const struct restore_file *f,
		  const CrtoolsUringRequest *r)
{
	return giver(f, r) == th->vtid;
}

/* Those who give before a thread, and how many requests. */
static uint32_t turn_of(const struct restore_thread *th, const struct restore_file *f,
			const CrtoolsUring *e, uint32_t *ret_before)
{
	uint32_t turn = 0;
	size_t mine = 0;

	*ret_before = 0;
	while (mine < e->n_request && !gives(th, f, e->request[mine]))
		mine++;
	for (size_t i = 0; i < mine; i++) {
		size_t first = 0;

		while (giver(f, e->request[first]) != giver(f, e->request[i]))
			first++;
		turn += first == i;
	}
	for (size_t i = 0; i < e->n_request; i++) {
		size_t first = 0;

		while (giver(f, e->request[first]) != giver(f, e->request[i]))
			first++;
		*ret_before += first < mine;
	}
	return turn;
}

static uint64_t find_area(const struct restore_task *t, const struct restore_file *f, bool sqes)
{
	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].e;

		if (e->status & VMA_AREA_URING && e->shmid == f->id &&
		    (sqes ? e->pgoff == IORING_OFF_SQES : e->pgoff < IORING_OFF_SQES))
			return e->start;
	}
	return 0;
}

static uint32_t count_at(const CrtoolsUring *e, uint32_t off)
{
	uint32_t value = 0;

	if (e->rings.len >= off + sizeof(value))
		memcpy(&value, e->rings.data + off, sizeof(value));
	return value;
}

static void give_share(struct again *a, const struct restore_file *f, struct uring_in *in)
{
	struct program *p = a->thread->prog;
	const CrtoolsUring *e = in->e;
	uint32_t before, n = 0, turn = turn_of(a->thread, f, e, &before);

	a->at = count_at(e, in->p.sq_off.head) - e->n_request + before;
	program_stage(p, STAGE_LAST);
	program_note(p, "requests of ring %u that waited", f->id);
	if (!in->turns)
		in->turns = area_reserve(p->area, sizeof(uint32_t));
	program_op(p, AGENT_WAIT, 0, AREA(in->turns), IMM(turn));
	for (size_t i = 0; i < e->n_request; i++)
		if (gives(a->thread, f, e->request[i])) {
			give(a, e->request[i], chain_at(e, i));
			n++;
		}
	submit(a);
	if (!is_polled(a))
		put_back(a, n);
	program_op(p, AGENT_POST, 0, AREA(in->turns), IMM(0));
}

static int give_again(struct restore_thread *th, const struct restore_fd *fd)
{
	struct restore_task *t = th->task;
	struct uring_in *in = fd->file->priv;
	struct again a = { .thread = th,
			   .in = in,
			   .fd = fd->e->fd,
			   .rings = find_area(t, fd->file, false),
			   .sqes = find_area(t, fd->file, true) };
	bool any = false;

	for (size_t i = 0; i < in->e->n_request; i++)
		any |= gives(th, fd->file, in->e->request[i]);
	if (!any)
		return 0;
	if (!a.rings || !a.sqes)
		return err_set(restore_err(t->r), ERR_IMAGE_CORRUPT, EINVAL,
			       "crtools-files.img: thread %d waits in io_uring %u, which its task "
			       "has not mapped",
			       th->vtid, fd->file->id);
	give_share(&a, fd->file, in);
	return 0;
}

int uring_requests_emit(struct restore_thread *th)
{
	const struct restore_table *table = th->task->table;
	int ret = 0;

	for (size_t i = 0; ret == 0 && table && i < table->n_fds; i++) {
		const struct uring_in *in = uring_in_of(table->fds[i].file);
		bool again = false;

		for (size_t k = 0; in && k < i; k++)
			again |= table->fds[k].file == table->fds[i].file;
		if (in && in->e->n_request && !again)
			ret = give_again(th, &table->fds[i]);
	}
	return ret;
}

/* --- what has become of them ------------------------------------------------------------------- */

static bool was_not_taken(int32_t result)
{
	return result == -EINVAL || result == -EBADF || result == -EPERM || result == -EFAULT ||
	       result == -EOPNOTSUPP;
}

/* The kernel's thread copies what they lead to, which is in the agent's memory. */
static int await_taken(const struct uring_memory *m, const struct io_uring_params *p)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (uint64_t waited = 0;
	     __atomic_load_n(uring_word(m, p->sq_off.head), __ATOMIC_ACQUIRE) !=
	     *uring_word(m, p->sq_off.tail);
	     waited += moment.tv_nsec) {
		if (waited > 2 * URING_PATIENCE)
			return -ETIMEDOUT;
		nanosleep(&moment, NULL);
	}
	return 0;
}

/* In the tool, when all have been given. */
int uring_watch(struct restore *r, struct restore_file *f, int fd)
{
	const struct uring_in *in = f->priv;
	struct uring_memory m;
	int ret = in->e->n_request ? uring_map(fd, &in->p, &m) : 0;
	const struct io_uring_params *p = &in->p;

	if (ret < 0)
		return err_set(restore_err(r), ERR_KERNEL, -ret, "can't map io_uring %u", f->id);
	if (!in->e->n_request)
		return 0;
	if (in->e->setup & IORING_SETUP_SQPOLL && await_taken(&m, p) < 0)
		ret = err_set(restore_err(r), ERR_KERNEL, ETIMEDOUT,
			      "the kernel's thread of io_uring %u takes no requests", f->id);
	for (uint32_t at = count_at(in->e, p->cq_off.tail); at != *uring_word(&m, p->cq_off.tail);
	     at++) {
		const struct io_uring_cqe *cqe =
			(const void *)(m.rings + p->cq_off.cqes +
				       (at & (p->cq_entries - 1)) * uring_cqe_size(p));

		if (ret == 0 && was_not_taken(cqe->res))
			ret = err_set(restore_err(r), ERR_KERNEL, -cqe->res,
				      "a request of io_uring %u that waited (user_data %llu) can't "
				      "be given again",
				      f->id, (unsigned long long)cqe->user_data);
	}
	uring_unmap(&m);
	return ret;
}
