/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of Linux' asynchronous I/O that wait for files, as event loops have them: in two
 * contexts, on a pipe, a socket and a timer, one of them to tell an eventfd as well. One has ended
 * before, and its event was not fetched. After the restore each ends when its file is ready, once,
 * and not before.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: needs    kernel:5.19
 *	wl: cycles   3
 *	wl: crossing none CRIU loses such requests
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/aio_abi.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LIMIT = 5, ROUNDS = 40 };

struct waiting {
	struct iocb cb;
	int give; /* makes the other end ready */
};

static void submit(aio_context_t context, struct waiting *w, int fd, int give, int tells)
{
	struct iocb *list[] = { &w->cb };

	w->give = give;
	w->cb = (struct iocb){ .aio_data = (uintptr_t)w,
			       .aio_lio_opcode = IOCB_CMD_POLL,
			       .aio_fildes = (uint32_t)fd,
			       .aio_buf = POLLIN,
			       .aio_flags = tells < 0 ? 0 : IOCB_FLAG_RESFD,
			       .aio_resfd = tells < 0 ? 0 : (uint32_t)tells };
	wl_check_eq(wl_try(syscall(SYS_io_submit, context, 1, list)), 1);
}

static void fetch(aio_context_t context, struct waiting *w)
{
	struct timespec limit = { .tv_sec = LIMIT };
	struct io_event e;

	wl_check_eq(wl_try(syscall(SYS_io_getevents, context, 1, 1, &e, &limit)), 1);
	wl_check_eq(e.data, (uintptr_t)w);
	wl_check_eq(e.obj, (uintptr_t)&w->cb);
	wl_check(e.res & POLLIN);
}

static void check_none(aio_context_t context)
{
	struct timespec none = { 0 };
	struct io_event e;

	wl_check_eq(wl_try(syscall(SYS_io_getevents, context, 0, 1, &e, &none)), 0);
}

static void make_ready(const struct waiting *w)
{
	wl_check_eq(write(w->give, "x", 1), 1);
}

static aio_context_t new_context(void)
{
	aio_context_t context = 0;

	wl_try(syscall(SYS_io_setup, 8, &context));
	return context;
}

/* So that the ring has gone on. */
static void use(aio_context_t context, struct waiting *w, int ready[2])
{
	char c;

	for (int i = 0; i < ROUNDS; i++) {
		submit(context, w, ready[0], ready[1], -1);
		make_ready(w);
		fetch(context, w);
		wl_check_eq(read(ready[0], &c, 1), 1);
	}
}

int main(void)
{
	static struct waiting used, ended, of_pipe, of_socket, of_other;
	aio_context_t first = new_context(), second = new_context();
	int pipes[3][2], sockets[2], count = wl_try(eventfd(0, EFD_NONBLOCK));
	uint64_t told = 0;

	for (int i = 0; i < 3; i++)
		wl_try(pipe(pipes[i]));
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	use(first, &used, pipes[0]);
	submit(first, &ended, pipes[0][0], pipes[0][1], -1);
	submit(first, &of_pipe, pipes[1][0], pipes[1][1], -1);
	submit(first, &of_socket, sockets[0], sockets[1], count);
	submit(second, &of_other, pipes[2][0], pipes[2][1], -1);
	make_ready(&ended);
	wl_ready_and_wait();
	fetch(first, &ended);
	check_none(first);
	check_none(second);
	make_ready(&of_socket);
	fetch(first, &of_socket);
	wl_check_eq(read(count, &told, sizeof(told)), sizeof(told));
	wl_check_eq(told, 1);
	make_ready(&of_other);
	fetch(second, &of_other);
	check_none(first);
	make_ready(&of_pipe);
	fetch(first, &of_pipe);
	check_none(first);
	wl_try(syscall(SYS_io_destroy, first));
	wl_try(syscall(SYS_io_destroy, second));
	wl_pass();
}
