/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: pointers that two threads have signed, each with keys of its own (PR_PAC_RESET_KEYS),
 * with all keys there are, are good after the restore, and those of the other thread are not; a key
 * that one has switched off (PR_PAC_SET_ENABLED_KEYS) is off.
 *
 *	wl: areas   arch threads
 *	wl: crossing from CRIU's restore of a thread's keys fails, with its own images too
 *	wl: flavours host user ns userns
 *	wl: needs   aarch64 feature:paca feature:pacg
 *	wl: cycles  2
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>

#define KEYS_RESET   54
#define KEYS_ENABLED 61 /* PR_PAC_GET_ENABLED_KEYS */
#define KEYS_ENABLE  60
#define KEY_IB	     2ul
#define KEYS_ALL     15ul /* IA, IB, DA, DB */
#define MODIFIER     0x1234567u

struct signs {
	uint64_t ia, ib, da, db, ga;
};

#define SIGN(op, to)                                                                               \
	({                                                                                         \
		uint64_t x = (uintptr_t)to;                                                        \
		__asm__ volatile(".arch armv8.3-a\n\t" op " %0, %1"                                \
				 : "+r"(x)                                                         \
				 : "r"((uint64_t)MODIFIER));                                       \
		x;                                                                                 \
	})

static int object;

static void sign(struct signs *ret)
{
	ret->ia = SIGN("pacia", &object);
	ret->ib = SIGN("pacib", &object);
	ret->da = SIGN("pacda", &object);
	ret->db = SIGN("pacdb", &object);
	__asm__ volatile(".arch armv8.3-a\n\tpacga %0, %1, %2"
			 : "=r"(ret->ga)
			 : "r"(&object), "r"((uint64_t)MODIFIER));
}

struct signer {
	pthread_t thread;
	bool without; /* key IB is off */
	volatile int stage;
	struct signs before, after;
	long enabled;
};

static void *run(void *arg)
{
	struct signer *s = arg;

	wl_check_eq(prctl(KEYS_RESET, 0, 0, 0, 0), 0);
	if (s->without)
		wl_check_eq(prctl(KEYS_ENABLE, KEY_IB, 0, 0, 0), 0);
	sign(&s->before);
	s->stage = 1;
	while (s->stage != 2)
		wl_sleep_ms(1);
	sign(&s->after);
	s->enabled = prctl(KEYS_ENABLED, 0, 0, 0, 0);
	return NULL;
}

/* Not compiled with signed return addresses: else it could not come back from run(). */
int main(void)
{
	static struct signer s[2] = { { .without = true } };

	for (int i = 0; i < 2; i++)
		wl_check_eq(pthread_create(&s[i].thread, NULL, run, &s[i]), 0);
	while (s[0].stage != 1 || s[1].stage != 1)
		wl_sleep_ms(1);
	/* Sixteen bits of each can be the same by chance, but not of all of them. */
	wl_check(memcmp(&s[0].before, &s[1].before, sizeof(s[0].before)));
	wl_check_eq(s[0].before.ib, (uintptr_t)&object);
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		s[i].stage = 2;
		wl_check_eq(pthread_join(s[i].thread, NULL), 0);
		if (memcmp(&s[i].before, &s[i].after, sizeof(s[i].before)))
			wl_fail("thread %d signs with other keys", i);
	}
	wl_check_eq(s[0].enabled, KEYS_ALL & ~KEY_IB);
	wl_check_eq(s[1].enabled, KEYS_ALL);
	wl_pass();
}
