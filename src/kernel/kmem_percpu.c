/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has once for each processor (a __percpu pointer). Such a pointer leads to memory
 * only with the distance of a processor's own part added, and these distances are in a variable
 * that has no address outside of the kernel. But a BPF map of that kind shows them: its value for a
 * processor is where the map's own pointer (struct bpf_array) and that distance lead, and
 * bpf_map_lookup_percpu_elem() (Linux 5.19) tells a program where it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/bpf.h"
#include "kernel/kmem.h"

#define LOOKUP_PERCPU 195 /* bpf_map_lookup_percpu_elem() */
#define STEP	      64

static int make_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_PERCPU_ARRAY,
				.key_size = sizeof(uint32_t),
				.value_size = sizeof(uint64_t),
				.max_entries = 1 };

	return bpf_call(BPF_MAP_CREATE, &attr);
}

/* Its argument is a processor; where the map's value for it is goes to the window. */
static int load(const struct kmem *k, int map)
{
	const struct bpf_insn program[] = {
		INSN_LOAD(BPF_DW, BPF_REG_3, BPF_REG_1, 0),
		INSN_SET(BPF_REG_1, 0),
		INSN_STORE(BPF_DW, BPF_REG_10, -8, BPF_REG_1),
		INSN_MOVE(BPF_REG_2, BPF_REG_10),
		INSN_ADD(BPF_REG_2, -8),
		INSN_MAP(BPF_REG_1, map),
		INSN_CALL(LOOKUP_PERCPU),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 2, 0),
		INSN_SET(BPF_REG_0, 1),
		INSN_RETURN,
		INSN_VALUE(BPF_REG_1, k->map),
		INSN_STORE(BPF_DW, BPF_REG_1, 0, BPF_REG_0),
		INSN_SET(BPF_REG_0, 0),
		INSN_RETURN,
	};

	return bpf_load(BPF_PROG_TYPE_RAW_TRACEPOINT, program, ARRAY_SIZE(program));
}

struct finding {
	struct kmem *k;
	int prog;
	uint64_t base; /* the map's own pointer */
	struct kmem_processors found;
};

static int find_one(struct finding *f, uint32_t cpu)
{
	uint64_t argument = cpu, at;
	int ret = bpf_run(f->prog, &argument, sizeof(argument));

	if (ret)
		return ret < 0 ? ret : -ENOENT;
	if (f->found.n % STEP == 0) {
		uint64_t *more = realloc(f->found.distance, (f->found.n + STEP) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->found.distance = more;
	}
	memcpy(&at, f->k->window, sizeof(at));
	f->found.distance[f->found.n++] = at - f->base;
	return 0;
}

/* "0-3" or "0,2-5": all that this machine may ever have, also those that are off. */
static int find_all(struct finding *f)
{
	_cleanup_file_ FILE *list = fopen("/sys/devices/system/cpu/possible", "re");
	uint32_t first, last;
	int ret = list ? 0 : -errno;
	char c = ',';

	while (ret == 0 && c == ',' && fscanf(list, "%u", &first) == 1) {
		last = first;
		c = fgetc(list);
		if (c == '-' && fscanf(list, "%u", &last) == 1)
			c = fgetc(list);
		for (uint32_t cpu = first; ret == 0 && cpu <= last; cpu++)
			ret = find_one(f, cpu);
	}
	return ret == 0 && !f->found.n ? -ENOENT : ret;
}

int kmem_find_processors(struct kmem *k, struct btf *b, struct kmem_processors *ret)
{
	_cleanup_fd_ int map = make_map(), prog = -1;
	struct finding f = { .k = k };
	int err;

	if (map < 0)
		return map;
	f.base = kmem_pointer(k, kmem_private(k, map), btf_offset(b, "bpf_array.pptrs"));
	f.prog = prog = f.base ? load(k, map) : -ENOENT;
	err = prog < 0 ? prog : find_all(&f);
	if (err < 0)
		free(f.found.distance);
	else
		*ret = f.found;
	return err;
}

int kmem_sum(struct kmem *k, const struct kmem_processors *p, uint64_t per_cpu, uint32_t *ret)
{
	uint32_t sum = 0, part;

	for (size_t i = 0; i < p->n; i++) {
		int err = kmem_read(k, per_cpu + p->distance[i], &part, sizeof(part));

		if (err < 0)
			return err;
		sum += part;
	}
	*ret = sum;
	return 0;
}
