/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf(2), which the C library does not have, and the words that programs of it are written in
 * (Documentation/bpf/standardization/instruction-set.rst of the kernel).
 */
#ifndef KERNEL_BPF_H
#define KERNEL_BPF_H

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A descriptor or 0; -errno. */
static inline int bpf_call(int cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

/* A program of n instructions, for helpers that ask for the license. */
static inline int bpf_load(enum bpf_prog_type type, const struct bpf_insn *program, size_t n)
{
	union bpf_attr attr = { .prog_type = type,
				.insns = (uintptr_t)program,
				.insn_cnt = n,
				.license = (uintptr_t) "GPL" };

	return bpf_call(BPF_PROG_LOAD, &attr);
}

/* What it returns, or -errno. */
static inline int bpf_run(int program, const void *arguments, size_t size)
{
	union bpf_attr attr = {
		.test = { .prog_fd = program, .ctx_in = (uintptr_t)arguments, .ctx_size_in = size }
	};
	int ret = bpf_call(BPF_PROG_TEST_RUN, &attr);

	return ret < 0 ? ret : (int)attr.test.retval;
}

#define INSN(op, to, from, offset, value)                                                          \
	{                                                                                          \
		.code = (op), .dst_reg = (to), .src_reg = (from), .off = (offset), .imm = (value)  \
	}
#define INSN_MOVE(to, from) INSN(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define INSN_SET(to, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value)
#define INSN_ADD(to, value) INSN(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value)
/* Of a size BPF_B to BPF_DW, at an address and an offset. */
#define INSN_LOAD(size, to, from, offset)  INSN(BPF_LDX | BPF_MEM | (size), to, from, offset, 0)
#define INSN_STORE(size, to, offset, from) INSN(BPF_STX | BPF_MEM | (size), to, from, offset, 0)
/* Two of them each: a map, and the first value of an array. */
#define INSN_MAP(to, map)                                                                          \
	INSN(BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0)
#define INSN_VALUE(to, map)                                                                        \
	INSN(BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_VALUE, 0, map), INSN(0, 0, 0, 0, 0)
/* A helper by its number, a function of the kernel's by its id (btf_function()). */
#define INSN_CALL(helper)    INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define INSN_CALL_KERNEL(id) INSN(BPF_JMP | BPF_CALL, 0, 2 /* BPF_PSEUDO_KFUNC_CALL */, 0, id)
#define INSN_RETURN	     INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#endif
