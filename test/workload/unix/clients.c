/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four clients, each in a process of its own, stream blocks with checksums to a server, which takes
 * them by select: nothing is lost or changed at whatever instant they are dumped.
 *
 * wl: areas unix-sockets
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>

#include "unix.h"

enum { CLIENTS = 4, BLOCK = 20000 };

struct block {
	uint32_t number;
	char data[BLOCK];
};

static void send_blocks(struct un_addr addr)
{
	struct block *b = malloc(sizeof(*b));
	int fd = un_connected(SOCK_STREAM, addr);

	wl_check(b);
	wl_child_ready();
	for (b->number = 1; !wl_should_stop(); b->number++) {
		wl_fill(b->data, BLOCK, b->number);
		for (size_t done = 0; done < sizeof(*b);)
			done += wl_try(write(fd, (char *)b + done, sizeof(*b) - done));
		wl_sleep_ms(1);
	}
	close(fd);
	exit(0);
}

/* False at the end. */
static bool take(int fd, struct block *b, size_t *have, uint32_t *number)
{
	ssize_t n = wl_try(read(fd, (char *)b + *have, sizeof(*b) - *have));

	*have += n;
	if (*have == sizeof(*b)) {
		wl_check_eq(b->number, ++*number);
		wl_check(wl_matches(b->data, BLOCK, b->number));
		*have = 0;
	}
	return n > 0;
}

int main(void)
{
	static struct block blocks[CLIENTS];
	struct un_addr addr = un_path("sock");
	int listener = un_listening(SOCK_STREAM, addr, CLIENTS), fds[CLIENTS], open = CLIENTS;
	size_t have[CLIENTS] = { 0 };
	uint32_t number[CLIENTS] = { 0 };
	pid_t pid[CLIENTS];
	bool stopping = false;

	for (int i = 0; i < CLIENTS; i++) {
		pid[i] = wl_fork_awaited();
		if (!pid[i])
			send_blocks(addr);
		fds[i] = wl_try(accept(listener, NULL, NULL));
	}
	wl_ready();
	while (open) {
		struct timeval limit = { 0, 50000 };
		fd_set set;

		FD_ZERO(&set);
		for (int i = 0; i < CLIENTS; i++)
			if (fds[i] >= 0)
				FD_SET(fds[i], &set);
		wl_try(select(FD_SETSIZE, &set, NULL, NULL, &limit));
		for (int i = 0; i < CLIENTS; i++)
			if (fds[i] >= 0 && FD_ISSET(fds[i], &set) &&
			    !take(fds[i], &blocks[i], &have[i], &number[i])) {
				fds[i] = -1;
				open--;
			}
		if (!stopping && wl_should_stop()) {
			stopping = true;
			for (int i = 0; i < CLIENTS; i++)
				kill(pid[i], SIGTERM);
		}
	}
	for (int i = 0; i < CLIENTS; i++) {
		wl_reap(pid[i]);
		wl_check_eq(have[i], 0);
		wl_check(number[i] > 0);
	}
	wl_pass();
}
