/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement: seccomp, labels of security modules. What the engine must do for it, by name. */
#ifndef OBJECTS_SECURITY_SECURITY_H
#define OBJECTS_SECURITY_SECURITY_H

#include "objects/class.h"

extern const struct state_class seccomp_state; /* before creds_state: filters take CAP_SYS_ADMIN */
extern const struct state_class lsm_state;     /* behind creds_state, whose entries it fills */
extern const struct state_class landlock_state;

/*
 * Restore: some thread of the task has filters or the strict mode. Its threads must be seized with
 * PTRACE_O_SUSPEND_SECCOMP before they install them: the leader when it is seized first, the others
 * when all threads of such tasks have come to their filters:
 *
 *	wait until shared->filters_ready is seccomp_threads(r), seize the other threads of these
 *	tasks, then post shared->filters_go
 *
 * Detaching ends the suspension.
 */
bool seccomp_confines(const struct restore_task *t);
/* The number of threads of all such tasks. */
size_t seccomp_threads(const struct restore *r);

/* Does a module that labels tasks have a say in what the thread does? SELinux has it in all;
 * AppArmor leaves those without a profile alone. When lsm_state has collected. */
bool lsm_confines(const struct dump_thread *th);

/* The security module of this machine, as inventory.lsmtype has it. */
int lsm_host(void);

#endif
