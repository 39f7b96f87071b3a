/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a thread as numbers. */
#ifndef OBJECTS_PROCESS_CREDS_H
#define OBJECTS_PROCESS_CREDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct identity {
	uint32_t uid[4], gid[4]; /* real, effective, saved, file system */
	uint32_t *groups;
	size_t n_groups;
	uint64_t inheritable, permitted, effective, bounding, ambient;
	uint64_t known_caps; /* capabilities that the running kernel has; of identity_read() only */
	uint32_t securebits;
	bool no_new_privs;
};

/* Those of the calling thread. */
int identity_read(struct arena *a, struct identity *ret, struct err *err);

#endif
