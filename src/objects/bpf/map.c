/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF maps. The kernel shows how a map was made (BPF_OBJ_GET_INFO_BY_FD) and whether it is frozen
 * (fdinfo); type information (BTF) that it was made with can be read as it was loaded.
 *
 * Several descriptions may be of one map; its id tells. One that can't read gives no contents: they
 * come through another, which is had by the id.
 *
 * A map outlives the tree where a BPF program, a name in a bpf file system or a process outside has
 * it as well: then it is there at the restore, under its id, and a new one would be of no use to
 * them (map_restore.c). Ids are the boot's, and given out in ascending order.
 *
 * Not shown: the NUMA node of BPF_F_NUMA_NODE, and what programs keep in values of the kernel's own
 * (timers, pointers).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "image/writer.h"
#include "objects/bpf/bpf.h"
#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/registry.h"

#define LINK	 "anon_inode:bpf-map"
#define BTF_MAX	 (16u << 20) /* bytes: BTF_MAX_SIZE of the kernel */
#define CLOSE_IT "close it before the dump"

/* dump_file.priv of the first description of a map */
struct map_out {
	const BpfmapFileEntry *e;
	const char *object;
	struct bpf_map_info info;
	int fd; /* one that reads */
};

static bool bpfmap_match(const struct file_probe *p)
{
	return p->fd >= 0 && p->anon && !(p->info.flags & O_PATH) && !strcmp(p->link.path, LINK);
}

static void close_out(void *data)
{
	struct map_out *m = data;

	close_fd(&m->fd);
}

/* Raw BTF, as it was loaded. */
static int read_btf(struct dump *d, uint32_t id, ProtobufCBinaryData *ret)
{
	union bpf_attr by_id = { .btf_id = id };
	_cleanup_fd_ int fd = bpf_call(BPF_BTF_GET_FD_BY_ID, &by_id);
	struct bpf_btf_info info = { 0 };
	union bpf_attr attr = { .info = { .bpf_fd = fd, .info_len = sizeof(info) } };
	int err;

	attr.info.info = (uintptr_t)&info;
	err = fd < 0 ? fd : bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr);
	if (err < 0)
		return err;
	if (info.btf_size > BTF_MAX)
		return -EFBIG;
	ret->len = info.btf_size;
	ret->data = arena_array(dump_arena(d), uint8_t, ret->len);
	memset(&info, 0, sizeof(info));
	info.btf = (uintptr_t)ret->data;
	info.btf_size = ret->len;
	attr.info.info_len = sizeof(info);
	return bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

static void add_own(struct dump *d, const struct file_probe *p, uint32_t id,
		    const struct bpf_map_info *info)
{
	CrtoolsBpfMap *x = arena_msg(dump_arena(d), CrtoolsBpfMap, crtools_bpf_map);
	char boot[40];

	x->has_id = true;
	x->id = id;
	if (boot_id(boot) == 0)
		x->boot_id = arena_strdup(dump_arena(d), boot);
	if (info->btf_id && (info->btf_key_type_id || info->btf_value_type_id)) {
		x->has_btf = read_btf(d, info->btf_id, &x->btf) == 0;
		if (!x->has_btf)
			task_warn(p->task, probe_object(p),
				  "is a BPF map with type information, which can't be read; it is "
				  "lost",
				  "give crtools CAP_SYS_ADMIN");
		x->has_btf_key_type = x->has_btf_value_type = x->has_btf;
		x->btf_key_type = info->btf_key_type_id;
		x->btf_value_type = info->btf_value_type_id;
	}
	extras_add(d)->bpf_map = x;
}

/* An element that stands in front: looking at that takes nothing out. */
static bool has_element(int fd, const struct bpf_map_info *info)
{
	_cleanup_free_ void *value = malloc(info->value_size);
	union bpf_attr attr = { .map_fd = fd, .value = (uintptr_t)value };

	return !value || bpf_call(BPF_MAP_LOOKUP_ELEM, &attr) != -ENOENT;
}

/* The kernel may be older than what reads maps of a type at once. */
static bool is_readable_at_once(int fd)
{
	union bpf_attr attr = { .batch = { .map_fd = fd } };
	int ret = bpf_call(BPF_MAP_LOOKUP_BATCH, &attr);

	return ret == 0 || ret == -EFAULT || ret == -ENOENT;
}

static bool judge(struct dump *d, const struct file_probe *p, const struct bpf_map_info *info,
		  int fd)
{
	bool queue;
	const char *what = bpf_type_refused(info->type, &queue);

	if (what)
		task_refuse(p->task, probe_object(p),
			    arena_printf(dump_arena(d),
					 "is a BPF map %s, whose contents can't be read or set",
					 what),
			    CLOSE_IT);
	else if (info->ifindex)
		task_refuse(p->task, probe_object(p),
			    "is a BPF map in the memory of a network device", CLOSE_IT);
	else if (fd < 0)
		task_refuse(p->task, probe_object(p),
			    "is a BPF map that this descriptor only writes to",
			    "give crtools CAP_SYS_ADMIN, which reads it by its id");
	else if (queue && has_element(fd, info) && !bpf_queue_is_readable(d))
		task_refuse(p->task, probe_object(p),
			    "is a BPF map with elements that can't be read without taking them "
			    "out, but in the kernel's memory (QUEUE, STACK)",
			    "have the program take them before the dump, or dump with "
			    "CAP_SYS_ADMIN, on a kernel with BTF");
	else if (!queue && !is_readable_at_once(fd))
		task_refuse(p->task, probe_object(p),
			    "is a BPF map that this kernel can't read at once",
			    "use Linux 5.16 or later");
	else
		return true;
	return false;
}

static int reader_of(const struct file_probe *p, uint32_t id)
{
	if ((p->info.flags & O_ACCMODE) == O_WRONLY)
		return bpf_map_by_id(id, BPF_F_RDONLY);
	return fcntl(probe_local(p), F_DUPFD_CLOEXEC, 0);
}

static void fill(struct dump *d, BpfmapFileEntry *e, const struct file_probe *p,
		 const struct bpf_map_info *info)
{
	uint64_t memlock = 0, frozen = 0;

	proc_fdinfo_num(&p->info, "memlock", 10, &memlock);
	proc_fdinfo_num(&p->info, "frozen", 10, &frozen);
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->pos = p->info.pos;
	e->map_type = info->type;
	e->key_size = info->key_size;
	e->value_size = info->value_size;
	e->map_id = info->id;
	e->max_entries = info->max_entries;
	e->map_flags = info->map_flags;
	e->memlock = memlock;
	e->frozen = frozen;
	e->map_name = arena_strdup(dump_arena(d), info->name);
	e->ifindex = info->ifindex;
	e->has_map_extra = true;
	e->map_extra = info->map_extra;
}

static struct hash *maps_of(struct dump *d)
{
	struct hash *maps = d->priv[SLOT_BPF];

	if (!maps) {
		maps = d->priv[SLOT_BPF] = arena_new(dump_arena(d), struct hash);
		session_own_hash(d->s, maps);
	}
	return maps;
}

static int bpfmap_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	BpfmapFileEntry *e = arena_msg(dump_arena(d), BpfmapFileEntry, bpfmap_file_entry);
	struct map_out *m = arena_new(dump_arena(d), struct map_out);
	int ret;

	*m = (struct map_out){ .e = e, .object = probe_object(p), .fd = -1 };
	ret = bpf_map_info(probe_local(p), &m->info);
	if (ret < 0)
		return err_set(dump_err(d), ERR_KERNEL, -ret, "can't read how %s was made",
			       m->object);
	f->entry->bpf = e;
	e->id = f->entry->id;
	fill(d, e, p, &m->info);
	if (!hash_get(maps_of(d), e->map_id)) {
		m->fd = reader_of(p, e->map_id);
		undo_push(&d->s->undo, close_out, m);
		hash_put(maps_of(d), e->map_id, m);
		f->priv = m;
		if (judge(d, p, &m->info, m->fd))
			add_own(d, p, e->id, &m->info);
	}
	return fown_collect(d, p, &e->fown);
}

/* --- contents ------------------------------------------------------------------------------------
 */

static int write_elements(struct dump *d, struct image_writer *w, const struct map_out *m)
{
	uint64_t value_size = bpf_value_size(m->info.type, m->info.value_size);
	BpfmapDataEntry *e = arena_msg(dump_arena(d), BpfmapDataEntry, bpfmap_data_entry);
	struct bpf_elements x = { 0 };
	bool queue;
	int ret = 0;

	bpf_type_refused(m->info.type, &queue);
	if (!queue)
		ret = bpf_map_read(m->fd, &m->info, &x);
	else if (has_element(m->fd, &m->info))
		ret = bpf_queue_read(d, m->fd, &m->info, &x);
	e->map_id = m->info.id;
	e->count = x.n;
	e->keys_bytes = x.n * m->info.key_size;
	e->values_bytes = x.n * value_size;
	if (ret < 0)
		err_set(dump_err(d), ERR_KERNEL, -ret, "can't read the elements of %s", m->object);
	else if (x.n * m->info.key_size > UINT32_MAX || x.n * value_size > UINT32_MAX)
		ret = err_set(dump_err(d), ERR_RESOURCE, EFBIG,
			      "%s holds over 4 GiB, for which CRIU's format has no room",
			      m->object);
	else
		ret = image_write_msg(w, &e->base, dump_err(d));
	if (ret == 0 && e->keys_bytes)
		ret = image_write_raw(w, x.keys, e->keys_bytes, dump_err(d));
	if (ret == 0 && x.n)
		ret = image_write_raw(w, x.values, e->values_bytes, dump_err(d));
	free(x.keys);
	free(x.values);
	return ret;
}

/* Those of all maps, with the first. */
static int bpfmap_write(struct dump *d, struct dump_file *f)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	const struct hash *maps = maps_of(d);
	int ret;

	if (!f->priv || hash_get(maps, UINT64_MAX))
		return 0;
	hash_put(maps_of(d), UINT64_MAX, f->priv);
	ret = image_writer_open(d->s->images, IMAGE_BPFMAP_DATA, 0, dump_err(d), &w);
	for (size_t i = 0; ret == 0 && i < d->n_files; i++)
		if (d->files[i]->class == &bpfmap_class && d->files[i]->priv)
			ret = write_elements(d, w, d->files[i]->priv);
	return ret < 0 ? ret : image_writer_close(&w, dump_err(d));
}

const struct file_class bpfmap_class = {
	.name = "BPF map",
	.type = FD_TYPES__BPFMAP,
	.match = bpfmap_match,
	.collect = bpfmap_collect,
	.write = bpfmap_write,
	.check = bpfmap_check,
	.open = bpfmap_open,
	.attach = bpfmap_attach,
};
