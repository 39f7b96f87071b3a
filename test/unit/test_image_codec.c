/* SPDX-License-Identifier: Apache-2.0 */
/* Packing and unpacking of single messages, and hostile ones. */
#include "image_util.h"

#include "image/pack.h"
#include "oracle.h"

static struct arena arena;

static int arena_drop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* Bytes of a message that protobuf-c would write in the same way. */
static uint8_t *pack(const ProtobufCMessage *msg, size_t *ret_len)
{
	struct codec_fault fault;
	uint8_t *data, *theirs;
	struct packed p;

	packed_begin(&p);
	assert_int_equal(codec_pack(msg, &p, &fault), 0);
	*ret_len = packed_len(&p);
	data = malloc(*ret_len + 1);
	memcpy(data, p.data, *ret_len);
	packed_free(&p);
	assert_int_equal(oracle_repack(message_name(msg->descriptor), data, *ret_len, &theirs),
			 *ret_len);
	assert_memory_equal(theirs, data, *ret_len);
	free(theirs);
	return data;
}

static void round_trip(const ProtobufCMessage *msg)
{
	size_t len, again;
	uint8_t *data = pack(msg, &len), *copy;
	struct codec_fault fault;
	ProtobufCMessage *back;

	if (codec_unpack(msg->descriptor, data, len, &arena, NULL, &fault, &back))
		fail_msg("%s: %s at %zu", fault.field, fault.why, fault.offset);
	copy = pack(back, &again);
	assert_int_equal(again, len);
	assert_memory_equal(data, copy, len);
	free(data);
	free(copy);
}

static void expect_field(const char *message, size_t i, const struct message_field *f)
{
	struct oracle_field theirs = oracle_field(message, i);

	assert_string_equal(field_name(f), theirs.name);
	assert_int_equal(f->number, theirs.number);
	assert_int_equal(f->label, theirs.label);
	assert_int_equal(f->kind, theirs.kind);
	assert_int_equal(f->offset, theirs.offset);
	assert_int_equal(f->quantifier, theirs.quantifier);
	if (f->kind == PB_MESSAGE)
		assert_string_equal(message_name(field_message(f)), theirs.type);
	for (int value = -1000; f->kind == PB_ENUM && value < 70000; value++) {
		const char *name = enum_name(field_enum(f), value);
		const char *their_name = oracle_enum_name(message, i, value);

		assert_int_equal(!name, !their_name);
		if (!name)
			continue;
		assert_string_equal(name, their_name);
		assert_int_equal(enum_value_by_name(field_enum(f), name)->number, value);
	}
}

/* Types, fields, enums and first values are those that protobuf-c has. */
static void test_tables(void **state)
{
	uint8_t ours[2048], theirs[2048];

	(void)state;
	for (size_t i = 0; i < n_message_types; i++) {
		const struct message_type *type = &message_types[i];
		const char *name = message_name(type);
		ProtobufCMessage *msg = (void *)ours;

		assert_int_equal(type->size, oracle_size(name));
		assert_int_equal(type->n_fields, oracle_fields(name));
		for (size_t k = 0; k < type->n_fields; k++)
			expect_field(name, k, &message_fields_of(type)[k]);
		for (size_t k = 0; k < type->n_fields; k++) {
			const struct message_field *f = &message_fields_of(type)[k];

			assert_ptr_equal(message_field(type, f->number), f);
			assert_ptr_equal(message_field_by_name(type, field_name(f)), f);
		}
		assert_null(message_field(type, 0));
		assert_null(message_field(type, UINT32_MAX));
		memset(ours, 0xff, sizeof(ours));
		memset(theirs, 0, sizeof(theirs));
		message_init(type, msg);
		oracle_init(name, theirs);
		assert_ptr_equal(msg->descriptor, type);
		msg->descriptor = NULL;
		assert_memory_equal(ours, theirs, type->size);
	}
}

/* Options of a socket that are those of the last one are the same message. */
static void test_same_parts(void **state)
{
	FownEntry fown = FOWN_ENTRY__INIT;
	SkOptsEntry opts = SK_OPTS_ENTRY__INIT;
	InetSkEntry isk = INET_SK_ENTRY__INIT;
	FileEntry file = FILE_ENTRY__INIT, *back[4];
	struct codec_same same = { 0 };
	struct codec_fault fault;

	(void)state;
	file.isk = &isk;
	isk.fown = &fown;
	isk.opts = &opts;
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t *wire;
		size_t len;

		file.id = isk.ino = i;
		opts.so_rcvbuf = i == 2 ? 300 : 200;
		fown.pid = i == 3;
		wire = pack(&file.base, &len);
		assert_int_equal(codec_unpack(&file_entry__descriptor, wire, len, &arena, &same,
					      &fault, (ProtobufCMessage **)&back[i]),
				 0);
		free(wire);
		assert_int_equal(back[i]->isk->ino, i);
		assert_int_equal(back[i]->isk->opts->so_rcvbuf, i == 2 ? 300 : 200);
		assert_int_equal(back[i]->isk->fown->pid, i == 3);
	}
	assert_ptr_equal(back[0]->isk->opts, back[1]->isk->opts);
	assert_ptr_equal(back[0]->isk->fown, back[2]->isk->fown);
	assert_ptr_not_equal(back[0]->isk, back[1]->isk);
}

static void test_scalars(void **state)
{
	VmaEntry vma = VMA_ENTRY__INIT;
	FileLockEntry lock = FILE_LOCK_ENTRY__INIT;
	ThreadCoreEntry thread = THREAD_CORE_ENTRY__INIT;
	uint64_t filter[] = { 1, UINT64_MAX };
	SkOptsEntry opts = SK_OPTS_ENTRY__INIT;
	char big[5000] = ""; /* more than packing begins with */

	(void)state;
	vma.start = UINT64_MAX;
	vma.fd = -1;
	vma.has_madv = 1;
	round_trip(&vma.base);
	vma.fd = INT64_MIN;
	round_trip(&vma.base);
	lock.pid = INT32_MIN;
	lock.start = -5;
	lock.len = INT64_MAX;
	round_trip(&lock.base);
	thread.has_sched_nice = 1;
	thread.sched_nice = -20;
	thread.has_seccomp_mode = 1;
	thread.seccomp_mode = SECCOMP_MODE__filter;
	round_trip(&thread.base);
	opts.n_so_filter = 2;
	opts.so_filter = filter;
	opts.so_bound_dev = (char *)"eth0";
	round_trip(&opts.base);
	memset(big, 'x', sizeof(big) - 1);
	opts.so_bound_dev = big;
	round_trip(&opts.base);
}

static void test_values(void **state)
{
	/* oom_score_adj is an int32: -1000 has ten bytes. */
	static const uint8_t wire[] = { 8,    1,    16,	  0,	24,   0,    32,	  0,
					40,   0,    50,	  1,	'x',  0x70, 0x98, 0xf8,
					0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 };
	struct codec_fault fault;
	TaskCoreEntry *tc;

	(void)state;
	assert_int_equal(codec_unpack(&task_core_entry__descriptor, wire, sizeof(wire), &arena,
				      NULL, &fault, (ProtobufCMessage **)&tc),
			 0);
	assert_true(fault.plain);
	assert_true(tc->has_oom_score_adj);
	assert_int_equal(tc->oom_score_adj, -1000);
	assert_int_equal(tc->task_state, 1);
	assert_string_equal(tc->comm, "x");
	assert_false(tc->has_loginuid);
}

static void test_packed(void **state)
{
	/* pid 1, ppid 0, pgid 1, sid 1, threads [1, 300] packed and then 2 not packed */
	static const uint8_t wire[] = { 8, 1, 16, 0, 24, 1, 32, 1, 42, 3, 1, 0xac, 2, 40, 2 };
	struct codec_fault fault;
	PstreeEntry *p;

	(void)state;
	assert_int_equal(codec_unpack(&pstree_entry__descriptor, wire, sizeof(wire), &arena, NULL,
				      &fault, (ProtobufCMessage **)&p),
			 0);
	assert_false(fault.plain);
	assert_int_equal(p->n_threads, 3);
	assert_int_equal(p->threads[1], 300);
	assert_int_equal(p->threads[2], 2);
}

/* What writers don't write, but may: values of one field apart from each other, a number twice. */
static void test_disorder(void **state)
{
	/* threads 1, sid 1, pid 1, ppid 0, pgid 1, threads 2 and 3, sid 7 */
	static const uint8_t wire[] = { 40, 1, 32, 1, 8, 1, 16, 0, 24, 1, 40, 2, 40, 3, 32, 7 };
	struct codec_fault fault;
	PstreeEntry *p;

	(void)state;
	assert_int_equal(codec_unpack(&pstree_entry__descriptor, wire, sizeof(wire), &arena, NULL,
				      &fault, (ProtobufCMessage **)&p),
			 0);
	assert_int_equal(p->n_threads, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(p->threads[i], i + 1);
	assert_int_equal(p->sid, 7);
}

static void test_unknown_fields(void **state)
{
	/* Fields 100 (number), 101 (bytes) and 102 (64 bits) behind a whole fs_entry. */
	static const uint8_t wire[] = { 8,   1,	   16, 2, 0xa0, 6, 7, 0xaa, 6, 2, 'h',
					'i', 0xb1, 6,  1, 2,	3, 4, 5,    6, 7, 8 };
	struct codec_fault fault;
	ProtobufCMessage *fs;
	uint8_t *out;
	size_t len;

	(void)state;
	assert_int_equal(codec_unpack(&fs_entry__descriptor, wire, sizeof(wire), &arena, NULL,
				      &fault, &fs),
			 0);
	assert_int_equal(fs->n_unknown_fields, 3);
	out = pack(fs, &len);
	assert_int_equal(len, sizeof(wire));
	assert_memory_equal(out, wire, sizeof(wire));
	free(out);
}

static void expect(const struct message_type *desc, const void *wire, size_t len, const char *field,
		   size_t offset, const char *why)
{
	struct codec_fault fault;
	ProtobufCMessage *msg;

	assert_int_equal(codec_unpack(desc, wire, len, &arena, NULL, &fault, &msg), -EINVAL);
	assert_string_equal(fault.field, field);
	assert_int_equal(fault.offset, offset);
	assert_non_null(strstr(fault.why, why));
}

static void test_faults(void **state)
{
	(void)state;
	expect(&fs_entry__descriptor, "\x08\x01", 2, "root_id", 0, "missing");
	/* creds within thread_core, without its ids */
	expect(&thread_core_entry__descriptor, "\x08\0\x10\0\x52\x02\x08\0", 8, "creds.gid", 6,
	       "missing");
	expect(&fs_entry__descriptor, "\x08\x01\x12\x01z", 5, "root_id", 2, "another type");
	expect(&fs_entry__descriptor, "\x08\x01\x10\x80", 4, "root_id", 2, "damaged");
	expect(&fs_entry__descriptor, "\x08\x01\x10\x01\x22\x05z", 7, "", 4, "larger than");
	expect(&utsns_entry__descriptor,
	       "\x0a\x01z\x12\x03"
	       "a\0b",
	       8, "domainname", 3, "zero byte");
	expect(&fs_entry__descriptor, "\x00\x01", 2, "", 0, "out of range");
	expect(&fs_entry__descriptor, "\x0b\x01", 2, "cwd_id", 0, "wire type");
	expect(&pstree_entry__descriptor, "\x08\1\x10\0\x18\1\x20\1\x2a\2\1\x80", 12, "threads", 8,
	       "list");
	expect(&core_entry__descriptor,
	       "\x08\1\x22\x08\x08\1\x10\1\x18\1\x20\1"
	       "\x22\x08\x08\1\x10\1\x18\1\x20\1",
	       22, "ids", 12, "twice");
}

/* Messages that unpack to much more than they are, and ones that nest. */
static void test_bombs(void **state)
{
	size_t n = 4 << 20;
	uint8_t *wire = malloc(n);
	struct codec_fault fault;
	ProtobufCMessage *msg;
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < n; i += 2) {
		wire[i] = 0x12; /* cgroup_entry.controllers, empty */
		wire[i + 1] = 0;
	}
	assert_int_equal(codec_unpack(&cgroup_entry__descriptor, wire, n, &arena, NULL, &fault,
				      &msg),
			 -EINVAL);
	assert_string_equal(fault.field, "controllers");
	assert_non_null(strstr(fault.why, "too much memory"));
	/* apparmor namespaces in namespaces: built from the innermost out, 4-byte lengths */
	for (unsigned depth = 0; depth < 2000; depth++) {
		uint8_t head[] = { 0x0a, 0, 0x1a, 0, 0, 0, 0 };
		size_t whole = len;

		head[3] = (whole & 127) | 128;
		head[4] = (whole >> 7 & 127) | 128;
		head[5] = (whole >> 14 & 127) | 128;
		head[6] = whole >> 21;
		memmove(wire + sizeof(head), wire, len);
		memcpy(wire, head, sizeof(head));
		len += sizeof(head);
	}
	assert_int_equal(codec_unpack(&aa_namespace__descriptor, wire, len, &arena, NULL, &fault,
				      &msg),
			 -EINVAL);
	assert_non_null(strstr(fault.why, "too deep"));
	assert_memory_equal(fault.field, "namespaces.namespaces.", 22);
	free(wire);
}

static void test_check(void **state)
{
	FileEntry f = FILE_ENTRY__INIT;
	RegFileEntry reg = REG_FILE_ENTRY__INIT;
	FownEntry fown = FOWN_ENTRY__INIT;
	struct codec_fault fault;
	struct packed p;

	(void)state;
	packed_begin(&p);
	f.type = FD_TYPES__REG;
	f.reg = &reg;
	reg.fown = &fown;
	assert_int_equal(codec_pack(&f.base, &p, &fault), -EINVAL);
	assert_string_equal(fault.field, "reg.name");
	reg.name = (char *)"/";
	packed_free(&p);
	packed_begin(&p);
	assert_int_equal(codec_pack(&f.base, &p, &fault), 0);
	packed_free(&p);
	assert_int_equal(codec_check_enums(&f.base, &fault), 0);
	f.type = 21;
	assert_int_equal(codec_check_enums(&f.base, &fault), -EINVAL);
	assert_string_equal(fault.field, "type");
}

/* Every message of every golden image: whole, cut at every byte, and with every byte flipped. */
static void damage(const struct message_type *desc, uint8_t *wire, size_t len)
{
	struct codec_fault fault;
	ProtobufCMessage *msg;

	for (size_t i = 0; i < len; i++) {
		uint8_t *cut = malloc(i + 1); /* of this very size, for the sanitizer's sake */

		memcpy(cut, wire, i);
		codec_unpack(desc, cut, i, &arena, NULL, &fault, &msg);
		free(cut);
	}
	for (size_t i = 0; i < len * 8; i++) {
		wire[i / 8] ^= 1 << i % 8;
		if (!codec_unpack(desc, wire, len, &arena, NULL, &fault, &msg)) {
			size_t packed;

			if (fault.plain) /* a promise */
				assert_int_equal(codec_check_enums(msg, &fault), 0);
			free(pack(msg, &packed));
		} else {
			assert_false(fault.plain);
			assert_non_null(fault.why);
			assert_true(fault.offset <= len);
		}
		wire[i / 8] ^= 1 << i % 8;
	}
	arena_free(&arena);
}

static void test_damage(void **state)
{
	static const struct {
		const char *file;
		const struct message_type *desc;
	} images[] = {
		{ "core-5.img", &core_entry__descriptor },
		{ "mm-7.img", &mm_entry__descriptor },
		{ "files.img", &file_entry__descriptor },
		{ "cgroup.img", &cgroup_entry__descriptor },
		{ "netdev-2.img", &net_device_entry__descriptor },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		char path[512];
		uint32_t len;
		char *data;

		snprintf(path, sizeof(path), "%s/test/unit/image/%s", source_root(),
			 images[i].file);
		data = slurp(path, NULL);
		memcpy(&len, data + 8, 4);
		damage(images[i].desc, (uint8_t *)data + 12, len);
		free(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),	       cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_same_parts),     cmocka_unit_test(test_values),
		cmocka_unit_test(test_packed),	       cmocka_unit_test(test_disorder),
		cmocka_unit_test(test_unknown_fields), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_bombs),	       cmocka_unit_test(test_check),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests_name("image_codec", tests, NULL, arena_drop);
}
