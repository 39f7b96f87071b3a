/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has of threads (struct task_struct), read where it is (kmem.h): of many at once,
 * in place of a dozen files below /proc for each. Of what can't be told by itself, as the contents
 * of credentials, an address is told, to be compared with that of a thread which is known.
 */
#ifndef KERNEL_KMEM_TASKS_H
#define KERNEL_KMEM_TASKS_H

#include <stdbool.h>
#include <sys/types.h>

#include "kernel/btf.h"
#include "kernel/kmem.h"

struct kmem_task {
	pid_t tid;		    /* in the caller's pid namespace */
	pid_t innermost;	    /* in its own */
	uint64_t process;	    /* threads of one process have the same one */
	uint64_t namespaces, creds; /* two threads with the same one agree; 0: it ends */
	uint64_t attributes;	    /* the same: PR_SET_NO_NEW_PRIVS and others */
	uint64_t pending;	    /* signals for this thread; bit 0 is signal 1 */
	uint32_t flags;		    /* PF_* */
	uint32_t seccomp;	    /* SECCOMP_MODE_* */
	bool has_children;	    /* whose parent is this thread */
	char comm[16];
};

/* All that the calling thread traces, in no order, as long as each() returns 0: 0 or -errno,
 * -ENOENT where this kernel has them in another way. What each() returned is returned. */
int kmem_tracees(struct kmem *k, struct btf *b, int (*each)(void *data, const struct kmem_task *t),
		 void *data);

#endif
