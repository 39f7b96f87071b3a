/* SPDX-License-Identifier: Apache-2.0 */
/* See tcp_plant.h. */
#include "kernel/tcp_plant.h"

#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "kernel/bpf.h"
#include "kernel/btf.h"

#define TCX_INGRESS 46 /* enum bpf_attach_type, Linux 6.6 */
#define TCX_NEXT    (-1)
#define LOOPBACK    1 /* the number of that device in each network namespace */
#define COOKIES	    "/proc/sys/net/ipv4/tcp_syncookies"

/* What the tool and the program share. */
struct tcp_plant_window {
	uint32_t priority;
	int32_t result;
	struct tcp_plant_options options;
};

static int make_maps(struct tcp_plant *p)
{
	union bpf_attr listeners = { .map_type = BPF_MAP_TYPE_SOCKMAP,
				     .key_size = sizeof(uint32_t),
				     .value_size = sizeof(uint64_t),
				     .max_entries = 1 };
	union bpf_attr values = { .map_type = BPF_MAP_TYPE_ARRAY,
				  .key_size = sizeof(uint32_t),
				  .value_size = sizeof(struct tcp_plant_window),
				  .max_entries = 1,
				  .map_flags = BPF_F_MMAPABLE };

	p->listeners = bpf_call(BPF_MAP_CREATE, &listeners);
	if (p->listeners < 0)
		return p->listeners;
	p->values = bpf_call(BPF_MAP_CREATE, &values);
	if (p->values < 0)
		return p->values;
	p->window =
		mmap(NULL, sizeof(*p->window), PROT_READ | PROT_WRITE, MAP_SHARED, p->values, 0);
	if (p->window != MAP_FAILED)
		return 0;
	p->window = NULL;
	return -errno;
}

static int load(struct tcp_plant *p, int assign)
{
	const struct bpf_insn program[] = {
		/* r6: the packet, r7: the window; is it the packet that is awaited? */
		INSN_MOVE(BPF_REG_6, BPF_REG_1),
		INSN_VALUE(BPF_REG_7, p->values),
		INSN_LOAD(BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct __sk_buff, priority)),
		INSN_LOAD(BPF_W, BPF_REG_3, BPF_REG_7, offsetof(struct tcp_plant_window, priority)),
		INSN(BPF_JMP | BPF_JNE | BPF_X, BPF_REG_2, BPF_REG_3, 17, 0),
		/* r8: the listener, element 0 of its map */
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		INSN_MAP(BPF_REG_1, p->listeners),
		INSN_MOVE(BPF_REG_2, BPF_REG_10),
		INSN_ADD(BPF_REG_2, -4),
		INSN_CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 10, 0),
		INSN_MOVE(BPF_REG_8, BPF_REG_0),
		/* result = assign(packet, listener, &options, sizeof(options)) */
		INSN_MOVE(BPF_REG_1, BPF_REG_6),
		INSN_MOVE(BPF_REG_2, BPF_REG_8),
		INSN_MOVE(BPF_REG_3, BPF_REG_7),
		INSN_ADD(BPF_REG_3, offsetof(struct tcp_plant_window, options)),
		INSN_SET(BPF_REG_4, sizeof(struct tcp_plant_options)),
		INSN_CALL_KERNEL(assign),
		INSN_STORE(BPF_W, BPF_REG_7, offsetof(struct tcp_plant_window, result), BPF_REG_0),
		INSN_MOVE(BPF_REG_1, BPF_REG_8),
		INSN_CALL(BPF_FUNC_sk_release),
		INSN_SET(BPF_REG_0, TCX_NEXT),
		INSN_RETURN,
	};

	p->program = bpf_load(BPF_PROG_TYPE_SCHED_CLS, program, ARRAY_SIZE(program));
	return p->program < 0 ? p->program : 0;
}

static int find_assign(void)
{
	struct btf *b = NULL;
	int ret = btf_open(&b);

	if (ret == 0)
		ret = btf_size(b, "bpf_tcp_req_attrs") == sizeof(struct tcp_plant_options)
			      ? btf_function(b, "bpf_sk_assign_tcp_reqsk")
			      : -ENOENT;
	btf_close(b);
	return ret == -ENOENT ? -EOPNOTSUPP : ret;
}

/* All but the listener, and that the program is put anywhere. */
static int make(struct tcp_plant *p)
{
	int assign = find_assign(), ret;

	*p = (struct tcp_plant){ .listeners = -1, .values = -1, .program = -1, .link = -1 };
	if (assign < 0)
		return assign;
	/* No priority of a program's: those are small, or of a class of traffic (tc(8)). */
	if (getrandom(&p->priority, sizeof(p->priority), 0) != sizeof(p->priority))
		return -EIO;
	p->priority |= 1u << 31 | 1;
	ret = make_maps(p);
	if (ret < 0)
		return ret;
	p->window->priority = p->priority;
	return load(p, assign);
}

int tcp_plant_try(void)
{
	_cleanup_file_ FILE *file = fopen(COOKIES, "re");
	struct tcp_plant p;
	int on = 0, ret;

	if (!file || fscanf(file, "%d", &on) != 1 || !on)
		return -EOPNOTSUPP;
	ret = make(&p);
	tcp_plant_close(&p);
	return ret;
}

static int set_listener(struct tcp_plant *p, int cmd, uint64_t listener)
{
	uint32_t first = 0;
	union bpf_attr attr = { .map_fd = p->listeners,
				.key = (uintptr_t)&first,
				.value = (uintptr_t)&listener };

	return bpf_call(cmd, &attr);
}

int tcp_plant_open(struct tcp_plant *ret, int listener)
{
	int err = make(ret);

	if (err == 0)
		err = set_listener(ret, BPF_MAP_UPDATE_ELEM, listener);
	if (err == 0) {
		union bpf_attr attr = { .link_create = { .prog_fd = ret->program,
							 .target_ifindex = LOOPBACK,
							 .attach_type = TCX_INGRESS } };

		ret->link = bpf_call(BPF_LINK_CREATE, &attr);
		err = ret->link < 0 ? ret->link : 0;
	}
	if (err < 0)
		tcp_plant_close(ret);
	return err;
}

void tcp_plant_close(struct tcp_plant *p)
{
	close_fd(&p->link);
	if (p->listeners >= 0) /* at once: the map itself ends later */
		set_listener(p, BPF_MAP_DELETE_ELEM, 0);
	if (p->window)
		munmap(p->window, sizeof(*p->window));
	p->window = NULL;
	close_fd(&p->program);
	close_fd(&p->values);
	close_fd(&p->listeners);
}

void tcp_plant_next(struct tcp_plant *p, const struct tcp_plant_options *o)
{
	p->window->options = *o;
	__atomic_store_n(&p->window->result, -EAGAIN, __ATOMIC_RELEASE);
}

int tcp_plant_result(const struct tcp_plant *p)
{
	return __atomic_load_n(&p->window->result, __ATOMIC_ACQUIRE);
}
