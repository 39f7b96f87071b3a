/* SPDX-License-Identifier: Apache-2.0 */
/* See registry.h. */
#include "objects/registry.h"

#include "objects/file/file.h"
#include "objects/memory/areas.h"
#include "objects/process/core.h"
#include "objects/process/process.h"

extern const struct state_class core_state;

const struct state_class *const state_classes[] = {
	&core_state,
	NULL,
};

const struct file_class *const file_classes[] = {
	NULL,
};

const struct area_class *const area_classes[] = {
	&vdso_area,
	&vvar_area,
	&vsyscall_area,
	&anon_area,
	&file_area,
	NULL,
};

const struct file_class *file_class_of(int type)
{
	for (size_t i = 0; file_classes[i]; i++)
		if (file_classes[i]->type == type)
			return file_classes[i];
	return NULL;
}

const struct area_class *area_class_of(const VmaEntry *e)
{
	for (size_t i = 0; area_classes[i]; i++)
		if (area_classes[i]->claims(e))
			return area_classes[i];
	return NULL;
}
