/* SPDX-License-Identifier: Apache-2.0 */
/* A set of images: written, committed, aborted, interrupted, read back, damaged. */
#include "image_util.h"

#include <signal.h>
#include <sys/ptrace.h>

#include "base/cleanup.h"
#include "image/pagemap.h"

static void begin_set(struct image_dir **ret_dir, struct err *err)
{
	must(image_dir_create(AT_FDCWD, folder, err, ret_dir), err);
}

static void write_inventory(struct image_dir *dir, struct err *err)
{
	InventoryEntry inventory = INVENTORY_ENTRY__INIT;

	inventory.img_version = 2;
	inventory.dump_criu_run_id = (char *)"0f630790-0e18-4cb7-8ead-7ba9eeb50a1f";
	must(image_write_one(dir, IMAGE_INVENTORY, 0, &inventory, err), err);
}

static void write_fs(struct image_dir *dir, uint64_t key, struct err *err)
{
	FsEntry fs = FS_ENTRY__INIT;

	fs.cwd_id = key;
	must(image_write_one(dir, IMAGE_FS, key, &fs, err), err);
}

static void empty_folder(void)
{
	run("find %s -mindepth 1 -delete", folder);
}

static void test_names(void **state)
{
	static const struct {
		const char *file;
		enum image_kind kind;
		uint64_t key;
	} good[] = {
		{ "inventory.img", IMAGE_INVENTORY, 0 },
		{ "core-1.img", IMAGE_CORE, 1 },
		{ "core-4294967295.img", IMAGE_CORE, UINT32_MAX },
		{ "pagemap-7.img", IMAGE_PAGEMAP, 7 },
		{ "pagemap-shmem-7.img", IMAGE_SHMEM_PAGEMAP, 7 },
		{ "pages-3.img", IMAGE_PAGES, 3 },
		{ "ghost-file-ff.img", IMAGE_GHOST_FILE, 255 },
		{ "tmpfs-dev-64.tar.gz.img", IMAGE_TMPFS_DEV, 64 },
		{ "stats-restore", IMAGE_STATS_RESTORE, 0 },
		{ "crtools-task-9.img", IMAGE_CRTOOLS_TASK, 9 },
		{ "ipcns-var-0.img", IMAGE_IPC_VAR, 0 },
	};
	static const char *const bad[] = {
		"core-.img",
		"core-01.img",
		"core--1.img",
		"core-1.img~",
		"core-1",
		"x",
		"core-18446744073709551616.img",
		"ghost-file-FF.img",
		"../core-1.img",
		"",
		"inventory.img2",
		"core- 1.img",
		"core-+1.img",
		".inventory.img",
	};
	char name[IMAGE_NAME_SIZE];
	enum image_kind kind;
	uint64_t key;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(image_kind_by_file(good[i].file, &kind, &key));
		assert_int_equal(kind, good[i].kind);
		assert_int_equal(key, good[i].key);
		assert_string_equal(image_kind_file(kind, key, name), good[i].file);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(image_kind_by_file(bad[i], &kind, &key));
	/* The longest key of any kind must fit. */
	for (int k = 0; k < IMAGE_KIND_COUNT; k++)
		assert_true(strlen(image_kind_file(k, UINT64_MAX, name)) < IMAGE_NAME_SIZE - 1);
}

static void test_round_trip(void **state)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL, *back = NULL;
	struct arena arena = {};
	struct err err = {};
	FsEntry *fs, *none;
	struct image_file *files;
	size_t count;

	(void)state;
	empty_folder();
	begin_set(&dir, &err);
	write_fs(dir, 5, &err);
	write_inventory(dir, &err);
	assert_int_equal(count_names(), 1); /* the hidden folder alone */
	assert_false(exists("fs-5.img"));
	must(image_dir_commit(dir, IMAGE_SYNC_ALL, &err), &err);
	assert_true(exists("inventory.img") && exists("fs-5.img"));
	assert_int_equal(count_names(), 3); /* and the manifest */
	must(image_dir_open(AT_FDCWD, folder, &err, &back), &err);
	assert_non_null(image_dir_manifest(back));
	must(image_read_one(back, IMAGE_FS, 5, &arena, &err, &fs), &err);
	assert_int_equal(fs->cwd_id, 5);
	must(image_read_opt(back, IMAGE_FS, 6, &arena, &err, &none), &err);
	assert_null(none);
	must(image_dir_list(back, &arena, &err, &files, &count), &err);
	assert_int_equal(count, 3);
	assert_string_equal(files[0].name, "inventory.img");
	assert_int_equal(image_read_one(back, IMAGE_FS, 6, &arena, &err, &fs), -ENOENT);
	assert_int_equal(err.id, ERR_IMAGE_MISSING);
	arena_free(&arena);
}

static void test_empty_list_is_no_file(void **state)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL;
	struct image_writer *w;
	struct err err = {};

	(void)state;
	empty_folder();
	begin_set(&dir, &err);
	must(image_writer_open(dir, IMAGE_FILES, 0, &err, &w), &err);
	must(image_writer_close(&w, &err), &err);
	assert_false(image_dir_has(dir, IMAGE_FILES, 0));
	write_inventory(dir, &err);
	must(image_dir_commit(dir, IMAGE_SYNC_NONE, &err), &err);
	assert_int_equal(count_names(), 2);
}

static void test_abort(void **state)
{
	struct image_dir *dir = NULL;
	struct err err = {};
	int fd;

	(void)state;
	empty_folder();
	begin_set(&dir, &err);
	write_fs(dir, 1, &err);
	write_inventory(dir, &err);
	must(image_dir_commit(dir, IMAGE_SYNC_NONE, &err), &err);
	image_dir_close(dir);
	/* A second dump that fails leaves the first one's set as it was. */
	begin_set(&dir, &err);
	write_fs(dir, 2, &err);
	must(image_dir_create_raw(dir, IMAGE_PAGES, 1, 0, &err, &fd), &err);
	close(fd);
	image_dir_close(dir);
	assert_int_equal(count_names(), 3);
	assert_true(exists("fs-1.img") && !exists("fs-2.img"));
}

static void test_commit_replaces(void **state)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL, *back = NULL;
	struct err err = {};
	char text[32] = {};

	(void)state;
	test_abort(state); /* leaves a set of fs-1 */
	run("echo kept > %s/dump.log; echo x > %s/pages-77.img", folder, folder);
	begin_set(&dir, &err);
	write_fs(dir, 2, &err);
	write_inventory(dir, &err);
	must(image_dir_set_parent(dir, "../before", &err), &err);
	/* A page server in the same directory writes its file meanwhile. */
	run("echo new > %s/pages-65537.img", folder);
	must(image_dir_commit(dir, IMAGE_SYNC_SMALL, &err), &err);
	assert_true(exists("fs-2.img") && exists("dump.log") && exists("pages-65537.img"));
	assert_true(!exists("fs-1.img") && !exists("pages-77.img"));
	assert_int_equal(readlinkat(image_dir_fd(dir), "parent", text, sizeof(text)), 9);
	assert_string_equal(text, "../before");
	must(image_dir_open(AT_FDCWD, folder, &err, &back), &err);
}

static void test_no_inventory(void **state)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL;
	struct err err = {};

	(void)state;
	empty_folder();
	begin_set(&dir, &err);
	write_fs(dir, 2, &err);
	assert_int_equal(image_dir_commit(dir, IMAGE_SYNC_NONE, &err), -EINVAL);
	assert_int_equal(err.id, ERR_INTERNAL);
}

/* A writer that is killed at any instant: the directory never shows an inventory with a part of a
 * set, and the next dump removes what is left. */
static void test_killed_writer(void **state)
{
	struct image_dir *dir = NULL;
	struct err err = {};

	(void)state;
	empty_folder();
	for (unsigned delay = 0; delay < 60; delay++) {
		pid_t pid = fork();
		struct image_dir *seen = NULL;
		struct err open_err = {};
		struct arena arena = {};
		int ret;

		if (!pid) {
			for (unsigned round = 0;; round++) {
				begin_set(&dir, &err);
				for (unsigned i = 0; i < 20; i++)
					write_fs(dir, 1000 + i + round % 2 * 10, &err);
				write_inventory(dir, &err);
				if (image_dir_commit(dir, IMAGE_SYNC_NONE, &err))
					_exit(1);
				image_dir_close(dir);
			}
		}
		usleep(100 + delay * 211);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ret = image_dir_open(AT_FDCWD, folder, &open_err, &seen);
		if (ret)
			assert_int_equal(open_err.id, ERR_IMAGE_MISSING);
		else
			for (size_t i = 0; i < image_dir_manifest(seen)->n_file; i++)
				assert_true(exists(image_dir_manifest(seen)->file[i]->name));
		if (ret)
			assert_false(exists("inventory.img"));
		else
			assert_int_equal(image_dir_manifest(seen)->n_file, 21);
		image_dir_close(seen);
		arena_free(&arena);
	}
	begin_set(&dir, &err);
	write_inventory(dir, &err);
	must(image_dir_commit(dir, IMAGE_SYNC_NONE, &err), &err);
	image_dir_close(dir);
	assert_int_equal(count_names(), 2); /* inventory and manifest, no folder */
}

#define SHARED_NAMES 3 /* of the older and the newer set */

/* A set whose images have their generation in them: fs-4 to fs-9, or fs-7 to fs-12. */
static void write_generation(unsigned generation, struct image_dir **ret_dir, struct err *err)
{
	begin_set(ret_dir, err);
	for (unsigned i = 0; i < 2 * SHARED_NAMES; i++) {
		FsEntry fs = FS_ENTRY__INIT;

		fs.cwd_id = generation;
		must(image_write_one(*ret_dir, IMAGE_FS, 4 + i + generation * SHARED_NAMES, &fs,
				     err),
		     err);
	}
	write_inventory(*ret_dir, err);
}

/* The generation of the set that is in the folder, all of which must be of it; -1: there is none. */
static int whole_generation(void)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL;
	_cleanup_(arena_free) struct arena arena = {};
	struct err err = {};
	int generation = -1;
	FsEntry *fs;

	if (image_dir_open(AT_FDCWD, folder, &err, &dir)) {
		assert_int_equal(err.id, ERR_IMAGE_MISSING);
		assert_false(exists("inventory.img"));
		return -1;
	}
	generation = !image_dir_has(dir, IMAGE_FS, 4);
	for (unsigned key = 4; key < 4 + 3 * SHARED_NAMES; key++) {
		bool own = key >= 4u + generation * SHARED_NAMES &&
			   key < 4u + (generation + 2) * SHARED_NAMES;

		assert_int_equal(image_dir_has(dir, IMAGE_FS, key), own);
		if (!own)
			continue;
		must(image_read_one(dir, IMAGE_FS, key, &arena, &err, &fs), &err);
		assert_int_equal(fs->cwd_id, generation);
	}
	return generation;
}

/* Commits the newer set over the older one, and dies at its nth stop at a system call. Returns
 * whether it came so far. */
static bool commit_until(unsigned nth)
{
	struct image_dir *dir = NULL;
	struct err err = {};
	pid_t pid = fork();
	int status;

	if (!pid) {
		write_generation(1, &dir, &err);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(image_dir_commit(dir, IMAGE_SYNC_NONE, &err) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (unsigned i = 0; i < nth && WIFSTOPPED(status); i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		return true;
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return false;
}

/* A commit over an older set, killed before and after each of its system calls in turn: what is
 * there is the older set, or, from one of the calls on, the newer one, which the reader finishes;
 * never some of both, and never nothing. */
static void test_killed_between_moves(void **state)
{
	unsigned seen[2] = { 0 }, cut = 0, nth;
	int last = 0;
	bool more = true, finish;

	(void)state;
	for (nth = 0; more; nth++) {
		struct image_dir *dir = NULL;
		struct err err = {};
		int found;

		empty_folder();
		write_generation(0, &dir, &err);
		must(image_dir_commit(dir, IMAGE_SYNC_NONE, &err), &err);
		image_dir_close(dir);
		more = commit_until(nth);
		finish = !exists("inventory.img");
		cut += finish;
		found = whole_generation();
		assert_true(found >= last && found < 2);
		last = found;
		seen[found]++;
		if (finish) /* inventory, manifest, images: no folder */
			assert_int_equal(count_names(), 2 + 2 * SHARED_NAMES);
	}
	/* Each image is moved or removed by a system call of its own, of two stops. */
	assert_true(seen[0] > 1 && seen[1] > cut && cut > 2 * 3 * SHARED_NAMES);
	assert_true(nth > 2 * 5 * SHARED_NAMES);
}

/* The folder of a writer that lives stays, and nobody else writes beside it. */
static void test_two_writers(void **state)
{
	_cleanup_image_dir_ struct image_dir *one = NULL, *two = NULL, *seen = NULL;
	struct err err = {}, refused = {};

	(void)state;
	empty_folder();
	begin_set(&one, &err);
	write_inventory(one, &err);
	assert_int_equal(image_dir_create(AT_FDCWD, folder, &refused, &two), -EBUSY);
	assert_int_equal(refused.id, ERR_IMAGE_BUSY);
	assert_int_equal(count_names(), 1);
	must(image_dir_commit(one, IMAGE_SYNC_NONE, &err), &err);
	begin_set(&two, &err);
	write_inventory(two, &err);
	must(image_dir_commit(two, IMAGE_SYNC_NONE, &err), &err);
	assert_int_equal(count_names(), 2);
	/* Nor where somebody reads, until he has done with it. */
	image_dir_close(two);
	two = NULL;
	must(image_dir_hold(AT_FDCWD, folder, &err, &seen), &err);
	refused = (struct err){};
	assert_int_equal(image_dir_create(AT_FDCWD, folder, &refused, &two), -EWOULDBLOCK);
	assert_int_equal(refused.id, ERR_IMAGE_BUSY);
	image_dir_let_go(seen);
	begin_set(&two, &err);
}

/* A move that fails half-way: nothing of the set is left, and no inventory. */
static void test_failed_move(void **state)
{
	struct image_dir *dir = NULL;
	struct err err = {};

	(void)state;
	empty_folder();
	begin_set(&dir, &err);
	write_fs(dir, 1, &err);
	write_fs(dir, 2, &err);
	write_inventory(dir, &err);
	run("mkdir %s/fs-2.img", folder);
	assert_true(image_dir_commit(dir, IMAGE_SYNC_NONE, &err) < 0);
	assert_int_equal(err.id, ERR_IMAGE_WRITE);
	assert_string_equal(err.image, "fs-2.img");
	image_dir_close(dir);
	assert_int_equal(count_names(), 1);
	assert_true(exists("fs-2.img"));
}

static void make_set(void)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL;
	struct err err = {};
	int fd;

	empty_folder();
	begin_set(&dir, &err);
	write_fs(dir, 1, &err);
	must(image_dir_create_raw(dir, IMAGE_PAGES, 1, 0, &err, &fd), &err);
	assert_int_equal(write(fd, folder, 64), 64);
	close(fd);
	write_inventory(dir, &err);
	must(image_dir_commit(dir, IMAGE_SYNC_NONE, &err), &err);
}

static void expect_open(enum err_id id, const char *image)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL;
	struct err err = {};

	assert_true(image_dir_open(AT_FDCWD, folder, &err, &dir) < 0);
	assert_int_equal(err.id, id);
	assert_string_equal(err.image, image);
}

static void test_manifest(void **state)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL;
	struct err err = {};

	(void)state;
	make_set();
	run("truncate -s 63 %s/pages-1.img", folder);
	expect_open(ERR_IMAGE_CORRUPT, "pages-1.img");
	make_set();
	run("rm %s/fs-1.img", folder);
	expect_open(ERR_IMAGE_MISSING, "fs-1.img");
	make_set();
	run("truncate -s 9 %s/crtools-manifest.img", folder);
	expect_open(ERR_IMAGE_CORRUPT, "crtools-manifest.img");
	/* Another inventory: the manifest and our own images are somebody else's remains. */
	make_set();
	run("echo x > %s/crtools-task-1.img", folder);
	{
		static const uint8_t other[] = { 0x16, 0x31, 0x31, 0x58, 2, 0, 0, 0, 8, 2 };
		char path[256];

		snprintf(path, sizeof(path), "%s/inventory.img", folder);
		spit(path, other, sizeof(other));
	}
	run("truncate -s 63 %s/pages-1.img", folder);
	must(image_dir_open(AT_FDCWD, folder, &err, &dir), &err);
	assert_null(image_dir_manifest(dir));
	assert_false(image_dir_has(dir, IMAGE_CRTOOLS_TASK, 1));
}

static void test_versions(void **state)
{
	uint8_t inventory[] = { 0x16, 0x31, 0x31, 0x58, 2, 0, 0, 0, 8, 1 };
	/* fs-3.img without the common word, as version 1 has it */
	static const uint8_t fs[] = { 0x12, 0x39, 0x40, 0x51, 4, 0, 0, 0, 8, 3, 16, 4 };
	_cleanup_image_dir_ struct image_dir *dir = NULL;
	struct arena arena = {};
	struct err err = {};
	char path[256];
	FsEntry *entry;

	(void)state;
	empty_folder();
	snprintf(path, sizeof(path), "%s/fs-3.img", folder);
	spit(path, fs, sizeof(fs));
	snprintf(path, sizeof(path), "%s/inventory.img", folder);
	spit(path, inventory, sizeof(inventory));
	must(image_dir_open(AT_FDCWD, folder, &err, &dir), &err);
	must(image_read_one(dir, IMAGE_FS, 3, &arena, &err, &entry), &err);
	assert_int_equal(entry->root_id, 4);
	for (int version = 0; version < 5; version += version ? 1 : 3) {
		inventory[9] = version;
		spit(path, inventory, sizeof(inventory));
		expect_open(ERR_IMAGE_VERSION, "inventory.img");
	}
	arena_free(&arena);
}

static void test_service(void **state)
{
	StatsEntry stats = STATS_ENTRY__INIT;
	DumpStatsEntry dump = DUMP_STATS_ENTRY__INIT;
	StatsEntry *one[] = { &stats }, **back;
	struct arena arena = {};
	struct err err = {};
	int fd = open(folder, O_RDONLY | O_DIRECTORY);
	size_t n;

	(void)state;
	empty_folder();
	must(image_read_service(fd, IMAGE_STATS_DUMP, &arena, &err, &back, &n), &err);
	assert_int_equal(n, 0);
	stats.dump = &dump;
	for (dump.frozen_time = 7; dump.frozen_time < 9; dump.frozen_time++)
		must(image_write_service(fd, IMAGE_STATS_DUMP, one, 1, &err), &err);
	must(image_read_service(fd, IMAGE_STATS_DUMP, &arena, &err, &back, &n), &err);
	assert_int_equal(n, 1);
	assert_int_equal(back[0]->dump->frozen_time, 8);
	assert_int_equal(count_names(), 1);
	close(fd);
	arena_free(&arena);
}

/* Payload, padding, a borrowed descriptor, and messages larger than the buffer. */
static void test_payload(void **state)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL;
	PipeDataEntry pipe_data = PIPE_DATA_ENTRY__INIT;
	struct arena arena = {};
	struct err err = {};
	struct image_writer *w;
	struct image_reader *r;
	char *data = calloc(1, 200000), *got = malloc(200000);
	ProtobufCMessage *msg;
	uint64_t len, padded;
	int fd;

	(void)state;
	empty_folder();
	memset(data, 'p', 200000);
	begin_set(&dir, &err);
	must(image_writer_open(dir, IMAGE_PIPES_DATA, 0, &err, &w), &err);
	for (uint32_t size = 0; size <= 200000; size += 100000) {
		pipe_data.bytes = size;
		must(image_write_msg(w, &pipe_data.base, &err), &err);
		if (size == 100000) {
			must(image_writer_fd(w, &err, &fd), &err);
			assert_int_equal(write(fd, data, size), size);
		} else {
			must(image_write_raw(w, data, size, &err), &err);
		}
	}
	must(image_writer_close(&w, &err), &err);
	must(image_reader_open(dir, IMAGE_PIPES_DATA, 0, &arena, &err, &r), &err);
	for (uint32_t size = 0; size <= 200000; size += 100000) {
		must(image_read_msg(r, NULL, &err, &msg), &err);
		assert_int_equal(((PipeDataEntry *)msg)->bytes, size);
		must(image_payload_length(r, msg, &err, &len, &padded), &err);
		assert_int_equal(len, size);
		must(image_read_raw(r, got, len, &err), &err);
		assert_memory_equal(got, data, len);
	}
	must(image_read_msg(r, NULL, &err, &msg), &err);
	assert_null(msg);
	image_reader_close(r);
	arena_free(&arena);
	free(data);
	free(got);
}

static void write_stream(struct image_dir *dir, uint64_t key, struct err *err)
{
	TcpStreamEntry stream = TCP_STREAM_ENTRY__INIT;
	struct image_writer *w;
	char data[16];
	int n = snprintf(data, sizeof(data), "<%llu>", (unsigned long long)key);

	stream.inq_len = 1;
	stream.outq_len = n - 1;
	must(image_writer_open(dir, IMAGE_TCP_STREAM, key, err, &w), err);
	must(image_write_msg(w, &stream.base, err), err);
	must(image_write_raw(w, data, n, err), err);
	must(image_writer_close(&w, err), err);
}

static void expect_stream(const struct image_dir *dir, uint64_t key)
{
	struct arena arena = {};
	struct err err = {};
	TcpStreamEntry *stream;
	const char *payload;
	uint64_t len;
	char data[16];
	int n = snprintf(data, sizeof(data), "<%llu>", (unsigned long long)key);

	must(image_read_with_payload(dir, IMAGE_TCP_STREAM, key, &arena, &err, &stream, &payload,
				     &len),
	     &err);
	assert_true(image_is_decoded(dir, IMAGE_TCP_STREAM, key));
	assert_int_equal(stream->outq_len, n - 1);
	assert_int_equal(len, n);
	assert_memory_equal(payload, data, n);
	arena_free(&arena);
}

static void expect_no_stream(const struct image_dir *dir, uint64_t key, const char *name)
{
	struct arena arena = {};
	struct err err = {};
	TcpStreamEntry *stream;
	const char *payload;
	uint64_t len;

	assert_false(image_is_decoded(dir, IMAGE_TCP_STREAM, key));
	assert_int_equal(image_read_with_payload(dir, IMAGE_TCP_STREAM, key, &arena, &err, &stream,
						 &payload, &len),
			 -EINVAL);
	assert_string_equal(err.image, name);
	arena_free(&arena);
}

/* So many that a team reads them: each has its own contents, and a damaged one is told when it is
 * asked for, and no other. */
static void test_many(void **state)
{
	_cleanup_image_dir_ struct image_dir *dir = NULL, *back = NULL;
	struct arena arena = {};
	struct err err = {};
	FsEntry *fs;

	(void)state;
	empty_folder();
	begin_set(&dir, &err);
	for (uint64_t key = 1; key <= 300; key++) {
		write_fs(dir, key, &err);
		write_stream(dir, key, &err);
	}
	write_inventory(dir, &err);
	must(image_dir_commit(dir, IMAGE_SYNC_NONE, &err), &err);
	run("cd %s; rm crtools-manifest.img; truncate -s -1 fs-150.img tcp-stream-a0.img;"
	    " printf x >> tcp-stream-a1.img",
	    folder);
	must(image_dir_open(AT_FDCWD, folder, &err, &back), &err);
	for (uint64_t key = 1; key <= 300; key++) {
		if (key == 150)
			continue;
		must(image_read_one(back, IMAGE_FS, key, &arena, &err, &fs), &err);
		assert_int_equal(fs->cwd_id, key);
		assert_true(image_is_decoded(back, IMAGE_FS, key));
		if (key != 0xa0 && key != 0xa1)
			expect_stream(back, key);
	}
	assert_int_equal(image_read_one(back, IMAGE_FS, 150, &arena, &err, &fs), -EINVAL);
	assert_string_equal(err.image, "fs-150.img");
	expect_no_stream(back, 0xa0, "tcp-stream-a0.img");
	assert_false(image_is_decoded(back, IMAGE_TCP_STREAM, 0xa1));
	arena_free(&arena);
}

/* An image cut at every byte gives an error that names it, or fewer entries. */
static void test_cut(void **state)
{
	struct arena arena = {};
	FsEntry *fs;
	char path[256];
	size_t len;
	char *data;

	(void)state;
	make_set();
	snprintf(path, sizeof(path), "%s/crtools-manifest.img", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/fs-1.img", folder);
	data = slurp(path, &len);
	for (size_t i = 0; i < len; i++) {
		_cleanup_image_dir_ struct image_dir *dir = NULL;
		struct err err = {}, first = {};

		spit(path, data, i);
		must(image_dir_open(AT_FDCWD, folder, &first, &dir), &first);
		assert_int_equal(image_read_one(dir, IMAGE_FS, 1, &arena, &err, &fs), -EINVAL);
		assert_int_equal(err.id, ERR_IMAGE_CORRUPT);
		assert_string_equal(err.image, "fs-1.img");
	}
	free(data);
	arena_free(&arena);
}

static size_t read_image(const char *name, char *data, size_t room)
{
	int dir_fd = open(folder, O_RDONLY | O_DIRECTORY);
	int fd = openat(dir_fd, name, O_RDONLY);
	ssize_t n = read(fd, data, room);

	assert_true(n > 0);
	close(fd);
	close(dir_fd);
	return n;
}

static void write_ranges(struct image_dir *dir, uint64_t key, bool by_codec,
			 const struct pagemap_range *ranges, size_t n, struct err *err)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	PagemapHead head = PAGEMAP_HEAD__INIT;

	must(image_writer_open(dir, IMAGE_PAGEMAP, key, err, &w), err);
	head.pages_id = 1;
	must(image_write_msg(w, &head.base, err), err);
	for (size_t i = 0; i < n; i++) {
		PagemapEntry e = PAGEMAP_ENTRY__INIT;

		if (!by_codec) {
			must(image_write_range(w, &ranges[i], err), err);
			continue;
		}
		e.vaddr = ranges[i].start;
		e.compat_nr_pages = ranges[i].pages <= UINT32_MAX ? ranges[i].pages : 0;
		e.has_nr_pages = e.has_flags = true;
		e.nr_pages = ranges[i].pages;
		e.flags = ranges[i].flags;
		must(image_write_msg(w, &e.base, err), err);
	}
	must(image_writer_close(&w, err), err);
}

/* Entries written by hand are, byte for byte, what the codec writes. */
static void test_pagemap(void **state)
{
	static const struct pagemap_range ranges[] = {
		{ 0, 0, 0 },
		{ 0x1000, 1, 4 },
		{ 0x7f, 0x7f, 0x7f },
		{ 0x80, 0x80, 0x80 },
		{ 0x7ffffffff000, UINT32_MAX, 12 },
		{ 0xfffffffff000, UINT64_C(1) << 32, UINT32_MAX },
		{ UINT64_MAX, UINT64_MAX, 1 },
	};
	const size_t n = sizeof(ranges) / sizeof(ranges[0]);
	_cleanup_image_dir_ struct image_dir *dir = NULL, *back = NULL;
	const struct pagemap_image *p;
	char hand[1024], codec[1024];
	struct arena arena = {};
	struct err err = {};
	size_t len;

	(void)state;
	empty_folder();
	begin_set(&dir, &err);
	write_ranges(dir, 1, false, ranges, n, &err);
	write_ranges(dir, 2, true, ranges, n, &err);
	write_inventory(dir, &err);
	must(image_dir_commit(dir, IMAGE_SYNC_ALL, &err), &err);
	len = read_image("pagemap-1.img", hand, sizeof(hand));
	assert_int_equal(read_image("pagemap-2.img", codec, sizeof(codec)), len);
	assert_memory_equal(hand, codec, len);
	must(image_dir_open(AT_FDCWD, folder, &err, &back), &err);
	must(image_read_pagemap(back, IMAGE_PAGEMAP, 1, &arena, &err, &p), &err);
	assert_int_equal(p->n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(p->ranges[i].start, ranges[i].start);
		assert_int_equal(p->ranges[i].pages, ranges[i].pages);
		assert_int_equal(p->ranges[i].flags, ranges[i].flags);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_empty_list_is_no_file),
		cmocka_unit_test(test_commit_replaces),
		cmocka_unit_test(test_no_inventory),
		cmocka_unit_test(test_killed_writer),
		cmocka_unit_test(test_killed_between_moves),
		cmocka_unit_test(test_two_writers),
		cmocka_unit_test(test_failed_move),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_pagemap),
	};

	return cmocka_run_group_tests_name("image_set", tests, folder_make, folder_remove);
}
