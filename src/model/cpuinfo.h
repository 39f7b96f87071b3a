/* SPDX-License-Identifier: Apache-2.0 */
/* The processor in the images (cpuinfo.img), and whether this one can do what that one did. */
#ifndef MODEL_CPUINFO_H
#define MODEL_CPUINFO_H

#include "base/arena.h"
#include "base/err.h"
#include "image/messages.h"
#include "model/report.h"

/* The entry that describes the processor at hand. */
CpuinfoEntry *cpuinfo_entry(struct arena *a);
/* The name of the processor that an entry describes, for messages. */
const char *cpuinfo_model(const CpuinfoEntry *entry);
/* Compares; caps is enum cpu_cap, or-ed. Differences that matter by caps become refusals in the
 * report, what else this processor lacks becomes warnings; each by name. Fails only for an entry
 * that can't be compared (another architecture, another table). */
int cpuinfo_compare(const CpuinfoEntry *entry, unsigned int caps, struct report *report,
		    struct err *err);

#endif
