/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cpuinfo.h. CRIU's image has no entry for this processor: one without any stands for it. What
 * the programs may have chosen their instructions by is in each program's auxiliary vector
 * (AT_HWCAP).
 */
#include "model/cpuinfo.h"

#include <errno.h>

CpuinfoEntry *cpuinfo_entry(struct arena *a)
{
	return arena_msg(a, CpuinfoEntry, cpuinfo_entry);
}

const char *cpuinfo_model(const CpuinfoEntry *entry)
{
	(void)entry;
	return "aarch64";
}

int cpuinfo_compare(const CpuinfoEntry *entry, unsigned int caps, struct report *report,
		    struct err *err)
{
	(void)caps;
	(void)report;
	if (entry->n_x86_entry || entry->n_ppc64_entry || entry->n_s390_entry)
		return err_set(err, ERR_CPU, ENOTSUP,
			       "cpuinfo.img describes a processor of another architecture");
	return 0;
}
