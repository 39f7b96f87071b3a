/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet sockets, raw and dgram, with every option that the kernel shows: device, protocol,
 * version, reserve, rings, memberships, two fanout groups, a filter. packet_diag says the same of
 * them afterwards, the memberships can be dropped, and frames arrive through the filter.
 *
 * wl: areas packet-netlink
 * wl: lane packet
 * wl: cycles 2
 */
#include "packet.h"

#define FIRST_GROUP 4013 /* of fanout; nobody else's */

enum { RAW, BOUND, BARE, FILTERED, SOCKETS };

static int fds[SOCKETS];
static struct packet_state was[SOCKETS];

static void join(int fd, unsigned short type, int change)
{
	struct packet_mreq m = { .mr_ifindex = if_nametoindex("lo"), .mr_type = type };

	if (type == PACKET_MR_UNICAST) {
		m.mr_alen = 6;
		m.mr_address[5] = 9;
	}
	wl_try(setsockopt(fd, SOL_PACKET, change, &m, sizeof(m)));
}

static void set_up_raw(int fd)
{
	struct tpacket_req rx = { 4096, 2, 2048, 4 }, tx = { 4096, 1, 1024, 4 };

	packet_set(fd, PACKET_VERSION, TPACKET_V2);
	packet_set(fd, PACKET_AUXDATA, 1);
	packet_set(fd, PACKET_RESERVE, 8);
	packet_set(fd, PACKET_ORIGDEV, 1);
	packet_set(fd, PACKET_COPY_THRESH, 100);
	packet_set(fd, PACKET_TIMESTAMP, 1 << 4); /* SOF_TIMESTAMPING_SOFTWARE */
	wl_try(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &rx, sizeof(rx)));
	wl_try(setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &tx, sizeof(tx)));
	join(fd, PACKET_MR_PROMISC, PACKET_ADD_MEMBERSHIP);
	join(fd, PACKET_MR_UNICAST, PACKET_ADD_MEMBERSHIP);
	packet_set(fd, PACKET_FANOUT, FIRST_GROUP);
}

/* Frames whose first byte of data is 7. */
static void set_up_filter(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { 4, code };

	wl_try(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	packet_bind(fd, TEST_PROTOCOL);
}

static void check_filter(void)
{
	unsigned char buf[64];

	packet_send_number(fds[FILTERED], 6);
	packet_send_number(fds[FILTERED], 7);
	wl_check_eq(recv(fds[FILTERED], buf, sizeof(buf), 0), PACKET_LEN);
	wl_check_eq(buf[14], 7);
	wl_check(recv(fds[FILTERED], buf, sizeof(buf), MSG_DONTWAIT) < 0);
}

int main(void)
{
	fds[RAW] = wl_try(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
	set_up_raw(fds[RAW]);
	fds[BOUND] = wl_try(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	packet_set(fds[BOUND], PACKET_LOSS, 1);
	packet_bind(fds[BOUND], ETH_P_LOOPBACK);
	packet_set(fds[BOUND], PACKET_FANOUT, (FIRST_GROUP + 1) | PACKET_FANOUT_LB << 16);
	fds[BARE] = wl_try(socket(AF_PACKET, SOCK_DGRAM, 0));
	fds[FILTERED] = wl_try(socket(AF_PACKET, SOCK_RAW, 0));
	set_up_filter(fds[FILTERED]);
	for (int i = 0; i < SOCKETS; i++)
		packet_look(fds[i], &was[i]);
	wl_ready_and_wait();
	for (int i = 0; i < SOCKETS; i++)
		packet_compare(fds[i], &was[i]);
	join(fds[RAW], PACKET_MR_PROMISC, PACKET_DROP_MEMBERSHIP);
	join(fds[RAW], PACKET_MR_UNICAST, PACKET_DROP_MEMBERSHIP);
	check_filter();
	wl_pass();
}
