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
#include "kernel/btf.h"
#include "kernel/kmem.h"
#include "objects/socket/inet/inet.h"

static const char *const members[] = { "socket.sk", "sock.sk_reuseport_cb", "sock_reuseport.prog" };

struct inet_steering {
	struct kmem memory;
	int at[ARRAY_SIZE(members)];
	bool works;
};

static void start(struct dump *d, struct inet_dump *x)
{
	struct inet_steering *s = x->steering = arena_new(dump_arena(d), struct inet_steering);
	struct btf *b = NULL;
	int ret = btf_open(&b);

	*s = (struct inet_steering){ .memory = { .map = -1, .prog = -1 } };
	if (ret == 0)
		ret = btf_offsets(b, members, ARRAY_SIZE(members), s->at);
	if (ret == 0)
		ret = kmem_open(&s->memory, b);
	btf_close(b);
	s->works = ret == 0;
}

void inet_steering_judge(struct dump *d, struct inet_dump *x, const struct inet_out *out, int fd)
{
	struct inet_steering *s;
	uint64_t at;

	if (!out->e->opts->has_so_reuseport || !out->e->opts->so_reuseport)
		return;
	if (!x->steering)
		start(d, x);
	s = x->steering;
	at = s->works ? kmem_private(&s->memory, fd) : 0;
	for (size_t i = 0; at && i < ARRAY_SIZE(members); i++)
		at = kmem_pointer(&s->memory, at, s->at[i]);
	if (at)
		task_refuse(out->task, out->object,
			    "shares its port with others by a BPF program "
			    "(SO_ATTACH_REUSEPORT_EBPF or _CBPF), which can't be read",
			    "have the program take it away (SO_DETACH_REUSEPORT_BPF)");
}

void inet_steering_close(struct inet_dump *x)
{
	if (x->steering)
		kmem_close(&x->steering->memory);
}
