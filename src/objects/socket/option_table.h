/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that sockets of all families have, as tables: for the dump (options.c) and the
 * restore (options_restore.c).
 */
#ifndef OBJECTS_SOCKET_OPTION_TABLE_H
#define OBJECTS_SOCKET_OPTION_TABLE_H

#include "objects/socket/socket.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

#define FILTER_MAX 4096 /* BPF_MAXINSNS */
#define VALUE_MAX  64	/* of an option in options.def, bytes */

enum families {
	UNIX = 1,
	INET = 2,
	PACKET = 4,
	NETLINK = 8,
	VSOCK = 16,
	OTHER = 32,
	ANY = 63,
	NOT_UNIX = ANY & ~UNIX,
	NOT_STREAM = 1 << 16, /* of unix sockets: it has no bounds that a time could belong to */
};
/* IDLE: early, and only of a TCP socket without a connection; ASKING: also of one that waits for
 * the answer to its first packet; LAST: behind the filter */
enum when { EARLY, LATE, IDLE, ASKING, LAST };

unsigned sockopt_family(int family);

enum field_kind { FIELD_U32, FIELD_BOOL };

/* An optional field of the entry that is an option with an int. */
struct field {
	int name;
	const char *text;
	enum field_kind kind;
	size_t has, value; /* offsets */
	bool only_if_set;  /* CRIU leaves it out where it is 0 */
	unsigned families;
	enum when when;
};
#define N_FIELDS 12
extern const struct field sockopt_fields[N_FIELDS];

protobuf_c_boolean *sockopt_has(const SkOptsEntry *e, const struct field *f);
int sockopt_get(const SkOptsEntry *e, const struct field *f);
void sockopt_set(SkOptsEntry *e, const struct field *f, int value);

/* options.def: what reads back as it is set, and CRIU drops. */
struct option {
	int level, name;
	const char *text;
	unsigned families;
	enum when when;
};
#define OPTION(level, number, text, families, when) +1
enum {
	N_OPTIONS = 0
#include "objects/socket/options.def"
};
#undef OPTION
extern const struct option sockopts[N_OPTIONS];

#endif
