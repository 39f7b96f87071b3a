/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection of given numbers for a listening socket to accept. The kernel begins one of its
 * own only with numbers that it has chosen, but it also believes an acknowledgement that answers a
 * number which it does not remember (tcp_syncookies in tcp(7)), and a BPF program may say of such a
 * packet that it is right, and what was negotiated (bpf_sk_assign_tcp_reqsk(), Linux 6.9). So that
 * program is put at the loopback device, for packets with a priority that nobody else has, and one
 * in the client's name makes the connection: its numbers are those of the packet.
 *
 * The program is attached by a link (Linux 6.6), and gone with its descriptor, be it that the tool
 * is killed. It takes CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, or CAP_SYS_ADMIN.
 */
#ifndef KERNEL_TCP_PLANT_H
#define KERNEL_TCP_PLANT_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_plant {
	int listeners, values, program, link;
	struct tcp_plant_window *window; /* of values */
	uint32_t priority;		 /* of the packet: SO_PRIORITY */
};

/* What was negotiated, as the kernel wants it: struct bpf_tcp_req_attrs. */
struct tcp_plant_options {
	uint32_t peer_time, own_time; /* time stamps: the peer's last, the own one of now */
	uint16_t segment;
	uint8_t own_wscale, peer_wscale;
	uint8_t ecn, wscale, sack, timestamps, microseconds; /* 0 or 1 */
	uint8_t reserved[3];
};

#define TCP_PLANT_SEGMENT_V4 536 /* the kernel takes none that is smaller */
#define TCP_PLANT_SEGMENT_V6 1220

/* Can it be done? 0; -EOPNOTSUPP: not by this kernel, -EPERM, another -errno. */
int tcp_plant_try(void);
/* For one listener, in the network namespace of the caller. 0 or -errno. */
int tcp_plant_open(struct tcp_plant *ret, int listener);
void tcp_plant_close(struct tcp_plant *p);
/* The next packet with that priority is one. */
void tcp_plant_next(struct tcp_plant *p, const struct tcp_plant_options *o);
/* Of that packet: 0; -EAGAIN: it has not come yet; another -errno. */
int tcp_plant_result(const struct tcp_plant *p);

#endif
