/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock of TCP connections while their sockets are looked at, and until they are back: a table
 * of nf_tables (Linux 3.13; the inet family 3.14) that drops what a connection sends and receives,
 * on the host itself. It is the table that CRIU makes, so that each can undo the other's:
 *
 *	table inet CRIU-<id>
 *		set conns4, conns6	source address . port . destination address . port
 *		chain output, input	hooks at priority 0, policy accept:
 *			mark 0xC114: accept; in conns4: drop; in conns6: drop
 *
 * It goes through the netlink interface; no program is run. Functions return 0 or a negative errno
 * with err filled.
 */
#ifndef KERNEL_NFTABLES_H
#define KERNEL_NFTABLES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NFT_LOCK_MARK 0xC114 /* packets with this mark pass */
#define NFT_LOCK_NAME 27     /* with its NUL */

/* One connection: addresses as in memory (IPv4: one word), ports in the host's order. */
struct nft_connection {
	int family;
	uint32_t src[4], dst[4];
	uint16_t src_port, dst_port;
};

/* The table's name by the id of a dump (a UUID as text): CRIU cuts it to 21 characters. */
const char *nft_lock_name(const char *id, char buf[static NFT_LOCK_NAME]);
/* -EEXIST: there is such a table already, err is not filled. */
int nft_lock(const char *name, const struct nft_connection *all, size_t n, struct err *err);
/* -ENOENT: there is none, err is not filled. */
int nft_unlock(const char *name, struct err *err);

#endif
