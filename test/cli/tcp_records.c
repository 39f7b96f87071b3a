/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a TCP connection: sends numbered records at full rate, and checks that those that come
 * are the other's, each once and in order. Counters are in a file that is mapped, for the script
 * beside. SIGTERM: sends no more, and ends when the other end has said so too.
 *
 *	tcp_records listen ADDRESS PORT COUNTERS
 *	tcp_records connect ADDRESS PORT COUNTERS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORDS 2048 /* of eight bytes, sent at a time */

static volatile sig_atomic_t stop;

struct counters {
	uint64_t sent, received; /* bytes */
};

static struct counters *counters;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static int open_connection(const char *how, const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, listener;

	inet_pton(AF_INET, address, &a.sin_addr);
	if (!strcmp(how, "connect")) {
		while (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
			if (errno != ECONNREFUSED)
				die("connect");
			usleep(1000);
		}
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		die("listen");
	listener = fd;
	fd = accept(listener, NULL, NULL);
	close(listener);
	if (fd < 0)
		die("accept");
	return fd;
}

/* The bytes from `at` on of the numbers 0, 1, 2 … */
static void fill(uint64_t *records, uint64_t at)
{
	for (size_t i = 0; i <= RECORDS; i++)
		records[i] = at / 8 + i;
}

static void send_some(int fd)
{
	uint64_t records[RECORDS + 1];
	size_t skip = counters->sent % 8;
	ssize_t n;

	fill(records, counters->sent);
	n = send(fd, (char *)records + skip, 8 * RECORDS, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		die("send");
	counters->sent += n > 0 ? n : 0;
}

/* 0 at the end. */
static int receive_some(int fd)
{
	uint64_t records[RECORDS + 1];
	char buf[8 * RECORDS];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n < 0 && errno == EAGAIN)
		return 1;
	if (n < 0)
		die("recv");
	fill(records, counters->received);
	if (memcmp(buf, (char *)records + counters->received % 8, n)) {
		fprintf(stderr, "not the next record, behind byte %llu\n",
			(unsigned long long)counters->received);
		exit(1);
	}
	counters->received += n;
	return n > 0;
}

static void exchange(int fd)
{
	struct pollfd p = { .fd = fd };
	int sending = 1;

	for (;;) {
		if (sending && stop) {
			sending = 0;
			shutdown(fd, SHUT_WR);
		}
		p.events = POLLIN | (sending ? POLLOUT : 0);
		if (poll(&p, 1, 100) < 0 && errno != EINTR)
			die("poll");
		if (p.revents & (POLLIN | POLLHUP | POLLERR) && !receive_some(fd))
			return;
		if (sending && p.revents & POLLOUT)
			send_some(fd);
		p.revents = 0;
	}
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	int file, fd;

	if (argc != 5)
		return 2;
	sigaction(SIGTERM, &act, NULL);
	file = open(argv[4], O_RDWR | O_CREAT, 0600);
	if (file < 0 || ftruncate(file, sizeof(*counters)) < 0)
		die("counters");
	counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (counters == MAP_FAILED)
		die("mmap");
	close(file);
	fd = open_connection(argv[1], argv[2], atoi(argv[3]));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	exchange(fd);
	return 0;
}
