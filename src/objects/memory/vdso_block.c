/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See vdso_block.h. On x86 the kernel maps the block where it is told to, with
 * arch_prctl(ARCH_MAP_VDSO_64 or _32); on other processors the tool's own is moved.
 */
#if defined(__x86_64__)
#include <asm/prctl.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "image/registers.h"
#include "kernel/child.h"
#include "kernel/proc/maps.h"
#include "kernel/ptrace.h"
#include "objects/memory/vdso_block.h"
#include "objects/registry.h"
#include "objects/restored.h"

static bool is_block(const struct proc_area *a)
{
	return !strncmp(a->path, "[vvar", 5) || !strcmp(a->path, "[vdso]");
}

static int read_areas(struct restore *r, pid_t pid, struct proc_areas *ret)
{
	struct proc_buf buf = { 0 };
	struct proc proc = PROC_INIT;
	int err = proc_open(&proc, pid, &buf, restore_err(r));

	if (err == 0)
		err = proc_maps(&proc, restore_arena(r), ret, restore_err(r));
	proc_close(&proc);
	proc_buf_free(&buf);
	return err;
}

static int describe_block(struct restore *r, pid_t pid, const struct proc_areas *areas,
			  struct vdso_block *b)
{
	uint64_t start = 0, vdso = 0;

	for (size_t i = 0; i < areas->n; i++) {
		const struct proc_area *a = &areas->areas[i];

		if (!is_block(a) || b->n_areas == VDSO_PARTS)
			continue;
		start = start ? start : a->start;
		b->size = a->end - start;
		b->areas[b->n_areas++] =
			(struct vdso_part){ a->start - start, a->end - a->start, false };
		if (b->n && !b->parts[b->n - 1].code && strcmp(a->path, "[vdso]") &&
		    b->parts[b->n - 1].off + b->parts[b->n - 1].len == a->start - start) {
			b->parts[b->n - 1].len += a->end - a->start; /* one area in images */
			continue;
		}
		b->parts[b->n] = (struct vdso_part){ a->start - start, a->end - a->start,
						     !strcmp(a->path, "[vdso]") };
		if (b->parts[b->n].code) {
			b->vdso = &b->parts[b->n];
			vdso = a->start;
		}
		b->n++;
	}
	b->own = start;
	b->known = true;
	if (b->vdso) {
		int ret;

		b->code = arena_alloc(restore_arena(r), b->vdso->len);
		ret = task_read(pid, vdso, b->code, b->vdso->len);
		if (ret < 0)
			return err_set(restore_err(r), ERR_KERNEL, -ret,
				       "can't read this kernel's vdso");
	}
	return 0;
}

#if defined(__x86_64__)

/* Must be usable after the vdso is gone: nothing of the C library that asks for the time. */
static _Noreturn void become_compat(const struct proc_areas *own, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fault_hold("helper-vdso");
	for (size_t i = 0; i < own->n; i++)
		if (is_block(&own->areas[i]))
			munmap((void *)own->areas[i].start,
			       own->areas[i].end - own->areas[i].start);
	syscall(SYS_arch_prctl, ARCH_MAP_VDSO_32, 0x10000000ul);
	if (write(ready, "", 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

/* The 32-bit one is seen in a child of ours that has it. */
static int probe_compat(struct restore *r, const struct proc_areas *own, struct vdso_block *b)
{
	struct proc_areas areas;
	unsigned int seconds = r->s->opts->timeout;
	int ready[2], ret = 0;
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(restore_err(r), "pipe2", "can't make a pipe");
	pid = fork();
	if (pid == 0)
		become_compat(own, ready[1]);
	close(ready[1]);
	if (pid > 0)
		ret = child_wait_readable(ready[0], child_limit(seconds));
	if (ret == -ETIMEDOUT)
		err_set(restore_err(r), ERR_TIMEOUT, ETIMEDOUT,
			"process %d of crtools, which shows this kernel's 32-bit vdso, has not come "
			"so far within %u s (is it stopped?)",
			pid, seconds);
	else if (pid < 0 || ret < 0 || read(ready[0], &byte, 1) != 1)
		ret = err_sys(restore_err(r), "fork", "can't find out this kernel's 32-bit vdso");
	else
		ret = read_areas(r, pid, &areas);
	close(ready[0]);
	if (ret == 0)
		ret = describe_block(r, pid, &areas, b);
	if (pid > 0)
		child_kill(pid);
	return ret;
}

void vdso_block_emit(struct restore_task *t, const struct vdso_block *b, uint64_t at)
{
	(void)b;
	program_do(t->threads[0].prog, SYS_arch_prctl,
		   IMM(registers_compat(t->core) ? ARCH_MAP_VDSO_32 : ARCH_MAP_VDSO_64), IMM(at));
}

#else

static int probe_compat(struct restore *r, const struct proc_areas *own, struct vdso_block *b)
{
	(void)r;
	(void)own;
	(void)b;
	return -EOPNOTSUPP; /* there are no such tasks */
}

static void emit_move(struct program *p, uint64_t from, uint64_t len, uint64_t to)
{
	call_id id = program_call(p, SYS_mremap, IMM(from), IMM(len), IMM(len),
				  IMM(MREMAP_MAYMOVE | MREMAP_FIXED), IMM(to));

	program_want(p, id, to);
}

/* By way of the home range: its place, and the tool's own one, may be anybody's meanwhile. */
void vdso_block_emit(struct restore_task *t, const struct vdso_block *b, uint64_t at)
{
	struct program *p = t->threads[0].prog;
	uint64_t stage = stage_alloc(t->r, b->size);

	for (size_t i = 0; i < b->n_areas; i++) {
		const struct vdso_part *area = &b->areas[i];

		program_stage(p, STAGE_KEEP);
		program_note(p, "vdso");
		emit_move(p, b->own + area->off, area->len, stage + area->off);
		program_stage(p, STAGE_VDSO);
		program_note(p, "vdso");
		emit_move(p, stage + area->off, area->len, at + area->off);
	}
}

#endif

int vdso_block_of(struct restore_task *t, const struct vdso_block **ret)
{
	struct restore *r = t->r;
	struct vdso_block *blocks = r->priv[SLOT_VDSO], *b;
	struct proc_areas own;
	int err;

	if (!blocks)
		blocks = r->priv[SLOT_VDSO] = arena_array(restore_arena(r), struct vdso_block, 2);
	*ret = b = &blocks[registers_compat(t->core)]; /* [0] 64-bit, [1] 32-bit */
	if (b->known)
		return 0;
	err = read_areas(r, getpid(), &own);
	if (err < 0)
		return err;
	return registers_compat(t->core) ? probe_compat(r, &own, b)
					 : describe_block(r, getpid(), &own, b);
}
