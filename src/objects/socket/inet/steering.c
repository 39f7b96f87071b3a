/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that share a port may have a program that chooses among them (SO_ATTACH_REUSEPORT_EBPF,
 * SO_ATTACH_REUSEPORT_CBPF; socket(7)). No call tells that there is one; the kernel's memory does:
 *
 *	socket -> sock -> sock_reuseport, which all of a group have in common -> bpf_prog
 *
 * What the program is can't be given back: of a classic one the kernel keeps no more than what it
 * has made of it. So it is refused.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "objects/inside.h"
#include "objects/socket/inet/inet.h"

static const char *const members[] = { "socket.sk", "sock.sk_reuseport_cb", "sock_reuseport.prog" };

void inet_steering_judge(struct dump *d, const struct inet_out *out, const struct file_probe *p)
{
	const int *offsets;
	uint64_t at;

	if (!out->e->opts->has_so_reuseport || !out->e->opts->so_reuseport)
		return;
	offsets = inside_offsets(d, members, ARRAY_SIZE(members));
	at = offsets ? kmem_private(&inside_kernel(d)->memory, probe_local(p)) : 0;
	for (size_t i = 0; at && i < ARRAY_SIZE(members); i++)
		at = kmem_pointer(&inside_kernel(d)->memory, at, offsets[i]);
	if (at)
		task_refuse(out->task, out->object,
			    "shares its port with others by a BPF program "
			    "(SO_ATTACH_REUSEPORT_EBPF or _CBPF), which can't be read",
			    "have the program take it away (SO_DETACH_REUSEPORT_BPF)");
}
