/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet sockets (packet(7)): frames of network devices, as tcpdump, dhclient and lldpd have them.
 *
 * The kernel lists all of their state (packet_diag, Linux 3.7), but for the flags of a fanout
 * group, which the socket itself tells. Kept: type, protocol, device, options, filter, memberships,
 * fanout group, rings with their mappings and contents (packet/ring.c). Devices are found by name
 * again; CRIU's entry has only numbers.
 *
 * What waits in the queue of a socket without a ring is lost, with a warning: only the network
 * could put it there. So are the counters of PACKET_STATISTICS, which reading would reset.
 *
 * A socket is bound last: it hears nothing before all else is in place. A group takes only sockets
 * that are bound, and none can be bound again in it (packet_do_bind(), net/packet/af_packet.c).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/packet_diag.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "kernel/netlink.h"
#include "kernel/sock_diag.h"
#include "objects/socket/packet/packet.h"

#define STATUS_FLAGS	(O_NONBLOCK | O_APPEND | O_NOATIME)
#define ADDR_MAX	32 /* MAX_ADDR_LEN */
#define NO_FANOUT	UINT32_MAX
#define FANOUT_ID(v)	((v)&0xffff)
#define FANOUT_TYPE(v)	((v) >> 16 & 0xff)
#define DEVICE_GONE	UINT32_MAX /* the number of one that was unregistered */
#define MEMBERSHIPS_MAX 4096
#define OLD_NAME_SIZE	14 /* sockaddr_pkt.spkt_device */

/* What packet_diag tells of one. */
struct packet_info {
	uint8_t type;
	uint16_t protocol; /* in network order */
	uint32_t fanout;   /* without its flags; NO_FANOUT */
	struct packet_diag_info info;
	const struct packet_diag_mclist *members;
	size_t n_members;
	const struct packet_diag_ring *rx, *tx;
	uint32_t queued; /* bytes */
};

/* --- the kernel's list --------------------------------------------------------------------------
 */

static const void *attr_copy(struct arena *a, const struct nlattr *attr, size_t size)
{
	return attr && nl_len(attr) >= size ? arena_memdup(a, nl_data(attr), size) : NULL;
}

static int take(const struct nlmsghdr *h, void *data)
{
	const struct packet_diag_msg *msg = NLMSG_DATA(h);
	const struct nlattr *attrs[PACKET_DIAG_MAX + 1], *at;
	struct packet_dump *x = data;
	struct packet_info *info;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || !msg->pdiag_ino)
		return 0;
	nl_parse(msg + 1, h->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)), attrs, PACKET_DIAG_MAX);
	info = arena_new(x->arena, struct packet_info);
	info->type = msg->pdiag_type;
	info->protocol = htons(msg->pdiag_num);
	at = attrs[PACKET_DIAG_INFO];
	if (at && nl_len(at) >= sizeof(info->info))
		memcpy(&info->info, nl_data(at), sizeof(info->info));
	at = attrs[PACKET_DIAG_MCLIST];
	if (at) {
		info->n_members = nl_len(at) / sizeof(*info->members);
		info->members = attr_copy(x->arena, at, info->n_members * sizeof(*info->members));
	}
	info->rx = attr_copy(x->arena, attrs[PACKET_DIAG_RX_RING], sizeof(*info->rx));
	info->tx = attr_copy(x->arena, attrs[PACKET_DIAG_TX_RING], sizeof(*info->tx));
	info->fanout = nl_u32(attrs[PACKET_DIAG_FANOUT], NO_FANOUT);
	info->queued = nl_u32(attrs[PACKET_DIAG_MEMINFO], 0); /* its first word */
	hash_put(&x->listing, msg->pdiag_ino, info);
	return 0;
}

static int list_all(uint32_t show, int (*answer)(const struct nlmsghdr *h, void *data), void *data,
		    uint64_t *ret_cookie, struct err *err)
{
	struct packet_diag_req req = { .sdiag_family = AF_PACKET, .pdiag_show = show };
	_cleanup_fd_ int netlink = nl_open(NETLINK_SOCK_DIAG, err);

	if (netlink < 0)
		return netlink;
	*ret_cookie = socket_netns_cookie(netlink);
	return sock_diag_list(netlink, &req, sizeof(req), "list packet sockets", answer, data, err);
}

/* --- dump ----------------------------------------------------------------------------------------
 */

static void dump_drop(void *data)
{
	struct packet_dump *x = data;

	hash_free(&x->listing);
	hash_free(&x->by_ino);
}

int packet_dump_of(struct dump *d, struct packet_dump **ret)
{
	struct packet_dump *x = d->priv[SLOT_PACKET];

	*ret = x;
	if (x)
		return 0;
	*ret = x = d->priv[SLOT_PACKET] = arena_new(dump_arena(d), struct packet_dump);
	x->arena = dump_arena(d);
	undo_push(&d->s->undo, dump_drop, x);
	return list_all(PACKET_SHOW_INFO | PACKET_SHOW_MCLIST | PACKET_SHOW_RING_CFG |
				PACKET_SHOW_FANOUT | PACKET_SHOW_MEMINFO,
			take, x, &x->netns_cookie, dump_err(d));
}

static bool packet_match(const struct file_probe *p)
{
	return socket_is(p, AF_PACKET);
}

/* The name by which the device is found again. */
static void note_device(struct dump *d, const struct dump_file *f, const struct file_probe *p,
			uint32_t index)
{
	CrtoolsSocket *x;
	CrtoolsDevice *dev;
	char name[IFNAMSIZ];

	if (!index)
		return;
	if (index == DEVICE_GONE || !if_indextoname(index, name)) {
		task_refuse(p->task, probe_object(p),
			    "is a packet socket of a network device that is gone",
			    "close it before the dump, or bind it to another device");
		return;
	}
	x = socket_extra(d, f);
	for (size_t i = 0; i < x->n_device; i++)
		if (x->device[i]->index == index)
			return;
	dev = arena_msg(dump_arena(d), CrtoolsDevice, crtools_device);
	dev->has_index = true;
	dev->index = index;
	dev->name = arena_strdup(dump_arena(d), name);
	arena_push(dump_arena(d), x->device, x->n_device, dev);
}

static void collect_members(struct dump *d, const struct dump_file *f, const struct file_probe *p,
			    const struct packet_info *info, PacketSockEntry *e)
{
	struct arena *a = dump_arena(d);

	for (size_t i = 0; i < info->n_members; i++) {
		const struct packet_diag_mclist *in = &info->members[i];
		PacketMclist *m = arena_msg(a, PacketMclist, packet_mclist);

		m->index = in->pdmc_index;
		m->type = in->pdmc_type;
		m->addr.len = in->pdmc_alen <= ADDR_MAX ? in->pdmc_alen : ADDR_MAX;
		m->addr.data = arena_memdup(a, in->pdmc_addr, m->addr.len);
		/* As often as it was joined, it has to be left. */
		for (uint32_t n = 0; n < in->pdmc_count && e->n_mclist < MEMBERSHIPS_MAX; n++)
			arena_push(a, e->mclist, e->n_mclist, m);
		note_device(d, f, p, m->index);
	}
}

static PacketRing *ring_entry(struct arena *a, const struct packet_diag_ring *in)
{
	PacketRing *r;

	if (!in)
		return NULL;
	r = arena_msg(a, PacketRing, packet_ring);
	r->block_size = in->pdr_block_size;
	r->block_nr = in->pdr_block_nr;
	r->frame_size = in->pdr_frame_size;
	r->frame_nr = in->pdr_frame_nr;
	r->retire_tmo = in->pdr_retire_tmo;
	r->sizeof_priv = in->pdr_sizeof_priv;
	r->features = in->pdr_features;
	return r;
}

/* Its flags the listing leaves out. */
static void collect_fanout(const struct file_probe *p, const struct packet_info *info,
			   PacketSockEntry *e)
{
	if (info->fanout == NO_FANOUT)
		return;
	e->has_fanout = true;
	e->fanout = socket_int(probe_local(p), SOL_PACKET, PACKET_FANOUT, info->fanout);
	if (FANOUT_TYPE(e->fanout) == PACKET_FANOUT_CBPF ||
	    FANOUT_TYPE(e->fanout) == PACKET_FANOUT_EBPF)
		task_refuse(
			p->task, probe_object(p),
			"is a packet socket of a fanout group that a BPF program divides, which "
			"can't be read out of the kernel",
			"close it before the dump, or use another kind of fanout");
}

static void fill(const struct packet_info *info, PacketSockEntry *e)
{
	e->type = info->type;
	e->protocol = info->protocol;
	e->ifindex = info->info.pdi_index;
	e->version = info->info.pdi_version;
	e->reserve = info->info.pdi_reserve;
	e->copy_thresh = info->info.pdi_copy_thresh;
	e->timestamp = info->info.pdi_tstamp;
	e->aux_data = info->info.pdi_flags & PDI_AUXDATA;
	e->orig_dev = info->info.pdi_flags & PDI_ORIGDEV;
	e->vnet_hdr = info->info.pdi_flags & PDI_VNETHDR;
	e->loss = info->info.pdi_flags & PDI_LOSS;
}

static int collect_rings(struct dump *d, struct dump_file *f, const struct file_probe *p,
			 const struct packet_info *info, PacketSockEntry *e)
{
	struct packet_out *out = arena_new(dump_arena(d), struct packet_out);

	e->rx_ring = ring_entry(dump_arena(d), info->rx);
	e->tx_ring = ring_entry(dump_arena(d), info->tx);
	*out = (struct packet_out){ .task = p->task, .object = probe_object(p), .e = e };
	f->priv = out;
	return d->examining ? 0 : packet_rings_note(d, out, probe_local(p));
}

static int packet_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	PacketSockEntry *e = arena_msg(dump_arena(d), PacketSockEntry, packet_sock_entry);
	const struct packet_info *info;
	struct packet_dump *x;
	int ret = packet_dump_of(d, &x);

	if (ret < 0)
		return ret;
	info = hash_get(&x->listing, p->stat.st_ino);
	if (!info || (x->netns_cookie && socket_netns_cookie(probe_local(p)) != x->netns_cookie)) {
		task_refuse(p->task, probe_object(p),
			    "is a packet socket of another network namespace than the tool's",
			    "close it before the dump");
		return 0;
	}
	hash_put(&x->by_ino, p->stat.st_ino, f);
	f->entry->psk = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->has_ns_id = p->task->ids && p->task->ids->has_net_ns_id;
	e->ns_id = e->has_ns_id ? p->task->ids->net_ns_id : 0;
	fill(info, e);
	note_device(d, f, p, e->ifindex);
	collect_members(d, f, p, info, e);
	collect_fanout(p, info, e);
	ret = socket_options_collect(d, f, p, e->type, 0, &e->opts);
	if (ret == 0)
		ret = fown_collect(d, p, &e->fown);
	if (ret == 0)
		ret = collect_rings(d, f, p, info, e);
	if (info->queued)
		task_warn(p->task, probe_object(p), "has packets that were not read; they are lost",
			  "");
	return ret;
}

/* --- restore: before the fork --------------------------------------------------------------------
 */

static const char *object_of(struct restore *r, const struct restore_file *f)
{
	return arena_printf(restore_arena(r), "packet socket %u", f->id);
}

/* The number that a device of the images has here; 0: there is none. */
static unsigned device_here(struct restore *r, const struct restore_file *f, uint32_t index,
			    const char **ret_name)
{
	const CrtoolsSocket *x = NULL;
	char name[IFNAMSIZ];

	*ret_name = NULL;
	socket_extra_of(r, f, &x); /* check has told a failure */
	for (size_t i = 0; x && i < x->n_device; i++)
		if (x->device[i]->index == index && x->device[i]->name)
			*ret_name = x->device[i]->name;
	if (*ret_name)
		return if_nametoindex(*ret_name);
	return if_indextoname(index, name) ? index : 0;
}

static void check_device(struct restore *r, const struct restore_file *f, uint32_t index)
{
	const char *name;

	if (!index || device_here(r, f, index, &name))
		return;
	report_refuse(&r->s->report, 0, object_of(r, f),
		      name ? arena_printf(restore_arena(r),
					  "is of the network device %s, which is not here", name)
			   : arena_printf(restore_arena(r),
					  "is of network device number %u, which is not here",
					  index),
		      "make the device, or rename one");
}

static bool ring_is_sane(const PacketRing *c)
{
	return !c || (c->block_size && c->block_nr && c->frame_size && c->frame_nr &&
		      c->block_size <= INT32_MAX && c->frame_size <= c->block_size &&
		      packet_ring_size(c) <= UINT64_C(1) << 40 &&
		      (uint64_t)(c->block_size / c->frame_size) * c->block_nr == c->frame_nr);
}

static bool is_sane(const struct restore_file *f, const PacketSockEntry *e)
{
	if (!e || e->id != f->id || !e->fown || e->protocol > UINT16_MAX ||
	    e->version > TPACKET_V3 || e->reserve > INT32_MAX || e->n_mclist > MEMBERSHIPS_MAX ||
	    !ring_is_sane(e->rx_ring) || !ring_is_sane(e->tx_ring))
		return false;
	for (size_t i = 0; i < e->n_mclist; i++)
		if (e->mclist[i]->addr.len > ADDR_MAX || e->mclist[i]->type > UINT16_MAX)
			return false;
	return e->type == SOCK_RAW || e->type == SOCK_DGRAM || e->type == SOCK_PACKET;
}

struct same_fanout {
	uint32_t wanted;
	bool differs;
};

static int compare_fanout(const struct nlmsghdr *h, void *data)
{
	const struct packet_diag_msg *msg = NLMSG_DATA(h);
	const struct nlattr *attrs[PACKET_DIAG_MAX + 1];
	struct same_fanout *same = data;
	uint32_t fanout;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)))
		return 0;
	nl_parse(msg + 1, h->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)), attrs, PACKET_DIAG_MAX);
	fanout = nl_u32(attrs[PACKET_DIAG_FANOUT], NO_FANOUT);
	same->differs |= fanout != NO_FANOUT && FANOUT_ID(fanout) == FANOUT_ID(same->wanted) &&
			 FANOUT_TYPE(fanout) != FANOUT_TYPE(same->wanted);
	return 0;
}

/* A group that is here with its number has to be of the same kind to take it in. */
static int check_fanout(struct restore *r, const struct restore_file *f, const PacketSockEntry *e)
{
	struct same_fanout same = { .wanted = e->fanout };
	uint64_t cookie;
	int ret;

	if (!e->has_fanout || e->fanout == NO_FANOUT)
		return 0;
	ret = list_all(PACKET_SHOW_FANOUT, compare_fanout, &same, &cookie, restore_err(r));
	if (same.differs)
		report_refuse(&r->s->report, 0, object_of(r, f),
			      arena_printf(restore_arena(r),
					   "belongs to fanout group %u, and there is another one "
					   "with that number",
					   FANOUT_ID(e->fanout)),
			      "end the programs that have it (ss -0 -p lists them)");
	return ret;
}

static int packet_check(struct restore *r, struct restore_file *f)
{
	const PacketSockEntry *e = f->entry->psk;
	const CrtoolsSocket *x;
	int ret = socket_extra_of(r, f, &x);

	if (ret < 0)
		return ret;
	if (!is_sane(f, e))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entry of packet socket %u makes no sense", f->id);
	fown_check(r, f, e->fown, object_of(r, f));
	check_device(r, f, e->ifindex);
	for (size_t i = 0; i < e->n_mclist; i++)
		if (!i || e->mclist[i]->index != e->mclist[i - 1]->index)
			check_device(r, f, e->mclist[i]->index);
	ret = check_fanout(r, f, e);
	if (ret == 0)
		ret = socket_options_check(r, f, e->opts);
	return ret < 0 ? ret : packet_rings_check(r, f);
}

/* --- restore: in the task ------------------------------------------------------------------------
 */

static int set_int(struct restore_task *t, const struct restore_file *f, int fd, int name,
		   const char *text, int value)
{
	if (socket_int(fd, SOL_PACKET, name, 0) == value ||
	    setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)) == 0)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt", "can't set %s of packet socket %u to %d",
		       text, f->id, value);
}
#define SET(t, f, fd, name, value) set_int(t, f, fd, name, #name, value)

static int make_ring(struct restore_task *t, const struct restore_file *f, int fd, int name,
		     const PacketRing *c)
{
	bool v3 = f->entry->psk->version == TPACKET_V3;
	struct tpacket_req3 req;

	if (!c)
		return 0;
	req = (struct tpacket_req3){ .tp_block_size = c->block_size,
				     .tp_block_nr = c->block_nr,
				     .tp_frame_size = c->frame_size,
				     .tp_frame_nr = c->frame_nr };
	if (name == PACKET_RX_RING) { /* a ring for sending takes no others */
		req.tp_retire_blk_tov = c->retire_tmo;
		req.tp_sizeof_priv = c->sizeof_priv;
		req.tp_feature_req_word = c->features;
	}
	if (setsockopt(fd, SOL_PACKET, name, &req, v3 ? sizeof(req) : sizeof(struct tpacket_req)) ==
	    0)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt",
		       "can't make the %s ring of packet socket %u: %u blocks of %u bytes",
		       name == PACKET_RX_RING ? "receiving" : "sending", f->id, c->block_nr,
		       c->block_size);
}

/* What can't be set any more when there are rings, and these. */
static int make_rings(struct restore_task *t, const struct restore_file *f, int fd)
{
	const PacketSockEntry *e = f->entry->psk;
	int ret;

	if (e->type == SOCK_PACKET) /* has no options of its own */
		return 0;
	ret = SET(t, f, fd, PACKET_VERSION, e->version);
	if (ret == 0)
		ret = SET(t, f, fd, PACKET_RESERVE, e->reserve);
	if (ret == 0)
		ret = SET(t, f, fd, PACKET_LOSS, e->loss);
	/* Its size, if it is not the usual one, is among options.def and was set. */
	if (ret == 0 && e->type == SOCK_RAW)
		ret = SET(t, f, fd, PACKET_VNET_HDR, e->vnet_hdr);
	if (ret == 0)
		ret = make_ring(t, f, fd, PACKET_RX_RING, e->rx_ring);
	return ret < 0 ? ret : make_ring(t, f, fd, PACKET_TX_RING, e->tx_ring);
}

static int packet_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const PacketSockEntry *e = f->entry->psk;
	_cleanup_fd_ int fd = -1;
	int ret;

	/* Without a protocol it hears nothing; only the old type can't be given one later. */
	fd = socket(AF_PACKET, e->type | SOCK_CLOEXEC, e->type == SOCK_PACKET ? e->protocol : 0);
	if (fd < 0)
		return err_sys(restore_err(t->r), "socket", "can't make packet socket %u", f->id);
	ret = socket_options_early(t, f, e->opts, AF_PACKET, fd);
	if (ret == 0)
		ret = make_rings(t, f, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

static int set_plain(struct restore_task *t, const struct restore_file *f, int fd)
{
	const PacketSockEntry *e = f->entry->psk;
	int thresh = e->copy_thresh, ret;

	ret = SET(t, f, fd, PACKET_AUXDATA, e->aux_data);
	if (ret == 0)
		ret = SET(t, f, fd, PACKET_ORIGDEV, e->orig_dev);
	if (ret == 0)
		ret = SET(t, f, fd, PACKET_TIMESTAMP, e->timestamp);
	/* Can't be asked for. */
	if (ret == 0 && thresh &&
	    setsockopt(fd, SOL_PACKET, PACKET_COPY_THRESH, &thresh, sizeof(thresh)) < 0)
		ret = err_sys(restore_err(t->r), "setsockopt",
			      "can't set PACKET_COPY_THRESH of packet socket %u", f->id);
	return ret;
}

static int join(struct restore_task *t, const struct restore_file *f, int fd)
{
	const PacketSockEntry *e = f->entry->psk;

	/* The kernel puts a new one in front of the others. */
	for (size_t i = e->n_mclist; i--;) {
		const PacketMclist *m = e->mclist[i];
		const char *name;
		struct {
			struct packet_mreq head; /* which is too short for some addresses */
			unsigned char room[ADDR_MAX];
		} req = { .head = { .mr_ifindex = device_here(t->r, f, m->index, &name),
				    .mr_type = m->type,
				    .mr_alen = m->addr.len } };

		memcpy((char *)&req + offsetof(struct packet_mreq, mr_address), m->addr.data,
		       m->addr.len);
		if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &req, sizeof(req)) < 0)
			return err_sys(restore_err(t->r), "setsockopt",
				       "can't give packet socket %u its membership of type %u on "
				       "device %s",
				       f->id, m->type, name ? name : "of the images");
	}
	return 0;
}

static int bind_old(const PacketSockEntry *e, int fd, unsigned index)
{
	struct sockaddr own = { .sa_family = AF_PACKET };
	char name[IFNAMSIZ];

	if (!e->ifindex)
		return 0;
	if (!if_indextoname(index, name))
		return -1;
	memcpy(own.sa_data, name, strnlen(name, OLD_NAME_SIZE));
	return bind(fd, &own, sizeof(own));
}

static int bind_device(struct restore_task *t, const struct restore_file *f, int fd)
{
	const PacketSockEntry *e = f->entry->psk;
	struct sockaddr_ll own = { .sll_family = AF_PACKET, .sll_protocol = e->protocol };
	const char *name = NULL;
	int ret;

	if (!e->ifindex && !e->protocol)
		return 0;
	if (e->ifindex)
		own.sll_ifindex = device_here(t->r, f, e->ifindex, &name);
	ret = e->type == SOCK_PACKET ? bind_old(e, fd, own.sll_ifindex)
				     : bind(fd, (struct sockaddr *)&own, sizeof(own));
	if (ret == 0)
		return 0;
	return err_sys(restore_err(t->r), "bind",
		       "can't bind packet socket %u to device %d, protocol 0x%04x", f->id,
		       own.sll_ifindex, ntohs(e->protocol));
}

static int join_fanout(struct restore_task *t, const struct restore_file *f, int fd)
{
	const PacketSockEntry *e = f->entry->psk;
	int value = e->fanout;

	if (!e->has_fanout || e->fanout == NO_FANOUT ||
	    setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof(value)) == 0)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt",
		       "can't join packet socket %u to fanout group %u", f->id,
		       FANOUT_ID(e->fanout));
}

static int packet_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const PacketSockEntry *e = f->entry->psk;
	bool old = e->type == SOCK_PACKET;
	int ret = packet_rings_fill(t, f, fd);

	if (ret == 0)
		ret = socket_options_late(t, f, e->opts, AF_PACKET, fd);
	if (ret == 0 && !old)
		ret = set_plain(t, f, fd);
	if (ret == 0 && !old)
		ret = join(t, f, fd);
	if (ret == 0)
		ret = bind_device(t, f, fd);
	if (ret == 0)
		ret = join_fanout(t, f, fd);
	if (ret == 0 && e->flags & STATUS_FLAGS && fcntl(fd, F_SETFL, e->flags & STATUS_FLAGS) < 0)
		ret = err_sys(restore_err(t->r), "fcntl",
			      "can't set the flags of packet socket %u to 0%o", f->id, e->flags);
	return ret < 0 ? ret : fown_attach(t, f, e->fown, e->flags, fd);
}

const struct file_class packet_class = {
	.name = "packet socket",
	.type = FD_TYPES__PACKETSK,
	.match = packet_match,
	.collect = packet_collect,
	.check = packet_check,
	.open = packet_open,
	.attach = packet_attach,
};
