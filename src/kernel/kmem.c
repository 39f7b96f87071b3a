/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/kmem.h"

#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "kernel/bpf.h"

#define WINDOW	 8192 /* a power of two */
#define PIECE	 4096
#define ASK_TASK 0 /* as the address: kmem_current() */

static int make_map(struct kmem *k)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = sizeof(uint32_t),
				.value_size = WINDOW,
				.max_entries = 1,
				.map_flags = BPF_F_MMAPABLE };

	k->map = bpf_call(BPF_MAP_CREATE, &attr);
	if (k->map < 0)
		return k->map;
	k->window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, k->map, 0);
	if (k->window != MAP_FAILED)
		return 0;
	k->window = NULL;
	return -errno;
}

/* Its two arguments are an address and a length. */
static int load(struct kmem *k)
{
	const struct bpf_insn program[] = {
		INSN_LOAD(BPF_DW, BPF_REG_3, BPF_REG_1, 0),
		INSN_LOAD(BPF_DW, BPF_REG_2, BPF_REG_1, 8),
		INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, WINDOW - 1),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_3, 0, 4, ASK_TASK),
		INSN_VALUE(BPF_REG_1, k->map),
		INSN_CALL(BPF_FUNC_probe_read_kernel),
		INSN_RETURN,
		INSN_CALL(BPF_FUNC_get_current_task),
		INSN_VALUE(BPF_REG_1, k->map),
		INSN_STORE(BPF_DW, BPF_REG_1, 0, BPF_REG_0),
		INSN_SET(BPF_REG_0, 0),
		INSN_RETURN,
	};

	k->prog = bpf_load(BPF_PROG_TYPE_RAW_TRACEPOINT, program, ARRAY_SIZE(program));
	return k->prog < 0 ? k->prog : 0;
}

static int run(struct kmem *k, uint64_t addr, size_t len)
{
	uint64_t arguments[] = { addr, len };

	return bpf_run(k->prog, arguments, sizeof(arguments));
}

int kmem_open(struct kmem *ret, struct btf *b)
{
	int err;

	*ret = (struct kmem){ .map = -1, .prog = -1 };
	BTF_FIND(b, KMEM_PLACES, &ret->at);
	err = make_map(ret);
	if (err == 0)
		err = load(ret);
	if (err < 0)
		kmem_close(ret);
	return err;
}

void kmem_close(struct kmem *k)
{
	if (k->window)
		munmap(k->window, WINDOW);
	k->window = NULL;
	close_fd(&k->map);
	close_fd(&k->prog);
}

int kmem_view_open(struct kmem_view *v)
{
	if (v->tried)
		return v->error;
	v->tried = true;
	v->memory = (struct kmem){ .map = -1, .prog = -1 };
	v->error = btf_open(&v->types);
	if (v->error == 0)
		v->error = kmem_open(&v->memory, v->types);
	return v->error;
}

void kmem_view_close(struct kmem_view *v)
{
	if (v->tried)
		kmem_close(&v->memory);
	btf_close(v->types);
	*v = (struct kmem_view){ .tried = false };
}

int kmem_read(struct kmem *k, uint64_t addr, void *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t piece = len - at < PIECE ? len - at : PIECE;
		int ret = addr ? run(k, addr + at, piece) : -EFAULT;

		if (ret)
			return ret < 0 ? ret : -EIO;
		memcpy((char *)buf + at, k->window, piece);
		at += piece;
	}
	return 0;
}

uint64_t kmem_pointer(struct kmem *k, uint64_t base, int offset)
{
	uint64_t value = 0;

	return base && offset >= 0 && kmem_read(k, base + offset, &value, sizeof(value)) == 0
		       ? value
		       : 0;
}

uint64_t kmem_current(struct kmem *k)
{
	uint64_t task = 0;

	if (run(k, ASK_TASK, 0) == 0)
		memcpy(&task, k->window, sizeof(task));
	return task;
}

static uint64_t file_of(struct kmem *k, int fd)
{
	uint64_t files = kmem_pointer(k, kmem_current(k), k->at.files);
	uint64_t table = kmem_pointer(k, kmem_pointer(k, files, k->at.table), k->at.table_fds);

	return kmem_pointer(k, table, fd * (int)sizeof(uint64_t));
}

uint64_t kmem_private(struct kmem *k, int fd)
{
	return kmem_pointer(k, file_of(k, fd), k->at.file_private);
}

/* A pidfd's struct pid is its private data, or, since it has an inode of its own (pidfs,
 * Linux 6.9), that inode's. It lists the tasks that have it as their id first. */
uint64_t kmem_task(struct kmem *k, int pidfd)
{
	uint64_t file = file_of(k, pidfd), task;
	uint64_t pid = kmem_pointer(k, file, k->at.file_private);

	if (!pid)
		pid = kmem_pointer(k, kmem_pointer(k, file, k->at.file_inode), k->at.inode_private);
	task = kmem_pointer(k, pid, k->at.pid_tasks);
	return task && k->at.task_pid_links >= 0 ? task - (uint64_t)k->at.task_pid_links : 0;
}
