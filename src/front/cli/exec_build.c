/* SPDX-License-Identifier: Apache-2.0 */
/* See exec.h. */
#include <limits.h>
#include <string.h>

#include "agent/syscalls.h"
#include "base/human.h"
#include "front/cli/exec.h"

static int find_number(const struct exec *x, struct exec_call *call, struct err *err)
{
	const char *near;
	int64_t nr;

	call->nr = syscall_number(call->name, x->compat);
	if (call->nr >= 0)
		return 0;
	if (human_parse_int(call->name, 0, INT_MAX, &nr) == 0) {
		call->nr = nr;
		return 0;
	}
	near = syscall_nearest(call->name, x->compat);
	return err_set(err, ERR_USAGE, 0,
		       near ? "there is no system call %s%s; the nearest one is %s"
			    : "there is no system call %s%s",
		       call->name, x->compat ? " for 32-bit processes" : "", near);
}

static struct agent_val value_of(struct exec *x, struct program *p, const struct exec_arg *arg);

/* Pointers in memory are known to the agent only: it stores the words itself. */
static struct agent_val put_words(struct exec *x, struct program *p, const struct exec_arg *arg)
{
	unsigned int size = x->compat ? 4 : 8;
	uint64_t off = area_reserve(p->area, arg->n_words * size);

	for (size_t i = 0; i < arg->n_words; i++)
		program_op(p, AGENT_STORE, 0, AREA(off + i * size), value_of(x, p, &arg->words[i]),
			   IMM(size));
	return AREA(off);
}

static struct agent_val value_of(struct exec *x, struct program *p, const struct exec_arg *arg)
{
	switch (arg->kind) {
	case EXEC_RESULT:
		return RESULT(x->calls[arg->value].id);
	case EXEC_BUFFER:
		return AREA(x->buffers[arg->value].off);
	case EXEC_DATA:
		return AREA(area_put(p->area, arg->data, arg->size));
	case EXEC_WORDS:
		return put_words(x, p, arg);
	default:
		return IMM(arg->value);
	}
}

int exec_build(void *data, struct program *p, bool compat, struct err *err)
{
	struct exec *x = data;

	x->compat = compat;
	for (size_t i = 0; i < x->n_buffers; i++)
		x->buffers[i].off = area_reserve(p->area, x->buffers[i].size);
	for (size_t i = 0; i < x->n_calls; i++) {
		struct exec_call *call = &x->calls[i];
		struct agent_val vals[6];
		int ret = find_number(x, call, err);

		if (ret < 0)
			return ret;
		for (size_t k = 0; k < call->n_args; k++)
			vals[k] = value_of(x, p, &call->args[k]);
		call->id = program_add(p, compat ? AGENT_SYSCALL32 : AGENT_SYSCALL, call->nr,
				       call->n_args, vals);
		program_must(p, call->id);
	}
	return 0;
}
