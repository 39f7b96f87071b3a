/* SPDX-License-Identifier: Apache-2.0 */
/* bpf(2) for workloads: calls that have to succeed, and what the kernel tells of a map. */
#ifndef BPF_WORKLOAD_H
#define BPF_WORKLOAD_H

#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static inline int bpf_try(int cmd, union bpf_attr *attr)
{
	int ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	if (ret < 0)
		wl_pfail("bpf(%d)", cmd);
	return ret;
}

static inline int map_create(uint32_t type, uint32_t key, uint32_t value, uint32_t n,
			     uint32_t flags, const char *name)
{
	union bpf_attr attr = { .map_type = type,
				.key_size = key,
				.value_size = value,
				.max_entries = n,
				.map_flags = flags };

	strncpy(attr.map_name, name, sizeof(attr.map_name) - 1);
	return bpf_try(BPF_MAP_CREATE, &attr);
}

static inline void map_set(int fd, const void *key, const void *value)
{
	union bpf_attr attr = { .map_fd = fd, .key = (uintptr_t)key, .value = (uintptr_t)value };

	bpf_try(BPF_MAP_UPDATE_ELEM, &attr);
}

/* 0, or the errno. */
static inline int map_get(int fd, const void *key, void *value)
{
	union bpf_attr attr = { .map_fd = fd, .key = (uintptr_t)key, .value = (uintptr_t)value };

	return syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) < 0 ? errno : 0;
}

static inline struct bpf_map_info map_info(int fd)
{
	struct bpf_map_info info = { 0 };
	union bpf_attr attr = { .info = { .bpf_fd = fd, .info_len = sizeof(info) } };

	attr.info.info = (uintptr_t)&info;
	bpf_try(BPF_OBJ_GET_INFO_BY_FD, &attr);
	return info;
}

static inline uint32_t map_count(int fd)
{
	uint64_t key[8] = { 0 }, next[8];
	union bpf_attr attr = { .map_fd = fd, .next_key = (uintptr_t)next };
	uint32_t n = 0;

	while (syscall(SYS_bpf, BPF_MAP_GET_NEXT_KEY, &attr, sizeof(attr)) == 0) {
		memcpy(key, next, sizeof(key));
		attr.key = (uintptr_t)key;
		n++;
	}
	return n;
}

/* All but its id. */
static inline void map_check_info(int fd, const struct bpf_map_info *was)
{
	struct bpf_map_info now = map_info(fd);

	wl_check_eq(now.type, was->type);
	wl_check_eq(now.key_size, was->key_size);
	wl_check_eq(now.value_size, was->value_size);
	wl_check_eq(now.max_entries, was->max_entries);
	wl_check_eq(now.map_flags, was->map_flags);
	wl_check_eq(now.map_extra, was->map_extra);
	wl_check_eq(now.btf_key_type_id, was->btf_key_type_id);
	wl_check_eq(now.btf_value_type_id, was->btf_value_type_id);
	wl_check_eq(!now.btf_id, !was->btf_id);
	wl_check_text("the map's name", now.name, was->name);
}

#endif
