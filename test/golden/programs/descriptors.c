/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden set "descriptors": unix socket pair with data and a descriptor in flight, a listening
 * unix socket, a listening TCP and a bound UDP socket, netlink, epoll over eventfd, timerfd and
 * signalfd, inotify, a pty pair, POSIX and flock locks.
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <linux/netlink.h>
#include <unistd.h>

static void send_descriptor(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = "with a descriptor", .iov_len = 17 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	wl_try(sendmsg(sock, &msg, 0));
}

static void make_unix(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int pair[2], fd;

	wl_try(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	wl_try(write(pair[0], "first", 5));
	send_descriptor(pair[0], STDIN_FILENO);
	fd = wl_try(socket(AF_UNIX, SOCK_STREAM, 0));
	wl_try(bind(fd, (struct sockaddr *)&name, sizeof(name)));
	wl_try(listen(fd, 5));
}

static void make_inet(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd;

	fd = wl_try(socket(AF_INET, SOCK_STREAM, 0));
	wl_try(bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	wl_try(listen(fd, 3));
	fd = wl_try(socket(AF_INET, SOCK_DGRAM, 0));
	wl_try(bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	wl_try(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
}

static void make_events(void)
{
	struct itimerspec spec = { .it_interval = { 60, 0 }, .it_value = { 3600, 0 } };
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 0xabcdef };
	int epoll, fd;
	sigset_t set;

	epoll = wl_try(epoll_create1(EPOLL_CLOEXEC));
	fd = wl_try(eventfd(5, EFD_SEMAPHORE | EFD_NONBLOCK));
	wl_try(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	fd = wl_try(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	wl_try(timerfd_settime(fd, 0, &spec, NULL));
	wl_try(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	wl_try(signalfd(-1, &set, 0));
	fd = wl_try(inotify_init1(IN_NONBLOCK));
	wl_try(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE));
}

static void make_terminal(void)
{
	int fd = wl_try(posix_openpt(O_RDWR | O_NOCTTY));

	wl_try(grantpt(fd));
	wl_try(unlockpt(fd));
	wl_try(open(ptsname(fd), O_RDWR | O_NOCTTY));
}

static void make_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3 };
	int fd;

	fd = wl_try(open("locked", O_RDWR | O_CREAT, 0600));
	wl_try(fcntl(fd, F_SETLK, &lock));
	fd = wl_try(open("flocked", O_RDWR | O_CREAT, 0600));
	wl_try(flock(fd, LOCK_SH));
}

int main(void)
{
	make_unix();
	make_inet();
	make_events();
	make_terminal();
	make_locks();
	wl_ready_and_wait();
	wl_pass();
}
