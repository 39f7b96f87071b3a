/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for sockets that wait: for a message with its sender, once and again and again, into
 * buffers that the ring gives out; for room to send, plainly and as a message of two pieces, on
 *unix sockets and on connections of TCP; for a connection's data, by pieces. What they led to when
 *they were given, and the kernel has copied, has been used for something else since. None is done
 *by the restore, and all are when what they wait for comes.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.15
 *	wl: crossing none CRIU knows no io_uring
 *	wl: both     --tcp-established
 *	wl: cycles   2
 */
#define _GNU_SOURCE
#include "../tcp/tcp.h"
#include "ring.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

enum { ONCE = 1, AGAIN, SENT, SENT_PIECES, SENT_TCP, SENT_TCP_PIECES, READ_TCP };

#define GROUP	5
#define ENTRIES 8
#define SIZE	256

static int udp[2], full[2][2];
static struct tcp_pair full_tcp[2], idle_tcp;
static size_t queued[2], queued_tcp[2];
static struct in_addr_any sender;
static struct msghdr once;
static struct iovec once_piece;
static char once_data[64], tcp_data[64];
static struct io_uring_buf_ring *given;
static char buffers[ENTRIES][SIZE];

static struct io_uring_sqe *request(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	wl_check(sqe);
	return sqe;
}

static void submit(struct io_uring *ring, struct io_uring_sqe *sqe, uint64_t data)
{
	sqe->user_data = data;
	wl_check_eq(RING_TRY(io_uring_submit(ring)), 1);
	ring_check_quiet(ring);
}

static void give_buffers(struct io_uring *ring)
{
	struct io_uring_buf_reg reg = { .ring_entries = ENTRIES, .bgid = GROUP };

	given = wl_try(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	reg.ring_addr = (uintptr_t)given;
	RING_TRY(io_uring_register_buf_ring(ring, &reg, 0));
	io_uring_buf_ring_init(given);
	for (int i = 0; i < ENTRIES; i++)
		io_uring_buf_ring_add(given, buffers[i], SIZE, i, io_uring_buf_ring_mask(ENTRIES),
				      i);
	io_uring_buf_ring_advance(given, ENTRIES);
}

static void receive(struct io_uring *ring)
{
	struct msghdr again = { .msg_namelen = sizeof(struct sockaddr_in) };
	struct io_uring_sqe *sqe;

	for (int i = 0; i < 2; i++)
		udp[i] = in_bound(AF_INET, SOCK_DGRAM, 0);
	once_piece = (struct iovec){ once_data, sizeof(once_data) };
	once = (struct msghdr){ .msg_name = &sender.sa,
				.msg_namelen = sizeof(sender.v6),
				.msg_iov = &once_piece,
				.msg_iovlen = 1 };
	sqe = request(ring);
	io_uring_prep_recvmsg(sqe, udp[0], &once, 0);
	submit(ring, sqe, ONCE);
	sqe = request(ring);
	io_uring_prep_recvmsg_multishot(sqe, udp[1], &again, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	submit(ring, sqe, AGAIN);
	memset(&again, 0xee, sizeof(again));
}

static void send_pieces(struct io_uring *ring, int fd, uint64_t data)
{
	struct iovec pieces[] = { { "one ", 4 }, { "two", 3 } };
	struct msghdr m = { .msg_iov = pieces, .msg_iovlen = 2 };
	struct io_uring_sqe *sqe = request(ring);

	io_uring_prep_sendmsg(sqe, fd, &m, 0);
	submit(ring, sqe, data);
	memset(pieces, 0xee, sizeof(pieces));
	memset(&m, 0xee, sizeof(m));
}

/* Has all that was sent been acknowledged, so that what is left waits for the other end's window? */
static bool is_at_rest(int fd)
{
	int all = 0, unsent = 0;

	return ioctl(fd, SIOCOUTQ, &all) < 0 || ioctl(fd, SIOCOUTQNSD, &unsent) < 0 ||
	       all == unsent;
}

static size_t fill(int fd, unsigned stream)
{
	unsigned char buf[4096];
	size_t sent = 0;
	bool rest;

	do {
		ssize_t n;

		rest = is_at_rest(fd);
		for (n = 1; n > 0; sent += n > 0 ? n : 0) {
			for (size_t i = 0; i < sizeof(buf); i++)
				buf[i] = tcp_byte(stream, sent + i);
			n = send(fd, buf, sizeof(buf), MSG_DONTWAIT);
			rest &= n < 0;
		}
		wl_sleep_ms(1);
	} while (!rest);
	return sent;
}

static void send_to_full(struct io_uring *ring, struct io_uring *tcp)
{
	struct io_uring_sqe *sqe;

	for (int i = 0; i < 2; i++) {
		wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, full[i]));
		queued[i] = fill(full[i][0], 1);
		full_tcp[i] = tcp_connect(&tcp_kinds[0]);
		in_set(full_tcp[i].client, SOL_SOCKET, SO_SNDBUF, 1 << 16);
		queued_tcp[i] = fill(full_tcp[i].client, 2);
	}
	sqe = request(ring);
	io_uring_prep_send(sqe, full[0][0], "one two", 7, 0);
	submit(ring, sqe, SENT);
	send_pieces(ring, full[1][0], SENT_PIECES);
	sqe = request(tcp);
	io_uring_prep_send(sqe, full_tcp[0].client, "one two", 7, 0);
	submit(tcp, sqe, SENT_TCP);
	send_pieces(tcp, full_tcp[1].client, SENT_TCP_PIECES);
}

static void read_tcp(struct io_uring *ring)
{
	struct iovec piece = { tcp_data, sizeof(tcp_data) };
	struct io_uring_sqe *sqe = request(ring);

	idle_tcp = tcp_connect(&tcp_kinds[1]);
	io_uring_prep_readv(sqe, idle_tcp.client, &piece, 1, 0);
	submit(ring, sqe, READ_TCP);
	memset(&piece, 0xee, sizeof(piece));
}

static void check_once(struct io_uring *ring)
{
	struct in_addr_any to = in_name(udp[0]), from = in_name(udp[1]);

	wl_check_eq(sendto(udp[1], "hello", 5, 0, &to.sa, to.len), 5);
	wl_check_eq(ring_take(ring, ONCE), 5);
	wl_check(!memcmp(once_data, "hello", 6));
	wl_check_eq(once.msg_namelen, from.len);
	wl_check(!memcmp(&sender.sa, &from.sa, from.len));
}

static void check_again(struct io_uring *ring, int n)
{
	struct in_addr_any to = in_name(udp[1]), from = in_name(udp[0]);
	struct io_uring_recvmsg_out *out = (void *)buffers[n];
	char *text = wl_format("message %d", n);
	struct io_uring_cqe *cqe;

	wl_check_eq(sendto(udp[0], text, strlen(text), 0, &to.sa, to.len), strlen(text));
	RING_TRY(io_uring_wait_cqe(ring, &cqe));
	wl_check_eq(cqe->user_data, AGAIN);
	wl_check_eq(cqe->res, sizeof(*out) + sizeof(struct sockaddr_in) + strlen(text));
	wl_check(cqe->flags & IORING_CQE_F_MORE);
	wl_check_eq(cqe->flags >> IORING_CQE_BUFFER_SHIFT, n);
	io_uring_cqe_seen(ring, cqe);
	wl_check_eq(out->payloadlen, strlen(text));
	wl_check_eq(out->namelen, sizeof(struct sockaddr_in));
	wl_check(!memcmp(out + 1, &from.sa, sizeof(struct sockaddr_in)));
	wl_check(!memcmp((char *)(out + 1) + sizeof(struct sockaddr_in), text, strlen(text)));
}

/* It is sent when there is room, behind all that was there. */
static void check_sent(int to, unsigned stream, size_t before)
{
	char text[8] = "";

	tcp_drain(to, stream, 0, before);
	wl_check_eq(recv(to, text, 7, MSG_WAITALL), 7);
	wl_check(!strcmp(text, "one two"));
}

/* Of a restored connection the queue may have a little room, so that it is sent before; each has
 * one completion. */
static void check_sent_tcp(struct io_uring *ring)
{
	uint64_t seen = 0;

	for (int i = 0; i < 2; i++)
		check_sent(full_tcp[i].server, 2, queued_tcp[i]);
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		RING_TRY(io_uring_wait_cqe(ring, &cqe));
		wl_check_eq(cqe->res, 7);
		seen += cqe->user_data;
		io_uring_cqe_seen(ring, cqe);
	}
	wl_check_eq(seen, SENT_TCP + SENT_TCP_PIECES);
	ring_check_quiet(ring);
}

int main(void)
{
	struct io_uring ring, tcp;

	ring_new(&ring, 16, 0);
	ring_new(&tcp, 8, 0);
	ring_drive(&ring, 5);
	give_buffers(&ring);
	receive(&ring);
	send_to_full(&ring, &tcp);
	read_tcp(&ring);
	check_again(&ring, 0);
	wl_ready_and_wait();
	ring_check_quiet(&ring);
	check_once(&ring);
	for (int i = 1; i < ENTRIES - 1; i++) /* without any left it would end */
		check_again(&ring, i);
	check_sent(full[0][1], 1, queued[0]);
	wl_check_eq(ring_take(&ring, SENT), 7);
	check_sent(full[1][1], 1, queued[1]);
	wl_check_eq(ring_take(&ring, SENT_PIECES), 7);
	check_sent_tcp(&tcp);
	wl_check_eq(send(idle_tcp.server, "to read", 7, 0), 7);
	wl_check_eq(ring_take(&ring, READ_TCP), 7);
	wl_check(!strcmp(tcp_data, "to read"));
	ring_drive(&ring, 40);
	ring_drive(&tcp, 20);
	wl_pass();
}
