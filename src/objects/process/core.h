/* SPDX-License-Identifier: Apache-2.0 */
/* A thread's processor state: from a stopped thread to core_entry and back. cpu_<arch>.c does it. */
#ifndef OBJECTS_PROCESS_CORE_H
#define OBJECTS_PROCESS_CORE_H

#include "model/dump.h"
#include "model/restore.h"

#if defined(__x86_64__)
#define CPU_MARCH	   CORE_ENTRY__MARCH__X86_64
#define CPU_SYSCALL_LENGTH 2
#define CPU_CODE_ALIGN	   1 /* bytes */
#elif defined(__aarch64__)
#define CPU_MARCH	   CORE_ENTRY__MARCH__AARCH64
#define CPU_SYSCALL_LENGTH 4
#define CPU_CODE_ALIGN	   4
#endif

/* Fills the processor's part of th->core from the stopped thread; ip as given, after any fix-up. */
int cpu_collect(struct dump_thread *th);
void cpu_set_clear_tid(struct dump_thread *th, uint64_t addr);

/* What a restored thread goes on with. */
int cpu_regs(const struct restore_thread *th, struct cpu_regs *ret, struct err *err);
/* The number of a call that was interrupted with a restart block, and the registers before it; 0:
 * the thread was in no such call. */
long cpu_sleep(const struct restore_thread *th, struct cpu_regs *ret);
/* Was it interrupted in restart_syscall(2), and the image does not say in which call? The registers
 * behind it. */
bool cpu_hidden_call(const struct restore_thread *th, struct cpu_regs *ret);
/* What its last system call would end. */
void cpu_vectors(const struct restore_thread *th, struct cpu_vectors *ret);
uint64_t cpu_clear_tid(const struct restore_thread *th);
/* Sets what is not a general register: extended state (x87, vectors), TLS slots of the GDT. */
int cpu_set_state(pid_t tid, const struct restore_thread *th, struct err *err);
/* The extended state alone, on x86: fpu_x86_64.c. */
int fpu_collect(struct dump_thread *th);
int fpu_set(pid_t tid, const struct restore_thread *th, struct err *err);
/* Is it a 32-bit program's thread? */
bool cpu_compat(const CoreEntry *core);

/* Is a system call instruction of this kind of program here (CPU_SYSCALL_LENGTH bytes)? */
bool cpu_is_syscall(const CoreEntry *core, const unsigned char *code);
/* Gives the core registers of its own, with which a thread calls exit(code) by the instruction at
 * ip. */
void cpu_make_exit(struct arena *a, CoreEntry *core, uint64_t ip, int code);

/* A task that has ended and was not waited for (zombie.c): what it shows; and, in the task forked
 * for it, to end as it ended. */
void zombie_collect(struct dump_task *t);
_Noreturn void zombie_end(const struct restore_task *t);

#endif
