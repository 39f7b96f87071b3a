/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets, as the files of this family share them.
 *
 *	unix.c		the class, and what a dump learns of each socket
 *	unix/name.c	dump: where the file of a bound socket is
 *	unix/queue.c	dump: what waits in queues
 *	unix/early.c	what was sent on connections that are not accepted yet
 *	unix/in.c	restore: sockets of the images, who is connected to whom
 *	unix/make.c	restore: making, binding, connecting, in that order
 *	unix/bind.c	restore: names
 *	unix/creds.c	restore: calls as somebody else
 *	unix/packets.c	restore: contents of the queues
 *
 * Functions return 0 or a negative errno with the session's error filled, unless it is said
 * otherwise.
 */
#ifndef OBJECTS_SOCKET_UNIX_H
#define OBJECTS_SOCKET_UNIX_H

#include <sys/socket.h>
#include <sys/un.h>

#include "kernel/sock_diag.h"
#include "objects/socket/socket.h"

/* unix_sk_entry.uflags and .state (the kernel's numbers of TCP states) */
enum { UNIX_EXTERN = 1, UNIX_SERVICE = 2, UNIX_CALLBACK = 4, UNIX_INHERIT = 8 };
enum { UNIX_ESTABLISHED = 1, UNIX_CLOSE = 7, UNIX_LISTEN = 10 };
#define UNIX_NAME_MAX	sizeof(((struct sockaddr_un *)0)->sun_path)
#define UNIX_RIGHTS_MAX 253 /* SCM_MAX_FD */

static inline bool unix_is_stream(const UnixSkEntry *e)
{
	return e->type == SOCK_STREAM;
}
/* Has a connection with two ends; a datagram socket has only an address that it sends to. */
static inline bool unix_connects(const UnixSkEntry *e)
{
	return e->type != SOCK_DGRAM;
}
static inline bool unix_has_path(const UnixSkEntry *e)
{
	return e->name.len && e->name.data[0];
}

/* --- dump ----------------------------------------------------------------------------------------
 */

/* One message of a queue, or, of a stream, all that reads as one. */
struct unix_packet {
	struct unix_packet *next;
	SkPacketEntry e;
	ScmEntry scm, *scms[1];
	size_t n_fds;
	int *fds;	    /* in the tool; taken by dump_file_in_flight */
	uint32_t *rights;   /* their file ids */
	struct ucred creds; /* pid 0: none came with it */
	struct sockaddr_un sender;
	socklen_t sender_len; /* of the whole address; 0: it has none */
	char data[];
};

/* One socket: dump_file.priv. */
struct unix_out {
	struct dump_file *file;
	struct dump_task *task;
	int fd; /* in the task */
	char object[48];
	UnixSkEntry *e;
	const struct unix_diag_info *diag;
	struct unix_packet *packets, **last;
	int walk_fd; /* a copy for the walk; -1 */
	struct unix_out *next_walk;
	int walk_errno;
	bool has_urgent;
	unsigned char urgent; /* a byte out of band, and what is in the queue before it */
	size_t urgent_at;
	size_t seen;	       /* bytes in packets */
	int peek_off;	       /* SO_PEEK_OFF */
	bool reset;	       /* an error waits: its peer has left something unread */
	CrtoolsPacket **early; /* sent before its connection is accepted */
	size_t n_early;
	const char *early_refused; /* why that, or what clients that are gone have sent, is not
				    * known; NULL */
	bool truncated;		   /* not all descriptors in flight could be taken */
};

/* The dump: dump.priv[SLOT_UNIX]. */
struct unix_dump {
	int netlink;
	struct hash listing; /* inode -> struct unix_diag_info */
	struct hash by_ino;  /* inode -> struct unix_out */
	struct hash waits;   /* inode of a client -> struct unix_out, where it waits */
	struct hash files;   /* unix/name.c */
	struct unix_out *walks;
	struct unix_out **all;
	size_t n;
	struct unix_early *early; /* unix/early.c */
	char *buf;		  /* unix/queue.c */
	size_t buf_size;
	bool limits_raised, written;
};

/* A name for messages: "/run/x", "@abstract". */
const char *unix_name_text(struct arena *a, const void *name, size_t len);
/* Name, name_dir, file_perms, deleted. */
int unix_name_collect(struct unix_dump *x, struct unix_out *u, const struct file_probe *p);

CrtoolsCredentials *unix_credentials(struct dump *d, const struct ucred *creds);

/* fd: the client, in the tool. */
void unix_early_look(struct unix_dump *x, struct unix_out *u, int fd);
/* fd: a listener, some of whose clients have closed before they were accepted. */
void unix_early_look_gone(struct unix_dump *x, struct unix_out *u, int fd);

/* A first look: an empty queue, or a plain stream, is done with. Others are noted for the walk. */
int unix_queue_look(struct unix_dump *x, struct unix_out *u, int fd);
/* All that were noted. */
int unix_queue_walk(struct dump *d, struct unix_dump *x);
void unix_queue_free(struct unix_out *u);
void unix_queue_end(struct unix_dump *x);

/* --- restore -------------------------------------------------------------------------------------
 */

struct unix_packet_in {
	SkPacketEntry *e;
	const char *data; /* its bytes, if they are few; NULL: they are in the image, */
	uint64_t offset;  /* there */
	struct restore_file **rights;
	size_t n_rights;
	const CrtoolsPacket *x; /* may be NULL */
};

/* One socket: restore_file.priv. */
struct unix_in {
	struct restore_file *file;
	const UnixSkEntry *e;
	const CrtoolsSocket *x;	  /* may be NULL */
	struct unix_in *peer;	  /* it sends to this one */
	struct unix_in *listener; /* its connection waits there */
	struct unix_in *mate;	  /* from one socketpair(2) */
	struct unix_cluster *cluster;
	size_t index; /* in unix_restore.all */
	struct unix_packet_in *packets;
	size_t n_packets;
	const char *object;
	struct stat stale; /* the file that is there before, of a socket that has ended; mode 0 */
	bool connected;	   /* it waits at its listener */
	bool inherit;	   /* --inherit-fd gives another in its place */
	int inherited;	   /* a service descriptor of that; -1 */
	/* In the task that makes it: */
	int fd;	     /* made, not handed out yet; -1 */
	int path_fd; /* its file, if that is gone and nothing else leads to it; -1 */
	int spare;   /* the end of a peer that is gone; -1 */
};

/* Sockets that have to do with each other; all have one owner. */
struct unix_cluster {
	struct unix_in **members;
	size_t n;
	bool made, filled;
};

/* restore.priv[SLOT_UNIX] */
struct unix_restore {
	struct unix_in **all;
	size_t n;
	struct hash by_ino;	/* struct unix_in */
	struct hash clusters;	/* file index of the group's first -> struct unix_cluster */
	struct hash names_used; /* unix/bind.c: what is bound here: address or inode */
	bool *made;		/* by number in `all`: the file of its name; tasks share it */
	bool listed;
	unsigned int collections; /* how often the kernel was asked to collect dead sockets */
	int queues;		  /* sk-queues.img; -1 */
	int sandbox; /* an unreachable file system for names that no file is to have; -1 */
	bool prepared;
};

struct unix_restore *unix_restore_of(struct restore *r);
int unix_in_load(struct restore *r, struct unix_restore **ret);
int unix_in_check(struct restore *r, struct unix_in *u);
/* After all checks: who is in which cluster. */
void unix_in_gather(struct restore *r, struct unix_restore *x);
/* Is it the end of a connection that accept(2) gave? It has the listener's name. */
bool unix_is_accepted(const struct unix_in *u);
/* Does bind(2) give it its name? */
static inline bool unix_is_bound(const struct unix_in *u)
{
	return u->e->name.len && !unix_is_accepted(u);
}

int unix_make(struct restore_task *t, struct unix_in *u);
/* The descriptor of a socket of this task, handed out already or not. */
int unix_fd(const struct unix_in *u);
/* Connections of datagram sockets, when their queues are filled. */
int unix_connect_dgrams(struct restore_task *t, struct unix_cluster *c);

int unix_bind_check(struct restore *r, struct unix_in *u);
int unix_bind_prepare(struct restore *r, struct unix_restore *x);
/* Its name, and its file's owner and mode. */
int unix_bind(struct restore_task *t, struct unix_in *u);
/* Gives fd a name that nobody can reach it by; *ret_file: its file (O_PATH), or -1. perms: NULL
 * where all may connect. 0 or -errno. */
int unix_bind_hidden(struct restore_task *t, const void *name, size_t len,
		     const FilePermsEntry *perms, int fd, int *ret_file);
/* An address by which a bound socket is reached, be its name there or not; fd: the socket, if this
 * task has it, or -1. *ret_by_fd: what has to stay open for it, or -1. 0 or -errno. */
int unix_reach(const struct unix_in *u, int fd, struct sockaddr_un *ret_addr, socklen_t *ret_len,
	       int *ret_by_fd);
/* Connects fd to it; 0 or -errno. */
int unix_connect_to(const struct unix_in *u, int u_fd, int fd);

/* A call as the process that made it once: peer credentials are those of the caller. */
typedef int (*unix_call)(void *arg); /* 0 or -errno */
int unix_call_as(struct restore_task *t, const CrtoolsCredentials *c, unix_call call, void *arg,
		 size_t size);
void unix_creds_check(struct restore *r, struct unix_in *u, const CrtoolsCredentials *c);

int unix_early_check(struct restore *r, struct unix_in *u);

int unix_packets_load(struct restore *r, struct unix_restore *x);
int unix_packets_prepare(struct restore *r, struct unix_restore *x);
int unix_packets_fill(struct restore_task *t, struct unix_cluster *c);
/* What a client, which is fd, has sent to a server that has not accepted it. 0 or -errno. */
int unix_packets_send_early(struct restore_task *t, int fd, CrtoolsPacket **early, size_t n);

#endif
