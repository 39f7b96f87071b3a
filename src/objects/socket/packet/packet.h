/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet sockets, as the files of this family share them.
 *
 *	packet.c	the class: what a dump learns of each socket, and how it is made again
 *	packet/ring.c	dump: what is in the rings
 *	packet/fill.c	restore: rings as they were
 *	packet/map.c	the areas in which tasks have rings mapped
 *
 * Functions return 0 or a negative errno with the session's error filled, unless it is said
 * otherwise.
 */
#ifndef OBJECTS_SOCKET_PACKET_H
#define OBJECTS_SOCKET_PACKET_H

#include <linux/if_packet.h>

#include "objects/socket/socket.h"

/* --- packet/ring.c ----------------------------------------------------------------------------- */

/* A ring as the process has it mapped. Up to TPACKET_V2 its units are frames, in V3, for
 * receiving, blocks. */
struct packet_ring {
	char *at;
	unsigned version;
	bool tx;
	const PacketRing *cfg;
};

static inline bool packet_ring_blocks(const struct packet_ring *r)
{
	return r->version == TPACKET_V3 && !r->tx;
}
static inline uint64_t packet_ring_size(const PacketRing *cfg)
{
	return cfg ? (uint64_t)cfg->block_size * cfg->block_nr : 0;
}
uint32_t packet_ring_units(const struct packet_ring *r);
uint32_t packet_ring_unit_size(const struct packet_ring *r);
void *packet_ring_unit(const struct packet_ring *r, uint32_t index);
/* Its status word (TP_STATUS_…), with the order of memory that the kernel's side needs. */
uint32_t packet_ring_status(const struct packet_ring *r, uint32_t index);
void packet_ring_set_status(const struct packet_ring *r, uint32_t index, uint32_t status);
/* Both rings, the one for receiving first, in the caller's memory; rings[i].at is NULL where the
 * socket has none. The mapping's address, NULL: it has no rings, MAP_FAILED: errno says why. */
void *packet_rings_map(const PacketSockEntry *e, int fd, struct packet_ring rings[2]);

/* What they hold, to crtools-rings.img; fd is the socket. Called when the image is written. */
struct packet_out;
int packet_rings_note(struct dump *d, struct packet_out *p, int fd);

/* One socket: dump_file.priv. */
struct packet_out {
	struct dump_task *task;
	const char *object;
	const PacketSockEntry *e;
	struct packet_ring rings[2];
	struct packet_out *next;
};

/* The dump: dump.priv[SLOT_PACKET]. */
struct packet_dump {
	struct arena *arena;
	struct hash listing; /* inode -> struct packet_info */
	struct hash by_ino;  /* inode -> struct dump_file */
	uint64_t netns_cookie;
	struct packet_out *with_rings;
};
int packet_dump_of(struct dump *d, struct packet_dump **ret);
int packet_rings_write(struct dump *d);

/* --- packet/fill.c ------------------------------------------------------------------------------ */

/* Is everything in crtools-rings.img within the rings of its socket? */
int packet_rings_check(struct restore *r, const struct restore_file *f);
/* The socket is not bound yet, its rings are new: puts the kernel's side to the unit where it was,
 * and contents back. */
int packet_rings_fill(struct restore_task *t, const struct restore_file *f, int fd);

#endif
