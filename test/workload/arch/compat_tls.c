/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 32-bit program's thread-local data and threads: its TLS lives in the descriptor table
 * (set_thread_area), of which each thread has three slots; a further one is set by hand here.
 *
 *	wl: areas   arch threads
 *	wl: flavours host user ns userns
 *	wl: needs   32bit
 *	wl: cflags  -m32
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <asm/ldt.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread long own;
static uint32_t words[3] = { 0x11111111, 0x22222222, 0x33333333 };

struct slot {
	struct user_desc desc;
	uint32_t *word;
};

static uint32_t through_segment(unsigned int entry)
{
	unsigned int selector = entry * 8 + 3, old;
	uint32_t word;

	__asm__ volatile("movl %%fs, %1\n"
			 "movl %2, %%fs\n"
			 "movl %%fs:0, %0\n"
			 "movl %1, %%fs\n"
			 : "=&r"(word), "=&r"(old)
			 : "r"(selector));
	return word;
}

static void set(void *arg)
{
	struct slot *slot = arg;

	own = gettid();
	slot->desc = (struct user_desc){ .entry_number = -1,
					 .base_addr = (uintptr_t)slot->word,
					 .limit = 3,
					 .seg_32bit = 1,
					 .useable = 1 };
	wl_try(syscall(SYS_set_thread_area, &slot->desc));
	wl_check_eq(through_segment(slot->desc.entry_number), *slot->word);
}

static void check(void *arg)
{
	struct slot *slot = arg;
	struct user_desc now = { .entry_number = slot->desc.entry_number };

	wl_check_eq(own, gettid());
	wl_try(syscall(SYS_get_thread_area, &now));
	wl_check_eq(now.base_addr, slot->desc.base_addr);
	wl_check_eq(now.limit, 3);
	wl_check_eq(now.seg_32bit, 1);
	wl_check_eq(now.useable, 1);
	wl_check_eq(through_segment(now.entry_number), *slot->word);
}

int main(void)
{
	static struct slot slots[3] = { { .word = &words[0] },
					{ .word = &words[1] },
					{ .word = &words[2] } };

	wl_actor_thread(set, check, &slots[1]);
	wl_actor_fork(set, check, &slots[2]);
	set(&slots[0]);
	wl_ready_and_wait();
	check(&slots[0]);
	wl_actors_finish();
	wl_pass();
}
