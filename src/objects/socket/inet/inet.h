/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet sockets, as the files of this family share them.
 *
 *	inet.c		the class, and what a dump learns of each socket
 *	inet/addr.c	addresses, in entries and for the kernel and for people
 *	inet/options.c	the options that inet_sk_entry has fields for
 *	inet/groups.c	multicast groups
 *	inet/check.c	restore: addresses and ports that can't be had, before the fork
 *	inet/make.c	restore: making, binding, listening, connecting
 *	inet/queue.c	datagrams that wait to be read
 *	inet/forge.c	restore: datagrams in another's name
 *	tcp.c		TCP connections: the lock, and what a dump reads
 *	tcp/keys.c	keys that sign segments
 *	tcp/closed.c	those that have ended
 *	tcp/listen.c	listeners: nobody may come while they are dumped
 *	tcp/waiting.c	connections that are not accepted yet
 *	tcp/waiting_in.c	restore: the same
 *	tcp/in.c	restore: the image of a connection; the end of the lock
 *	tcp/check.c	restore: what that image may say
 *	tcp/make.c	restore: a connection made again
 *	tcp/forge.c	restore: packets in the peer's name
 *
 * Functions return 0 or a negative errno with the session's error filled, unless it is said
 * otherwise.
 */
#ifndef OBJECTS_SOCKET_INET_H
#define OBJECTS_SOCKET_INET_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kernel/nftables.h"
#include "objects/socket/socket.h"

/* inet_sk_entry.state: the kernel's numbers (include/net/tcp_states.h). */
enum {
	INET_ESTABLISHED = 1,
	INET_SYN_SENT,
	INET_SYN_RECV,
	INET_FIN_WAIT1,
	INET_FIN_WAIT2,
	INET_TIME_WAIT,
	INET_CLOSE,
	INET_CLOSE_WAIT,
	INET_LAST_ACK,
	INET_LISTEN,
	INET_CLOSING,
};

union inet_addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline bool inet_is_tcp(const InetSkEntry *e)
{
	return e->proto == IPPROTO_TCP && e->type == SOCK_STREAM;
}
/* A raw socket, or one for pings, has no ports that somebody could take. */
static inline bool inet_has_ports(const InetSkEntry *e)
{
	return e->type != SOCK_RAW && e->proto != IPPROTO_ICMP && e->proto != IPPROTO_ICMPV6;
}
/* A TCP socket whose connection has ended; where the entry has a peer, there is a stream too. */
static inline bool inet_was_closed(const InetSkEntry *e)
{
	return inet_is_tcp(e) && e->state == INET_CLOSE &&
	       (e->dst_port || (e->has_shutdown && e->shutdown == SK_SHUTDOWN__BOTH));
}
static inline int inet_level(const InetSkEntry *e)
{
	return e->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
}

struct inet_in;

/* --- dump ----------------------------------------------------------------------------------------
 */

/* What the kernel tells of one by its descriptor: for the class' ask. */
struct inet_answers {
	InetSkEntry *e; /* all of it but id, state and fown; of a datagram socket not its peer */
	struct socket_answers options;
	uint64_t netns_cookie;
	int peek_off;
	/* TCP */
	uint32_t state;
	bool has_peer;
	char protocol[16]; /* on top (TCP_ULP); "" */
	bool urgent;	   /* data that was not read */
	bool signs;	   /* by keys of TCP-AO */
};

/* One socket: dump_file.priv. */
struct inet_out {
	struct dump_file *file;
	struct dump_task *task;
	int fd; /* in the task */
	const char *object;
	InetSkEntry *e;
	bool connection; /* TCP with a peer */
	bool kept;	 /* and its state is to be kept (not --tcp-close) */
	bool judged;	 /* a listener: it was said that connections wait */
	bool shut;	 /* it hears nobody */
	bool keyed;	 /* it signs its segments */
	bool waits;	 /* a listener: connections that wait are kept */
};

/* dump.priv[SLOT_INET] */
struct inet_dump {
	int netlink;
	struct listing *listings;
	uint64_t netns_cookie; /* of the tool's network namespace; 0: the kernel has none */
	struct hash local;     /* addresses that were tried: inet_is_local() */
	struct inet_out **connections, **listeners;
	size_t n, n_listeners;
	bool asked, repairable;	     /* may the tool use TCP_REPAIR? */
	struct tcp_waiting *waiting; /* what it takes to read those that are not accepted yet */
	bool settled, left;
	char lock[32]; /* the table that locks the connections; "" */
};

/* The peer's address by the kernel's listing, where the descriptor does not tell it. */
int inet_find_peer(struct dump *d, struct inet_dump *x, InetSkEntry *e);

/* --- steering.c ------------------------------------------------------------------------------- */

/* Is there a program that chooses among those that share its port? */
void inet_steering_judge(struct dump *d, const struct inet_out *out, const struct file_probe *p);

/* --- tcp.c ---------------------------------------------------------------------------------------
 */

int tcp_collect(struct dump *d, struct inet_dump *x, struct inet_out *s,
		const struct file_probe *p);
/* Locks all connections, and looks at their states again. */
int tcp_settle(struct dump *d, struct inet_dump *x);
int tcp_write(struct dump *d, struct inet_out *s);
/* The tree is about to be let go, or killed: then no connection may say so to its peer. */
void tcp_leave(struct dump *d, struct inet_dump *x, bool killed);
/* Repair mode on or off, off without and with a probe that makes the peer answer. 0 or -errno. */
enum tcp_repair { TCP_REPAIR_BEGIN = 1, TCP_REPAIR_END = -1, TCP_REPAIR_END_PROBE = 0 };
int tcp_repair(int fd, enum tcp_repair how);
/* What it has of its own: state, peer, and what can't be kept. */
int tcp_ask(const struct file_probe *p, const struct reader *r, struct inet_answers *a);
/* Its state. */
int tcp_read_info(struct dump *d, const struct inet_out *s, int fd, struct tcp_info *ret);
/* The very socket; the caller closes. */
int tcp_borrow(struct dump *d, const struct inet_out *s);
/* The journal names each process to whose sockets something is done once. */
void tcp_note_tasks(struct dump *d, const char *what, struct inet_out **all, size_t n);
/* May the tool do that? */
bool tcp_may_repair(struct inet_dump *x);
/* For the lock. */
struct nft_connection tcp_connection(const InetSkEntry *e);
/* Which end has said that it sends no more, by the state? */
bool tcp_sent_fin(uint32_t state);
bool tcp_received_fin(uint32_t state);

/* --- tcp/listen.c --------------------------------------------------------------------------------
 */

int tcp_listen_collect(struct dump *d, struct inet_dump *x, struct inet_out *s, int fd,
		       const struct tcp_info *info);
int tcp_listen_settle(struct dump *d, struct inet_dump *x);
void tcp_listen_leave(struct inet_dump *x);

/* --- tcp/waiting.c -------------------------------------------------------------------------------
 */

/* Can connections that this one has not accepted be kept? NULL, or why not. */
const char *tcp_waiting_unable(struct dump *d, struct inet_dump *x, const struct inet_out *s);
/* Nobody comes any more: who waits is found, and *ret are their ends, for the lock. */
int tcp_waiting_find(struct dump *d, struct inet_dump *x, struct nft_connection **ret, size_t *n);
/* Locked: all is read. */
int tcp_waiting_read(struct dump *d, struct inet_dump *x);

/* --- tcp/keys.c ----------------------------------------------------------------------------------
 */

/* Of a connection or a listener whose addresses and options are known. */
int tcp_keys_collect(struct dump *d, struct inet_dump *x, struct inet_out *s,
		     const struct inet_answers *a);
/* Keys that can't be read (TCP-AO)? */
bool tcp_keys_hidden(int fd);
void tcp_keys_judge(const struct inet_out *s);
int tcp_keys_check(struct restore *r, const struct inet_in *s);
/* Before it is connected, or listens. */
int tcp_keys_set(struct restore_task *t, const struct inet_in *s, int fd);

/* --- tcp/closed.c --------------------------------------------------------------------------------
 */

/* One in the state CLOSE, that may never have been connected. */
void tcp_closed_collect(struct dump *d, struct inet_dump *x, struct inet_out *s, int fd);

/* --- inet/addr.c --------------------------------------------------------------------------------
 */

#define INET_TEXT_SIZE 80
/* "192.0.2.1:80", "[2001:db8::1%eth0]:80" */
const char *inet_text(const union inet_addr *a, char buf[static INET_TEXT_SIZE]);
/* Into src_addr and src_port, or dst_…. */
void inet_addr_store(struct arena *arena, const union inet_addr *a, uint32_t **ret_words,
		     size_t *ret_n, uint32_t *ret_port);
/* From an entry that was checked; false: it has none (any address, no port). */
bool inet_source(const InetSkEntry *e, union inet_addr *ret);
bool inet_destination(const InetSkEntry *e, union inet_addr *ret);
socklen_t inet_addr_len(const InetSkEntry *e);
bool inet_addr_is_any(const union inet_addr *a);
/* Is the own address the host's? One that is not can be bound only with IP_FREEBIND. known: what
 * was found before, the caller's to free. */
bool inet_is_local(struct hash *known, const InetSkEntry *e);

/* --- inet/queue.c --------------------------------------------------------------------------------
 */

int inet_queue_collect(struct dump *d, struct inet_out *s, int fd);

/* --- inet/options.c ------------------------------------------------------------------------------
 */

void inet_options_ask(InetSkEntry *e, int fd, struct arena *arena);
/* Before it is bound: what has to be there. */
int inet_options_early(struct restore_task *t, const struct restore_file *f, const InetSkEntry *e,
		       int fd);
int inet_options_late(struct restore_task *t, const struct restore_file *f, const InetSkEntry *e,
		      int fd);
/* When all options are set. */
int inet_options_priority(struct restore_task *t, const struct restore_file *f,
			  const InetSkEntry *e, int fd);

/* --- inet/groups.c -------------------------------------------------------------------------------
 */

int inet_groups_collect(struct dump *d, struct inet_out *s, const struct file_probe *p);
/* Are the devices here? */
int inet_groups_check(struct restore *r, const struct restore_file *f, const struct inet_in *s);
int inet_groups_join(struct restore_task *t, const struct restore_file *f, const InetSkEntry *e,
		     const CrtoolsSocket *x, int fd);

/* --- restore -------------------------------------------------------------------------------------
 */

/* One socket: restore_file.priv. */
struct inet_in {
	struct restore_file *file;
	const InetSkEntry *e;
	const CrtoolsSocket *x;	      /* may be NULL */
	struct inet_in *next;	      /* of the same port */
	struct inet_port *port;	      /* NULL: it has none */
	const TcpStreamEntry *stream; /* of a connection that is made again */
	const TcpStreamEntry *ended;  /* of one that has ended, and has something to tell */
	const char *queues; /* its data, where there is little of it; else the image is read again */
	bool is_local;	    /* the host has its address */
	struct restore_task *user; /* a task that has it as user_fd; NULL: none has a descriptor */
	int user_fd;
	struct tcp_planted *waiting; /* of a listener */
	size_t n_waiting;
};

/* A connection that is not accepted yet: end is no file's, but has the entry that one would have.
 */
struct tcp_planted {
	struct inet_in end;
	const CrtoolsTcpWaiting *w;
};

/* restore.priv[SLOT_INET] */
struct inet_restore {
	struct hash ports; /* struct inet_port */
	struct hash local; /* addresses that were tried: inet_is_local() */
	struct hash ends;  /* of connections: struct inet_in, by both addresses */
	struct inet_in **all;
	size_t n, n_connections;
	size_t n_waiting; /* of the listeners' */
	char lock[32];	  /* the table that locks the connections; "" */
	bool locked;	  /* it is this restore's */
	bool prepared, released;
	bool warned; /* of locks by iptables */
};

/* Sockets of the images that have one port of one protocol; all have one owner. */
struct inet_port {
	struct inet_in *first;
	size_t n;
	size_t n_listening, n_listening_open; /* opened: counted in the owner */
	bool rests; /* nobody has it but connections without a descriptor (TIME_WAIT) */
};

int inet_check(struct restore *r, struct restore_file *f);
/* Its name for people, made anew: there may be thousands that nobody asks for. */
const char *inet_object(const struct restore *r, const struct inet_in *s);
/* Can two sockets of the images be bound only if both allow it (SO_REUSEADDR, SO_REUSEPORT)? */
bool inet_shares(const struct inet_in *s);
/* Who has its port has nobody to give it up, and does so in a minute at most: it is bound beside
 * that. It takes SO_REUSEPORT until it listens; -errno. */
int inet_bind_beside(const struct inet_in *s, int fd);
/* SO_REUSEADDR and SO_REUSEPORT on, where others share its port. */
void inet_allow_reuse(const struct inet_in *s, int fd);
/* Binds it, whatever the final values of the options are that keep others out; -errno. */
int inet_bind(const struct inet_in *s, int fd);
/* A port or an address that no process has may be free in a moment: the kernel takes some
 * milliseconds to take down a ring of io_uring, and to close what was used through it. */
#define INET_END_TRIES 300
void inet_moment(void);
/* Is its address maybe not the host's? Then it takes IP_FREEBIND. */
bool inet_may_be_away(const struct inet_in *s);
int inet_open(struct restore_task *t, struct restore_file *f, int *ret_fd);
int inet_furnish(struct restore_task *t, struct restore_file *f, int fd);
int inet_attach(struct restore_task *t, struct restore_file *f, int fd);
/* Options but for those that others need to be bound. */
int inet_set_options(struct restore_task *t, struct inet_in *s, int fd);
/* SO_REUSEADDR and SO_REUSEPORT as they are in the end. */
int inet_set_reuse(struct restore *r, struct err *err, const struct inet_in *s, int fd);
int inet_failed(struct restore_task *t, const struct inet_in *s, const char *call,
		const char *what);

int inet_queue_check(struct restore *r, const struct inet_in *s);
/* A new socket, to which nothing was done yet. */
int inet_queue_fill(struct restore_task *t, const struct inet_in *s, int fd);

/* --- inet/forge.c --------------------------------------------------------------------------------
 */

/* A datagram of UDP or UDP-Lite; addresses of 4 or 16 bytes, ports in the host's order. */
struct inet_forged {
	int protocol;
	bool v6;
	const void *from, *to, *data;
	uint16_t from_port, to_port;
	size_t len;
};
/* By a raw socket of the family; 0 or -errno. */
int inet_forge(int fd, const struct inet_forged *p);
/* The checksum of these protocols: all parts but the last have an even length. */
uint32_t inet_sum(uint32_t sum, const void *data, size_t len);
uint16_t inet_sum_end(uint32_t sum);

/* --- tcp/in.c ------------------------------------------------------------------------------------
 */

static inline bool tcp_is_connection(const InetSkEntry *e)
{
	return inet_is_tcp(e) && e->dst_port && e->state != INET_LISTEN && e->state != INET_CLOSE;
}
int tcp_check(struct restore *r, struct inet_restore *x, struct inet_in *s);
/* No two connections have both ends in common. */
int tcp_note_ends(struct restore *r, struct inet_restore *x, struct inet_in *s);
/* Is its image one that the kernel can take? */
int tcp_check_stream(struct restore *r, const struct inet_in *s, const TcpStreamEntry *t);
/* One that has ended: what is left to be told. */
int tcp_closed_check(struct restore *r, struct inet_restore *x, struct inet_in *s);
/* Before the first fork: the connections are locked, if they are not. */
int tcp_prepare(struct restore *r, struct inet_restore *x);
/* The tree is about to run: unlocks, and lets all connections go on. */
void tcp_release(struct restore *r, struct inet_restore *x);

/* --- tcp/waiting_in.c ----------------------------------------------------------------------------
 */

int tcp_waiting_check(struct restore *r, struct inet_restore *x, struct inet_in *s);
/* Of one that listens. */
int tcp_waiting_make(struct restore_task *t, struct inet_in *s, int fd);

/* --- tcp/make.c ----------------------------------------------------------------------------------
 */

int tcp_make(struct restore_task *t, struct inet_in *s, int fd);
/* Nothing is left to be done that the kernel does only outside of that mode. */
bool tcp_stays_in_repair(const struct inet_in *s);
int tcp_failed(struct restore_task *t, const struct inet_in *s, const char *what, int ret);
/* What waits in both queues: *ret_own is the caller's to free. */
int tcp_queues(struct restore_task *t, const struct inet_in *s, const TcpStreamEntry *stream,
	       const char **ret, char **ret_own);
/* All of it, or -errno. */
int tcp_send_all(int fd, const char *data, size_t len, int flags);
/* For a queue (SO_RCVBUFFORCE, SO_SNDBUFFORCE) of a socket that has so large a buffer; true: it was
 * made larger. */
bool tcp_make_room(int fd, int name, size_t len, uint32_t has);
/* 0 or -errno: -ETIMEDOUT behind two seconds. */
int tcp_await_state(int fd, uint32_t state);

/* Of one that is bound: data and error. */
int tcp_closed_make(struct restore_task *t, struct inet_in *s, int fd);

/* --- tcp/forge.c ---------------------------------------------------------------------------------
 */

/* A packet as the peer would send it, past the lock. 0 or -errno. */
struct tcp_forged {
	const InetSkEntry *e;
	uint32_t seq, ack;
	uint16_t window; /* as it stands in the packet */
	bool fin, reset;
	const char *data;
	size_t len;	   /* TCP_FORGED_MAX at most */
	uint32_t priority; /* SO_PRIORITY; 0 */
};
#define TCP_FORGED_MAX 14000 /* with all that the kernel adds, it is in 16 KiB */
int tcp_forge(const struct tcp_forged *p);

#endif
