/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory protection keys: areas with keys of several rights, ProtectionKey in smaps, the rights
 * register, which keys are allocated, and contents behind a key that forbids access; an area whose
 * key was freed meanwhile, and is higher than all that are not.
 *
 * wl: areas memory
 * wl: needs pku
 * wl: crossing none CRIU keeps no keys, and can not read what a key forbids (its parasite splices)
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { KEYS = 3 };

int main(void)
{
	static const int rights[KEYS] = { 0, PKEY_DISABLE_WRITE, PKEY_DISABLE_ACCESS };
	size_t size = 4 * getpagesize();
	char *area[KEYS], *plain;
	char *orphan;
	int key[KEYS], freed;

	for (int i = 0; i < KEYS; i++) {
		key[i] = wl_try(pkey_alloc(0, rights[i]));
		area[i] = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		wl_fill(area[i], size, i);
		wl_try(pkey_mprotect(area[i], size, PROT_READ | PROT_WRITE, key[i]));
	}
	plain = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	wl_fill(plain, size, 10);
	/* Execute-only memory: the kernel takes a key of its own for it. */
	wl_try(mprotect(plain, size, PROT_EXEC));
	freed = wl_try(pkey_alloc(0, 0));
	orphan = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	wl_try(pkey_mprotect(orphan, size, PROT_READ | PROT_WRITE, freed));
	wl_fill(orphan, size, 11);
	wl_try(pkey_free(freed));
	wl_ready_and_wait();
	for (int i = 0; i < KEYS; i++) {
		wl_check_eq(atoi(wl_vma_field(area[i], "ProtectionKey")), key[i]);
		wl_check_eq(pkey_get(key[i]), rights[i]);
		wl_try(pkey_set(key[i], 0));
		wl_check(wl_matches(area[i], size, i));
	}
	for (int i = 0; i < KEYS; i++)
		wl_try(pkey_free(key[i]));
	wl_check(wl_matches(orphan, size, 11));
	wl_check_eq(atoi(wl_vma_field(orphan, "ProtectionKey")), freed);
	wl_check_eq(pkey_mprotect(orphan, size, PROT_READ, freed), -1);
	wl_check(!wl_vma_flag(plain, "rd"));
	wl_try(mprotect(plain, size, PROT_READ));
	wl_check(wl_matches(plain, size, 10));
	wl_pass();
}
