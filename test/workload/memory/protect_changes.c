/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task write-protects and unprotects pages all the time, and counts the faults that it then
 * takes, as a garbage collector's write barrier does: no fault is lost and none comes that it did
 * not provoke.
 *
 * wl: areas memory
 * wl: ignore maps
 * wl: crossing none CRIU's own code dies in pages that the program protects meanwhile
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { PAGES = 256 };

static char *area;
static size_t page;
static volatile long faults;
static volatile char protected[PAGES];

static void on_fault(int sig, siginfo_t *info, void *context)
{
	size_t i = ((char *)info->si_addr - area) / page;

	(void)sig;
	(void)context;
	if (i >= PAGES || !protected[i] || info->si_code != SEGV_ACCERR)
		wl_fail("a fault at %p with code %d", info->si_addr, info->si_code);
	protected[i] = 0;
	faults++;
	wl_try(mprotect(area + i * page, page, PROT_READ | PROT_WRITE));
}

int main(void)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	unsigned at = 1;

	page = getpagesize();
	area = wl_try(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	wl_try(sigaction(SIGSEGV, &act, NULL));
	wl_ready();
	for (long n = 0; !wl_should_stop(); n++) {
		volatile long *word;
		long before = faults;
		char barrier;

		at = (at * 1103515245 + 12345) % (PAGES * 4);
		word = (volatile long *)(area + at % PAGES * page);
		if (at >= PAGES) {
			protected[at % PAGES] = 1;
			wl_try(mprotect((void *)word, page, PROT_READ));
		}
		barrier = protected[at % PAGES];
		++*word;
		wl_check_eq(faults - before, barrier);
		if (n % 500 == 0)
			wl_sleep_ms(1);
	}
	wl_pass();
}
