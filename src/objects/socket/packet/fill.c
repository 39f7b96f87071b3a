/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of packet sockets as they were (packet/ring.c), at a restore.
 *
 * The kernel's place in a new ring is the first unit, and nothing moves it but packets. So it gets
 * some, before the socket is bound to what it listens to: from the loopback device to itself, of a
 * protocol for local experiments (IEEE 802, 0x88b5) that nobody else is to hear. Their units are
 * then overwritten with what was there at the dump.
 *
 * A block of TPACKET_V3 is left only when the next packet does not fit, and that one then stands in
 * the block where the kernel is to be. It is taken out by the block's header, which the kernel
 * counts in (prb_fill_curr_block(), net/packet/af_packet.c); an empty block it does not close.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "image/reader.h"
#include "objects/socket/packet/packet.h"

#define TEST_PROTOCOL  0x88b5
#define PACKET_MIN     60    /* bytes, with the header */
#define PACKET_MAX     65000 /* the loopback device takes 65536 */
#define BLOCK_OVERHEAD 1024  /* headers of a block, of its first packet, and of a packet in it */
#define TURNS_MAX      1000000
#define VNET_HDR_SIZE  10

#ifndef PACKET_VNET_HDR_SZ
#define PACKET_VNET_HDR_SZ 24 /* Linux 6.4 */
#endif

/* --- crtools-rings.img ----------------------------------------------------------------------------
 */

struct rings_in {
	CrtoolsRingEntry **entries;
	size_t n;
};

static int rings_in(struct restore *r, const struct rings_in **ret)
{
	struct rings_in *x = r->priv[SLOT_PACKET];
	int err = 0;

	if (!x) {
		x = r->priv[SLOT_PACKET] = arena_new(restore_arena(r), struct rings_in);
		if (image_dir_has(r->s->images, IMAGE_CRTOOLS_RINGS, 0))
			err = image_read_all(r->s->images, IMAGE_CRTOOLS_RINGS, 0, restore_arena(r),
					     restore_err(r), &x->entries, &x->n);
	}
	*ret = x;
	return err;
}

static bool loopback_is_up(void)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_name = "lo" };

	return fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &req) == 0 && req.ifr_flags & IFF_UP;
}

int packet_rings_check(struct restore *r, const struct restore_file *f)
{
	const PacketSockEntry *e = f->entry->psk;
	const struct rings_in *x;
	int ret = rings_in(r, &x);
	bool moves = false;

	for (size_t i = 0; ret == 0 && i < x->n; i++) {
		const CrtoolsRingEntry *u = x->entries[i];
		struct packet_ring ring = { .version = e->version,
					    .tx = u->tx,
					    .cfg = u->tx ? e->tx_ring : e->rx_ring };

		if (u->id != f->id)
			continue;
		if (!ring.cfg || u->head >= packet_ring_units(&ring) ||
		    u->index >= packet_ring_units(&ring) ||
		    u->data.len > packet_ring_unit_size(&ring))
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, ERANGE,
				       "crtools-rings.img: entry %zu does not fit the rings of "
				       "packet socket %u",
				       i, f->id);
		moves |= u->head;
	}
	if (moves && !loopback_is_up())
		report_refuse(&r->s->report, 0,
			      arena_printf(restore_arena(r), "packet socket %u", f->id),
			      "has a ring whose place only packets through the loopback device "
			      "bring back, and that device is down",
			      "ip link set lo up");
	return ret;
}

/* --- the kernel goes around -----------------------------------------------------------------------
 */

struct filling {
	struct restore *r;
	const struct restore_file *f;
	int fd;
	int loopback; /* number of the device */
};

static struct sockaddr_ll address_of(const struct filling *x, uint16_t protocol)
{
	return (struct sockaddr_ll){ .sll_family = AF_PACKET,
				     .sll_protocol = htons(protocol),
				     .sll_ifindex = x->loopback,
				     .sll_halen = ETH_ALEN };
}

static int failed(const struct filling *x, const char *call)
{
	return err_sys(restore_err(x->r), call,
		       "can't bring the ring of packet socket %u to where it was, with packets "
		       "through the loopback device",
		       x->f->id);
}

static int bind_loopback(const struct filling *x, uint16_t protocol)
{
	struct sockaddr_ll own = address_of(x, protocol);

	return bind(x->fd, (struct sockaddr *)&own, sizeof(own)) < 0 ? failed(x, "bind") : 0;
}

/* It is there at once, mostly: on its way it only waits for a softirq of this processor. */
static int await_change(const struct filling *x, const struct packet_ring *r, uint32_t index,
			uint32_t status, uint32_t packets)
{
	const struct tpacket_block_desc *b = packet_ring_unit(r, index);

	for (int n = 0; n < TURNS_MAX; n++) {
		if (packet_ring_status(r, index) != status ||
		    (packet_ring_blocks(r) &&
		     __atomic_load_n(&b->hdr.bh1.num_pkts, __ATOMIC_ACQUIRE) != packets))
			return 0;
		sched_yield();
	}
	errno = ETIMEDOUT;
	return failed(x, "sendto");
}

static int send_one(const struct filling *x, int sender, size_t len)
{
	static char zeroes[PACKET_MAX];
	struct ethhdr header = { .h_proto = htons(TEST_PROTOCOL) };
	struct sockaddr_ll to = address_of(x, TEST_PROTOCOL);
	struct iovec parts[] = { { &header, sizeof(header) }, { zeroes, len - sizeof(header) } };
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = parts, .msg_iovlen = 2
	};

	return sendmsg(sender, &msg, 0) < 0 ? failed(x, "sendmsg") : 0;
}

static int pass_frames(const struct filling *x, const struct packet_ring *r, uint32_t head,
		       int sender)
{
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < head; i++) {
		ret = send_one(x, sender, PACKET_MIN);
		if (ret == 0)
			ret = await_change(x, r, i, TP_STATUS_KERNEL, 0);
	}
	return ret;
}

/* The one packet in the block did only push the kernel there. */
static int empty_block(const struct filling *x, const struct packet_ring *r, uint32_t index)
{
	struct tpacket_hdr_v1 *b =
		&((struct tpacket_block_desc *)packet_ring_unit(r, index))->hdr.bh1;
	const struct tpacket3_hdr *h =
		(void *)((char *)packet_ring_unit(r, index) + b->offset_to_first_pkt);

	b->offset_to_first_pkt += h->tp_next_offset;
	__atomic_store_n(&b->num_pkts, 0, __ATOMIC_RELEASE);
	if (!(packet_ring_status(r, index) & TP_STATUS_USER))
		return 0;
	errno = ETIME; /* its timer was faster */
	return failed(x, "sendto");
}

static int pass_blocks(const struct filling *x, const struct packet_ring *r, uint32_t head,
		       int sender)
{
	uint32_t overhead = BLOCK_OVERHEAD + r->cfg->sizeof_priv + x->f->entry->psk->reserve;
	size_t len = r->cfg->block_size > overhead ? r->cfg->block_size - overhead : 0;
	int ret = 0;

	len = len < PACKET_MIN ? PACKET_MIN : len > PACKET_MAX ? PACKET_MAX : len;
	for (uint32_t i = 0; ret == 0 && i < head; i++) {
		const struct tpacket_block_desc *b = packet_ring_unit(r, i);

		while (ret == 0 && !(packet_ring_status(r, i) & TP_STATUS_USER)) {
			uint32_t had = b->hdr.bh1.num_pkts;

			ret = send_one(x, sender, len);
			if (ret == 0)
				ret = await_change(x, r, i, TP_STATUS_KERNEL, had);
		}
	}
	return ret < 0 ? ret : empty_block(x, r, head);
}

static int advance_receiving(const struct filling *x, const struct packet_ring *r, uint32_t head)
{
	_cleanup_fd_ int sender = -1;
	int ret;

	/* One without a protocol hears nothing, so it is where it began. */
	if (!head || !x->f->entry->psk->protocol)
		return 0;
	sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (sender < 0)
		return failed(x, "socket");
	ret = bind_loopback(x, TEST_PROTOCOL);
	if (ret == 0)
		ret = packet_ring_blocks(r) ? pass_blocks(x, r, head, sender)
					    : pass_frames(x, r, head, sender);
	return ret;
}

/* An empty frame of the test protocol, where the kernel looks for one (tpacket_parse_header()). */
static void request(const struct packet_ring *r, uint32_t index, uint32_t vnet_len)
{
	unsigned char *unit = packet_ring_unit(r, index);
	uint32_t at, room;

	at = r->version == TPACKET_V1	? TPACKET_ALIGN(sizeof(struct tpacket_hdr))
	     : r->version == TPACKET_V2 ? TPACKET_ALIGN(sizeof(struct tpacket2_hdr))
					: TPACKET_ALIGN(sizeof(struct tpacket3_hdr));
	room = packet_ring_unit_size(r) - at;
	if (room > PACKET_MIN + vnet_len)
		room = PACKET_MIN + vnet_len;
	switch (r->version) {
	case TPACKET_V1:
		*(struct tpacket_hdr *)unit =
			(struct tpacket_hdr){ .tp_len = room, .tp_mac = at, .tp_net = at };
		break;
	case TPACKET_V2:
		*(struct tpacket2_hdr *)unit =
			(struct tpacket2_hdr){ .tp_len = room, .tp_mac = at, .tp_net = at };
		break;
	default:
		*(struct tpacket3_hdr *)unit =
			(struct tpacket3_hdr){ .tp_len = room, .tp_mac = at, .tp_net = at };
	}
	if (room >= vnet_len + ETH_HLEN) {
		unit[at + vnet_len + 12] = TEST_PROTOCOL >> 8;
		unit[at + vnet_len + 13] = TEST_PROTOCOL & 0xff;
	}
	packet_ring_set_status(r, index, TP_STATUS_SEND_REQUEST);
}

/* The call sends all of them, and waits until the device has let go of them. */
static int advance_sending(const struct filling *x, const struct packet_ring *r, uint32_t head)
{
	struct sockaddr_ll to = address_of(x, TEST_PROTOCOL);
	int vnet_len = x->f->entry->psk->vnet_hdr
			       ? socket_int(x->fd, SOL_PACKET, PACKET_VNET_HDR_SZ, VNET_HDR_SIZE)
			       : 0;

	if (!head)
		return 0;
	for (uint32_t i = 0; i < head; i++)
		request(r, i, vnet_len);
	if (sendto(x->fd, NULL, 0, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return failed(x, "sendto");
	for (uint32_t i = 0; i < head; i++) {
		if (packet_ring_status(r, i) & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING)) {
			errno = ETIMEDOUT;
			return failed(x, "sendto");
		}
		memset(packet_ring_unit(r, i), 0, packet_ring_unit_size(r));
	}
	return 0;
}

/* --- contents -------------------------------------------------------------------------------------
 */

static uint32_t head_of(const struct rings_in *x, uint32_t id, bool tx)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->entries[i]->id == id && x->entries[i]->tx == tx && x->entries[i]->has_head)
			return x->entries[i]->head;
	return 0;
}

/* The packets that only moved the kernel go; the block that it is in has its header. */
static void clear(const struct packet_ring *r, uint32_t head)
{
	for (uint32_t i = 0; i < head; i++) {
		memset(packet_ring_unit(r, i), 0, packet_ring_unit_size(r));
		packet_ring_set_status(r, i, TP_STATUS_KERNEL);
	}
}

static void put_back(const struct rings_in *x, uint32_t id, const struct packet_ring *r)
{
	for (size_t i = 0; i < x->n; i++) {
		const CrtoolsRingEntry *u = x->entries[i];

		if (u->id == id && u->tx == r->tx && u->has_index)
			memcpy(packet_ring_unit(r, u->index), u->data.data, u->data.len);
	}
}

static int fill(const struct filling *x, const struct rings_in *in, struct packet_ring *rings)
{
	uint32_t rx = head_of(in, x->f->id, false), tx = head_of(in, x->f->id, true);
	int ret = 0;

	/* First this one: bound, the socket would hear what it sends itself. */
	if (rings[1].at)
		ret = advance_sending(x, &rings[1], tx);
	if (ret == 0 && rings[0].at)
		ret = advance_receiving(x, &rings[0], rx);
	if (ret < 0)
		return ret;
	if (rings[0].at)
		clear(&rings[0], rx);
	for (int i = 0; i < 2; i++)
		if (rings[i].at)
			put_back(in, x->f->id, &rings[i]);
	return 0;
}

int packet_rings_fill(struct restore_task *t, const struct restore_file *f, int fd)
{
	const PacketSockEntry *e = f->entry->psk;
	struct filling x = { .r = t->r, .f = f, .fd = fd, .loopback = if_nametoindex("lo") };
	const struct rings_in *in;
	struct packet_ring rings[2];
	union tpacket_stats_u counted;
	socklen_t len = sizeof(counted);
	void *at;
	int ret = rings_in(t->r, &in);

	if (ret < 0 || !in->n)
		return ret;
	at = packet_rings_map(e, fd, rings);
	if (at == MAP_FAILED)
		return err_sys(restore_err(t->r), "mmap", "can't map the rings of packet socket %u",
			       f->id);
	if (!at)
		return 0;
	ret = fill(&x, in, rings);
	/* The packets that only moved the kernel are not to be counted: reading sets it to 0. */
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counted, &len);
	munmap(at, packet_ring_size(e->rx_ring) + packet_ring_size(e->tx_ring));
	return ret;
}
