/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load of any size: TASKS tasks, AREAS memory areas in each with alternating protection (so
 * that they don't merge), FILES open files, with every task dirtying memory and a file all the
 * time, and checking what it wrote a moment ago.
 *
 *	load_generator [TASKS [AREAS [FILES [PAGES-PER-AREA]]]]
 *
 * wl: areas memory files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static int tasks = 4, areas = 64, files = 16, pages = 4;

struct load {
	char **area;
	int *fd;
	size_t size;
};

static struct load load_new(int task)
{
	struct load load = { .size = (size_t)pages * getpagesize() };
	char *base = wl_try(mmap(NULL, areas * load.size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	load.area = calloc(areas, sizeof(*load.area));
	load.fd = calloc(files + 1, sizeof(*load.fd));
	for (int i = 0; i < areas; i++) {
		load.area[i] = base + i * load.size;
		wl_fill(load.area[i], load.size, task * 1000 + i);
		if (i % 2)
			wl_try(mprotect(load.area[i], load.size, PROT_READ));
	}
	for (int i = 0; i < files; i++)
		load.fd[i] = wl_try(
			open(wl_format("file-%d-%d", task, i), O_RDWR | O_CREAT | O_TRUNC, 0644));
	return load;
}

/* One round writes every second area and one file, after checking the round before. */
static void load_round(struct load *load, int task, uint32_t round)
{
	char buf[512];

	for (int i = 0; i < areas; i++) {
		uint32_t seed = task * 1000 + i;

		if (!wl_matches(load->area[i], load->size, i % 2 ? seed : seed + round))
			wl_fail("task %d: area %d is wrong in round %u", task, i, round);
		if (i % 2 == 0)
			wl_fill(load->area[i], load->size, seed + round + 1);
	}
	if (!files)
		return;
	wl_fill(buf, sizeof(buf), round);
	wl_check_eq(pwrite(load->fd[round % files], buf, sizeof(buf), 0), sizeof(buf));
	memset(buf, 0, sizeof(buf));
	wl_check_eq(pread(load->fd[round % files], buf, sizeof(buf), 0), sizeof(buf));
	wl_check(wl_matches(buf, sizeof(buf), round));
}

static void run(int task)
{
	struct load load = load_new(task);
	uint32_t round = 0;

	wl_child_ready();
	while (!wl_should_stop()) {
		load_round(&load, task, round++);
		wl_sleep_ms(5);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int *value[] = { &tasks, &areas, &files, &pages };
	pid_t *pid;

	for (int i = 1; i < argc && i <= 4; i++)
		*value[i - 1] = atoi(argv[i]);
	wl_check(tasks > 0 && areas > 0 && files >= 0 && pages > 0);
	pid = calloc(tasks, sizeof(*pid));
	for (int i = 0; i < tasks; i++)
		if ((pid[i] = wl_fork_awaited()) == 0)
			run(i);
	wl_ready_and_wait();
	for (int i = 0; i < tasks; i++)
		wl_finish(pid[i]);
	wl_pass();
}
