/* SPDX-License-Identifier: Apache-2.0 */
/* See syscalls.h. */
#include "agent/syscalls.h"

#include <string.h>

#include "base/nearest.h"

static const struct syscall_entry *table(bool compat, size_t *ret_n)
{
	*ret_n = compat ? syscalls_compat_count : syscalls_native_count;
	return compat ? syscalls_compat : syscalls_native;
}

const char *syscall_name(int nr, bool compat)
{
	size_t n;
	const struct syscall_entry *t = table(compat, &n);

	for (size_t i = 0; i < n; i++)
		if (t[i].nr == nr)
			return t[i].name;
	return NULL;
}

int syscall_number(const char *name, bool compat)
{
	size_t n;
	const struct syscall_entry *t = table(compat, &n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(t[i].name, name))
			return t[i].nr;
	return -1;
}

const char *syscall_nearest(const char *name, bool compat)
{
	struct nearest near = { .word = name };
	size_t n;
	const struct syscall_entry *t = table(compat, &n);

	for (size_t i = 0; i < n; i++)
		nearest_offer(&near, t[i].name);
	return nearest_result(&near);
}
