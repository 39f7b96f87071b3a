/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches of all sorts: edges, one shot that has fired (also of an empty pipe, whose hang-up may
 * not be told), one shot that has not, exclusive; a set within a set; a child that shares the set;
 * a target that only the child has any more; changes through the number by which a target was
 * added, after it is back.
 *
 *	wl: areas   epoll-and-event-fds
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU makes fired one shots hang up, and knows no targets of other tasks
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void add(int set, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	wl_try(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
}

static void expect(int set, uint64_t data, uint32_t events)
{
	struct epoll_event event;

	wl_check_eq(epoll_wait(set, &event, 1, 1000), 1);
	wl_check_eq(event.data.u64, data);
	wl_check_eq(event.events, events);
}

static void expect_none(int set)
{
	struct epoll_event event;

	wl_check_eq(epoll_wait(set, &event, 1, 20), 0);
}

static void set_counter(int fd)
{
	uint64_t one = 1;

	wl_check_eq(write(fd, &one, sizeof(one)), sizeof(one));
}

static void take_counter(int fd)
{
	uint64_t got;

	wl_check_eq(read(fd, &got, sizeof(got)), sizeof(got));
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Numbers, events and data of all watches, in one order. */
static char *watches(int set)
{
	char *text = wl_read_file(wl_format("/proc/self/fdinfo/%d", set)), *lines[32], *all = "";
	size_t n = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, "tfd:", 4)) {
			char *end = strstr(line, " pos:");

			if (end)
				*end = '\0';
			lines[n++] = line;
		}
	qsort(lines, n, sizeof(lines[0]), compare);
	for (size_t i = 0; i < n; i++)
		all = wl_format("%s%s\n", all, lines[i]);
	return all;
}

int main(void)
{
	int set = wl_try(epoll_create1(0)), outer = wl_try(epoll_create1(0)),
	    lonely = wl_try(epoll_create1(0));
	int counter[5], fired[2], theirs[2], moved = 555;
	struct wl_stage *stage = wl_stage_new();
	char byte = 'b', *before;
	struct epoll_event event;
	pid_t child;

	for (int i = 0; i < 5; i++)
		counter[i] = wl_try(eventfd(0, EFD_NONBLOCK));
	wl_try(pipe(fired));
	wl_try(pipe(theirs));
	add(set, counter[0], EPOLLIN | EPOLLET, 100);
	add(set, counter[1], EPOLLIN | EPOLLONESHOT, 101);
	add(set, counter[2], EPOLLIN | EPOLLONESHOT, 102);
	add(set, counter[3], EPOLLIN | EPOLLEXCLUSIVE, 103);
	add(set, fired[0], EPOLLIN | EPOLLONESHOT | EPOLLET, 104);
	add(outer, set, EPOLLIN, 200);
	/* Two have fired. */
	set_counter(counter[1]);
	expect(set, 101, EPOLLIN);
	take_counter(counter[1]);
	wl_check_eq(write(fired[1], &byte, 1), 1);
	expect(set, 104, EPOLLIN);
	wl_check_eq(read(fired[0], &byte, 1), 1);
	/* Added by a number that is another file's now. */
	wl_try(dup2(counter[4], moved));
	add(set, moved, EPOLLIN, 105);
	wl_try(dup2(counter[0], moved));

	add(lonely, theirs[0], EPOLLIN, 300);
	child = wl_fork_awaited();
	if (!child) {
		wl_try(close(fired[1]));
		wl_child_wait();
		wl_check_eq(write(theirs[1], &byte, 1), 1);
		expect(lonely, 300, EPOLLIN);
		wl_stage_await(stage, 1);
		_exit(0);
	}
	wl_try(close(theirs[0]));
	before = watches(set);
	wl_check(strstr(before, "events: 40000000 ") && strstr(before, "events: c0000000 "));
	wl_ready_and_wait();
	wl_check_text("watches", watches(set), before);
	expect_none(outer);
	/* What was spent stays so, whatever happens to it. */
	set_counter(counter[1]);
	wl_try(close(fired[1]));
	expect_none(set);
	event = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 111 };
	wl_try(epoll_ctl(set, EPOLL_CTL_MOD, counter[1], &event));
	expect(outer, 200, EPOLLIN);
	expect(set, 111, EPOLLIN);
	/* The others tell. */
	set_counter(counter[0]);
	expect(set, 100, EPOLLIN);
	expect_none(set);
	set_counter(counter[2]);
	expect(set, 102, EPOLLIN);
	expect_none(set);
	set_counter(counter[3]);
	expect(set, 103, EPOLLIN);
	take_counter(counter[3]);
	set_counter(counter[4]);
	expect(set, 105, EPOLLIN);
	/* Neither number that its file has now finds it; the one of old does. */
	wl_check(epoll_ctl(set, EPOLL_CTL_DEL, counter[4], NULL) < 0 && errno == ENOENT);
	wl_check(epoll_ctl(set, EPOLL_CTL_DEL, moved, NULL) < 0 && errno == ENOENT);
	wl_try(dup2(counter[4], moved));
	wl_try(epoll_ctl(set, EPOLL_CTL_DEL, moved, NULL));
	expect_none(set);
	wl_try(kill(child, SIGTERM));
	expect(lonely, 300, EPOLLIN);
	wl_stage_add(stage);
	wl_reap(child);
	wl_pass();
}
