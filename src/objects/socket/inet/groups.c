/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multicast groups that a socket has joined (ip(7): IP_ADD_MEMBERSHIP and its kin).
 *
 * No call lists them. But /proc/net/igmp and igmp6 list the groups that anybody has joined on each
 * device, and MCAST_MSFILTER (RFC 3678) tells of one group and device whether this socket is in,
 * with its sources: EADDRNOTAVAIL says that it is not.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/socket/inet/inet.h"

#define SOURCES_MAX 512 /* more than net.ipv4.igmp_max_msf and net.ipv6.mld_max_msf usually allow */

/* A group that is joined on a device by somebody. */
struct joined {
	uint32_t device;
	union inet_addr group;
};

struct groups {
	struct joined *all;
	size_t n;
};

union filter {
	struct group_filter gf;
	char room[GROUP_FILTER_SIZE(SOURCES_MAX)];
};

static void add(struct dump *d, struct groups *g, unsigned device, const union inet_addr *group)
{
	struct joined j = { device, *group };

	arena_push(dump_arena(d), g->all, g->n, j);
}

/* A line "INDEX NAME : …" for a device, then one for each group, that starts with its hex digits. */
static void read_v4(struct dump *d, struct groups *g)
{
	_cleanup_file_ FILE *file = fopen("/proc/net/igmp", "re");
	union inet_addr a = { .v4.sin_family = AF_INET };
	unsigned device = 0, word;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (strchr("0123456789", line[0])) {
			sscanf(line, "%u", &device);
		} else if (sscanf(line, " %8x %*d", &word) == 1 && device) {
			a.v4.sin_addr.s_addr = word;
			add(d, g, device, &a);
		}
	}
}

static void read_v6(struct dump *d, struct groups *g)
{
	_cleanup_file_ FILE *file = fopen("/proc/net/igmp6", "re");
	union inet_addr a = { .v6.sin6_family = AF_INET6 };
	char line[256], hex[33];
	unsigned device;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%u %*s %32s", &device, hex) != 2 || strlen(hex) != 32)
			continue;
		for (int i = 0; i < 16; i++)
			sscanf(hex + 2 * i, "%2hhx", &a.v6.sin6_addr.s6_addr[i]);
		add(d, g, device, &a);
	}
}

static const struct groups *groups_of(struct dump *d)
{
	struct groups *g = d->priv[SLOT_GROUPS];

	if (g)
		return g;
	g = d->priv[SLOT_GROUPS] = arena_new(dump_arena(d), struct groups);
	read_v4(d, g);
	read_v6(d, g);
	return g;
}

static ProtobufCBinaryData bytes_of(struct dump *d, const struct sockaddr_storage *s)
{
	const union inet_addr *a = (const union inet_addr *)s;
	bool v4 = a->sa.sa_family == AF_INET;
	size_t len = v4 ? 4 : 16;

	return (ProtobufCBinaryData){
		len, arena_memdup(dump_arena(d),
				  v4 ? (const void *)&a->v4.sin_addr : &a->v6.sin6_addr, len)
	};
}

static void keep(struct dump *d, struct inet_out *s, const struct group_filter *gf)
{
	CrtoolsMembership *m = arena_msg(dump_arena(d), CrtoolsMembership, crtools_membership);
	CrtoolsSocket *x = socket_extra(d, s->file);
	char name[IFNAMSIZ] = "";

	if (if_indextoname(gf->gf_interface, name))
		m->device = arena_strdup(dump_arena(d), name);
	m->has_group = m->has_include = true;
	m->group = bytes_of(d, &gf->gf_group);
	m->include = gf->gf_fmode == MCAST_INCLUDE;
	m->source = arena_array(dump_arena(d), ProtobufCBinaryData, gf->gf_numsrc);
	for (; m->n_source < gf->gf_numsrc; m->n_source++)
		m->source[m->n_source] = bytes_of(d, &gf->gf_slist[m->n_source]);
	arena_push(dump_arena(d), x->membership, x->n_membership, m);
}

int inet_groups_collect(struct dump *d, struct inet_out *s, const struct file_probe *p)
{
	const struct groups *g;

	if (inet_is_tcp(s->e))
		return 0;
	g = groups_of(d);
	for (size_t i = 0; i < g->n; i++) {
		union filter f = { .gf.gf_interface = g->all[i].device,
				   .gf.gf_numsrc = SOURCES_MAX };
		socklen_t len = sizeof(f);

		if (g->all[i].group.sa.sa_family != s->e->family)
			continue;
		memcpy(&f.gf.gf_group, &g->all[i].group, sizeof(g->all[i].group));
		if (getsockopt(probe_local(p), inet_level(s->e), MCAST_MSFILTER, &f, &len) < 0)
			continue;
		if (f.gf.gf_numsrc > SOURCES_MAX)
			task_warn(s->task, s->object,
				  "has joined a multicast group from more sources than are kept",
				  "");
		else
			keep(d, s, &f.gf);
	}
	return 0;
}

/* --- restore -------------------------------------------------------------------------------------
 */

int inet_groups_check(struct restore *r, const struct restore_file *f, const struct inet_in *s)
{
	const CrtoolsSocket *x = s->x;
	const InetSkEntry *e = s->e;
	size_t len = e->family == AF_INET ? 4 : 16;

	for (size_t i = 0; x && i < x->n_membership; i++) {
		const CrtoolsMembership *m = x->membership[i];
		bool fits = m->group.len == len && m->n_source <= SOURCES_MAX;

		for (size_t k = 0; fits && k < m->n_source; k++)
			fits = m->source[k].len == len;
		if (!fits)
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "crtools-files.img: a multicast group of socket %u is none",
				       f->id);
		if (m->device && !if_nametoindex(m->device))
			report_refuse(&r->s->report, 0, inet_object(r, s),
				      arena_printf(restore_arena(r),
						   "has joined a multicast group on the network "
						   "device %s, which is not here",
						   m->device),
				      "make the device, or rename one");
	}
	return 0;
}

static void fill(int family, const ProtobufCBinaryData *bytes, struct sockaddr_storage *ret)
{
	union inet_addr a = { .sa.sa_family = family };

	memcpy(family == AF_INET ? (void *)&a.v4.sin_addr : &a.v6.sin6_addr, bytes->data,
	       bytes->len);
	memcpy(ret, &a, sizeof(a));
}

static int join(int fd, const InetSkEntry *e, const CrtoolsMembership *m)
{
	struct group_req req = { .gr_interface = m->device ? if_nametoindex(m->device) : 0 };
	union filter f = { .gf.gf_interface = req.gr_interface,
			   .gf.gf_fmode = m->include ? MCAST_INCLUDE : MCAST_EXCLUDE,
			   .gf.gf_numsrc = m->n_source };

	fill(e->family, &m->group, &req.gr_group);
	if (setsockopt(fd, inet_level(e), MCAST_JOIN_GROUP, &req, sizeof(req)) < 0)
		return -errno;
	if (!m->include && !m->n_source)
		return 0;
	f.gf.gf_group = req.gr_group;
	for (size_t i = 0; i < m->n_source; i++)
		fill(e->family, &m->source[i], &f.gf.gf_slist[i]);
	return setsockopt(fd, inet_level(e), MCAST_MSFILTER, &f, GROUP_FILTER_SIZE(m->n_source)) < 0
		       ? -errno
		       : 0;
}

int inet_groups_join(struct restore_task *t, const struct restore_file *f, const InetSkEntry *e,
		     const CrtoolsSocket *x, int fd)
{
	for (size_t i = 0; x && i < x->n_membership; i++) {
		int ret = join(fd, e, x->membership[i]);

		if (ret < 0) {
			errno = -ret;
			return err_sys(restore_err(t->r), "setsockopt",
				       "can't join a multicast group with socket %u on %s", f->id,
				       x->membership[i]->device ?: "any device");
		}
	}
	return 0;
}
