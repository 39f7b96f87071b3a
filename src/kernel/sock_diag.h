/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets as the kernel lists them (sock_diag(7)): what no descriptor tells of itself, found by the
 * inode that fstat(2) shows. The listing is of the caller's network namespace.
 */
#ifndef KERNEL_SOCK_DIAG_H
#define KERNEL_SOCK_DIAG_H

#include <linux/netlink.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"

/* unix_diag (Linux 3.3, CONFIG_UNIX_DIAG) */
struct unix_diag_info {
	uint32_t ino;
	uint8_t type, state; /* SOCK_…; TCP state numbers: 1 connected, 7 not, 10 listening */
	uint32_t peer;	     /* inode; 0: none, or one that has ended */
	uint32_t vfs_ino, vfs_dev; /* of the file it is bound to, dev as the kernel packs it; 0 */
	uint32_t rqueue, wqueue;   /* listening: connections that wait, and the backlog */
	uint8_t shutdown;	   /* bit 0: receiving, bit 1: sending */
	const uint32_t *icons; /* listening: inodes of the peers whose connections wait, in order; 0
				* where a peer has ended */
	size_t n_icons;
	const char *
		name; /* the address behind its family, name_len bytes; abstract: starts with NUL */
	size_t name_len;
	const struct unix_diag_info *next;
};

/* All unix sockets, by inode, in the arena; *ret_first (unless ret_first is NULL): a list of them. */
int unix_diag_all(int netlink, struct arena *a, struct hash *ret_by_ino,
		  const struct unix_diag_info **ret_first, struct err *err);

/* One that the listing has missed; -ENOENT: there is none in this network namespace. */
int unix_diag_one(int netlink, uint32_t ino, struct arena *a, struct hash *ret_by_ino,
		  struct err *err);

/* inet_diag, udp_diag, raw_diag (Linux 4.10): of a socket that has a port or an address. */
struct inet_diag_info {
	uint32_t ino;
	uint8_t state;	  /* a TCP state number */
	uint8_t shutdown; /* bit 0: receiving, bit 1: sending */
	uint16_t src_port, dst_port;
	uint32_t src[4], dst[4]; /* as in memory; IPv4 uses the first word */
	uint32_t device;	 /* that it is bound to, or that a link-local address is of; 0 */
};

/* All sockets of a family (AF_INET, AF_INET6) and protocol (IPPROTO_RAW: raw ones of all), by
 * inode, in the arena. -ENOENT: the kernel does not list them, err is not filled. */
int inet_diag_all(int netlink, int family, int protocol, struct arena *a, struct hash *ret_by_ino,
		  struct err *err);

/* A key of a TCP socket (TCP_MD5SIG). */
struct inet_diag_key {
	uint8_t family; /* AF_INET (mapped ones, too), AF_INET6 */
	uint8_t prefix; /* bits */
	uint16_t len;
	uint32_t addr[4]; /* as in memory */
	uint8_t bytes[80];
};

/* The keys of the TCP socket that id names (of a listener: its own address), which the kernel shows
 * to CAP_NET_ADMIN only, in the arena. -ENOENT: there is no such socket, or the kernel does not
 * show them; err is not filled. */
struct inet_diag_sockid;
int inet_diag_keys(int netlink, int family, const struct inet_diag_sockid *id, uint32_t ino,
		   struct arena *a, const struct inet_diag_key **ret_keys, size_t *ret_n,
		   struct err *err);

/* The TCP connection that id names: its state, how many bytes wait to be read, and the start of what
 * TCP_INFO tells, as much as *ret_info has room for. -ENOENT: there is none, err is not filled. */
struct tcp_info;
int inet_diag_connection(int netlink, int family, const struct inet_diag_sockid *id,
			 uint32_t *ret_waiting, struct tcp_info *ret_info, struct err *err);

/* A listing of any family: req is its request (inet_diag_req_v2, packet_diag_req,
 * netlink_diag_req), answer gets each message. what: "list TCP sockets". -ENOENT: the kernel does
 * not list that family. */
int sock_diag_list(int netlink, const void *req, size_t req_size, const char *what,
		   int (*answer)(const struct nlmsghdr *h, void *data), void *data,
		   struct err *err);

#endif
