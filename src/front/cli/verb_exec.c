/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crtools exec: system calls in another process, and what came of them. Exit status 0: all
 * succeeded; 1: one failed, those behind it were not made; 2: none was made, or one had to be
 * taken back.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/syscalls.h"
#include "base/json.h"
#include "engine/exec/exec.h"
#include "front/cli/cli.h"
#include "front/cli/exec.h"

struct outcome {
	const struct exec *x;
	const struct engine_exec *run;
	size_t done; /* of x->calls: those that came back */
};

/* Negative results of a 32-bit process may be addresses above 2 GiB. */
static int64_t result_of(const struct outcome *o, size_t i)
{
	int64_t result = program_result(o->run->program, o->x->calls[i].id);

	return o->x->compat && result < -4095 ? (int64_t)(uint32_t)result : result;
}

static bool failed(int64_t result)
{
	return result < 0 && result >= -4095;
}

static const char *errno_name(int num)
{
	const char *name = strerrorname_np(num);

	/* What only the kernel knows is not in the C library's table. */
	return name	    ? name
	       : num == 512 ? "ERESTARTSYS"
	       : num == 513 ? "ERESTARTNOINTR"
	       : num == 514 ? "ERESTARTNOHAND"
	       : num == 516 ? "ERESTART_RESTARTBLOCK"
	       : num == 524 ? "ENOTSUPP"
			    : "errno";
}

static const char *call_name(const struct outcome *o, size_t i)
{
	const char *name = syscall_name(o->x->calls[i].nr, o->x->compat);

	return name ? name : o->x->calls[i].name;
}

static void print_call(const struct outcome *o, size_t i)
{
	const struct exec_call *call = &o->x->calls[i];

	printf("%s(", call_name(o, i));
	for (size_t k = 0; k < call->n_args; k++)
		printf("%s%s", k ? ", " : "", call->args[k].text);
	printf(")");
	if (i >= o->done) {
		printf(" was not made\n");
		return;
	}
	int64_t result = result_of(o, i);

	if (failed(result))
		printf(" = -1 %s (%s)\n", errno_name(-result), strerror(-result));
	else
		printf(" = %" PRId64 " (0x%" PRIx64 ")\n", result, result);
}

/* What is behind the last byte that is not zero is left out. */
static size_t used_length(const unsigned char *data, size_t size)
{
	while (size && !data[size - 1])
		size--;
	return size;
}

static void print_buffer(const struct outcome *o, size_t i)
{
	const struct exec_buffer *b = &o->x->buffers[i];
	const unsigned char *data = area_data(o->run->area, b->off);
	size_t len = used_length(data, b->size);

	printf("buf%zu: %zu bytes%s\n", i + 1, b->size,
	       !len	       ? ", all zero"
	       : len < b->size ? ", zero behind these"
			       : "");
	for (size_t at = 0; at < len; at += 16) {
		printf("  %04zx ", at);
		for (size_t k = at; k < at + 16; k++)
			k < len ? printf(" %02x", data[k]) : printf("   ");
		printf("  ");
		for (size_t k = at; k < at + 16 && k < len; k++)
			putchar(isprint(data[k]) ? data[k] : '.');
		putchar('\n');
	}
}

static void json_call(struct json *j, const struct outcome *o, size_t i)
{
	const struct exec_call *call = &o->x->calls[i];

	json_object(j, NULL);
	json_string(j, "call", call_name(o, i));
	json_int(j, "number", call->nr);
	json_array(j, "arguments");
	for (size_t k = 0; k < call->n_args; k++)
		json_string(j, NULL, call->args[k].text);
	json_array_end(j);
	if (i < o->done && failed(result_of(o, i))) {
		json_int(j, "errno", -result_of(o, i));
		json_string(j, "error", errno_name(-result_of(o, i)));
	} else if (i < o->done) {
		json_int(j, "result", result_of(o, i));
	}
	json_object_end(j);
}

static void json_buffer(struct json *j, const struct outcome *o, size_t i)
{
	const struct exec_buffer *b = &o->x->buffers[i];
	const unsigned char *data = area_data(o->run->area, b->off);
	size_t len = used_length(data, b->size);
	char *hex = arena_alloc(o->x->arena, 2 * len + 1);

	for (size_t k = 0; k < len; k++)
		sprintf(hex + 2 * k, "%02x", data[k]);
	json_object(j, NULL);
	json_uint(j, "size", b->size);
	json_string(j, "hex", hex); /* without the zeroes at the end */
	json_object_end(j);
}

static void print_json(const struct outcome *o, bool ok)
{
	struct json j;

	json_begin(&j, stdout, 2);
	json_object(&j, NULL);
	json_bool(&j, "ok", ok);
	json_array(&j, "calls");
	for (size_t i = 0; i < o->x->n_calls; i++)
		json_call(&j, o, i);
	json_array_end(&j);
	json_array(&j, "buffers");
	for (size_t i = 0; i < o->x->n_buffers; i++)
		json_buffer(&j, o, i);
	json_array_end(&j);
	json_object_end(&j);
	json_end(&j);
}

static void print_text(const struct outcome *o)
{
	for (size_t i = 0; i < o->x->n_calls; i++)
		print_call(o, i);
	for (size_t i = 0; i < o->x->n_buffers; i++)
		print_buffer(o, i);
}

static size_t count_done(const struct exec *x, const struct engine_exec *run)
{
	size_t n = 0;

	while (n < x->n_calls && run->program->place[x->calls[n].id] < run->done)
		n++;
	return n;
}

/* A call that hangs is told with those before it; other failures come before any call. */
static int report(struct run *run, struct outcome *o, int ret)
{
	bool ok;

	if (ret < 0 && ret != -ETIMEDOUT)
		return 2;
	o->done = o->run->area && o->run->area->finished ? count_done(o->x, o->run) : 0;
	ok = o->done == o->x->n_calls && !failed(result_of(o, o->done - 1));
	if (ret < 0 && run->opts->json)
		return 2;
	if (run->opts->json)
		print_json(o, ok);
	else if (o->done || ret == 0)
		print_text(o);
	if (fflush(stdout))
		return 2;
	return ret < 0 ? 2 : !ok;
}

int verb_exec(struct run *run)
{
	struct exec x;
	struct engine_exec e = { .build = exec_build, .data = &x };
	struct outcome o = { .x = &x, .run = &e };
	int ret = exec_parse(&run->opts->args, &run->s.arena, &x, run->err);

	if (ret < 0)
		return 2;
	ret = engine_exec(&run->s, &e);
	ret = report(run, &o, ret);
	area_free(e.area);
	return ret;
}
