/* SPDX-License-Identifier: Apache-2.0 */
/* Sets that don't fit together are refused, with the file and the field; those of CRIU are not. */
#include "image_util.h"

#include "image/pack.h"

static char set[128];
static uint64_t root_pid;

/* Rewrites an image of the set with what edit makes of its messages. */
static void rewrite(enum image_kind kind, uint64_t key, void (*edit)(void *first, void *second))
{
	const struct image_kind_info *info = image_kind_info(kind);
	struct image_dir *dir = NULL;
	char name[IMAGE_NAME_SIZE], path[256];
	ProtobufCMessage **msgs;
	struct arena arena = {};
	struct err err = {};
	size_t n;
	int fd;

	must(image_dir_open(AT_FDCWD, set, &err, &dir), &err);
	must(image_read_all(dir, kind, key, &arena, &err, &msgs, &n), &err);
	assert_true(n > 0);
	edit(msgs[0], n > 1 ? msgs[1] : NULL);
	snprintf(path, sizeof(path), "%s/%s", set, image_kind_file(kind, key, name));
	fd = open(path, O_WRONLY | O_TRUNC);
	write_full(fd, &info->magic1, 4);
	if (info->magic2)
		write_full(fd, &info->magic2, 4);
	for (size_t i = 0; i < n; i++) {
		struct codec_fault fault;
		struct packed p;
		uint32_t len;

		packed_begin(&p);
		assert_int_equal(codec_pack(msgs[i], &p, &fault), 0);
		len = packed_len(&p);
		write_full(fd, &len, 4);
		write_full(fd, p.data, len);
		packed_free(&p);
	}
	close(fd);
	image_dir_close(dir);
	arena_free(&arena);
}

static void fresh_set(const char *name)
{
	run("rm -rf %s/set && cp -r %s/%s %s/set", folder, folder, name, folder);
	snprintf(set, sizeof(set), "%s/set", folder);
}

static void expect(const char *image, const char *text)
{
	struct image_dir *dir = NULL;
	struct err err = {};
	int ret = image_dir_open(AT_FDCWD, set, &err, &dir);

	if (!ret)
		ret = image_verify(dir, &err);
	if (!text) {
		must(ret, &err);
	} else {
		assert_true(ret < 0);
		if (!strstr(err.text, text) || (image && strncmp(err.image, image, strlen(image))))
			fail_msg("%s: %s, not %s: %s", err.image, err.text, image, text);
	}
	image_dir_close(dir);
}

static void second_root(void *a, void *b)
{
	PstreeEntry *p = a;

	(void)b;
	p->ppid = p->pid;
}

static void odd_parent(void *a, void *b)
{
	(void)b;
	((PstreeEntry *)a)->ppid = 99999;
}

static void no_leader(void *a, void *b)
{
	(void)b;
	((PstreeEntry *)a)->threads[0]++;
}

static void wrong_type(void *a, void *b)
{
	(void)b;
	((FdinfoEntry *)a)->type = FD_TYPES__PIPE;
}

static void wrong_enum(void *a, void *b)
{
	(void)b;
	((FdinfoEntry *)a)->type = 999;
}

static void no_file(void *a, void *b)
{
	(void)b;
	((FdinfoEntry *)a)->id = 777777;
}

static void same_fd(void *a, void *b)
{
	((FdinfoEntry *)b)->fd = ((FdinfoEntry *)a)->fd;
}

static void wrong_cwd(void *a, void *b)
{
	(void)b;
	((FsEntry *)a)->cwd_id = 777777;
}

static void wrong_exe(void *a, void *b)
{
	(void)b;
	((MmEntry *)a)->exe_file_id = 0;
}

static void overlap(void *a, void *b)
{
	MmEntry *mm = a;

	(void)b;
	mm->vmas[1]->start = mm->vmas[0]->start;
}

static void odd_area(void *a, void *b)
{
	(void)b;
	((MmEntry *)a)->vmas[0]->end++;
}

static void more_pages(void *a, void *b)
{
	(void)a;
	((PagemapEntry *)b)->nr_pages++;
}

static void huge_pages(void *a, void *b)
{
	(void)a;
	((PagemapEntry *)b)->nr_pages = UINT64_MAX / 4096 + 2;
}

static void in_parent(void *a, void *b)
{
	(void)a;
	((PagemapEntry *)b)->flags = 1;
}

static void odd_flags(void *a, void *b)
{
	(void)a;
	((PagemapEntry *)b)->flags |= 64;
}

static void inner_id(void *a, void *b)
{
	(void)b;
	((FileEntry *)a)->id += 100000;
}

static void no_message(void *a, void *b)
{
	(void)b;
	((FileEntry *)a)->reg = NULL;
}

static void odd_state(void *a, void *b)
{
	(void)b;
	((CoreEntry *)a)->tc->task_state = 9;
}

static void no_registers(void *a, void *b)
{
	(void)b;
	((CoreEntry *)a)->thread_info = NULL;
}

static void odd_filter(void *a, void *b)
{
	ThreadCoreEntry *t = ((CoreEntry *)a)->thread_core;

	(void)b;
	t->has_seccomp_mode = t->has_seccomp_filter = 1;
	t->seccomp_mode = SECCOMP_MODE__filter;
	t->seccomp_filter = 3;
}

static void old_inventory(void *a, void *b)
{
	(void)b;
	((InventoryEntry *)a)->fdinfo_per_id = 0;
}

static const struct {
	enum image_kind kind;
	void (*edit)(void *first, void *second);
	const char *image, *text;
} cases[] = {
	{ IMAGE_PSTREE, second_root, "pstree.img", "field ppid" },
	{ IMAGE_PSTREE, odd_parent, "pstree.img", "field ppid" },
	{ IMAGE_PSTREE, no_leader, "pstree.img", "field threads" },
	{ IMAGE_FDINFO, wrong_type, "fdinfo-", "entry 0, field id" },
	{ IMAGE_FDINFO, wrong_enum, "fdinfo-", "entry 0, field type" },
	{ IMAGE_FDINFO, no_file, "fdinfo-", "there is no file 777777" },
	{ IMAGE_FDINFO, same_fd, "fdinfo-", "entry 1, field fd" },
	{ IMAGE_FS, wrong_cwd, "fs-", "field cwd_id" },
	{ IMAGE_MM, wrong_exe, "mm-", "field exe_file_id" },
	{ IMAGE_MM, overlap, "mm-", "field vmas.start" },
	{ IMAGE_MM, odd_area, "mm-", "field vmas.start" },
	{ IMAGE_PAGEMAP, more_pages, NULL, "" },
	{ IMAGE_PAGEMAP, huge_pages, "pagemap-", "field nr_pages" },
	{ IMAGE_PAGEMAP, in_parent, "pagemap-", "no parent" },
	{ IMAGE_PAGEMAP, odd_flags, "pagemap-", "field flags" },
	{ IMAGE_FILES, inner_id, "files.img", "entry 0, field id" },
	{ IMAGE_FILES, no_message, "files.img", "entry 0, field reg" },
	{ IMAGE_CORE, odd_state, "core-", "tc.task_state" },
	{ IMAGE_CORE, no_registers, "core-", "thread_info" },
	{ IMAGE_CORE, odd_filter, "core-", "thread_core.seccomp_filter" },
	{ IMAGE_INVENTORY, old_inventory, "inventory.img", "fdinfo_per_id" },
};

/* The key of the only image of a kind in the set simple. */
static uint64_t key_of(enum image_kind kind)
{
	struct image_dir *dir = NULL;
	struct image_file *files;
	struct arena arena = {};
	struct err err = {};
	uint64_t key = 0;
	size_t n;

	must(image_dir_open(AT_FDCWD, set, &err, &dir), &err);
	must(image_dir_list(dir, &arena, &err, &files, &n), &err);
	for (size_t i = 0; i < n; i++)
		if (files[i].kind == kind)
			key = files[i].key;
	image_dir_close(dir);
	arena_free(&arena);
	return key;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fresh_set("simple");
		rewrite(cases[i].kind, key_of(cases[i].kind), cases[i].edit);
		expect(cases[i].image, cases[i].text);
	}
}

static void test_missing(void **state)
{
	static const char *const names[] = { "pstree.img",  "core-%u.img", "mm-%u.img",
					     "fs-%u.img",   "ids-%u.img",  "pagemap-%u.img",
					     "pages-1.img", "files.img" };

	(void)state;
	fresh_set("simple");
	root_pid = key_of(IMAGE_MM);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char name[64];

		fresh_set("simple");
		snprintf(name, sizeof(name), names[i], (unsigned)root_pid);
		run("rm %s/%s", set, name);
		/* Without files.img the files are those of old versions' images. */
		if (strcmp(name, "files.img"))
			expect(NULL, "is missing");
	}
	fresh_set("simple");
	run("truncate -s -1 %s/pages-1.img", set);
	expect("pages-1.img", "bytes");
	fresh_set("simple");
	run("printf xx >> %s/fs-%u.img", set, (unsigned)root_pid);
	expect("fs-", "length of entry 1");
}

/* A connection's image ends with its queues. */
static void test_stream(void **state)
{
	static const uint8_t stream[] = {
		0x19, 0x43, 0x56, 0x54, 0x06, 0x55, 0x46, 0x51, 14, 0,	0, 0,	8,   1,	  16,
		1,    24,   1,	  32,	1,    40,   0,	  48,	0,  56, 0, 'i', 'o', 'x', 'x'
	};
	char path[256];

	(void)state;
	fresh_set("simple");
	snprintf(path, sizeof(path), "%s/tcp-stream-9.img", set);
	spit(path, stream, sizeof(stream) - 2);
	expect(NULL, NULL);
	spit(path, stream, sizeof(stream) - 3);
	expect("tcp-stream-9.img", "should have 2 bytes");
	spit(path, stream, sizeof(stream));
	expect("tcp-stream-9.img", "length of entry 1");
}

static void test_golden(void **state)
{
	char names[16][64];
	unsigned n;

	(void)state;
	n = unpack_golden(names, 16);
	assert_true(n >= 3);
	for (unsigned i = 0; i < n; i++) {
		snprintf(set, sizeof(set), "%s/%.60s", folder, names[i]);
		expect(NULL, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden), /* unpacks what the others use */
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_stream),
	};

	return cmocka_run_group_tests_name("image_verify", tests, folder_make, folder_remove);
}
