/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tiles of AMX: configuration and contents of the leader's, which waits in a system call, of a
 * thread that loops in its program, and of one whose tiles have another shape; a thread that has
 * released its tiles and one that never had any go on to use them without asking again, and so do
 * a thread and a child made afterwards. A child made before the process asked may not use them
 * still. The right is one to larger signal frames, too: alternate stacks that are too small for
 * them are refused as before.
 *
 *	wl: areas   arch threads
 *	wl: flavours host user unpriv ns userns
 *	wl: needs   amx
 *	wl: cflags  -mamx-tile
 *	wl: cycles  3
 *	wl: crossing none CRIU drops tiles and the right to use them
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "freeze.h"

#define ARCH_GET_XCOMP_PERM 0x1022
#define ARCH_REQ_XCOMP_PERM 0x1023
#define TILE_DATA	    18
#define TILES		    8
#define TILE_BYTES	    1024

struct tiles {
	unsigned char config[64], data[TILES][TILE_BYTES];
} __attribute__((aligned(64)));

static uint64_t permitted(void)
{
	uint64_t mask = 0;

	wl_try(syscall(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, &mask));
	return mask >> TILE_DATA & 1;
}

/* All tiles are of so many rows of so many bytes. */
static void shape(struct tiles *t, int rows, int row_bytes)
{
	memset(t, 0, sizeof(*t));
	t->config[0] = 1;
	for (int i = 0; i < TILES; i++) {
		t->config[16 + 2 * i] = row_bytes;
		t->config[48 + i] = rows;
	}
}

#define EACH_TILE(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7)

static inline __attribute__((always_inline)) void load(const struct tiles *t)
{
	__asm__ volatile("ldtilecfg %0" : : "m"(t->config));
#define LOAD(n)                                                                                    \
	__asm__ volatile("tileloadd (%0,%1,1), %%tmm" #n : : "r"(t->data[n]), "r"(64L) : "memory");
	EACH_TILE(LOAD)
}

static inline __attribute__((always_inline)) void store(struct tiles *t)
{
	__asm__ volatile("sttilecfg %0" : "=m"(t->config));
#define STORE(n)                                                                                   \
	__asm__ volatile("tilestored %%tmm" #n ", (%0,%1,1)"                                       \
			 :                                                                         \
			 : "r"(t->data[n]), "r"(64L)                                               \
			 : "memory");
	EACH_TILE(STORE)
}

/* Rows are 64 bytes apart in memory, of which the tile has the first. */
static void fill(struct tiles *t, int rows, int row_bytes, int seed)
{
	shape(t, rows, row_bytes);
	for (int i = 0; i < TILES; i++)
		for (int row = 0; row < rows; row++)
			wl_fill(t->data[i] + row * 64, row_bytes, seed + i * 100 + row);
}

static void check_tiles(const char *whose, const struct tiles *want)
{
	struct tiles got = { 0 };

	store(&got);
	if (memcmp(&got, want, sizeof(got)))
		wl_fail("the tiles of %s have changed", whose);
	__asm__ volatile("tilerelease");
}

static void use_anew(int seed)
{
	struct tiles t;

	fill(&t, 16, 64, seed);
	load(&t);
	check_tiles("a later user", &t);
}

static void have_narrow(void *arg)
{
	fill(arg, 3, 20, 5000);
	load(arg);
}

static void check_narrow(void *arg)
{
	check_tiles("the thread with narrow tiles", arg);
}

static void have_released(void *arg)
{
	(void)arg;
	use_anew(9000);
}

static void have_none(void *arg)
{
	(void)arg;
}

static void check_new_use(void *arg)
{
	(void)arg;
	use_anew(7000);
}

static void have_no_right(void *arg)
{
	(void)arg;
	wl_check_eq(permitted(), 0);
}

static struct tiles looping;

static void loop(void)
{
	load(&looping);
	__asm__ volatile(FREEZE_WAIT:FREEZE_OPERANDS : : "memory", "cc");
	store(&looping);
}

static void *later_thread(void *arg)
{
	use_anew(11000);
	return arg;
}

static void check_stack_rule(void)
{
	static unsigned char small[8192];
	stack_t stack = { .ss_sp = small, .ss_size = sizeof(small) };

	wl_check(sigaltstack(&stack, NULL) < 0 && errno == ENOMEM);
}

int main(void)
{
	static struct tiles mine, narrow;
	struct tiles before;
	pthread_t thread;
	pid_t pid;

	wl_actor_fork(have_no_right, have_no_right, NULL);
	wl_try(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA));
	check_stack_rule();
	wl_actor_thread(have_narrow, check_narrow, &narrow);
	wl_actor_thread(have_released, check_new_use, NULL);
	wl_actor_thread(have_none, check_new_use, NULL);
	wl_actor_fork(have_none, check_new_use, NULL);
	fill(&looping, 16, 64, 2000);
	before = looping;
	fill(&mine, 16, 48, 1000);
	load(&mine);
	freeze_over(loop);
	check_tiles("the leader", &mine);
	if (memcmp(&before, &looping, sizeof(before)))
		wl_fail("the tiles of the looping thread have changed");
	wl_check_eq(permitted(), 1);
	check_stack_rule();
	wl_check_eq(pthread_create(&thread, NULL, later_thread, NULL), 0);
	wl_check_eq(pthread_join(thread, NULL), 0);
	pid = wl_fork();
	if (!pid) {
		use_anew(13000);
		exit(0);
	}
	wl_reap(pid);
	wl_actors_finish();
	wl_pass();
}
