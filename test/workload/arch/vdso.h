/* SPDX-License-Identifier: Apache-2.0 */
/* The areas that the kernel maps for the vDSO, as /proc/self/maps names them. */
#ifndef WORKLOAD_ARCH_VDSO_H
#define WORKLOAD_ARCH_VDSO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

struct vdso_area {
	unsigned long start, end;
	char name[16];
};

/* Returns how many there are; total gets the number of all areas. */
static inline int vdso_find(struct vdso_area *areas, int room, int *ret_total)
{
	char *text = wl_read_file("/proc/self/maps"), *save, *line;
	int count = 0, total = 0;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *name = strchr(line, '[');

		total++;
		if (!name || (strncmp(name, "[vdso", 5) && strncmp(name, "[vvar", 5)))
			continue;
		wl_check(count < room);
		wl_check_eq(sscanf(line, "%lx-%lx", &areas[count].start, &areas[count].end), 2);
		snprintf(areas[count++].name, sizeof(areas->name), "%s", name);
	}
	free(text);
	*ret_total = total;
	return count;
}

#endif
