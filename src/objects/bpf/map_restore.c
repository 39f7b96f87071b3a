/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF maps at a restore. All descriptions of a map are opened by one task: the first that comes
 * makes the map, fills and freezes it, or finds it still there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "base/log.h"
#include "image/reader.h"
#include "objects/bpf/bpf.h"
#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/registry.h"

#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_NOATIME)

struct map_in {
	const BpfmapFileEntry *e;
	const CrtoolsBpfMap *x; /* NULL: an image of CRIU's */
	struct restore_file *first;
	uint64_t keys_at; /* in the image; the values are behind the keys */
	uint32_t count;
	size_t n, n_open; /* descriptions */
	int fd;		  /* one that reads and writes, until the last is open */
};

struct maps_in {
	struct hash by_id; /* map id + 1 */
	struct map_in **list;
	size_t n;
};

static int corrupt(struct restore *r, const BpfmapFileEntry *e, const char *what)
{
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
		       "files.img: BPF map %u (file %u) has an impossible %s", e->map_id, e->id,
		       what);
}

/* --- check ---------------------------------------------------------------------------------------
 */

static int check_data(struct restore *r, struct map_in *m, const BpfmapDataEntry *e)
{
	uint64_t value_size = bpf_value_size(m->e->map_type, m->e->value_size);

	if (e->count > m->e->max_entries || e->keys_bytes != (uint64_t)e->count * m->e->key_size ||
	    e->values_bytes % (e->count ? e->count : 1) || (!e->count && e->values_bytes))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "bpfmap-data.img: the %u elements of map %u have impossible sizes",
			       e->count, e->map_id);
	if (e->values_bytes != e->count * value_size)
		report_refuse(&r->s->report, 0,
			      arena_printf(restore_arena(r), "BPF map %u", e->map_id),
			      "has a value for each processor of a machine with another number of "
			      "processors",
			      "");
	m->count = e->count;
	return 0;
}

static int read_data(struct restore *r, const struct maps_in *maps)
{
	_cleanup_image_reader_ struct image_reader *reader = NULL;
	int ret = 0;

	if (!image_dir_has(r->s->images, IMAGE_BPFMAP_DATA, 0))
		return 0;
	ret = image_reader_open(r->s->images, IMAGE_BPFMAP_DATA, 0, restore_arena(r),
				restore_err(r), &reader);
	while (ret == 0) {
		ProtobufCMessage *msg;
		uint64_t len, padded;
		struct map_in *m;

		ret = image_read_msg(reader, NULL, restore_err(r), &msg);
		if (ret < 0 || !msg)
			break;
		ret = image_payload_length(reader, msg, restore_err(r), &len, &padded);
		m = hash_get(&maps->by_id, ((BpfmapDataEntry *)msg)->map_id + UINT64_C(1));
		if (ret == 0 && m) {
			m->keys_at = image_reader_offset(reader);
			ret = check_data(r, m, (BpfmapDataEntry *)msg);
		}
		if (ret == 0)
			ret = image_skip_raw(reader, padded, restore_err(r));
	}
	return ret;
}

static struct map_in *add_map(struct restore *r, struct maps_in *maps, struct restore_file *f)
{
	struct map_in *m = arena_new(restore_arena(r), struct map_in);

	*m = (struct map_in){ .e = f->entry->bpf, .first = f, .fd = -1 };
	hash_put(&maps->by_id, m->e->map_id + UINT64_C(1), m);
	arena_push(restore_arena(r), maps->list, maps->n, m);
	return m;
}

/* All maps at once, and what the other image holds for them. */
static int load(struct restore *r)
{
	struct maps_in *maps = arena_new(restore_arena(r), struct maps_in);

	r->priv[SLOT_BPF] = maps;
	session_own_hash(r->s, &maps->by_id);
	for (size_t i = 0; i < r->n_files; i++) {
		struct restore_file *f = r->files[i];
		struct map_in *m;

		if (f->entry->type != FD_TYPES__BPFMAP || !f->entry->bpf)
			continue;
		m = hash_get(&maps->by_id, f->entry->bpf->map_id + UINT64_C(1));
		if (!m)
			m = add_map(r, maps, f);
		m->n++;
		f->priv = m;
	}
	return read_data(r, maps);
}

static bool is_same(const BpfmapFileEntry *a, const BpfmapFileEntry *b)
{
	return a->map_type == b->map_type && a->key_size == b->key_size &&
	       a->value_size == b->value_size && a->max_entries == b->max_entries;
}

static int check_entry(struct restore *r, const struct restore_file *f, const struct map_in *m)
{
	const BpfmapFileEntry *e = f->entry->bpf;

	if (e->id != f->id)
		return corrupt(r, e, "id");
	if (bpf_type_refused(e->map_type, NULL))
		return corrupt(r, e, "map_type");
	if (strlen(e->map_name) >= BPF_OBJ_NAME_LEN)
		return corrupt(r, e, "map_name");
	if (!is_same(e, m->e))
		return corrupt(r, e, "description: others of the map have other sizes");
	return 0;
}

int bpfmap_check(struct restore *r, struct restore_file *f)
{
	const BpfmapFileEntry *e = f->entry->bpf;
	const CrtoolsFileEntry *x = extras_own(r, f->id);
	const char *object;
	struct map_in *m;
	int ret = r->priv[SLOT_BPF] ? 0 : load(r);

	m = f->priv;
	if (ret < 0)
		return ret;
	if (!e || !e->fown || !m)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: file %u is a BPF map without an entry", f->id);
	ret = check_entry(r, f, m);
	if (ret < 0)
		return ret;
	object = arena_printf(restore_arena(r), "BPF map %u (file %u)", e->map_id, f->id);
	if (e->ifindex)
		report_refuse(&r->s->report, 0, object, "is in the memory of a network device", "");
	if (x && x->bpf_map)
		m->x = x->bpf_map;
	if (m->first != f)
		restore_group(r, m->first, f);
	fown_check(r, f, e->fown, object);
	return 0;
}

/* --- open ----------------------------------------------------------------------------------------
 */

static int failed(struct restore_task *t, const struct map_in *m, int ret, const char *what)
{
	return err_set(restore_err(t->r), ERR_KERNEL, -ret, "BPF map %u (%s): can't %s%s",
		       m->e->map_id, m->e->map_name, what,
		       ret == -EPERM ? " (CAP_BPF, or CAP_SYS_ADMIN for one that is opened by its "
				       "id)"
				     : "");
}

/* Somebody else still has it, be it a program of the kernel's. -1: no. */
static int still_there(const struct map_in *m)
{
	_cleanup_fd_ int fd = -1;
	struct bpf_map_info info;
	char boot[40];

	if (!m->x || !m->x->boot_id || boot_id(boot) || strcmp(boot, m->x->boot_id))
		return -1;
	fd = bpf_map_by_id(m->e->map_id, 0);
	if (fd < 0 || bpf_map_info(fd, &info) < 0)
		return -1;
	if (info.type != m->e->map_type || info.key_size != m->e->key_size ||
	    info.value_size != m->e->value_size || info.max_entries != m->e->max_entries ||
	    strncmp(info.name, m->e->map_name, sizeof(info.name)))
		return -1;
	log_info("BPF map %u (%s) is still there, and opened again", m->e->map_id, m->e->map_name);
	return TAKE_FD(fd);
}

static int load_btf(const CrtoolsBpfMap *x)
{
	union bpf_attr attr = { .btf_size = x->btf.len };

	attr.btf = (uintptr_t)x->btf.data;
	return bpf_call(BPF_BTF_LOAD, &attr);
}

static int create(struct restore_task *t, const struct map_in *m)
{
	const BpfmapFileEntry *e = m->e;
	bool typed = m->x && m->x->has_btf;
	_cleanup_fd_ int btf = typed ? load_btf(m->x) : -1;
	union bpf_attr attr = { .map_type = e->map_type,
				.key_size = e->key_size,
				.value_size = e->value_size,
				.max_entries = e->max_entries,
				.map_flags = e->map_flags };
	int fd;

	if (typed && btf < 0)
		return failed(t, m, btf, "load its type information");
	if (e->has_map_extra)
		attr.map_extra = e->map_extra;
	memcpy(attr.map_name, e->map_name, strlen(e->map_name));
	if (typed) {
		attr.btf_fd = btf;
		attr.btf_key_type_id = m->x->btf_key_type;
		attr.btf_value_type_id = m->x->btf_value_type;
	}
	fd = bpf_call(BPF_MAP_CREATE, &attr);
	return fd < 0 ? failed(t, m, fd, "make it") : fd;
}

/* Straight from the image. */
static int fill(struct restore_task *t, const struct map_in *m, int fd)
{
	_cleanup_image_reader_ struct image_reader *reader = NULL;
	uint64_t keys = (uint64_t)m->count * m->e->key_size;
	struct stat st;
	unsigned char *data;
	bool queue;
	int ret;

	if (!m->count)
		return 0;
	ret = image_reader_open(t->r->s->images, IMAGE_BPFMAP_DATA, 0, restore_arena(t->r),
				restore_err(t->r), &reader);
	if (ret < 0)
		return ret;
	if (fstat(image_reader_fd(reader), &st) < 0)
		return failed(t, m, -errno, "examine its image");
	data = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, image_reader_fd(reader), 0);
	if (data == MAP_FAILED)
		return failed(t, m, -errno, "map its image");
	bpf_type_refused(m->e->map_type, &queue);
	ret = queue ? bpf_queue_fill(fd, data + m->keys_at, m->e->value_size, m->count)
		    : bpf_map_fill(fd, data + m->keys_at, data + m->keys_at + keys, m->count);
	munmap(data, st.st_size);
	return ret < 0 ? failed(t, m, ret, "put its elements in") : 0;
}

static int make(struct restore_task *t, struct map_in *m)
{
	union bpf_attr attr = { 0 };
	_cleanup_fd_ int fd = still_there(m);
	int ret = 0;

	if (fd < 0) {
		fd = create(t, m);
		if (fd < 0)
			return fd;
		ret = fill(t, m, fd);
		attr.map_fd = fd;
		if (ret == 0 && m->e->frozen) {
			ret = bpf_call(BPF_MAP_FREEZE, &attr);
			if (ret < 0)
				ret = failed(t, m, ret, "freeze it");
		}
	}
	if (ret < 0)
		return ret;
	m->fd = service_fd(t->r, TAKE_FD(fd));
	return m->fd < 0 ? m->fd : 0;
}

/* One that reads and writes is the maker's own, for which nobody needs a privilege. */
static int open_one(struct restore_task *t, struct map_in *m, uint32_t flags)
{
	uint32_t open_flags = 0;
	struct bpf_map_info info;
	int fd;

	if ((flags & O_ACCMODE) == O_RDONLY)
		open_flags = BPF_F_RDONLY;
	else if ((flags & O_ACCMODE) == O_WRONLY)
		open_flags = BPF_F_WRONLY;
	else if (m->n_open + 1 == m->n)
		return TAKE_FD(m->fd);
	fd = bpf_map_info(m->fd, &info);
	if (fd == 0)
		fd = bpf_map_by_id(info.id, open_flags);
	return fd < 0 ? failed(t, m, fd, "open it once more") : fd;
}

static int set_flags(struct restore_task *t, const struct map_in *m, uint32_t flags, int fd)
{
	int now = fcntl(fd, F_GETFL);

	if (now >= 0 &&
	    fcntl(fd, F_SETFL, (now & ~STATUS_FLAGS) | (int)(flags & STATUS_FLAGS)) == 0)
		return 0;
	return failed(t, m, -errno, "set the flags of a descriptor");
}

int bpfmap_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	struct map_in *m = f->priv;
	int ret = m->n_open ? 0 : make(t, m);
	_cleanup_fd_ int fd = ret < 0 ? ret : open_one(t, m, f->entry->bpf->flags);

	if (fd < 0)
		return fd;
	if (++m->n_open == m->n)
		close_fd(&m->fd);
	ret = set_flags(t, m, f->entry->bpf->flags, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

int bpfmap_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	return fown_attach(t, f, f->entry->bpf->fown, 0, fd);
}
