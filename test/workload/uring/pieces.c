/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait: to read and to write by pieces, what a pipe has no data or no room for, also
 * by a registered file and into a registered buffer; for events of epoll, for a futex, and for a
 * child's end. The lists of pieces have been used for something else since. All are done when what
 * they wait for comes.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.15
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   2
 */
#define _GNU_SOURCE
#include "ring.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { READ_PIECES = 1, WRITE_ONE, WRITE_PIECES, READ_FIXED, EVENTS, FUTEX, CHILD };

/* Of newer headers. */
#define OP_WAITID     50
#define OP_FUTEX_WAIT 51
#define OP_FUTEX_WAKE 52
#define OP_EPOLL_WAIT 59
#define FUTEX_32      2
#define FUTEX_PRIVATE 128

static int to_read[2], to_write[2][2], fixed[2], watched[2], epoll;
static char halves[2][4], registered[64];
static struct epoll_event event;
static uint32_t word = 5;
static siginfo_t info;
static pid_t child;

static struct io_uring_sqe *request(struct io_uring *ring, uint8_t opcode, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	wl_check(sqe);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	return sqe;
}

static void submit(struct io_uring *ring, struct io_uring_sqe *sqe, uint64_t data)
{
	sqe->user_data = data;
	wl_check_eq(RING_TRY(io_uring_submit(ring)), 1);
	ring_check_quiet(ring);
}

static void by_pieces(struct io_uring *ring, uint8_t opcode, int fd, void *one, void *two,
		      uint64_t data)
{
	struct iovec pieces[] = { { one, 4 }, { two, 4 } };
	struct io_uring_sqe *sqe = request(ring, opcode, fd);

	sqe->addr = (uintptr_t)pieces;
	sqe->len = 2;
	submit(ring, sqe, data);
	memset(pieces, 0xee, sizeof(pieces));
}

/* A pipe of one page that is full. */
static void fill(int pipe_fds[2])
{
	char page[4096] = "";

	wl_try(pipe(pipe_fds));
	wl_try(fcntl(pipe_fds[1], F_SETPIPE_SZ, sizeof(page)));
	wl_check_eq(write(pipe_fds[1], page, sizeof(page)), sizeof(page));
}

static void set_up_pipes(struct io_uring *ring)
{
	const struct iovec buffer = { registered, sizeof(registered) };
	struct io_uring_sqe *sqe;

	wl_try(pipe(to_read));
	by_pieces(ring, IORING_OP_READV, to_read[0], halves[0], halves[1], READ_PIECES);
	fill(to_write[0]);
	fill(to_write[1]);
	sqe = request(ring, IORING_OP_WRITE, to_write[0][1]);
	sqe->addr = (uintptr_t) "one two ";
	sqe->len = 8;
	submit(ring, sqe, WRITE_ONE);
	by_pieces(ring, IORING_OP_WRITEV, to_write[1][1], "one ", "two ", WRITE_PIECES);
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, fixed));
	RING_TRY(io_uring_register_files(ring, &fixed[0], 1));
	RING_TRY(io_uring_register_buffers(ring, &buffer, 1));
	sqe = request(ring, IORING_OP_READ_FIXED, 0);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->addr = (uintptr_t)registered + 8;
	sqe->len = 16;
	submit(ring, sqe, READ_FIXED);
}

static void set_up_others(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;
	struct epoll_event watch = { .events = EPOLLIN, .data.u64 = 77 };

	wl_try(pipe(watched));
	epoll = wl_try(epoll_create1(0));
	wl_try(epoll_ctl(epoll, EPOLL_CTL_ADD, watched[0], &watch));
	sqe = request(ring, OP_EPOLL_WAIT, epoll);
	sqe->addr = (uintptr_t)&event;
	sqe->len = 1;
	submit(ring, sqe, EVENTS);
	sqe = request(ring, OP_FUTEX_WAIT, FUTEX_32 | FUTEX_PRIVATE);
	sqe->addr = (uintptr_t)&word;
	sqe->addr2 = 5;
	sqe->addr3 = UINT32_MAX;
	submit(ring, sqe, FUTEX);
	child = wl_fork_awaited();
	if (!child) {
		wl_child_wait();
		_exit(9);
	}
	sqe = request(ring, OP_WAITID, child);
	sqe->len = P_PID;
	sqe->file_index = WEXITED;
	sqe->addr2 = (uintptr_t)&info;
	submit(ring, sqe, CHILD);
}

static void check_written(struct io_uring *ring, int pipe_fds[2], uint64_t data)
{
	char page[4096];

	wl_check_eq(read(pipe_fds[0], page, sizeof(page)), sizeof(page));
	wl_check_eq(ring_take(ring, data), 8);
	wl_check_eq(read(pipe_fds[0], page, sizeof(page)), 8);
	wl_check(!memcmp(page, "one two ", 8));
}

static void check_pipes(struct io_uring *ring)
{
	wl_check_eq(write(to_read[1], "abcdefgh", 8), 8);
	wl_check_eq(ring_take(ring, READ_PIECES), 8);
	wl_check(!memcmp(halves[0], "abcd", 4) && !memcmp(halves[1], "efgh", 4));
	check_written(ring, to_write[0], WRITE_ONE);
	check_written(ring, to_write[1], WRITE_PIECES);
	wl_check_eq(write(fixed[1], "fixed", 5), 5);
	wl_check_eq(ring_take(ring, READ_FIXED), 5);
	wl_check(!memcmp(registered + 8, "fixed", 6) && !registered[0]);
}

static void check_others(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;

	wl_check_eq(write(watched[1], "x", 1), 1);
	wl_check_eq(ring_take(ring, EVENTS), 1);
	wl_check_eq(event.data.u64, 77);
	wl_check_eq(event.events, EPOLLIN);
	sqe = request(ring, OP_FUTEX_WAKE, FUTEX_32 | FUTEX_PRIVATE);
	sqe->addr = (uintptr_t)&word;
	sqe->addr2 = 1;
	sqe->addr3 = UINT32_MAX;
	sqe->user_data = 100;
	RING_TRY(io_uring_submit(ring));
	for (int i = 0; i < 2; i++) {
		RING_TRY(io_uring_wait_cqe(ring, &cqe));
		wl_check_eq(cqe->res, cqe->user_data == 100);
		wl_check(cqe->user_data == 100 || cqe->user_data == FUTEX);
		io_uring_cqe_seen(ring, cqe);
	}
	ring_check_quiet(ring);
	wl_try(kill(child, SIGTERM));
	wl_check_eq(ring_take(ring, CHILD), 0);
	wl_check_eq(info.si_pid, child);
	wl_check_eq(info.si_code, CLD_EXITED);
	wl_check_eq(info.si_status, 9);
}

int main(void)
{
	struct io_uring ring;

	ring_new(&ring, 16, 0);
	ring_drive(&ring, 5);
	set_up_pipes(&ring);
	set_up_others(&ring);
	wl_ready_and_wait();
	ring_check_quiet(&ring);
	check_pipes(&ring);
	check_others(&ring);
	ring_drive(&ring, 40);
	wl_pass();
}
