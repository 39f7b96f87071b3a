/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF maps that CRIU refuses: with a value for each processor, of the last used, of prefixes, empty
 * queues, with type information; and descriptions of one map, of which one only reads and one only
 * writes, shared with a child.
 *
 * wl: areas aio-uring-bpf
 * wl: needs root kernel:5.16
 * wl: crossing none CRIU 4.2 knows arrays and hashes only
 */
#include <stdlib.h>

#include "bpf.h"

#define CPUS_MAX 4096
#define LARGE	 50000

static int by_id(uint32_t id, uint32_t open_flags)
{
	union bpf_attr attr = { .map_id = id, .open_flags = open_flags };

	return bpf_try(BPF_MAP_GET_FD_BY_ID, &attr);
}

/* Two types: int, unsigned long long. */
static int typed_map(void)
{
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t head, type_off, type_len, str_off, str_len;
		struct {
			uint32_t name, info, size, data;
		} type[2];
		char names[16];
	} btf = { 0xeb9f,
		  1,
		  0,
		  24,
		  0,
		  32,
		  32,
		  16,
		  { { 1, 1u << 24, 4, 32 | 1u << 24 }, { 5, 1u << 24, 8, 64 } },
		  "\0int\0long_long" };
	union bpf_attr load = { .btf = (uintptr_t)&btf, .btf_size = sizeof(btf) };
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 8,
				.max_entries = 3,
				.btf_key_type_id = 1,
				.btf_value_type_id = 2 };
	int fd;

	attr.btf_fd = bpf_try(BPF_BTF_LOAD, &load);
	fd = bpf_try(BPF_MAP_CREATE, &attr);
	close(attr.btf_fd);
	return fd;
}

struct maps {
	int per_cpu, per_cpu_hash, last_used, prefixes, queue, typed, large, read_only, write_only;
	struct bpf_map_info info[7];
};

static const struct {
	uint32_t length;
	uint8_t address[4];
} networks[] = { { 8, { 10, 0, 0, 0 } }, { 24, { 192, 168, 7, 0 } } };

static void describe(const struct maps *m, struct bpf_map_info *info)
{
	const int fds[] = { m->per_cpu, m->per_cpu_hash, m->last_used, m->prefixes,
			    m->queue,	m->typed,	 m->large };

	for (int i = 0; i < 7; i++)
		info[i] = map_info(fds[i]);
}

static void make(struct maps *m)
{
	static uint64_t values[CPUS_MAX];
	uint64_t value;

	m->per_cpu = map_create(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 2, 0, "per_cpu");
	m->per_cpu_hash = map_create(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 9, 0, "per_cpu_hash");
	m->last_used = map_create(BPF_MAP_TYPE_LRU_HASH, 4, 8, 100, 0, "last_used");
	m->prefixes = map_create(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 9, BPF_F_NO_PREALLOC, "prefixes");
	m->queue = map_create(BPF_MAP_TYPE_QUEUE, 0, 8, 5, 0, "queue");
	m->large = map_create(BPF_MAP_TYPE_HASH, 4, 200, LARGE, 0, "large");
	m->typed = typed_map();
	for (uint32_t key = 0; key < 2; key++) {
		for (uint64_t i = 0; i < CPUS_MAX; i++)
			values[i] = 100 * key + i + 1;
		map_set(m->per_cpu, &key, values);
		map_set(m->per_cpu_hash, &key, values);
		value = 7 + key;
		map_set(m->last_used, &key, &value);
		map_set(m->typed, &key, &value);
		map_set(m->prefixes, &networks[key], &value);
	}
	m->read_only = by_id(map_info(m->last_used).id, BPF_F_RDONLY);
	m->write_only = by_id(map_info(m->last_used).id, BPF_F_WRONLY);
	describe(m, m->info);
}

static void fill_large(int fd)
{
	uint32_t *keys = malloc(LARGE * 4);
	unsigned char *values = malloc(LARGE * 200);
	union bpf_attr attr = { .batch = { .map_fd = fd, .count = LARGE } };

	for (uint32_t i = 0; i < LARGE; i++) {
		keys[i] = i * 77;
		wl_fill(values + i * 200, 200, i);
	}
	attr.batch.keys = (uintptr_t)keys;
	attr.batch.values = (uintptr_t)values;
	bpf_try(BPF_MAP_UPDATE_BATCH, &attr);
	free(keys);
	free(values);
}

static void check_large(int fd)
{
	unsigned char value[200];

	wl_check_eq(map_count(fd), LARGE);
	for (uint32_t i = 0; i < LARGE; i += 101) {
		uint32_t key = i * 77;

		wl_check_eq(map_get(fd, &key, value), 0);
		wl_check(wl_matches(value, sizeof(value), i));
	}
}

static void check_values(const struct maps *m)
{
	static uint64_t values[CPUS_MAX];
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint64_t value;

	for (uint32_t key = 0; key < 2; key++) {
		const int per_cpu[] = { m->per_cpu, m->per_cpu_hash };

		for (int k = 0; k < 2; k++) {
			wl_check_eq(map_get(per_cpu[k], &key, values), 0);
			for (long i = 0; i < cpus; i++)
				wl_check_eq(values[i], 100 * key + i + 1);
		}
		wl_check_eq(map_get(m->last_used, &key, &value), 0);
		wl_check_eq(value, 7 + key);
		wl_check_eq(map_get(m->typed, &key, &value), 0);
		wl_check_eq(value, 7 + key);
		wl_check_eq(map_get(m->prefixes, &networks[key], &value), 0);
		wl_check_eq(value, 7 + key);
	}
	wl_check_eq(map_count(m->prefixes), 2);
	wl_check_eq(map_get(m->queue, NULL, &value), ENOENT);
}

/* What one writes the other reads, and neither can do more. */
static void check_modes(const struct maps *m)
{
	uint32_t key = 50;
	uint64_t value = 99;

	wl_check_eq(fcntl(m->read_only, F_GETFL) & O_ACCMODE, O_RDONLY);
	wl_check_eq(fcntl(m->write_only, F_GETFL) & O_ACCMODE, O_WRONLY);
	wl_check_eq(map_get(m->write_only, &key, &value), EPERM);
	map_set(m->write_only, &key, &value);
	value = 0;
	wl_check_eq(map_get(m->read_only, &key, &value), 0);
	wl_check_eq(value, 99);
}

static void stay(void *arg)
{
	(void)arg;
}

static void child_check(void *arg)
{
	check_values(arg);
}

int main(void)
{
	struct bpf_map_info now[7];
	struct maps m;
	pid_t pid;

	make(&m);
	fill_large(m.large);
	pid = wl_actor_fork(stay, child_check, &m);
	wl_ready_and_wait();
	wl_check(wl_same_description(getpid(), m.typed, pid, m.typed));
	for (int i = 0; i < 7; i++)
		map_check_info((const int[]){ m.per_cpu, m.per_cpu_hash, m.last_used, m.prefixes,
					      m.queue, m.typed, m.large }[i],
			       &m.info[i]);
	describe(&m, now);
	check_values(&m);
	check_large(m.large);
	check_modes(&m);
	wl_actors_finish();
	wl_pass();
}
