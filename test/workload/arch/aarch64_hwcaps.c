/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: a program that found features when it started which this processor has not: as its
 * auxiliary vector says, here changed for that. Its restore is refused, by name.
 *
 *	wl: areas   arch
 *	wl: needs   aarch64 cap_sys_resource
 *	wl: expect  restore-refused this processor or kernel lacks: smef8f32
 */
#define _GNU_SOURCE
#include "workload.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FEATURE (UINT64_C(1) << 59) /* HWCAP2_SME_F8F32: of FP8, in SME */

int main(void)
{
	int fd = wl_try(open("/proc/self/auxv", O_RDONLY | O_CLOEXEC));
	uint64_t vector[64][2];
	ssize_t len = wl_try(read(fd, vector, sizeof(vector)));

	close(fd);
	wl_check(!(getauxval(AT_HWCAP2) & FEATURE));
	for (int i = 0; i < len / 16; i++)
		if (vector[i][0] == AT_HWCAP2)
			vector[i][1] |= FEATURE;
	wl_try(prctl(PR_SET_MM, PR_SET_MM_AUXV, vector, len, 0));
	wl_ready_and_wait();
	wl_fail("it was restored all the same");
}
