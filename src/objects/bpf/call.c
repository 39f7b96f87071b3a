/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same for a dump and a restore. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/bpf/bpf.h"

int bpf_map_info(int fd, struct bpf_map_info *ret)
{
	union bpf_attr attr = { .info = { .bpf_fd = fd, .info_len = sizeof(*ret) } };

	memset(ret, 0, sizeof(*ret));
	attr.info.info = (uintptr_t)ret;
	return bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

int bpf_map_by_id(uint32_t id, uint32_t open_flags)
{
	union bpf_attr attr = { .map_id = id, .open_flags = open_flags };

	return bpf_call(BPF_MAP_GET_FD_BY_ID, &attr);
}

/* "0-3" or "0,2-5": the kernel keeps a value for each number up to the last. */
static unsigned int possible_processors(void)
{
	_cleanup_file_ FILE *f = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned int n = 0, cpu;
	char c;

	while (f && fscanf(f, "%u", &cpu) == 1) {
		n = cpu + 1;
		if (fscanf(f, "%c", &c) != 1)
			break;
	}
	return n;
}

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

uint64_t bpf_value_size(uint32_t type, uint32_t value_size)
{
	if (!is_per_cpu(type))
		return value_size;
	return ((uint64_t)value_size + 7) / 8 * 8 * possible_processors();
}

/* By number: enum bpf_map_type. NULL: kept. */
static const char *const refused[] = {
	"of an unknown type",
	NULL,
	NULL,
	"of programs (PROG_ARRAY)",
	"of events (PERF_EVENT_ARRAY)",
	NULL,
	NULL,
	"of stacks (STACK_TRACE)",
	"of control groups (CGROUP_ARRAY)",
	NULL,
	NULL,
	NULL,
	"of maps (ARRAY_OF_MAPS)",
	"of maps (HASH_OF_MAPS)",
	"of devices (DEVMAP)",
	"of sockets (SOCKMAP)",
	"of processors (CPUMAP)",
	"of sockets (XSKMAP)",
	"of sockets (SOCKHASH)",
	"of control groups (CGROUP_STORAGE)",
	"of sockets (REUSEPORT_SOCKARRAY)",
	"of control groups (PERCPU_CGROUP_STORAGE)",
	NULL,
	NULL,
	"of sockets (SK_STORAGE)",
	"of devices (DEVMAP_HASH)",
	"of operations (STRUCT_OPS)",
	"that is a ring (RINGBUF)",
	"of inodes (INODE_STORAGE)",
	"of tasks (TASK_STORAGE)",
	"that is a filter (BLOOM_FILTER)",
	"that is a ring (USER_RINGBUF)",
	"of control groups (CGRP_STORAGE)",
	"of memory (ARENA)",
};

const char *bpf_type_refused(uint32_t type, bool *ret_queue)
{
	if (ret_queue)
		*ret_queue = type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK;
	return type < ARRAY_SIZE(refused) ? refused[type] : refused[0];
}
