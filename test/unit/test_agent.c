/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent without a victim: programs as the assembler lays them out, as listings, and run by the
 * real blob in a child of the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/assemble.h"
#include "agent/listing.h"
#include "agent/symbols.h"
#include "agent/syscalls.h"
#include "base/cleanup.h"

/* --- the assembler --------------------------------------------------------------------------- */

static const struct agent_call *calls_of(const struct program *p)
{
	return area_data(p->area, program_header(p)->calls);
}

static void test_stages(void **state)
{
	struct area *area = area_new();
	struct program *p = program_new(area);
	call_id late, first, second, map;

	(void)state;
	program_stage(p, STAGE_LAST);
	late = program_call(p, 1, IMM(0));
	program_stage(p, STAGE_MAP);
	first = program_call(p, 2, RESULT(late));
	second = program_call(p, 3, IMM(0));
	program_stage(p, STAGE_CLEAR);
	map = program_call(p, 4, IMM(0));
	area_finish(area);

	/* By stage; within one, as they were put. */
	assert_int_equal(calls_of(p)[0].nr, 4);
	assert_int_equal(calls_of(p)[1].nr, 2);
	assert_int_equal(calls_of(p)[2].nr, 3);
	assert_int_equal(calls_of(p)[3].nr, 1);
	/* A reference names the call's place, not the order of putting. */
	assert_int_equal(calls_of(p)[1].kinds & 15, AGENT_RESULT);
	assert_int_equal(calls_of(p)[1].arg[0], 3);
	((struct agent_call *)calls_of(p))[1].result = 77;
	assert_int_equal(program_result(p, first), 77);
	assert_int_equal(program_result(p, second), 0);
	assert_int_equal(program_result(p, map), 0);
	area_free(area);
}

static void test_data(void **state)
{
	struct area *area = area_new();
	uint64_t a = area_put(area, "first", 6), b = area_reserve(area, 100000), c;

	(void)state;
	assert_true(a >= area_code_size() && a % 16 == 0 && b % 16 == 0 && b >= a + 6);
	memset(area_data(area, b), 0xee, 100000);
	c = area_put(area, "last", 5);
	assert_string_equal(area_data(area, a), "first");
	assert_string_equal(area_data(area, c), "last");
	program_new(area);
	area_finish(area);
	assert_true(area_size(area) >= area->len && area_size(area) % 4096 == 0);
	area_free(area);
}

static void test_failure(void **state)
{
	struct area *area = area_new();
	struct program *p = program_new(area);
	struct agent_program *head;
	const char *note;

	(void)state;
	program_note(p, "descriptor %d", 5);
	program_do(p, SYS_close, IMM(5));
	program_do(p, SYS_close, IMM(6));
	area_finish(area);
	/* The note of neighbours is stored once. */
	assert_int_equal(calls_of(p)[0].note, calls_of(p)[1].note);
	assert_null(program_failure(p, &note));
	head = (struct agent_program *)program_header(p);
	head->done = 2;
	head->failed = 1;
	assert_ptr_equal(program_failure(p, &note), &calls_of(p)[1]);
	assert_string_equal(note, "descriptor 5");
	/* What comes back from a process is not believed. */
	head->done = 3;
	assert_null(program_failure(p, &note));
	head->done = 0;
	assert_null(program_failure(p, &note));
	area_free(area);
}

/* --- listings -------------------------------------------------------------------------------- */

static char *listing(const struct program *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	listing_program(out, p);
	fclose(out);
	return text;
}

static void test_listing(void **state)
{
	struct area *area = area_new();
	struct program *p = program_new(area);
	_cleanup_free_ char *text = NULL, *want = NULL;
	uint64_t path, buf;
	call_id fd, map;

	(void)state;
	path = area_put(area, "/etc/hostname", 14);
	buf = area_reserve(area, 64);
	program_stage(p, STAGE_FILES);
	program_note(p, "a file");
	fd = program_do(p, SYS_openat, IMM(AT_FDCWD), AREA(path), IMM(O_RDONLY | O_CLOEXEC),
			IMM(0));
	program_call(p, SYS_read, RESULT(fd), AREA(buf), IMM(64));
	program_stage(p, STAGE_MAP);
	map = program_call(p, SYS_mmap, IMM(0x10000), IMM(4096), IMM(PROT_READ | PROT_WRITE),
			   IMM(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED), IMM(-1), IMM(0));
	program_want(p, map, 0x10000);
	program_do(p, SYS_mprotect, IMM(0x7f0000000000), IMM(8192), IMM(0));
	program_stage(p, STAGE_LAST);
	program_do(p, SYS_prctl, IMM(PR_SET_DUMPABLE), IMM(1), IMM(0), IMM(0), IMM(0));
	program_op(p, AGENT_STORE, 0, AREA(buf), IMM(0x1234567), IMM(4));
	program_call(p, 9999, IMM(1), IMM(0x123456));
	program_op(p, AGENT_SYSCALL32, 20);
	area_finish(area);

	assert_true(
		asprintf(&want,
			 "    0  map      mmap(0x10000, 4096, PROT_READ|PROT_WRITE, "
			 "MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)  must be 0x10000\n"
			 "    1  map      mprotect(0x7f0000000000, 8192, PROT_NONE)  must succeed\n"
			 "    2  files    openat(AT_FDCWD, \"/etc/hostname\", O_RDONLY|O_CLOEXEC, 0)  "
			 "must succeed  # a file\n"
			 "    3  files    read(result of 2, area+0x%llx, 64)  # a file\n"
			 "    4  last     prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  must succeed\n"
			 "    5  last     store(area+0x%llx, 0x1234567, 4)\n"
			 "    6  last     system call 9999(1, 0x123456)\n"
			 "    7  last     getpid/32()\n",
			 (unsigned long long)buf, (unsigned long long)buf) > 0);
	text = listing(p);
	assert_string_equal(text, want);
	area_free(area);
}

/* Data that lie: texts without an end, offsets outside of the area. */
static void test_listing_of_nonsense(void **state)
{
	struct area *area = area_new();
	struct program *p = program_new(area);
	struct listing l;
	char text[64], tiny[8];
	uint64_t bad;

	(void)state;
	bad = area_put(area, "\001\002", 3);
	program_call(p, SYS_openat, IMM(3), AREA(bad), IMM(O_WRONLY), IMM(0));
	program_call(p, SYS_chdir, AREA(UINT64_MAX - 1));
	area_finish(area);
	l = listing_of_area(area);
	snprintf(text, sizeof(text), "openat(3, area+0x%llx, O_WRONLY, 0)",
		 (unsigned long long)bad);
	assert_string_equal(listing_text((char[80]){ 0 }, 80, &l, &calls_of(p)[0]), text);
	assert_string_equal(listing_text((char[80]){ 0 }, 80, &l, &calls_of(p)[1]),
			    "chdir(area+0xfffffffffffffffe)");
	listing_text(tiny, sizeof(tiny), &l, &calls_of(p)[0]);
	assert_string_equal(tiny, "openat(");
	area_free(area);
}

static void test_names(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(syscall_number("openat", false), SYS_openat);
	assert_int_equal(syscall_number("openat", true), 295);
	assert_int_equal(syscall_number("opnat", false), -1);
	assert_string_equal(syscall_nearest("opnat", false), "openat");
	assert_string_equal(syscall_name(SYS_mmap, false), "mmap");
	assert_string_equal(syscall_name(462, true), "mseal");
	assert_null(syscall_name(9999, false));
	assert_true(symbol_value("MAP_ANONYMOUS", &value));
	assert_int_equal(value, MAP_ANONYMOUS);
	assert_false(symbol_value("MAP_ANONYMUS", &value));
	assert_string_equal(symbol_nearest("MAP_ANONYMUS"), "MAP_ANONYMOUS");
}

/* --- the blob -------------------------------------------------------------------------------- */

struct shared {
	_Atomic uint32_t ended, failed, met;
};

struct stage_run {
	struct area *area;
	struct shared *shared;
	unsigned char *at; /* where the area runs */
	pid_t child;
};

static void run_begin(struct stage_run *r)
{
	r->area = area_new();
	r->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r->shared, MAP_FAILED);
}

/* The child runs the first program and parks; the mapping is shared, so results can be read. */
static void run_go(struct stage_run *r)
{
	const struct timespec tick = { .tv_nsec = 100000000 };
	size_t size;

	/* The place has to be known to tell the counters' offsets, so: a generous one first. */
	r->at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r->at, MAP_FAILED);
	for (size_t i = 0; i < r->area->n_programs; i++) {
		struct agent_program *tmpl = &r->area->programs[i]->tmpl;

		tmpl->end = AGENT_END_PARK;
		tmpl->end_counter = (uint64_t)&r->shared->ended - (uint64_t)r->at;
		tmpl->failed_counter = (uint64_t)&r->shared->failed - (uint64_t)r->at;
	}
	area_finish(r->area);
	size = area_size(r->area);
	assert_true(size <= 1 << 20);
	area_copy(r->area, r->at);
	assert_int_equal(mprotect(r->at, area_code_size(), PROT_READ | PROT_EXEC), 0);
	r->child = fork();
	if (r->child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		((void (*)(void *, void *))r->at)(r->at + r->area->programs[0]->header, r->at);
	}
	for (int i = 0; i < 100 && r->shared->ended < r->area->n_programs && !r->shared->failed;
	     i++)
		syscall(SYS_futex, r->shared->failed ? &r->shared->failed : &r->shared->ended,
			FUTEX_WAIT, r->shared->ended, &tick, NULL, 0);
	memcpy(r->area->data, r->at + area_code_size(), area_data_size(r->area));
}

static void run_end(struct stage_run *r)
{
	int status;

	assert_int_equal(kill(r->child, SIGKILL), 0);
	assert_int_equal(waitpid(r->child, &status, 0), r->child);
	assert_true(WIFSIGNALED(status)); /* parked until then */
	munmap(r->shared, 4096);
	munmap(r->at, 1 << 20);
	area_free(r->area);
}

static void test_run(void **state)
{
	struct stage_run r;
	struct program *p;
	uint64_t path, buf, word;
	call_id pid, parent, fd, got, narrow, wide, bad, six;
	const char *note;

	(void)state;
	run_begin(&r);
	p = program_new(r.area);
	path = area_put(r.area, "/proc/self/comm", 16);
	buf = area_reserve(r.area, 64);
	word = area_put(r.area, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	pid = program_do(p, SYS_getpid, IMM(0));
	parent = program_call(p, SYS_getppid, IMM(0));
	program_want(p, parent, getpid());
	program_do(p, SYS_kill, RESULT(pid), IMM(0));
	fd = program_do(p, SYS_openat, IMM(AT_FDCWD), AREA(path), IMM(O_RDONLY), IMM(0));
	got = program_do(p, SYS_read, RESULT(fd), AREA(buf), IMM(64));
	program_do(p, SYS_close, RESULT(fd));
	program_op(p, AGENT_STORE, 0, AREA(word), IMM(0x11223344), IMM(2));
	narrow = program_op(p, AGENT_LOAD, 0, AREA(word), IMM(1));
	wide = program_op(p, AGENT_LOAD, 0, AREA(word), IMM(8));
	bad = program_op(p, AGENT_LOAD, 0, AREA(word), IMM(3));
	/* The sixth argument arrives: an offset that is no multiple of a page is an error. */
	six = program_call(p, SYS_mmap, IMM(0), IMM(4096), IMM(PROT_READ),
			   IMM(MAP_PRIVATE | MAP_ANONYMOUS), IMM(-1), IMM(1));
	program_op(p, AGENT_POST, 0, IMM(&r.shared->met));
	program_op(p, AGENT_WAIT, 0, IMM(&r.shared->met), IMM(1));
	run_go(&r);

	assert_int_equal(r.shared->ended, 1);
	assert_int_equal(r.shared->failed, 0);
	assert_null(program_failure(p, &note));
	assert_int_equal(program_header(p)->done, p->n);
	assert_int_equal(program_result(p, pid), r.child);
	assert_int_equal(program_result(p, got), strlen("test_agent\n"));
	assert_string_equal(area_data(r.area, buf), "test_agent\n");
	assert_int_equal(program_result(p, narrow), 0x44);
	assert_int_equal(program_result(p, wide), (int64_t)0xffffffffffff3344);
	assert_int_equal(program_result(p, bad), -EINVAL);
	assert_int_equal(program_result(p, six), -EINVAL);
	assert_int_equal(r.shared->met, 1);
	run_end(&r);
}

static void test_run_again(void **state)
{
	const struct agent_call *failed;
	struct stage_run r;
	static const uint64_t words[] = { 7, UINT64_C(1) << 40, 5 };
	uint64_t bytes, table, taken, beyond;
	struct program *p;
	const char *note;
	char text[200];

	(void)state;
	run_begin(&r);
	p = program_new(r.area);
	bytes = area_reserve(r.area, 17);
	table = area_put(r.area, words, sizeof(words));
	taken = area_reserve(r.area, 4 * sizeof(uint64_t));
	beyond = area_reserve(r.area, 8);
	program_op(p, AGENT_STORE, 0, AREA(bytes), IMM(1), IMM(1));
	program_again(p, 15, IMM(1), IMM(1));
	program_op(p, AGENT_STORE, 0, AREA(taken), IMM(9), IMM(8));
	program_again(p, 3, IMM(8), TABLE(table));
	/* The third time, a store of three bytes, is refused. */
	program_op(p, AGENT_STORE, 0, AREA(beyond), IMM(5), IMM(1));
	program_again(p, 7, IMM(0), IMM(1), IMM(1));
	program_do(p, SYS_getpid, IMM(0));
	run_go(&r);

	assert_int_equal(r.shared->failed, 1);
	for (int i = 0; i < 17; i++)
		assert_int_equal(((uint8_t *)area_data(r.area, bytes))[i], i < 16 ? i + 1 : 0);
	assert_int_equal(((uint64_t *)area_data(r.area, taken))[0], 9);
	assert_memory_equal((uint64_t *)area_data(r.area, taken) + 1, words, sizeof(words));
	assert_int_equal(*(uint64_t *)area_data(r.area, beyond), 6);
	failed = program_failure(p, &note);
	assert_non_null(failed);
	assert_int_equal(failed->op, AGENT_AGAIN);
	assert_int_equal(failed->result, -EINVAL);
	assert_int_equal(program_header(p)->done, 6);
	assert_string_equal(listing_text(text, sizeof(text), &(struct listing){}, failed),
			    "again(7 times, raised by 0, 1, 1)");
	run_end(&r);
}

/* The first call that breaks its demand is the last one. */
static void test_run_demands(void **state)
{
	static const struct {
		int nr;
		uint64_t arg;
		bool equal;
		int64_t want;
		bool fails;
	} cases[] = {
		{ SYS_close, 9999, false, 0, true }, /* -EBADF, has to succeed */
		{ SYS_umask, 022, false, 0, false },
		{ SYS_close, 9999, true, -EBADF, false }, /* the failure that was wanted */
		{ SYS_close, 9999, true, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stage_run r;
		struct program *p;
		const struct agent_call *failed;
		const char *note = NULL;
		call_id id;

		run_begin(&r);
		p = program_new(r.area);
		program_note(p, "case %zu", i);
		program_call(p, SYS_close, IMM(9999)); /* any result will do */
		id = program_call(p, cases[i].nr, IMM(cases[i].arg));
		if (cases[i].equal)
			program_want(p, id, cases[i].want);
		else
			program_must(p, id);
		program_op(p, AGENT_POST, 0, IMM(&r.shared->met));
		run_go(&r);
		failed = program_failure(p, &note);
		assert_int_equal(!!failed, cases[i].fails);
		assert_int_equal(r.shared->failed, cases[i].fails);
		assert_int_equal(r.shared->met, !cases[i].fails);
		assert_int_equal(program_header(p)->done, cases[i].fails ? 2 : 3);
		if (failed) {
			assert_int_equal(failed->result, -EBADF);
			assert_true(!strncmp(note, "case ", 5) && (size_t)atoi(note + 5) == i);
		}
		run_end(&r);
	}
}

/* A thread with a program of its own: both end, and both see the same memory. */
static void test_run_thread(void **state)
{
	struct {
		uint64_t field[11];
	} args = { { 0 } }; /* struct clone_args */
	struct stage_run r;
	struct program *p, *second;
	uint64_t word;
	call_id tid, own, seen;

	(void)state;
	run_begin(&r);
	p = program_new(r.area);
	second = program_new(r.area);
	word = area_reserve(r.area, 8);
	/* CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM */
	args.field[0] = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;
	tid = program_op(p, AGENT_THREAD, 0, AREA(area_put(r.area, &args, sizeof(args))),
			 IMM(sizeof(args)), IMM(1));
	program_must(p, tid);
	program_op(p, AGENT_WAIT, 0, IMM(&r.shared->met), IMM(1));
	seen = program_op(p, AGENT_LOAD, 0, AREA(word), IMM(8));
	own = program_do(second, SYS_gettid, IMM(0));
	program_op(second, AGENT_STORE, 0, AREA(word), RESULT(own), IMM(8));
	program_op(second, AGENT_POST, 0, IMM(&r.shared->met));
	run_go(&r);
	assert_int_equal(r.shared->ended, 2);
	assert_int_equal(program_result(p, seen), program_result(second, own));
	assert_int_equal(program_result(p, tid), program_result(second, own));
	assert_int_not_equal(program_result(second, own), r.child);
	run_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_listing_of_nonsense),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_run_again),
		cmocka_unit_test(test_run_demands),
		cmocka_unit_test(test_run_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
