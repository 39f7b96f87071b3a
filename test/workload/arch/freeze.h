/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops that keep values in registers while they wait for a word in memory to change: the
 * freeze finds the registers live, in user mode, not saved by any system call.
 */
#ifndef WORKLOAD_ARCH_FREEZE_H
#define WORKLOAD_ARCH_FREEZE_H

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "workload.h"

/* Not static: top-level assembly names them. */
volatile uint32_t freeze_running, freeze_stop;

static void *freeze_live(void *arg)
{
	((void (*)(void))arg)();
	return NULL;
}

/*
 * Runs the function in a thread of its own over the dump. The function has to set
 * freeze_running from inside of its loop and to leave it when freeze_stop is set.
 */
static inline void freeze_over(void (*loop)(void))
{
	pthread_t thread;

	wl_check_eq(pthread_create(&thread, NULL, freeze_live, (void *)loop), 0);
	while (!freeze_running)
		wl_sleep_ms(1);
	wl_ready_and_wait();
	/* It goes on for a while: the restored registers must survive switches as well. */
	wl_sleep_ms(50);
	freeze_stop = 1;
	wl_check_eq(pthread_join(thread, NULL), 0);
}

/* The waiting part, in assembly: touches no register but those that loops may clobber. */
#define FREEZE_WAIT                                                                                \
	"movl $1, %[running]\n"                                                                    \
	"77: pause\n"                                                                              \
	"cmpl $0, %[stop]\n"                                                                       \
	"je 77b\n"
#define FREEZE_OPERANDS [running] "+m"(freeze_running), [stop] "+m"(freeze_stop)

#endif
