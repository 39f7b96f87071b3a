/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each kind of request has kept of its entry, so that it can be given again.
 *
 * The kernel copies what an entry leads to (struct iovec, struct msghdr, a name) when it takes the
 * request, and the program may use that memory for something else afterwards: so it is the copy
 * that is saved, and the agent has memory for it while it gives the request again.
 *
 * A restored connection of TCP is in repair mode until the tree goes on, and must be neither read
 * nor written before. So requests for sockets are told to wait at first (POLL_FIRST), as recv and
 * send can be; those for connections that are others become one of these.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "kernel/ptrace.h"
#include "objects/uring/uring_pending.h"

#define FUTEX2_SIZES   3u
#define FUTEX2_PRIVATE 128u
#define FLAGS_SHARED   0x10u /* the kernel's own */
#define NAME_SIZE      sizeof(struct sockaddr_storage)

#define get looking_get
#define has looking_has

/* --- on what ----------------------------------------------------------------------------------- */

/* May it be one of TCP? What no descriptor leads to may. */
static bool is_of_inet(struct looking *l, const struct io_uring_sqe *sqe)
{
	const struct dump_task *t = l->by ? l->by : l->u->task;
	const struct dump_table *table = t->table;
	int fd = sqe->flags & IOSQE_FIXED_FILE ? looking_descriptor(l, -1) : sqe->fd;

	if (!l->begun)
		return false;
	for (size_t i = 0; table && i < table->n_fds; i++)
		if (table->fds[i]->fd == (uint32_t)fd)
			return table->fds[i]->type == FD_TYPES__INETSK;
	return sqe->flags & IOSQE_FIXED_FILE;
}

/* --- pieces, messages, names ------------------------------------------------------------------- */

static void keep(struct looking *l, ProtobufCBinaryData *to, protobuf_c_boolean *ret_has,
		 const void *data, size_t len)
{
	*ret_has = true;
	to->len = len;
	to->data = arena_memdup(dump_arena(l->u->task->dump), data, len);
}

/* A struct iov_iter, of which nothing is done. *ret_n: pieces, at most URING_PIECES_MAX. */
static const char *read_pieces(struct looking *l, const unsigned char *iter, struct iovec **ret,
			       size_t *ret_n)
{
	static const char unknown[] = "has several pieces, and this kernel does not tell which "
				      "(it takes Linux 6.4)";
	int type = (int)get(l, iter, PLACE_PIECES_TYPE, 1);
	size_t n = get(l, iter, PLACE_PIECES_COUNT, 8);
	struct iovec *all;

	if (!has(l, PLACE_PIECES_ONE) || !has(l, PLACE_PIECES_LIST))
		return unknown;
	if (get(l, iter, PLACE_PIECES_OFFSET, 8))
		return "is done in part";
	all = arena_array(dump_arena(l->u->task->dump), struct iovec, URING_PIECES_MAX);
	if (type == l->k->pieces_one) {
		all[0].iov_base = (void *)(uintptr_t)get(l, iter, PLACE_PIECES_ONE, 8);
		all[0].iov_len = get(l, iter, PLACE_PIECES_SIZE, 8);
		n = 1;
	} else if (type != l->k->pieces_list || n > URING_PIECES_MAX ||
		   (n && kmem_read(l->k->memory, get(l, iter, PLACE_PIECES_LIST, 8), all,
				   n * sizeof(*all)) < 0)) {
		return unknown;
	}
	*ret = all;
	*ret_n = n;
	return NULL;
}

static const char *no_message(const struct looking *l)
{
	for (int i = PLACE_MSG_HEADER; i <= PLACE_MSG_CONTROL_ROOM; i++)
		if (l->k->at[i] < 0)
			return "is a message, and this kernel does not tell which (it takes Linux "
			       "6.10)";
	return l->async ? NULL : "is a message that is not known yet";
}

static const unsigned char *header_of(const struct looking *l)
{
	return l->async + l->k->at[PLACE_MSG_HEADER];
}

/* Where it is sent to, if that was said. */
static void keep_name(struct looking *l, CrtoolsUringRequest *r)
{
	const unsigned char *header = header_of(l);
	size_t len = get(l, header, PLACE_HEADER_NAME_LEN, 4);

	if (!get(l, header, PLACE_HEADER_NAME, 8) || !len || len > NAME_SIZE)
		return;
	keep(l, &r->name, &r->has_name, l->async + l->k->at[PLACE_MSG_TO], len);
}

/* --- sockets ----------------------------------------------------------------------------------- */

static const char *take_accept(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	(void)r;
	if (!has(l, PLACE_ACCEPT_OWN))
		return "is for a connection, and this kernel does not tell whether it is for more "
		       "(it takes Linux 6.10)";
	sqe->addr = get(l, l->req, PLACE_ACCEPT_ADDR, 8);
	sqe->addr2 = get(l, l->req, PLACE_ACCEPT_LEN, 8);
	sqe->accept_flags = get(l, l->req, PLACE_ACCEPT_FLAGS, 4);
	sqe->ioprio = get(l, l->req, PLACE_ACCEPT_OWN, 4);
	sqe->file_index = get(l, l->req, PLACE_ACCEPT_SLOT, 4);
	return NULL;
}

/* What receiving and sending have in common. */
static const char *take_flags(struct looking *l, struct io_uring_sqe *sqe, uint16_t known)
{
	uint16_t own = get(l, l->req, PLACE_RECV_OWN, 2);

	if (get(l, l->req, PLACE_RECV_DONE, 4))
		return "is done in part";
	if (own & ~known)
		return "has flags of its kind that are not known here, or is done in part";
	sqe->ioprio = own | IORING_RECVSEND_POLL_FIRST;
	sqe->addr = get(l, l->req, PLACE_RECV_BUF, 8);
	sqe->len = get(l, l->req, PLACE_RECV_LEN, 4);
	sqe->msg_flags = get(l, l->req, PLACE_RECV_FLAGS, 4) & ~(uint32_t)MSG_NOSIGNAL;
	return NULL;
}

static void take_group(struct looking *l, struct io_uring_sqe *sqe)
{
	if (sqe->flags & IOSQE_BUFFER_SELECT)
		sqe->buf_group = get(l, l->req, PLACE_RECV_GROUP, 2);
}

static const char *take_recv(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	const char *why = take_flags(l, sqe, URING_RECV_KNOWN);

	(void)r;
	take_group(l, sqe);
	if (sqe->flags & IOSQE_BUFFER_SELECT)
		sqe->addr = 0;
	if (sqe->ioprio & IORING_RECV_MULTISHOT)
		sqe->len = has(l, PLACE_RECV_EACH) ? get(l, l->req, PLACE_RECV_EACH, 4) : 0;
	return why;
}

/* The program's message is written to when it is done: so it has to be there, as it was. */
static const char *compare_message(struct looking *l, const struct io_uring_sqe *sqe)
{
	static const char changed[] = "is for a message whose header the program has changed since";
	const unsigned char *header = header_of(l), *first = l->async + l->k->at[PLACE_MSG_FIRST];
	pid_t pid = (l->by ? l->by : l->u->task)->stop->proc.pid;
	struct iovec *pieces, now[URING_PIECES_MAX];
	struct msghdr m;
	size_t n;
	const char *why;

	if (task_read(pid, sqe->addr, &m, sizeof(m)) < 0 || m.msg_iovlen > URING_PIECES_MAX ||
	    task_read(pid, (uintptr_t)m.msg_iov, now, m.msg_iovlen * sizeof(*now)) < 0 ||
	    (uintptr_t)m.msg_name != get(l, l->async, PLACE_MSG_FROM, 8) ||
	    m.msg_controllen != get(l, header, PLACE_HEADER_CONTROL_LEN, 8) ||
	    (m.msg_controllen &&
	     (uintptr_t)m.msg_control != get(l, header, PLACE_HEADER_CONTROL, 8)))
		return changed;
	if (sqe->flags & IOSQE_BUFFER_SELECT)
		return m.msg_iovlen > 1 || (m.msg_iovlen && memcmp(now, first, sizeof(*now)))
			       ? changed
			       : NULL;
	why = read_pieces(l, header + l->k->at[PLACE_HEADER_PIECES], &pieces, &n);
	if (why)
		return why;
	return n != m.msg_iovlen || memcmp(now, pieces, n * sizeof(*now)) ? changed : NULL;
}

static const char *take_recvmsg(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	const char *why = no_message(l);
	struct msghdr m = { 0 };

	if (!why)
		why = take_flags(l, sqe, URING_RECV_KNOWN);
	if (why)
		return why;
	take_group(l, sqe);
	sqe->len = 1;
	if (!(sqe->ioprio & IORING_RECV_MULTISHOT))
		return compare_message(l, sqe);
	/* Of this one room for the name and what goes along is all that is asked for. */
	m.msg_namelen = get(l, l->async, PLACE_MSG_NAME_ROOM, 4);
	m.msg_controllen = get(l, l->async, PLACE_MSG_CONTROL_ROOM, 8);
	keep(l, &r->message, &r->has_message, &m, sizeof(m));
	return NULL;
}

static const char *take_send(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	const char *why = no_message(l);

	if (!why)
		why = take_flags(l, sqe, IORING_RECVSEND_POLL_FIRST);
	if (!why && sqe->flags & IOSQE_BUFFER_SELECT)
		why = "sends from buffers that the ring gives out";
	if (why)
		return why;
	keep_name(l, r);
	return NULL;
}

static const char *take_sendmsg(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	const char *why = no_message(l);
	struct msghdr m = { 0 };
	struct iovec *pieces;
	size_t n;

	if (!why && !has(l, PLACE_SEND_CONTROL))
		why = "is a message, and this kernel does not tell which (it takes Linux 6.3)";
	if (!why)
		why = take_flags(l, sqe, IORING_RECVSEND_POLL_FIRST | URING_SEND_PIECES);
	if (!why)
		why = read_pieces(l, header_of(l) + l->k->at[PLACE_HEADER_PIECES], &pieces, &n);
	if (why)
		return why;
	m.msg_controllen = get(l, header_of(l), PLACE_HEADER_CONTROL_LEN, 8);
	m.msg_control = (void *)(uintptr_t)get(l, l->req, PLACE_SEND_CONTROL, 8);
	sqe->ioprio &= ~URING_SEND_PIECES;
	sqe->len = 1;
	keep_name(l, r);
	keep(l, &r->message, &r->has_message, &m, sizeof(m));
	keep(l, &r->pieces, &r->has_pieces, pieces, n * sizeof(*pieces));
	return NULL;
}

/* Nothing sent, when there is room for it, tells what became of the connection as this does: 0, or
 * the error. To connect again would be told that it is being done. */
static const char *take_connect(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	size_t len = get(l, l->req, PLACE_CONNECT_LEN, 4);

	if (!l->begun && (no_message(l) || len > NAME_SIZE))
		return "connects to what is not known";
	if (!l->begun) {
		keep(l, &r->name, &r->has_name, l->async + l->k->at[PLACE_MSG_TO], len);
		return NULL;
	}
	if (!has(l, PLACE_CONNECT_BEGUN) || !is_of_inet(l, sqe) ||
	    !get(l, l->req, PLACE_CONNECT_BEGUN, 1))
		return "connects to what has no room for more";
	sqe->opcode = IORING_OP_SEND;
	sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
	return NULL;
}

static const char *take_shutdown(struct looking *l, struct io_uring_sqe *sqe,
				 CrtoolsUringRequest *r)
{
	(void)r;
	sqe->len = get(l, l->req, PLACE_SHUTDOWN_HOW, 4);
	return NULL;
}

/* --- reading and writing ----------------------------------------------------------------------- */

static bool is_read(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_READV;
}

static const char *as_of_socket(struct io_uring_sqe *sqe)
{
	if (sqe->rw_flags)
		return "reads from, or writes to, what may be a connection";
	sqe->opcode = is_read(sqe) ? IORING_OP_RECV : IORING_OP_SEND;
	sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
	sqe->off = 0;
	return NULL;
}

static const char *take_place(struct looking *l, struct io_uring_sqe *sqe)
{
	sqe->addr = get(l, l->req, PLACE_RW_ADDR, 8);
	sqe->len = get(l, l->req, PLACE_RW_LEN, 4);
	sqe->rw_flags = get(l, l->req, PLACE_RW_FLAGS, 4);
	sqe->off = get(l, l->req + l->k->at[PLACE_RW_IOCB], PLACE_RW_POS, 8);
	if (!(sqe->flags & IOSQE_BUFFER_SELECT))
		return NULL;
	if (!has(l, PLACE_RW_GROUP) || !l->async)
		return "is given its buffer, and this kernel does not tell of which group (it "
		       "takes Linux 6.15)";
	sqe->addr = 0;
	sqe->buf_group = get(l, l->async, PLACE_RW_GROUP, 4);
	return NULL;
}

static const char *take_one_piece(struct looking *l, struct io_uring_sqe *sqe,
				  CrtoolsUringRequest *r)
{
	const char *why = take_place(l, sqe);

	(void)r;
	return why || !is_of_inet(l, sqe) ? why : as_of_socket(sqe);
}

/* Of a buffer that is registered, or into one after the other. */
static const char *take_other_piece(struct looking *l, struct io_uring_sqe *sqe,
				    CrtoolsUringRequest *r)
{
	const char *why = take_place(l, sqe);

	(void)r;
	if (sqe->opcode == URING_OP_READ_MULTISHOT)
		sqe->len = 0;
	else
		sqe->buf_index = get(l, l->req, PLACE_REQ_BUFFER, 2);
	if (!why && is_of_inet(l, sqe))
		why = "reads from, or writes to, what may be a connection";
	return why;
}

static const char *take_pieces(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	const char *why = take_place(l, sqe);
	struct iovec *pieces = NULL;
	size_t n = 0;

	if (!why && (!has(l, PLACE_RW_PIECES) || !l->async))
		why = "has several pieces, and this kernel does not tell which (it takes Linux "
		      "6.10)";
	if (!why && sqe->flags & IOSQE_BUFFER_SELECT)
		why = "is given its buffer, and has pieces";
	if (!why)
		why = read_pieces(l, l->async + l->k->at[PLACE_RW_PIECES], &pieces, &n);
	if (why)
		return why;
	sqe->len = n;
	sqe->addr = 0;
	if (!is_of_inet(l, sqe)) {
		keep(l, &r->pieces, &r->has_pieces, pieces, n * sizeof(*pieces));
		return NULL;
	}
	if (n != 1)
		return "reads from, or writes to, a connection, in several pieces";
	sqe->addr = (uintptr_t)pieces->iov_base;
	sqe->len = pieces->iov_len;
	return as_of_socket(sqe);
}

static const char *take_close(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	(void)r;
	sqe->fd = (int32_t)get(l, l->req, PLACE_CLOSE_FD, 4);
	sqe->file_index = get(l, l->req, PLACE_CLOSE_SLOT, 4);
	return NULL;
}

/* --- others ------------------------------------------------------------------------------------ */

static const char *take_poll(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	uint32_t events = get(l, l->req, PLACE_POLL_EVENTS, 4);

	(void)r;
	sqe->poll32_events = events & ~(EPOLLONESHOT | EPOLLET);
	sqe->len = (events & EPOLLONESHOT ? 0 : IORING_POLL_ADD_MULTI) |
		   (events & EPOLLET ? 0 : IORING_POLL_ADD_LEVEL);
	return NULL;
}

static const char *take_epoll(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	(void)r;
	if (!has(l, PLACE_EPOLL_EVENTS))
		return "waits for events in a way that is not known";
	sqe->addr = get(l, l->req, PLACE_EPOLL_EVENTS, 8);
	sqe->len = get(l, l->req, PLACE_EPOLL_COUNT, 4);
	return NULL;
}

/* One whose word has changed meanwhile, and that was not woken yet, ends with EAGAIN. */
static const char *take_futex(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	uint32_t flags;

	(void)r;
	if (!has(l, PLACE_FUTEX_FLAGS))
		return "waits for a futex in a way that is not known";
	flags = get(l, l->req, PLACE_FUTEX_FLAGS, 4);
	if (flags & ~(FUTEX2_SIZES | FLAGS_SHARED))
		return "waits for a futex of a kind that can't be given again";
	sqe->fd = (int32_t)((flags & FUTEX2_SIZES) | (flags & FLAGS_SHARED ? 0 : FUTEX2_PRIVATE));
	sqe->addr = get(l, l->req, PLACE_FUTEX_ADDR, 8);
	sqe->addr2 = get(l, l->req, PLACE_FUTEX_VALUE, 8);
	sqe->addr3 = get(l, l->req, PLACE_FUTEX_MASK, 8);
	return NULL;
}

static const char *take_child(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	(void)r;
	if (!has(l, PLACE_CHILD_INFO))
		return "waits for a process in a way that is not known";
	sqe->len = get(l, l->req, PLACE_CHILD_WHICH, 4);
	sqe->fd = (int32_t)get(l, l->req, PLACE_CHILD_ID, 4);
	sqe->file_index = get(l, l->req, PLACE_CHILD_OPTIONS, 4);
	sqe->addr2 = get(l, l->req, PLACE_CHILD_INFO, 8);
	return NULL;
}

static const struct {
	uint8_t opcode;
	const char *(*take)(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r);
	bool only_linked; /* it never waits for itself */
} kinds[] = {
	{ IORING_OP_POLL_ADD, take_poll },
	{ IORING_OP_ACCEPT, take_accept },
	{ IORING_OP_RECV, take_recv },
	{ IORING_OP_RECVMSG, take_recvmsg },
	{ IORING_OP_SEND, take_send },
	{ IORING_OP_SENDMSG, take_sendmsg },
	{ IORING_OP_CONNECT, take_connect },
	{ IORING_OP_READ, take_one_piece },
	{ IORING_OP_WRITE, take_one_piece },
	{ IORING_OP_READV, take_pieces },
	{ IORING_OP_WRITEV, take_pieces },
	{ IORING_OP_READ_FIXED, take_other_piece },
	{ IORING_OP_WRITE_FIXED, take_other_piece },
	{ URING_OP_READ_MULTISHOT, take_other_piece },
	{ URING_OP_EPOLL_WAIT, take_epoll },
	{ URING_OP_FUTEX_WAIT, take_futex },
	{ URING_OP_WAITID, take_child },
	{ IORING_OP_SHUTDOWN, take_shutdown, .only_linked = true },
	{ IORING_OP_CLOSE, take_close, .only_linked = true },
};

bool uring_kind_is_known(uint8_t opcode)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].opcode == opcode)
			return true;
	return opcode == IORING_OP_TIMEOUT || opcode == IORING_OP_LINK_TIMEOUT;
}

const char *uring_kind_take(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].opcode == sqe->opcode && !(l->begun && kinds[i].only_linked))
			return kinds[i].take(l, sqe, r);
	return arena_printf(dump_arena(l->u->task->dump),
			    "is of a kind that can't be given again (%u of enum io_uring_op)",
			    sqe->opcode);
}
