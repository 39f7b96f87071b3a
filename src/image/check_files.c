/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: files.img and what refers to it. All types share one space of ids, but for a tun
 * file, which is a REG and a TUNF entry of one id. */
#include "image/check.h"

#include <inttypes.h>
#include <string.h>

/* The field of file_entry that holds a type's own message. */
static const struct {
	FdTypes type;
	const char *field;
} members[] = {
	{ FD_TYPES__REG, "reg" },	 { FD_TYPES__PIPE, "pipe" },
	{ FD_TYPES__FIFO, "fifo" },	 { FD_TYPES__INETSK, "isk" },
	{ FD_TYPES__UNIXSK, "usk" },	 { FD_TYPES__EVENTFD, "efd" },
	{ FD_TYPES__EVENTPOLL, "epfd" }, { FD_TYPES__INOTIFY, "ify" },
	{ FD_TYPES__SIGNALFD, "sgfd" },	 { FD_TYPES__PACKETSK, "psk" },
	{ FD_TYPES__TTY, "tty" },	 { FD_TYPES__FANOTIFY, "ffy" },
	{ FD_TYPES__NETLINKSK, "nlsk" }, { FD_TYPES__NS, "nsf" },
	{ FD_TYPES__TUNF, "tunf" },	 { FD_TYPES__EXT, "ext" },
	{ FD_TYPES__TIMERFD, "tfd" },	 { FD_TYPES__MEMFD, "memfd" },
	{ FD_TYPES__BPFMAP, "bpf" },	 { FD_TYPES__PIDFD, "pidfd" },
};

static int load_list(struct verify *v, enum image_kind kind, struct hash *h, size_t id_offset,
		     size_t id_size)
{
	void **list;
	size_t n;
	int ret = image_read_all(v->dir, kind, 0, &v->arena, v->err, &list, &n);

	if (ret)
		return ret;
	v->name = image_kind_info(kind)->pattern;
	for (v->entry = 0; v->entry < n; v->entry++) {
		uint64_t id = 0;

		memcpy(&id, (char *)list[v->entry] + id_offset, id_size);
		if (hash_get(h, id))
			return check_fail(v, "id", "%" PRIu64 " is there twice", id);
		hash_put(h, id, list[v->entry]);
	}
	return 0;
}

static bool is_reg(const FileEntry *f)
{
	return f->type == FD_TYPES__REG;
}

/* Only a tun file's two entries may have one id. */
static int load_file(struct verify *v, FileEntry *f)
{
	FileEntry *other = hash_get(&v->files, f->id);
	bool pair = other && (other->type == FD_TYPES__TUNF) != (f->type == FD_TYPES__TUNF) &&
		    (is_reg(other) || is_reg(f));
	FileEntry *reg = !pair ? NULL : is_reg(f) ? f : other;

	if ((other && !pair) || (reg && hash_get(&v->tun_regs, f->id)))
		return check_fail(v, "id", "%u is there twice", f->id);
	if (reg && reg->reg)
		hash_put(&v->tun_regs, f->id, reg->reg);
	if (!other || f->type == FD_TYPES__TUNF)
		hash_put(&v->files, f->id, f);
	return 0;
}

int check_load_files(struct verify *v)
{
	SeccompEntry *seccomp;
	FileEntry **files;
	size_t n;
	int ret = image_read_all(v->dir, IMAGE_FILES, 0, &v->arena, v->err, &files, &n);

	v->name = "files.img";
	v->has_files = !ret && n;
	if (!ret)
		hash_reserve(&v->files, n);
	for (v->entry = 0; !ret && v->entry < n; v->entry++)
		ret = load_file(v, files[v->entry]);
	if (!ret)
		ret = load_list(v, IMAGE_MEMFD_INODE, &v->memfds,
				offsetof(MemfdInodeEntry, inode_id), sizeof(uint64_t));
	if (!ret)
		ret = load_list(v, IMAGE_TTY_INFO, &v->ttys, offsetof(TtyInfoEntry, id),
				sizeof(uint32_t));
	if (!ret)
		ret = image_read_opt(v->dir, IMAGE_SECCOMP, 0, &v->arena, v->err, &seccomp);
	if (!ret && seccomp)
		v->n_filters = seccomp->n_seccomp_filters;
	return ret;
}

static const char *type_name(int type)
{
	return enum_name(&fd_types__descriptor, type) ?: "unknown";
}

int check_file_id(struct verify *v, const char *field, uint64_t id, int type)
{
	const FileEntry *f = hash_get(&v->files, id);

	if (!v->has_files || (type == FD_TYPES__REG && hash_get(&v->tun_regs, id)))
		return 0;
	if (!f)
		return check_fail(v, field, "there is no file %" PRIu64 " in files.img", id);
	if (type >= 0 && (int)f->type != type)
		return check_fail(v, field, "the file %" PRIu64 " is of type %s, not %s", id,
				  type_name(f->type), type_name(type));
	return 0;
}

void check_forget_fds(struct verify *v)
{
	hash_free(&v->fds);
	if (v->fd_bits)
		memset(v->fd_bits, 0, FD_BITS / 8);
}

/* Marks it, and says if it was. */
static bool is_met(struct verify *v, const FdinfoEntry *fd)
{
	uint64_t *word, bit = UINT64_C(1) << fd->fd % 64;
	bool met;

	if (fd->fd >= FD_BITS) {
		met = hash_get(&v->fds, fd->fd);
		hash_put(&v->fds, fd->fd, v);
		return met;
	}
	if (!v->fd_bits)
		v->fd_bits = arena_array(&v->arena, uint64_t, FD_BITS / 64);
	word = &v->fd_bits[fd->fd / 64];
	met = *word & bit;
	*word |= bit;
	return met;
}

int check_fdinfo(struct verify *v, const FdinfoEntry *fd)
{
	if (fd->fd > INT32_MAX)
		return check_fail(v, "fd", "%u is no descriptor", fd->fd);
	if (is_met(v, fd))
		return check_fail(v, "fd", "%u is there twice", fd->fd);
	return check_file_id(v, "id", fd->id, fd->type);
}

/* The own message of a file, or NULL. */
static const ProtobufCMessage *own_message(const FileEntry *file, const char **ret_field)
{
	*ret_field = "type";
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const struct message_field *f;

		if (members[i].type != file->type)
			continue;
		*ret_field = members[i].field;
		f = message_field_by_name(&file_entry__descriptor, members[i].field);
		return *(ProtobufCMessage *const *)((const char *)file + f->offset);
	}
	return NULL;
}

static int check_references(struct verify *v, const FileEntry *file)
{
	switch ((int)file->type) {
	case FD_TYPES__MEMFD:
		if (!hash_get(&v->memfds, file->memfd->inode_id))
			return check_fail(v, "memfd.inode_id", "there is no inode %u in memfd.img",
					  file->memfd->inode_id);
		return 0;
	case FD_TYPES__TTY:
		if (!hash_get(&v->ttys, file->tty->tty_info_id))
			return check_fail(v, "tty.tty_info_id", "there is no %u in tty-info.img",
					  file->tty->tty_info_id);
		return file->tty->has_regf_id
			       ? check_file_id(v, "tty.regf_id", file->tty->regf_id, FD_TYPES__REG)
			       : 0;
	case FD_TYPES__FIFO:
		return file->fifo->has_regf_id ? check_file_id(v, "fifo.regf_id",
							       file->fifo->regf_id, FD_TYPES__REG)
					       : 0;
	case FD_TYPES__REG:
		return file->reg->name[0] == '/' || file->reg->ext
			       ? 0
			       : check_fail(v, "reg.name", "it is no absolute path");
	case FD_TYPES__INETSK:
		if ((file->isk->n_src_addr != 1 && file->isk->n_src_addr != 4) ||
		    (file->isk->n_dst_addr != 1 && file->isk->n_dst_addr != 4))
			return check_fail(v, "isk.src_addr", "an address has 1 or 4 words");
		return 0;
	default:
		return 0;
	}
}

/* Its message is in crtools-files.img. */
static bool is_own_kind(const FileEntry *file)
{
	return (file->type >= FD_TYPES__CRTOOLS_VSOCK && file->type <= FD_TYPES__CRTOOLS_SECRET) ||
	       file->type == FD_TYPES__CRTOOLS_URING;
}

int check_file(struct verify *v, const FileEntry *file)
{
	const char *field;
	const ProtobufCMessage *own = own_message(file, &field);
	const struct message_field *id;
	uint32_t inner;

	if (is_own_kind(file))
		return 0;
	if (!own)
		return check_fail(v, field, "a file of type %s lacks it", type_name(file->type));
	id = message_field(own->descriptor, 1);
	inner = *(const uint32_t *)((const char *)own + id->offset);
	if (inner != file->id)
		return check_fail(v, "id", "it is %u outside and %u in %s", file->id, inner, field);
	return check_references(v, file);
}

int check_remap(struct verify *v, const RemapFilePathEntry *remap)
{
	/* Old images mark a ghost by the highest bit. */
	bool ghost = remap->has_remap_type ? remap->remap_type == REMAP_TYPE__GHOST
					   : remap->remap_id >> 31;
	uint32_t id = remap->has_remap_type ? remap->remap_id : remap->remap_id & INT32_MAX;
	char name[IMAGE_NAME_SIZE];
	int ret = check_file_id(v, "orig_id", remap->orig_id, FD_TYPES__REG);

	if (ret)
		return ret;
	if (ghost && !image_dir_has(v->dir, IMAGE_GHOST_FILE, id))
		return check_fail(v, "remap_id", "there is no image %s",
				  image_kind_file(IMAGE_GHOST_FILE, id, name));
	if (!ghost && (!remap->has_remap_type || remap->remap_type == REMAP_TYPE__LINKED))
		return check_file_id(v, "remap_id", id, FD_TYPES__REG);
	return 0;
}

int check_packet(struct verify *v, const SkPacketEntry *packet)
{
	int ret = check_file_id(v, "id_for", packet->id_for, -1);

	for (size_t i = 0; i < packet->n_scm && !ret; i++)
		for (size_t k = 0; k < packet->scm[i]->n_rights && !ret; k++)
			ret = check_file_id(v, "scm.rights", packet->scm[i]->rights[k], -1);
	return ret;
}

int check_ghost(struct verify *v, const ProtobufCMessage *msg)
{
	const GhostChunkEntry *chunk = (const GhostChunkEntry *)msg;
	const GhostFileEntry *file = (const GhostFileEntry *)msg;

	if (msg->descriptor == &ghost_file_entry__descriptor) {
		/* With chunks, present_pages holds the size for them; see below. */
		v->present_pages = file->has_size ? file->size : UINT64_MAX;
		if (v->present_pages != UINT64_MAX && v->present_pages > INT64_MAX)
			return check_fail(v, "size", "it is larger than a file can be");
		return 0;
	}
	if (chunk->off > INT64_MAX || chunk->len > INT64_MAX ||
	    chunk->off + chunk->len > v->present_pages)
		return check_fail(v, "off", "the chunk ends at %" PRIu64 ", behind the file's end",
				  chunk->off + chunk->len);
	if (chunk->off < v->last_end)
		return check_fail(v, "off", "the chunk at %" PRIu64 " overlaps the one before",
				  chunk->off);
	v->last_end = chunk->off + chunk->len;
	return 0;
}
