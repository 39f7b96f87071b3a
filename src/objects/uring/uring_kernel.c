/* SPDX-License-Identifier: Apache-2.0 */
/* See uring_kernel.h. */
#include "objects/uring/uring_kernel.h"

#include <errno.h>

#include "base/cleanup.h"

#define FDS_MAX (1u << 20)

static const char *const members[] = {
#define MEMBER(id, member) member,
	URING_PLACES(MEMBER, MEMBER)
#undef MEMBER
};

static const bool needed[] = {
#define NEEDED(id, member)   true,
#define OPTIONAL(id, member) false,
	URING_PLACES(NEEDED, OPTIONAL)
#undef NEEDED
#undef OPTIONAL
};

/* Bits of a request's flags; a kernel that has no such bit has no such request. */
static uint64_t flag(struct btf *b, const char *name)
{
	int bit = btf_enumerator(b, name);

	return bit >= 0 && bit < 64 ? UINT64_C(1) << bit : 0;
}

static uint32_t constant(struct btf *b, const char *name)
{
	int value = btf_enumerator(b, name);

	return value > 0 ? (uint32_t)value : 0;
}

static int find_places(struct uring_kernel *k, struct btf *b)
{
	btf_offsets(b, members, ARRAY_SIZE(members), k->at);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (k->at[i] < 0 && needed[i])
			return k->at[i];
	if (k->at[PLACE_TIME_SPEC] < 0 && k->at[PLACE_TIME_PERIOD] < 0)
		return -ENOENT;
	k->request_size = btf_size(b, "io_kiocb");
	k->bucket_size = btf_size(b, "io_hash_bucket");
	k->upid_size = btf_size(b, "upid");
	k->group_size = btf_size(b, "io_buffer_list");
	k->slots = (btf_offset(b, "xa_node.marks") - k->at[PLACE_XA_SLOTS]) / (int)sizeof(uint64_t);
	k->group_is_ring = constant(b, "IOBL_BUF_RING");
	k->group_inc = constant(b, "IOBL_INC");
	k->region_user = constant(b, "IO_REGION_F_USER_PROVIDED");
	k->refused = flag(b, "REQ_F_BUFFER_SELECTED_BIT") | flag(b, "REQ_F_BUFFER_RING_BIT") |
		     flag(b, "REQ_F_PARTIAL_IO_BIT") | flag(b, "REQ_F_FAIL_BIT");
	k->creds = flag(b, "REQ_F_CREDS_BIT");
	k->pieces_one = btf_enumerator(b, "ITER_UBUF");
	k->pieces_list = btf_enumerator(b, "ITER_IOVEC");
	return k->request_size < 0 || k->bucket_size < 0 || k->upid_size < 0 ? -ENOENT : 0;
}

static int open_it(struct dump *d, struct uring_kernel *k)
{
	struct inside *inside;
	int ret = inside_open(d, &inside);

	if (ret < 0)
		return ret;
	k->memory = &inside->memory;
	k->has_pages = inside_pages(inside);
	ret = find_places(k, inside->types);
	if (ret == 0)
		ret = kmem_read(k->memory,
				kmem_pointer(k->memory, kmem_current(k->memory),
					     k->at[PLACE_TASK_PID]) +
					k->at[PLACE_PID_LEVEL],
				&k->level, sizeof(k->level));
	return ret;
}

struct uring_kernel *uring_kernel(struct dump *d)
{
	struct uring_dump *x = uring_dump_of(d);

	if (!x->kernel) {
		x->kernel = arena_new(dump_arena(d), struct uring_kernel);
		*x->kernel = (struct uring_kernel){ 0 };
	}
	if (!x->kernel->state) {
		int ret = open_it(d, x->kernel);

		x->kernel->state = ret < 0 ? ret : 1;
	}
	return x->kernel->state > 0 ? x->kernel : NULL;
}

int uring_kernel_fds(struct dump *d, const struct uring_kernel *k, uint64_t task, uint64_t **ret,
		     uint32_t *ret_n)
{
	struct kmem *m = k->memory;
	uint64_t table = kmem_pointer(m, kmem_pointer(m, task, k->at[PLACE_TASK_FILES]),
				      k->at[PLACE_FILES_TABLE]);
	uint64_t *files;
	uint32_t n = 0;

	if (!table || kmem_read(m, table + k->at[PLACE_FDS_MAX], &n, sizeof(n)) < 0 || !n ||
	    n > FDS_MAX)
		return -EIO;
	files = arena_array(dump_arena(d), uint64_t, n);
	if (kmem_read(m, kmem_pointer(m, table, k->at[PLACE_FDS]), files, n * sizeof(*files)) < 0)
		return -EIO;
	*ret = files;
	*ret_n = n;
	return 0;
}
