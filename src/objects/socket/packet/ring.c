/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the rings of packet sockets (Documentation/networking/packet_mmap.rst), at a dump.
 *
 * Kernel and program go around a ring each on its own: a unit's status says whose it is, and each
 * waits at the unit behind its last one. So a ring is kept only if the kernel's place in it is.
 * That is shown nowhere, but follows from what it has left:
 *
 *	receiving, V1 and V2	it is behind the last frame of those that the program has not given
 *				back; else behind the frame with the latest time
 *	receiving, V3		it is in the block with the highest number, or behind that if it is
 *				closed. Packets in one that is not closed make it a closed one, and
 *				the next one the kernel's
 *	sending			it is at the first frame that is to be sent; else, as long as the
 *				program has not come around, at the first that was never used
 */
#include "objects/socket/packet/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "image/writer.h"

/* --- units of a ring ------------------------------------------------------------------------------
 */

uint32_t packet_ring_units(const struct packet_ring *r)
{
	return packet_ring_blocks(r) ? r->cfg->block_nr : r->cfg->frame_nr;
}

uint32_t packet_ring_unit_size(const struct packet_ring *r)
{
	return packet_ring_blocks(r) ? r->cfg->block_size : r->cfg->frame_size;
}

void *packet_ring_unit(const struct packet_ring *r, uint32_t index)
{
	uint32_t per_block = r->cfg->block_size / r->cfg->frame_size;

	if (packet_ring_blocks(r))
		return r->at + (uint64_t)index * r->cfg->block_size;
	return r->at + (uint64_t)(index / per_block) * r->cfg->block_size +
	       (uint64_t)(index % per_block) * r->cfg->frame_size;
}

/* In V1 it is a long, of which the upper half is never used. */
static uint32_t *status_word(const struct packet_ring *r, uint32_t index)
{
	void *unit = packet_ring_unit(r, index);

	if (packet_ring_blocks(r))
		return &((struct tpacket_block_desc *)unit)->hdr.bh1.block_status;
	return r->version == TPACKET_V3 ? &((struct tpacket3_hdr *)unit)->tp_status : unit;
}

uint32_t packet_ring_status(const struct packet_ring *r, uint32_t index)
{
	return __atomic_load_n(status_word(r, index), __ATOMIC_ACQUIRE);
}

void packet_ring_set_status(const struct packet_ring *r, uint32_t index, uint32_t status)
{
	__atomic_store_n(status_word(r, index), status, __ATOMIC_RELEASE);
}

void *packet_rings_map(const PacketSockEntry *e, int fd, struct packet_ring rings[2])
{
	uint64_t rx = packet_ring_size(e->rx_ring), tx = packet_ring_size(e->tx_ring);
	char *at;

	rings[0] = (struct packet_ring){ .version = e->version, .cfg = e->rx_ring };
	rings[1] = (struct packet_ring){ .version = e->version, .tx = true, .cfg = e->tx_ring };
	if (!rx && !tx)
		return NULL;
	at = mmap(NULL, rx + tx, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return at;
	rings[0].at = rx ? at : NULL;
	rings[1].at = tx ? at + rx : NULL;
	return at;
}

/* --- where the kernel is --------------------------------------------------------------------------
 */

static uint64_t time_of(const struct packet_ring *r, uint32_t index)
{
	const void *unit = packet_ring_unit(r, index);
	const struct tpacket_hdr *v1 = unit;
	const struct tpacket2_hdr *v2 = unit;

	return r->version == TPACKET_V1 ? (uint64_t)v1->tp_sec << 32 | v1->tp_usec
					: (uint64_t)v2->tp_sec << 32 | v2->tp_nsec;
}

static uint32_t next_of(const struct packet_ring *r, uint32_t index)
{
	return index + 1 < packet_ring_units(r) ? index + 1 : 0;
}

static uint32_t frames_head(const struct packet_ring *r)
{
	uint32_t n = packet_ring_units(r), latest = n;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t time = time_of(r, i);

		if (packet_ring_status(r, i) & TP_STATUS_USER &&
		    !(packet_ring_status(r, next_of(r, i)) & TP_STATUS_USER))
			return next_of(r, i);
		if (time && (latest == n || time >= time_of(r, latest)))
			latest = i;
	}
	return latest == n ? 0 : next_of(r, latest);
}

static uint32_t blocks_head(const struct packet_ring *r)
{
	uint64_t highest = 0;
	uint32_t head = 0;

	for (uint32_t i = 0; i < r->cfg->block_nr; i++) {
		const struct tpacket_block_desc *b = packet_ring_unit(r, i);

		if (b->hdr.bh1.seq_num > highest) {
			highest = b->hdr.bh1.seq_num;
			head = i;
		}
	}
	return packet_ring_status(r, head) & TP_STATUS_USER ? next_of(r, head) : head;
}

/* Is it the kernel's, with packets in it already? */
static bool has_packets(const struct packet_ring *r, uint32_t block)
{
	const struct tpacket_block_desc *b = packet_ring_unit(r, block);

	return b->hdr.bh1.num_pkts && !(packet_ring_status(r, block) & TP_STATUS_USER);
}

static bool was_used(const struct packet_ring *r, uint32_t index)
{
	const void *unit = packet_ring_unit(r, index);

	switch (r->version) {
	case TPACKET_V1:
		return ((const struct tpacket_hdr *)unit)->tp_len;
	case TPACKET_V2:
		return ((const struct tpacket2_hdr *)unit)->tp_len;
	default:
		return ((const struct tpacket3_hdr *)unit)->tp_len;
	}
}

/* The number of units: it can't be told. */
static uint32_t sending_head(const struct packet_ring *r)
{
	uint32_t n = packet_ring_units(r), unused = n;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t before = i ? i - 1 : n - 1;

		if (packet_ring_status(r, i) & TP_STATUS_SEND_REQUEST &&
		    !(packet_ring_status(r, before) & TP_STATUS_SEND_REQUEST))
			return i;
		if (unused == n && !was_used(r, i))
			unused = i;
	}
	return unused;
}

/* --- to the image ---------------------------------------------------------------------------------
 */

static void unmap(void *data)
{
	struct packet_out *p = data;

	munmap(p->rings[0].at ? p->rings[0].at : p->rings[1].at,
	       packet_ring_size(p->e->rx_ring) + packet_ring_size(p->e->tx_ring));
}

int packet_rings_note(struct dump *d, struct packet_out *p, int fd)
{
	struct packet_dump *x = d->priv[SLOT_PACKET];
	void *at = packet_rings_map(p->e, fd, p->rings);

	if (at == MAP_FAILED)
		return err_sys(dump_err(d), "mmap", "can't look into the rings of %s", p->object);
	if (!at)
		return 0;
	undo_push(&d->s->undo, unmap, p);
	p->next = x->with_rings;
	x->with_rings = p;
	return 0;
}

static int write_head(struct image_writer *w, const struct packet_out *p,
		      const struct packet_ring *r, uint32_t head, struct err *err)
{
	CrtoolsRingEntry e = CRTOOLS_RING_ENTRY__INIT;

	e.has_id = e.has_tx = e.has_head = true;
	e.id = p->e->id;
	e.tx = r->tx;
	e.head = head;
	return image_write_msg(w, &e.base, err);
}

static int write_unit(struct image_writer *w, const struct packet_out *p,
		      const struct packet_ring *r, uint32_t index, void *unit, struct err *err)
{
	CrtoolsRingEntry e = CRTOOLS_RING_ENTRY__INIT;
	unsigned char *data = unit;
	size_t len = packet_ring_unit_size(r);

	while (len && !data[len - 1])
		len--;
	e.has_id = e.has_tx = e.has_index = e.has_data = true;
	e.id = p->e->id;
	e.tx = r->tx;
	e.index = index;
	e.data = (ProtobufCBinaryData){ len, data };
	return image_write_msg(w, &e.base, err);
}

/* As the kernel closes one (prb_close_block()), in a copy: the ring is the program's. */
static void close_block(char *copy, uint32_t size)
{
	struct tpacket_hdr_v1 *b = &((struct tpacket_block_desc *)copy)->hdr.bh1;
	uint64_t at = b->offset_to_first_pkt;

	for (uint32_t n = b->num_pkts; n; n--) {
		struct tpacket3_hdr *h = (void *)(copy + at);

		if (at % TPACKET_ALIGNMENT || at + sizeof(*h) > size)
			break; /* the program has written into it */
		b->ts_last_pkt.ts_sec = h->tp_sec;
		b->ts_last_pkt.ts_nsec = h->tp_nsec;
		at += h->tp_next_offset;
		if (n == 1)
			h->tp_next_offset = 0;
	}
	b->block_status = TP_STATUS_USER | TP_STATUS_BLK_TMO;
}

/* The kernel's own block, in which there are packets. */
static int write_open_block(struct dump *d, struct image_writer *w, const struct packet_out *p,
			    const struct packet_ring *r, uint32_t head)
{
	char *copy = arena_memdup(dump_arena(d), packet_ring_unit(r, head), r->cfg->block_size);

	close_block(copy, r->cfg->block_size);
	return write_unit(w, p, r, head, copy, dump_err(d));
}

/* Into a block that is to be the kernel's it would write whosever it is, so that one is left out. */
static int write_waiting(struct dump *d, struct image_writer *w, const struct packet_out *p,
			 const struct packet_ring *r, uint32_t head)
{
	uint32_t wanted = r->tx ? TP_STATUS_SEND_REQUEST : TP_STATUS_USER;
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < packet_ring_units(r); i++)
		if (!(packet_ring_status(r, i) & wanted))
			continue;
		else if (i == head && packet_ring_blocks(r))
			task_warn(p->task, p->object,
				  "its ring is full; the packets of its oldest block are lost", "");
		else
			ret = write_unit(w, p, r, i, packet_ring_unit(r, i), dump_err(d));
	return ret;
}

static int write_receiving(struct dump *d, struct image_writer *w, const struct packet_out *p)
{
	const struct packet_ring *r = &p->rings[0];
	uint32_t at = packet_ring_blocks(r) ? blocks_head(r) : frames_head(r);
	bool open = packet_ring_blocks(r) && has_packets(r, at);
	uint32_t head = open ? next_of(r, at) : at;
	int ret = write_head(w, p, r, head, dump_err(d));

	if (ret == 0 && open)
		ret = write_open_block(d, w, p, r, at);
	return ret < 0 ? ret : write_waiting(d, w, p, r, head);
}

static int write_sending(struct dump *d, struct image_writer *w, const struct packet_out *p)
{
	const struct packet_ring *r = &p->rings[1];
	uint32_t head = sending_head(r);
	int ret;

	if (head == packet_ring_units(r)) {
		task_warn(p->task, p->object,
			  "the kernel's place in its ring for sending is not known; the restored "
			  "one starts at the first frame",
			  "");
		head = 0;
	}
	ret = write_head(w, p, r, head, dump_err(d));
	return ret < 0 ? ret : write_waiting(d, w, p, r, head);
}

int packet_rings_write(struct dump *d)
{
	const struct packet_dump *x = d->priv[SLOT_PACKET];
	_cleanup_image_writer_ struct image_writer *w = NULL;
	int ret = 0;

	if (!x || !x->with_rings)
		return 0;
	ret = image_writer_open(d->s->images, IMAGE_CRTOOLS_RINGS, 0, dump_err(d), &w);
	for (const struct packet_out *p = x->with_rings; ret == 0 && p; p = p->next) {
		if (p->rings[0].at)
			ret = write_receiving(d, w, p);
		if (ret == 0 && p->rings[1].at)
			ret = write_sending(d, w, p);
	}
	return ret < 0 ? ret : image_writer_close(&w, dump_err(d));
}
