/* SPDX-License-Identifier: Apache-2.0 */
/* See assemble.h. */
#include "agent/assemble.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/blob.h"

#define PAGE	   4096ul
#define STACK_SIZE 1024ul /* the interpreter needs 300 bytes; a page is four threads' */

static void *grow(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p) {
		fprintf(stderr, "crtools: out of memory (%zu bytes of a program)\n", size);
		abort();
	}
	return p;
}

static size_t align(size_t n, size_t to)
{
	return (n + to - 1) & ~(to - 1);
}

size_t area_code_size(void)
{
	return align(agent_blob_size, PAGE);
}

struct area *area_new(void)
{
	struct area *area = grow(NULL, sizeof(*area));

	*area = (struct area){ .len = area_code_size(), .room = area_code_size() };
	return area;
}

void area_free(struct area *area)
{
	if (!area)
		return;
	for (size_t i = 0; i < area->n_programs; i++) {
		free(area->programs[i]->calls);
		free(area->programs[i]->stages);
		free(area->programs[i]->place);
		free(area->programs[i]);
	}
	free(area->programs);
	free(area->data);
	free(area);
}

static void set_room(struct area *area, size_t room)
{
	area->room = room;
	area->data = grow(area->data, room - area_code_size());
}

uint64_t area_reserve(struct area *area, size_t size)
{
	uint64_t off = align(area->len, 16);

	if (off + size >= area->room) {
		size_t used = off + size - area_code_size();

		set_room(area, area_code_size() + align(used + used / 4 + 1, PAGE / 4));
	}
	memset(area_data(area, area->len), 0, off + size - area->len);
	area->len = off + size;
	return off;
}

uint64_t area_put(struct area *area, const void *data, size_t size)
{
	uint64_t off = area_reserve(area, size);

	memcpy(area_data(area, off), data, size);
	return off;
}

void *area_data(const struct area *area, uint64_t off)
{
	return area->data + (off - area_code_size());
}

struct program *program_new(struct area *area)
{
	struct program *p = grow(NULL, sizeof(*p));

	*p = (struct program){ .area = area };
	area->programs = grow(area->programs, (area->n_programs + 1) * sizeof(p));
	area->programs[area->n_programs++] = p;
	return p;
}

void program_stage(struct program *p, enum stage stage)
{
	p->stage = stage;
	p->note = 0;
}

void program_note(struct program *p, const char *fmt, ...)
{
	struct area *area = p->area;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!area->last_note || strcmp(area_data(area, area->last_note), text))
		area->last_note = area_put(area, text, strlen(text) + 1);
	p->note = area->last_note;
}

call_id program_add(struct program *p, enum agent_op op, int nr, unsigned n,
		    const struct agent_val *args)
{
	struct agent_call *call;

	if (p->n == p->room) {
		p->room += p->room / 4 + 16; /* there may be thousands of programs */
		p->calls = grow(p->calls, p->room * sizeof(*p->calls));
		p->stages = grow(p->stages, p->room);
	}
	call = &p->calls[p->n];
	*call = (struct agent_call){ .op = op, .nr = nr, .note = p->note };
	for (unsigned i = 0; i < n && i < 6; i++) {
		call->kinds |= (uint32_t)args[i].kind << (4 * i);
		call->arg[i] = args[i].value;
	}
	p->stages[p->n] = p->stage;
	return p->n++;
}

void program_must(struct program *p, call_id id)
{
	p->calls[id].demand = AGENT_OK;
}

void program_want(struct program *p, call_id id, int64_t want)
{
	p->calls[id].demand = AGENT_EQUAL;
	p->calls[id].want = want;
}

/* A stable sort by stage: counts, then places. */
static void place_calls(struct program *p)
{
	size_t start[STAGE_COUNT + 1] = { 0 };

	p->place = grow(NULL, (p->n + 1) * sizeof(*p->place));
	for (size_t i = 0; i < p->n; i++)
		start[p->stages[i] + 1]++;
	for (size_t s = 0; s < STAGE_COUNT; s++)
		start[s + 1] += start[s];
	for (size_t i = 0; i < p->n; i++)
		p->place[i] = start[p->stages[i]]++;
}

static void resolve(const struct program *p, struct agent_call *call)
{
	for (int k = 0; k < 6; k++)
		if (((call->kinds >> (4 * k)) & 15) == AGENT_RESULT)
			call->arg[k] = p->place[call->arg[k]];
	if (call->op == AGENT_THREAD)
		call->arg[2] = p->area->programs[call->arg[2]]->header;
}

static void program_lay_out(struct program *p)
{
	struct area *area = p->area;
	uint64_t calls = area_reserve(area, p->n * sizeof(struct agent_call));
	struct agent_call *out = area_data(area, calls);
	struct agent_program *head;

	place_calls(p);
	for (size_t i = 0; i < p->n; i++) {
		out[p->place[i]] = p->calls[i];
		resolve(p, &out[p->place[i]]);
	}
	head = area_data(area, p->header);
	*head = p->tmpl;
	head->self = p->header;
	head->calls = calls;
	head->n_calls = p->n;
	free(p->calls);
	p->calls = NULL;
}

void area_finish(struct area *area)
{
	size_t stacks, room = area->len + 16;

	/* There may be thousands of areas: no more room than this one needs in the end. */
	for (size_t i = 0; i < area->n_programs; i++)
		room += align(sizeof(struct agent_program), 16) + 16 +
			area->programs[i]->n * sizeof(struct agent_call);
	if (room > area->room)
		set_room(area, room);
	for (size_t i = 0; i < area->n_programs; i++)
		area->programs[i]->header = area_reserve(area, sizeof(struct agent_program));
	for (size_t i = 0; i < area->n_programs; i++)
		program_lay_out(area->programs[i]);
	stacks = align(area->len, PAGE);
	area->stacks = stacks - area->len + align(area->n_programs * STACK_SIZE, PAGE);
	for (size_t i = 0; i < area->n_programs; i++) {
		struct agent_program *head = area_data(area, area->programs[i]->header);

		head->stack = stacks + (i + 1) * STACK_SIZE;
		head->data = area_code_size();
		head->data_len = area_size(area) - area->exits - head->data;
	}
	area->finished = true;
}

void area_copy(const struct area *area, void *to)
{
	memcpy(to, agent_blob, agent_blob_size);
	memcpy((char *)to + area_code_size(), area->data, area_data_size(area));
}

size_t area_size(const struct area *area)
{
	return area->len + area->stacks + area->exits;
}

const struct agent_program *program_header(const struct program *p)
{
	return area_data(p->area, p->header);
}

const struct agent_call *program_calls(const struct program *p)
{
	return p->area->finished ? area_data(p->area, program_header(p)->calls) : p->calls;
}

int64_t program_result(const struct program *p, call_id id)
{
	return program_calls(p)[p->place[id]].result;
}

const struct agent_call *program_failure(const struct program *p, const char **ret_note)
{
	const struct agent_program *head = program_header(p);
	const struct agent_call *call;

	if (!head->failed || !head->done || head->done > head->n_calls)
		return NULL;
	call = &program_calls(p)[head->done - 1];
	*ret_note = call->note && call->note < p->area->len ? area_data(p->area, call->note) : "";
	return call;
}
