/* SPDX-License-Identifier: Apache-2.0 */
/* See registry.h. */
#include "objects/registry.h"

#include "objects/bpf/bpf.h"
#include "objects/event/event.h"
#include "objects/file/file.h"
#include "objects/ipc/ipc.h"
#include "objects/memory/areas.h"
#include "objects/namespace/nsfile.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/security/security.h"
#include "objects/socket/socket.h"
#include "objects/tty/tty.h"
#include "objects/uring/uring.h"

const struct state_class *const state_classes[] = {
	&rseq_state, /* first: an instruction pointer may have to move */
	&core_state,
	&fpu_state,
	&sharing_state,
	&dispatch_state,
	&robust_state,
	&signals_state,
	&stops_state,
	&timers_state,
	&procfile_state,
	&sched_state,
	&attributes_state, /* behind sched: a change of policy resets the timer slack */
	&mempolicy_state,
	&areapolicy_state,
	&limits_state,
	&seccomp_state, /* before creds: it takes privileges */
	&creds_state,
	&lsm_state, /* behind creds: fills their entries */
	&landlock_state,
	&memory_state,
	&aio_state,
	&secret_state,
	&view_state,
	&eventpoll_state,
	&pidfd_state,
	&locks_state,
	&packet_state,
	&uring_state,
	&mqueue_state,
	&sysv_undo_state,
	&tty_state,
	&mmflags_state, /* what nothing may follow */
	&leader_state,	/* has no calls: turns around what all others took of a living thread */
	NULL,
};

const struct file_class *const file_classes[] = {
	&pipe_class,	&fifo_class,	 &memfd_class,
	&secret_class,	&reg_class,	 &eventfd_class,
	&timerfd_class, &signalfd_class, &eventpoll_class,
	&unix_class,	&inet_class,	 &pidfd_class,
	&tty_class,	&inotify_class,	 &fanotify_class,
	&netlink_class, &packet_class,	 &uring_class,
	&vsock_class,	&mqueue_class,	 &nsfile_class,
	&tun_class,	&bpfmap_class,	 &family_class,
	&unknown_class, /* the last: it takes all
			 */
	NULL,
};

const struct area_class *const area_classes[] = {
	&vdso_area, &vvar_area,	  &vsyscall_area, &uprobes_area, &guard_area,
	&sysv_area, &memfd_area,  &secret_area,	  &anon_area,	 &aio_area,
	&file_area, &packet_area, &uring_area,	  &refused_area, /* the last: it takes all */
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
