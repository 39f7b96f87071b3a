/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO and its data areas are at their place after the restore, and at most two areas have
 * been added to the list of mappings (trampolines to a vDSO that differs).
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "vdso.h"

#include <sys/auxv.h>

int main(void)
{
	struct vdso_area before[8], after[8];
	int count, total, now;

	count = vdso_find(before, 8, &total);
	count = vdso_find(before, 8, &total);
	wl_check(count > 0);
	wl_ready_and_wait();
	wl_check_eq(vdso_find(after, 8, &now), count);
	wl_check(now >= total && now <= total + 2);
	for (int i = 0; i < count; i++) {
		wl_check_eq(after[i].start, before[i].start);
		wl_check_eq(after[i].end, before[i].end);
		wl_check_text("name", after[i].name, before[i].name);
	}
	wl_check(!memcmp((void *)getauxval(AT_SYSINFO_EHDR), "\177ELF", 4));
	wl_pass();
}
