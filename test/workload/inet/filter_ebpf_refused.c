/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket with an eBPF program as its filter, which can't be read, is refused.
 *
 * wl: areas inet-sockets
 * wl: expect dump-refused has an eBPF filter
 */
#include "inet.h"

#include <linux/bpf.h>
#include <sys/syscall.h>

int main(void)
{
	int fd = in_bound(AF_INET, SOCK_DGRAM, 0), prog;
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0xffff },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				.insn_cnt = 2,
				.insns = (uintptr_t)code,
				.license = (uintptr_t) "GPL" };

	prog = wl_try(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
	wl_try(setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)));
	wl_try(close(prog));
	wl_ready_and_wait();
	wl_pass();
}
