/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF maps of the kinds that CRIU knows: an array of a NUMA node that is frozen, a hash with some
 * of its elements, and an empty one. What the kernel tells of them, and all elements, are the same.
 *
 * wl: areas aio-uring-bpf
 * wl: needs root
 * wl: crossing none the CRIU of Debian is built without libbpf
 */
#include <stdlib.h>

#include "bpf.h"

#define ENTRIES 10

static char *memlock_of(int fd)
{
	char *name = wl_format("/proc/self/fdinfo/%d", fd), *text = wl_field(name, "memlock");

	free(name);
	return text;
}

static void fill_at_once(int fd)
{
	uint32_t keys[ENTRIES];
	uint64_t values[ENTRIES];
	union bpf_attr attr = { .batch = { .map_fd = fd, .count = ENTRIES } };

	for (uint32_t i = 0; i < ENTRIES; i++) {
		keys[i] = i;
		values[i] = UINT64_C(0x1234567890) * (i + 1);
	}
	attr.batch.keys = (uintptr_t)keys;
	attr.batch.values = (uintptr_t)values;
	bpf_try(BPF_MAP_UPDATE_BATCH, &attr);
}

static void check_frozen(int fd, const struct bpf_map_info *was, const char *memlock)
{
	uint64_t value = 0;
	union bpf_attr attr = { .map_fd = fd, .value = (uintptr_t)&value };
	char *name = wl_format("/proc/self/fdinfo/%d", fd);
	uint32_t key;

	map_check_info(fd, was);
	for (key = 0; key < ENTRIES; key++) {
		wl_check_eq(map_get(fd, &key, &value), 0);
		wl_check_eq(value, UINT64_C(0x1234567890) * (key + 1));
	}
	key = 0;
	attr.key = (uintptr_t)&key;
	wl_check(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) < 0);
	wl_check_eq(errno, EPERM);
	wl_check_text("frozen", wl_field(name, "frozen"), "1");
	wl_check_text("memlock", memlock_of(fd), memlock);
}

int main(void)
{
	union bpf_attr freeze = { 0 };
	int array = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, ENTRIES, BPF_F_NUMA_NODE, "frozen_array");
	int hash = map_create(BPF_MAP_TYPE_HASH, 12, 20, 1000, BPF_F_NO_PREALLOC, "some");
	int empty = map_create(BPF_MAP_TYPE_HASH, 4, 4, 7, 0, "");
	struct bpf_map_info of_array, of_hash, of_empty;
	char key[12], value[20], got[20], *memlock;

	fill_at_once(array);
	freeze.map_fd = array;
	bpf_try(BPF_MAP_FREEZE, &freeze);
	for (uint32_t i = 0; i < 300; i++) {
		wl_fill(key, sizeof(key), i);
		wl_fill(value, sizeof(value), 1000 + i);
		map_set(hash, key, value);
	}
	wl_try(fcntl(hash, F_SETFD, 0));
	of_array = map_info(array);
	of_hash = map_info(hash);
	of_empty = map_info(empty);
	memlock = memlock_of(array);
	wl_ready_and_wait();
	check_frozen(array, &of_array, memlock);
	map_check_info(hash, &of_hash);
	map_check_info(empty, &of_empty);
	wl_check_eq(map_count(hash), 300);
	wl_check_eq(map_count(empty), 0);
	for (uint32_t i = 0; i < 300; i++) {
		wl_fill(key, sizeof(key), i);
		wl_check_eq(map_get(hash, key, got), 0);
		wl_check(wl_matches(got, sizeof(got), 1000 + i));
	}
	map_set(empty, "abcd", "efgh");
	wl_pass();
}
