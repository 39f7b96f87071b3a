/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The areas in which tasks have the rings of packet sockets mapped: both rings, one behind the
 * other. The entry names the file of the socket, which the area knows by its inode; a task may have
 * closed the descriptor, but somebody in the tree has to have one, or nothing leads to the socket.
 *
 * A restored task maps them when the tool's memory is gone: the socket was made after the areas.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "image/constants.h"
#include "objects/restored.h"
#include "objects/socket/packet/packet.h"

#define PREFIX "socket:["

static const char *object_of(struct dump_task *t, const VmaEntry *e)
{
	return arena_printf(dump_arena(t->dump), "mapping %llx-%llx (socket)",
			    (unsigned long long)e->start, (unsigned long long)e->end);
}

static bool match(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return !strncmp(a->path, PREFIX, strlen(PREFIX));
}

/* The inode for now: packet_state knows the file. */
static int collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	(void)t;
	e->status = VMA_AREA_REGULAR | VMA_AREA_SOCKET;
	e->shmid = a->ino;
	return 0;
}

static int name_file(struct dump_task *t, VmaEntry *e)
{
	const struct dump_file *f;
	struct packet_dump *x;
	int ret = packet_dump_of(t->dump, &x);

	if (ret < 0)
		return ret;
	f = hash_get(&x->by_ino, e->shmid);
	if (!f || !f->entry->psk)
		task_refuse(t, object_of(t, e),
			    "is of no packet socket that a descriptor in the tree leads to (what "
			    "TCP_ZEROCOPY_RECEIVE has laid into one of TCP can't be kept)",
			    "have the program keep the descriptor open, or unmap it");
	else if (e->end - e->start != packet_ring_size(f->entry->psk->rx_ring) +
					      packet_ring_size(f->entry->psk->tx_ring))
		task_refuse(t, object_of(t, e), "is only a part of the rings",
			    "have the program unmap them as a whole");
	else
		e->shmid = f->entry->id;
	return 0;
}

static int name_files(struct dump_task *t)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_vmas; i++)
		if (t->vmas[i].vma->status & VMA_AREA_SOCKET)
			ret = name_file(t, t->vmas[i].vma);
	return ret;
}

const struct state_class packet_state = {
	.name = "rings of packet sockets",
	.collect = name_files,
	.examine = name_files,
	.write = packet_rings_write,
};

/* --- restore ------------------------------------------------------------------------------------
 */

static bool claims(const VmaEntry *e)
{
	return e->status & VMA_AREA_SOCKET;
}

static int check(struct restore_task *t, struct restore_vma *v)
{
	struct restore_file *f = restore_file_by_id(t->r, v->e->shmid);
	const PacketSockEntry *e = f ? f->entry->psk : NULL;

	if (!e ||
	    v->e->end - v->e->start != packet_ring_size(e->rx_ring) + packet_ring_size(e->tx_ring))
		return image_bad(t, IMAGE_MM, t->vpid,
				 "the area %llx-%llx is not of the rings of a packet socket",
				 (unsigned long long)v->e->start, (unsigned long long)v->e->end);
	restore_open_before(t->r, f, t);
	return 0;
}

static int emit(struct restore_task *t, struct restore_vma *v)
{
	const struct restore_file *f = restore_file_by_id(t->r, v->e->shmid);
	struct program *p = t->threads[0].prog;
	uint64_t len = v->e->end - v->e->start;
	call_id id;

	program_stage(p, STAGE_MAP);
	program_note(p, "rings of packet socket %u", f->id);
	id = program_call(p, SYS_mmap, IMM(v->e->start), IMM(len), IMM(v->e->prot),
			  IMM((v->e->flags & MAP_TYPE) | MAP_FIXED_NOREPLACE), IMM(f->stage_fd),
			  IMM(0));
	program_want(p, id, v->e->start);
	program_stage(p, STAGE_PROTECT);
	for (int n = 0; v->e->has_madv && n < 64; n++)
		if (v->e->madv & (UINT64_C(1) << n))
			program_do(p, SYS_madvise, IMM(v->e->start), IMM(len), IMM(n));
	return 0;
}

const struct area_class packet_area = {
	.name = "rings of a packet socket",
	.match = match,
	.collect = collect,
	.claims = claims,
	.check = check,
	.emit = emit,
};
