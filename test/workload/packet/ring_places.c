/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring for receiving of each version, in which the program is not at the start and has not read
 * everything; it goes on without a packet that is lost, doubled or out of order, around the ring's
 * end. A ring for sending likewise: some frames were sent, one is to be sent.
 *
 * wl: areas packet-netlink
 * wl: lane packet
 * wl: cycles 3
 * wl: crossing none CRIU makes the rings anew, and the kernel starts at the first frame
 */
#include <poll.h>

#include "packet.h"

#define FRAME	  2048
#define FRAMES	  8
#define BLOCK	  65536
#define BLOCKS	  4
#define RETIRE_MS 100

static struct receiver {
	int fd, version;
	char *ring;
	unsigned at;	    /* frame or block */
	unsigned in_block;  /* packets read from it */
	unsigned char next; /* the number that comes */
} receivers[3];
static int sender; /* without a ring */
static unsigned char sent;

static struct {
	int fd;
	char *ring;
	unsigned at;
} sending;

static void make_receiver(struct receiver *r, int version)
{
	bool v3 = version == TPACKET_V3;
	struct tpacket_req3 req = { .tp_block_size = v3 ? BLOCK : FRAME * 2,
				    .tp_block_nr = v3 ? BLOCKS : FRAMES / 2,
				    .tp_frame_size = FRAME,
				    .tp_frame_nr = v3 ? BLOCK / FRAME * BLOCKS : FRAMES,
				    .tp_retire_blk_tov = v3 ? RETIRE_MS : 0 };

	r->version = version;
	r->fd = wl_try(socket(AF_PACKET, SOCK_RAW, 0));
	packet_set(r->fd, PACKET_VERSION, version);
	wl_try(setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &req,
			  v3 ? sizeof(req) : sizeof(struct tpacket_req)));
	r->ring = wl_try(mmap(NULL, (size_t)req.tp_block_size * req.tp_block_nr,
			      PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0));
	packet_bind(r->fd, TEST_PROTOCOL);
}

static void await(const struct receiver *r, const volatile uint32_t *status)
{
	while (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };

		wl_try(poll(&p, 1, 1000));
	}
}

static void take_frame(struct receiver *r)
{
	char *frame = r->ring + (size_t)r->at * FRAME;
	uint32_t *status = (void *)frame;
	unsigned mac = r->version == TPACKET_V1 ? ((struct tpacket_hdr *)frame)->tp_mac
						: ((struct tpacket2_hdr *)frame)->tp_mac;

	await(r, status);
	mac = r->version == TPACKET_V1 ? ((struct tpacket_hdr *)frame)->tp_mac
				       : ((struct tpacket2_hdr *)frame)->tp_mac;
	wl_check_eq((unsigned char)frame[mac + 14], r->next);
	r->next++;
	__atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	r->at = (r->at + 1) % FRAMES;
}

/* A block at a time, with as many packets as are in it. */
static unsigned take_block(struct receiver *r)
{
	char *block = r->ring + (size_t)r->at * BLOCK;
	struct tpacket_hdr_v1 *b = &((struct tpacket_block_desc *)block)->hdr.bh1;
	struct tpacket3_hdr *h;
	unsigned n;

	await(r, &b->block_status);
	h = (void *)(block + b->offset_to_first_pkt);
	n = b->num_pkts;
	for (unsigned i = 0; i < n; i++) {
		wl_check_eq(*((unsigned char *)h + h->tp_mac + 14), r->next);
		r->next++;
		h = (void *)((char *)h + h->tp_next_offset);
	}
	__atomic_store_n(&b->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	r->at = (r->at + 1) % BLOCKS;
	return n;
}

static void take(struct receiver *r, unsigned n)
{
	while (n)
		if (r->version == TPACKET_V3) {
			unsigned had = take_block(r);

			wl_check(had <= n);
			n -= had;
		} else {
			take_frame(r);
			n--;
		}
}

static void send_numbers(unsigned n)
{
	while (n--)
		packet_send_number(sender, sent++);
}

/* A block is closed when a packet does not fit: then the kernel is in the next one. */
static void fill_block(void)
{
	struct sockaddr_ll to = packet_lo(TEST_PROTOCOL);
	static unsigned char frame[40000] = { [12] = TEST_PROTOCOL >> 8, TEST_PROTOCOL & 0xff };

	frame[14] = sent++;
	wl_check_eq(sendto(sender, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
		    sizeof(frame));
}

static void queue_frame(unsigned char number)
{
	struct tpacket2_hdr *h = (void *)(sending.ring + (size_t)sending.at * FRAME);
	unsigned char *data = (unsigned char *)h + TPACKET_ALIGN(sizeof(*h));

	wl_check_eq(h->tp_status, TP_STATUS_AVAILABLE);
	memset(data, 0, PACKET_LEN);
	data[12] = TEST_PROTOCOL >> 8;
	data[13] = TEST_PROTOCOL & 0xff;
	data[14] = number;
	h->tp_len = PACKET_LEN;
	__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
	sending.at = (sending.at + 1) % FRAMES;
}

static void send_queued(unsigned n)
{
	struct sockaddr_ll to = packet_lo(TEST_PROTOCOL);

	wl_check_eq(sendto(sending.fd, NULL, 0, 0, (struct sockaddr *)&to, sizeof(to)),
		    n * PACKET_LEN);
}

static void make_sending(void)
{
	struct tpacket_req req = { FRAME * 2, FRAMES / 2, FRAME, FRAMES };

	sending.fd = wl_try(socket(AF_PACKET, SOCK_RAW, 0));
	packet_set(sending.fd, PACKET_VERSION, TPACKET_V2);
	wl_try(setsockopt(sending.fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)));
	sending.ring = wl_try(
		mmap(NULL, FRAME * FRAMES, PROT_READ | PROT_WRITE, MAP_SHARED, sending.fd, 0));
}

int main(void)
{
	sender = wl_try(socket(AF_PACKET, SOCK_RAW, 0));
	make_sending();
	for (int version = TPACKET_V1; version <= TPACKET_V3; version++)
		make_receiver(&receivers[version], version);
	for (int i = 0; i < 3; i++)
		fill_block(); /* V3: one packet in each of three blocks, the third not closed */
	for (int version = TPACKET_V1; version <= TPACKET_V3; version++)
		take(&receivers[version], version == TPACKET_V3 ? 1 : 3);
	send_numbers(3); /* not read yet; V3: in the third block */
	queue_frame(sent++);
	queue_frame(sent++);
	send_queued(2);
	queue_frame(sent);
	wl_ready_and_wait();
	send_queued(1);
	sent++;
	send_numbers(2); /* around the end of the smaller rings: 11 in 8 frames */
	for (int version = TPACKET_V1; version <= TPACKET_V3; version++)
		take(&receivers[version], sent - receivers[version].next);
	fill_block();
	fill_block();
	for (int version = TPACKET_V1; version <= TPACKET_V3; version++)
		take(&receivers[version], 2);
	wl_pass();
}
