/* SPDX-License-Identifier: Apache-2.0 */
/* See option_table.h. */
#include "objects/socket/option_table.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

unsigned sockopt_family(int family)
{
	switch (family) {
	case AF_UNIX:
		return UNIX;
	case AF_INET:
	case AF_INET6:
		return INET;
	case AF_PACKET:
		return PACKET;
	case AF_NETLINK:
		return NETLINK;
	case AF_VSOCK:
		return VSOCK;
	default:
		return OTHER;
	}
}

const struct field sockopt_fields[N_FIELDS] = {
#define FIELD(option, kind, member, only_if_set, families, when)                                   \
	{                                                                                          \
		option, #option, kind, offsetof(SkOptsEntry, has_##member),                        \
			offsetof(SkOptsEntry, member), only_if_set, families, when                 \
	}
	FIELD(SO_REUSEADDR, FIELD_BOOL, reuseaddr, false, ANY, EARLY),
	FIELD(SO_REUSEPORT, FIELD_BOOL, so_reuseport, false, ANY, EARLY),
	FIELD(SO_MARK, FIELD_U32, so_mark, true, ANY, EARLY),
	FIELD(SO_PRIORITY, FIELD_U32, so_priority, false, ANY, LATE),
	FIELD(SO_RCVLOWAT, FIELD_U32, so_rcvlowat, false, ANY, LATE),
	FIELD(SO_PASSCRED, FIELD_BOOL, so_passcred, false, UNIX | NETLINK, LATE),
	FIELD(SO_PASSSEC, FIELD_BOOL, so_passsec, false, UNIX | NETLINK, LATE),
	FIELD(SO_DONTROUTE, FIELD_BOOL, so_dontroute, false, ANY, LATE),
	FIELD(SO_NO_CHECK, FIELD_BOOL, so_no_check, false, ANY, LATE),
	FIELD(SO_BROADCAST, FIELD_BOOL, so_broadcast, false, ANY, LATE),
	FIELD(SO_KEEPALIVE, FIELD_BOOL, so_keepalive, false, ANY, LATE),
	FIELD(SO_OOBINLINE, FIELD_U32, so_oobinline, false, ANY, EARLY),
#undef FIELD
};

protobuf_c_boolean *sockopt_has(const SkOptsEntry *e, const struct field *f)
{
	return (protobuf_c_boolean *)((char *)e + f->has);
}

static void *field_at(const SkOptsEntry *e, const struct field *f)
{
	return (char *)e + f->value;
}

int sockopt_get(const SkOptsEntry *e, const struct field *f)
{
	return f->kind == FIELD_BOOL ? *(protobuf_c_boolean *)field_at(e, f)
				     : (int)*(uint32_t *)field_at(e, f);
}

void sockopt_set(SkOptsEntry *e, const struct field *f, int value)
{
	*sockopt_has(e, f) = true;
	if (f->kind == FIELD_BOOL)
		*(protobuf_c_boolean *)field_at(e, f) = value;
	else
		*(uint32_t *)field_at(e, f) = value;
}

const struct option sockopts[N_OPTIONS] = {
#define OPTION(level, number, text, families, when) { level, number, text, families, when },
#include "objects/socket/options.def"
#undef OPTION
};
