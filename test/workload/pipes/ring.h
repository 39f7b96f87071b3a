/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of RING processes, the parent being the first: it sends a stream of bytes of which each
 * tells its position, the others pass them on, and it checks what comes back. make_link() makes
 * the link number N, from task N to task N + 1.
 */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { RING = 4, BUFFER = 1 << 20 };

static void make_link(int number, int *ret_ends);

static unsigned char byte_at(uint64_t position)
{
	return (position * 0x9e3779b97f4a7c15ULL) >> 56;
}

static void pass_on(int in, int out)
{
	char *buf = malloc(BUFFER);
	ssize_t n, sent;

	wl_check(buf);
	wl_child_ready();
	while ((n = wl_try(read(in, buf, BUFFER))) > 0)
		for (ssize_t done = 0; done < n; done += sent)
			sent = wl_try(write(out, buf + done, n - done));
	_exit(0);
}

static void send_some(int out, uint64_t *position, unsigned char *buf, size_t len)
{
	ssize_t n;

	for (size_t i = 0; i < len; i++)
		buf[i] = byte_at(*position + i);
	n = write(out, buf, len);
	if (n < 0 && errno != EAGAIN)
		wl_pfail("write");
	if (n > 0)
		*position += n;
}

static size_t take_some(int in, uint64_t *position, unsigned char *buf)
{
	ssize_t n = wl_try(read(in, buf, BUFFER));

	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != byte_at(*position + i))
			wl_fail("byte %llu is wrong", (unsigned long long)(*position + i));
	*position += n;
	return n;
}

static void pump(int in, int out)
{
	unsigned char *buf = malloc(BUFFER);
	uint64_t sent = 0, received = 0;

	wl_check(buf);
	wl_try(fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK));
	wl_ready();
	while (!wl_should_stop()) {
		struct pollfd fds[2] = { { in, POLLIN, 0 }, { out, POLLOUT, 0 } };

		if (poll(fds, 2, 100) < 0)
			wl_pfail("poll");
		if (fds[1].revents & POLLOUT)
			send_some(out, &sent, buf, sent % 3 ? 4096 + sent % 50000 : BUFFER);
		if (fds[0].revents & POLLIN)
			take_some(in, &received, buf);
		wl_sleep_ms(1);
	}
	close(out);
	while (take_some(in, &received, buf) > 0)
		continue;
	if (sent != received)
		wl_fail("%llu bytes were sent, %llu came back", (unsigned long long)sent,
			(unsigned long long)received);
}

int main(void)
{
	int ends[RING][2];
	pid_t pid[RING];

	for (int i = 0; i < RING; i++)
		make_link(i, ends[i]);
	for (int i = 1; i < RING; i++) {
		pid[i] = wl_fork_awaited();
		if (pid[i])
			continue;
		/* Task i reads link i - 1 and writes link i. */
		for (int k = 0; k < RING; k++) {
			if (k != i - 1)
				close(ends[k][0]);
			if (k != i)
				close(ends[k][1]);
		}
		pass_on(ends[i - 1][0], ends[i][1]);
	}
	for (int k = 0; k < RING; k++) {
		if (k != RING - 1)
			close(ends[k][0]);
		if (k != 0)
			close(ends[k][1]);
	}
	pump(ends[RING - 1][0], ends[0][1]);
	for (int i = 1; i < RING; i++)
		wl_reap(pid[i]);
	wl_pass();
}
