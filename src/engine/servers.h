/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems that ask a server (FUSE, NFS, CIFS …). Whoever looks at a file there waits for its
 * answer, without an end if there is none.
 */
#ifndef ENGINE_SERVERS_H
#define ENGINE_SERVERS_H

#include "kernel/proc/mountinfo.h"
#include "model/session.h"

struct servers {
	struct proc_mount *mounts;
	size_t n;
};

/* Where such file systems are mounted, as the tool sees it. */
int servers_find(struct session *s, struct servers *ret);
/* Is it, by its name, on that mount or on one below? */
bool server_has(const struct proc_mount *mount, const char *path);

#endif
