/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the classes of sockets share: their options, and their entries in our own image.
 *
 * Functions return 0 or a negative errno with the session's error filled, unless it is said
 * otherwise.
 */
#ifndef OBJECTS_SOCKET_SOCKET_H
#define OBJECTS_SOCKET_SOCKET_H

#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/registry.h"

extern const struct file_class unix_class, inet_class, netlink_class, packet_class, vsock_class,
	family_class;
extern const struct area_class packet_area;
extern const struct state_class packet_state;

/* Is it a socket (not O_PATH) of this family? */
bool socket_is(const struct file_probe *p, int family);
/* An option that is an int; `otherwise` where the kernel has none. */
int socket_int(int fd, int level, int name, int otherwise);
/* Which network namespace it is of (Linux 5.14); 0: the kernel does not tell. */
uint64_t socket_netns_cookie(int fd);

/* --- extra.c: crtools-files.img ------------------------------------------------------------------
 */

/* The socket's entry, made when it is asked for first. */
CrtoolsSocket *socket_extra(struct dump *d, const struct dump_file *f);
/* *ret: NULL where it has none. */
int socket_extra_of(struct restore *r, const struct restore_file *f, const CrtoolsSocket **ret);

/* --- apart.c -------------------------------------------------------------------------------------
 */

/* run(data), in a child that shares memory and descriptors and survives the tool; if it does not
 * come to its end, put_back(data) in the tool. */
struct apart {
	void (*run)(void *data);
	void (*put_back)(void *data);
	void *data;
};
int socket_run_apart(struct dump *d, const struct apart *work);
/* SO_PEEK_OFF; 0 or -errno. */
int socket_set_peek_off(int fd, int off);

/* --- options.c: what every socket has -----------------------------------------------------------
 */

/* What a socket says of its options: for class->ask. */
struct socket_answers {
	SkOptsEntry e;
	bool ebpf;    /* it has a filter that can't be read */
	bool charged; /* it may have what is charged to its options' memory (SK_MEMINFO_OPTMEM) */
	CrtoolsSockopt **option;
	size_t n_option;
};
/* type and protocol: as socket(2) takes them, to make one that tells what is the default. */
int socket_options_ask(const struct file_probe *p, const struct reader *r, int type, int protocol,
		       struct socket_answers *ret);
/* Puts what there is no field for into crtools-files.img, and refuses what can't be kept. */
SkOptsEntry *socket_options_take(struct dump *d, const struct dump_file *f,
				 const struct file_probe *p, const struct socket_answers *a);
/* Both at once. */
int socket_options_collect(struct dump *d, struct dump_file *f, const struct file_probe *p,
			   int type, int protocol, SkOptsEntry **ret);
/* Restore, before the fork: are the values any that an option can have? */
int socket_options_check(struct restore *r, struct restore_file *f, const SkOptsEntry *e);
/* A new socket, before it is bound or connected: those options that must be there then, and
 * buffers, so that contents fit. */
int socket_options_early(struct restore_task *t, struct restore_file *f, const SkOptsEntry *e,
			 int family, int fd);
/* Sets an option that is an int, unless a new socket of the kind has that value; only for options
 * that nothing else has set. */
int socket_set_int(struct restore_task *t, const struct restore_file *f, int fd, int level,
		   int name, const char *text, int value);
/* The buffers again, where they were made larger to fill the queues. */
void socket_options_buffers(const SkOptsEntry *e, int fd);
/* All others; when its queues are filled. */
int socket_options_late(struct restore_task *t, struct restore_file *f, const SkOptsEntry *e,
			int family, int fd);

#endif
