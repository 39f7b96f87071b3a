/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a whole set. First what others refer to is loaded (tree, files, memfds, terminals),
 * then every image is read from its first byte to its last, and each entry is held against what its
 * kind demands. Nothing here trusts a count or an id.
 */
#include "image/verify.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/cleanup.h"
#include "image/check.h"
#include "image/codec.h"

#define SMALL_IMAGE (64 * 1024)

int check_fail(struct verify *v, const char *field, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return image_corrupt(v->err, v->name, "entry %u, field %s: %s", v->entry, field, text);
}

static int check_inventory(struct verify *v, const InventoryEntry *inventory)
{
	if (!inventory->fdinfo_per_id)
		return check_fail(v, "fdinfo_per_id", "it is not set, the images are too old");
	if (!inventory->root_ids)
		return check_fail(v, "root_ids", "it is missing");
	if (inventory->has_root_cg_set && !inventory->root_cg_set)
		return check_fail(v, "root_cg_set", "it is 0");
	return 0;
}

/* A filter's prev leads on to the next newer one, so chains may join but must end: each filter is
 * followed until one that is known to end. */
static int check_chains(struct verify *v, const SeccompEntry *seccomp)
{
	size_t n = seccomp->n_seccomp_filters;
	uint32_t *seen = arena_array(&v->arena, uint32_t, n); /* the walk that met it, from 1 */

	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		while (!seen[at]) {
			seen[at] = i + 1;
			if (!seccomp->seccomp_filters[at]->has_prev)
				break;
			at = seccomp->seccomp_filters[at]->prev;
			if (seen[at] == i + 1)
				return check_fail(v, "seccomp_filters.prev",
						  "filter %zu is in a ring", at);
		}
	}
	return 0;
}

static int check_seccomp(struct verify *v, const SeccompEntry *seccomp)
{
	for (size_t i = 0; i < seccomp->n_seccomp_filters; i++) {
		const SeccompFilter *f = seccomp->seccomp_filters[i];

		if (!f->filter.len || f->filter.len % 8)
			return check_fail(v, "seccomp_filters.filter",
					  "filter %zu has %zu bytes, no whole instructions", i,
					  f->filter.len);
		if (f->has_prev && f->prev >= seccomp->n_seccomp_filters)
			return check_fail(v, "seccomp_filters.prev",
					  "filter %zu is followed by %u, there are %zu", i, f->prev,
					  seccomp->n_seccomp_filters);
	}
	return check_chains(v, seccomp);
}

static int check_entry(struct verify *v, const ProtobufCMessage *msg)
{
	struct codec_fault fault;

	if (!v->plain && codec_check_enums(msg, &fault))
		return check_fail(v, fault.field, "%s", fault.why);
	switch ((int)v->kind) {
	case IMAGE_INVENTORY:
		return check_inventory(v, (const InventoryEntry *)msg);
	case IMAGE_CORE:
		return check_core(v, (const CoreEntry *)msg);
	case IMAGE_MM:
		return check_mm(v, (const MmEntry *)msg);
	case IMAGE_FS:
		if (check_file_id(v, "cwd_id", ((const FsEntry *)msg)->cwd_id, FD_TYPES__REG))
			return -EINVAL;
		return check_file_id(v, "root_id", ((const FsEntry *)msg)->root_id, FD_TYPES__REG);
	case IMAGE_FDINFO:
		return check_fdinfo(v, (const FdinfoEntry *)msg);
	case IMAGE_FILES:
		return check_file(v, (const FileEntry *)msg);
	case IMAGE_REMAP_FPATH:
		return check_remap(v, (const RemapFilePathEntry *)msg);
	case IMAGE_SK_QUEUES:
		return check_packet(v, (const SkPacketEntry *)msg);
	case IMAGE_GHOST_FILE:
		return check_ghost(v, msg);
	case IMAGE_SECCOMP:
		return check_seccomp(v, (const SeccompEntry *)msg);
	default:
		return 0;
	}
}

static int check_payload(struct verify *v, struct image_reader *r, const ProtobufCMessage *msg)
{
	uint64_t len, padded;
	int ret = image_payload_length(r, msg, v->err, &len, &padded);

	if (!ret)
		ret = image_skip_raw(r, padded, v->err);
	if (ret || image_kind_info(v->kind)->payload != PAYLOAD_MSG)
		return ret;
	for (uint32_t i = 0; i < ((const IpcMsgEntry *)msg)->qnum; i++) {
		ProtobufCMessage *queued;

		ret = image_read_msg(r, &ipc_msg__descriptor, v->err, &queued);
		if (!ret && !queued)
			ret = check_fail(v, "qnum", "the file ends after %u messages", i);
		if (!ret)
			ret = image_payload_length(r, queued, v->err, &len, &padded);
		if (!ret)
			ret = image_skip_raw(r, padded, v->err);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_end(struct verify *v, unsigned count)
{
	const struct image_kind_info *info = image_kind_info(v->kind);
	enum image_framing framing = info->framing;

	if (!count && (framing == FRAMING_SINGLE || framing == FRAMING_HEAD_MANY))
		return image_corrupt(v->err, v->name,
				     "it ends behind its header, at byte %d, with no entry",
				     info->magic2 ? 8 : 4);
	if (framing == FRAMING_SINGLE && count != 1)
		return image_corrupt(v->err, v->name, "it holds %u entries, not one", count);
	return 0;
}

/* Of a small image, which the restore will ask for again, all messages are kept, and its payload;
 * of a large one, if it has asked for it already. */
static int check_small(struct verify *v, const struct image_file *file)
{
	ProtobufCMessage **msgs;
	size_t n;
	int ret = image_read_all(v->dir, file->kind, file->key, &v->arena, v->err, &msgs, &n);

	v->plain = image_is_plain(v->dir, file->kind, file->key);
	for (size_t i = 0; !ret && i < n; i++) {
		v->entry = i;
		ret = check_entry(v, msgs[i]);
	}
	return ret ? ret : check_end(v, n);
}

static int check_image(struct verify *v, const struct image_file *file)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	_cleanup_(arena_free) struct arena own = {};
	ProtobufCMessage *msg;
	int ret;

	v->name = file->name;
	v->kind = file->kind;
	v->key = file->key;
	v->entry = 0;
	v->plain = false;
	v->last_end = v->present_pages = 0;
	if (image_kind_info(file->kind)->framing == FRAMING_RAW ||
	    image_kind_is_service(file->kind))
		return 0;
	if (file->kind == IMAGE_PAGEMAP || file->kind == IMAGE_SHMEM_PAGEMAP)
		return check_pagemap(v);
	if (image_is_decoded(v->dir, file->kind, file->key) ||
	    (image_kind_info(file->kind)->payload == PAYLOAD_NONE && file->size <= SMALL_IMAGE))
		return check_small(v, file);
	ret = image_reader_open(v->dir, file->kind, file->key, &own, v->err, &r);
	for (; !ret; v->entry++) {
		ret = image_read_msg(r, NULL, v->err, &msg);
		if (ret || !msg)
			break;
		ret = check_entry(v, msg);
		if (!ret)
			ret = check_payload(v, r, msg);
	}
	return ret ? ret : check_end(v, image_reader_index(r));
}

static int verify_all(struct verify *v)
{
	size_t count = v->dir->listing->n;
	struct image_file file;
	int ret = check_load_tree(v);

	if (!ret)
		ret = check_load_files(v);
	/* The files first: what is wrong with them would else be told by whoever refers to them. */
	for (size_t i = 0; i < 2 * count && !ret; i++) {
		if (!image_dir_listed(v->dir, i % count, &file) ||
		    (file.kind == IMAGE_FILES) != (i < count))
			continue;
		ret = check_image(v, &file);
		check_forget_fds(v);
	}
	return ret ? ret : check_tasks(v);
}

int image_verify(const struct image_dir *dir, struct err *err)
{
	const CrtoolsManifestEntry *manifest = image_dir_manifest(dir);
	struct verify v = { .dir = dir, .err = err, .page_size = sysconf(_SC_PAGESIZE) };
	int ret = 0;

	if (manifest && manifest->has_page_size && manifest->page_size != v.page_size)
		ret = err_set(
			err, ERR_IMAGE_VERSION, 0,
			"the images are of a machine with pages of %u bytes, here they have %zu",
			manifest->page_size, v.page_size);
	if (!ret)
		ret = verify_all(&v);
	hash_free(&v.tids);
	hash_free(&v.files);
	hash_free(&v.tun_regs);
	hash_free(&v.memfds);
	hash_free(&v.ttys);
	hash_free(&v.fds);
	arena_free(&v.arena);
	return ret;
}
