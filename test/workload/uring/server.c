/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP server as they are written with io_uring: one request that accepts all clients, one that
 * receives for each, a time limit for the whole, and a thread that sleeps in io_uring_enter(2). It
 * is dumped while it waits for all of them; its clients, in another process of the tree, are
 * answered before and afterwards, and a new one is taken.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: crossing none CRIU knows no io_uring
 *	wl: both     --tcp-established
 *	wl: cycles   2
 */
#define _GNU_SOURCE
#include "ring.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CLIENTS 3

enum { ACCEPT = 1000, LIMIT };

static char buffers[64][64];

static void start_accept(struct io_uring *ring, int listener)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, 0);
	sqe->user_data = ACCEPT;
}

static void start_recv(struct io_uring *ring, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_recv(sqe, fd, buffers[fd], sizeof(buffers[fd]), 0);
	sqe->user_data = fd;
}

static void answer(struct io_uring *ring, struct io_uring_cqe *cqe)
{
	int fd = cqe->user_data;

	if (cqe->user_data == ACCEPT) {
		wl_check(cqe->flags & IORING_CQE_F_MORE);
		wl_check(cqe->res >= 0);
		start_recv(ring, cqe->res);
		return;
	}
	if (cqe->res <= 0) /* -EPERM and the like would be the restore's */
		_exit(cqe->res == 0 ? 0 : 3);
	wl_check_eq(send(fd, buffers[fd], cqe->res, MSG_NOSIGNAL), cqe->res);
	start_recv(ring, fd);
}

static _Noreturn void serve(int listener)
{
	static struct __kernel_timespec hour = { .tv_sec = 3600 };
	struct io_uring ring;
	struct io_uring_cqe *cqe;

	wl_try(prctl(PR_SET_PDEATHSIG, SIGKILL));
	ring_new(&ring, 8, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	start_accept(&ring, listener);
	io_uring_prep_timeout(io_uring_get_sqe(&ring), &hour, 0, 0);
	for (;;) {
		wl_check(RING_TRY(io_uring_submit_and_wait(&ring, 1)) >= 0);
		while (io_uring_peek_cqe(&ring, &cqe) == 0) {
			answer(&ring, cqe);
			io_uring_cqe_seen(&ring, cqe);
		}
	}
}

static int client(const struct sockaddr_in *to)
{
	int fd = wl_try(socket(AF_INET, SOCK_STREAM, 0));

	wl_try(connect(fd, (const void *)to, sizeof(*to)));
	return fd;
}

static void talk(int fd, int n)
{
	char text[32], back[32];
	int len = snprintf(text, sizeof(text), "number %d", n);

	wl_check_eq(wl_try(send(fd, text, len, 0)), len);
	wl_check_eq(wl_try(recv(fd, back, sizeof(back), 0)), len);
	wl_check(!memcmp(text, back, len));
}

int main(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener = wl_try(socket(AF_INET, SOCK_STREAM, 0)), fds[CLIENTS], status;
	pid_t server;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	wl_try(bind(listener, (void *)&addr, sizeof(addr)));
	wl_try(listen(listener, 8));
	wl_try(getsockname(listener, (void *)&addr, &len));
	server = wl_try(fork());
	if (!server)
		serve(listener);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client(&addr);
	for (int n = 0; n < 20; n++)
		talk(fds[n % CLIENTS], n);
	wl_ready_and_wait();
	for (int n = 0; n < 20; n++)
		talk(fds[n % CLIENTS], n);
	talk(client(&addr), 100);
	wl_try(close(fds[0]));
	wl_check_eq(wl_try(waitpid(server, &status, 0)), server);
	wl_check_eq(status, 0);
	wl_pass();
}
