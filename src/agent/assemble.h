/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds an area with its programs (agent/wire.h) in the tool's memory, and reads the results of
 * one that has run.
 *
 *	struct area *area = area_new();
 *	struct program *p = program_new(area);
 *	program_stage(p, STAGE_READ);
 *	uint64_t buf = area_reserve(area, sizeof(stack_t));
 *	call_id id = program_call(p, SYS_sigaltstack, IMM(0), AREA(buf));
 *	area_finish(area);		... run it ...
 *	area_result(area, p, id), area_data(area, buf)
 */
#ifndef AGENT_ASSEMBLE_H
#define AGENT_ASSEMBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire.h"

enum stage {
#define STAGE(id, what) STAGE_##id,
#include "agent/stages.def"
#undef STAGE
	STAGE_COUNT
};

typedef uint32_t call_id; /* the place of a call in the order of putting, in its program */

struct agent_val {
	enum agent_arg kind;
	uint64_t value;
};

#define IMM(v)	   ((struct agent_val){ AGENT_IMM, (uint64_t)(v) })
#define AREA(off)  ((struct agent_val){ AGENT_AREA, (uint64_t)(off) })
#define RESULT(id) ((struct agent_val){ AGENT_RESULT, (uint64_t)(id) })
#define TABLE(off) ((struct agent_val){ AGENT_TABLE, (uint64_t)(off) })

struct area {
	unsigned char *data; /* what lies behind the code; of that nobody needs a copy */
	size_t len, room;    /* of code and data */
	size_t stacks;	     /* bytes of stacks behind len: part of the mapping, never written */
	size_t exits; /* bytes behind the stacks that stay executable: set by the owner before
		       * area_finish, filled by it in the process */
	struct program **programs;
	size_t n_programs;
	uint64_t last_note; /* offset of the note put last, 0: none */
	bool finished;
};

struct program {
	struct area *area;
	struct agent_call *calls; /* until area_finish */
	uint8_t *stages;
	uint32_t *place; /* after area_finish: call_id -> index in the program */
	size_t n, room;
	enum stage stage;
	uint32_t note;
	uint64_t header;	   /* after area_finish: offset of struct agent_program */
	struct agent_program tmpl; /* fields that the owner sets before area_finish: end,
				    * stop_signo, failed_counter, end_counter, mask, regs */
};

/* Running out of memory ends the tool: areas are small. */
struct area *area_new(void);
void area_free(struct area *area);
/* Data in the area, 16-byte aligned; returns its offset. */
uint64_t area_reserve(struct area *area, size_t size);
uint64_t area_put(struct area *area, const void *data, size_t size);
/* The tool's copy of the data at an offset: to fill before, to read after area results came back. */
void *area_data(const struct area *area, uint64_t off);

struct program *program_new(struct area *area);
/* Calls that follow belong to this stage, and are about this object in messages. Notes are strings
 * in the area, so that whoever reads a failed call can read its note; keep them short, and the same
 * for neighbours: a note that was given last is not stored again. */
void program_stage(struct program *p, enum stage stage);
void program_note(struct program *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

call_id program_add(struct program *p, enum agent_op op, int nr, unsigned n,
		    const struct agent_val *args);
/* The call must succeed (the default is that any result will do), or give exactly this. */
void program_must(struct program *p, call_id id);
void program_want(struct program *p, call_id id, int64_t want);

#define program_op(p, op, nr, ...)                                                                 \
	({                                                                                         \
		const struct agent_val vals_[] = { __VA_ARGS__ };                                  \
		program_add((p), (op), (nr), sizeof(vals_) / sizeof(vals_[0]), vals_);             \
	})
/* A system call whose result is only recorded; one that must succeed. */
#define program_call(p, nr, ...) program_op(p, AGENT_SYSCALL, nr, __VA_ARGS__)
#define program_do(p, nr, ...)                                                                     \
	({                                                                                         \
		call_id id_ = program_op(p, AGENT_SYSCALL, nr, __VA_ARGS__);                       \
		program_must((p), id_);                                                            \
		id_;                                                                               \
	})

/* The call before, so many times more, with its arguments raised each time, or taken from a
 * TABLE(): all must succeed. */
#define program_again(p, times, ...)                                                               \
	program_must((p), program_op(p, AGENT_AGAIN, times, __VA_ARGS__))

/* Lays the programs out. Afterwards the agent's code (agent/blob.h) and, from area_code_size() to
 * len, the data are what goes to the process, and the mapping must be area_size() long: code_size()
 * of it readable and executable, the rest writable. area_copy() is for one in the own process. */
void area_finish(struct area *area);
size_t area_size(const struct area *area);
size_t area_code_size(void);
static inline size_t area_data_size(const struct area *area)
{
	return area->len - area_code_size();
}
void area_copy(const struct area *area, void *to);

/* All n calls: in the order of putting before area_finish, in the order of running afterwards. */
const struct agent_call *program_calls(const struct program *p);

/* After the data were read back from the process: */
int64_t program_result(const struct program *p, call_id id);
const struct agent_program *program_header(const struct program *p);
/* The call that failed, or NULL; *ret_note is what it was about. */
const struct agent_call *program_failure(const struct program *p, const char **ret_note);

#endif
