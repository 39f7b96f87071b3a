/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of families that no other class keeps: refused, by the family's name. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "objects/socket/socket.h"

#define CLOSE_IT "close it before the dump"

/* linux/socket.h */
static const struct {
	int family;
	const char *name, *what, *cure;
} families[] = {
	{ 3, "AF_AX25", "an amateur radio", CLOSE_IT },
	{ 4, "AF_IPX", "an IPX", CLOSE_IT },
	{ 5, "AF_APPLETALK", "an AppleTalk", CLOSE_IT },
	{ 6, "AF_NETROM", "an amateur radio", CLOSE_IT },
	{ 8, "AF_ATMPVC", "an ATM", CLOSE_IT },
	{ 9, "AF_X25", "an X.25", CLOSE_IT },
	{ 11, "AF_ROSE", "an amateur radio", CLOSE_IT },
	{ 15, "AF_KEY", "an IPsec key management", "have the program open it again afterwards" },
	{ 20, "AF_ATMSVC", "an ATM", CLOSE_IT },
	{ 21, "AF_RDS", "an RDS", CLOSE_IT },
	{ 23, "AF_IRDA", "an infrared", CLOSE_IT },
	{ 24, "AF_PPPOX", "a PPP over Ethernet", "end the connection before the dump" },
	{ 26, "AF_LLC", "an LLC", CLOSE_IT },
	{ 27, "AF_IB", "an InfiniBand", CLOSE_IT },
	{ 28, "AF_MPLS", "an MPLS", CLOSE_IT },
	{ 29, "AF_CAN", "a CAN", CLOSE_IT },
	{ 30, "AF_TIPC", "a TIPC", CLOSE_IT },
	{ 31, "AF_BLUETOOTH", "a Bluetooth", "end the connection before the dump" },
	{ 33, "AF_RXRPC", "an RxRPC", CLOSE_IT },
	{ 34, "AF_ISDN", "an ISDN", CLOSE_IT },
	{ 35, "AF_PHONET", "a Phonet", CLOSE_IT },
	{ 36, "AF_IEEE802154", "an IEEE 802.15.4", CLOSE_IT },
	{ 37, "AF_CAIF", "a CAIF", CLOSE_IT },
	{ 38, "AF_ALG", "a kernel cryptography",
	  "have the program close it, or do its own cryptography" },
	{ 39, "AF_NFC", "an NFC", CLOSE_IT },
	{ 41, "AF_KCM", "a kernel connection multiplexor", CLOSE_IT },
	{ 42, "AF_QIPCRTR", "a Qualcomm IPC router", CLOSE_IT },
	{ 43, "AF_SMC", "a shared memory communication",
	  "start the program without smc_run: TCP is kept" },
	{ 44, "AF_XDP", "an express data path",
	  "have the program close it; packet sockets with rings are kept" },
	{ 45, "AF_MCTP", "a management component", CLOSE_IT },
};

static const char *type_name(struct arena *a, int type)
{
	static const char *const names[] = { [SOCK_STREAM] = "stream",
					     [SOCK_DGRAM] = "datagram",
					     [SOCK_RAW] = "raw",
					     [SOCK_RDM] = "reliable datagram",
					     [SOCK_SEQPACKET] = "sequenced packet" };

	if (type > 0 && type < (int)ARRAY_SIZE(names) && names[type])
		return names[type];
	return arena_printf(a, "type %d", type);
}

static bool family_match(const struct file_probe *p)
{
	return p->fd >= 0 && S_ISSOCK(p->stat.st_mode) && !(p->info.flags & O_PATH);
}

static int family_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	int family = socket_int(probe_local(p), SOL_SOCKET, SO_DOMAIN, -1);
	int type = socket_int(probe_local(p), SOL_SOCKET, SO_TYPE, -1);
	int protocol = socket_int(probe_local(p), SOL_SOCKET, SO_PROTOCOL, -1);
	const char *name = arena_printf(dump_arena(d), "family %d", family);
	const char *what = "a", *cure = CLOSE_IT;

	(void)f;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i].family == family) {
			name = families[i].name;
			what = families[i].what;
			cure = families[i].cure;
		}
	task_refuse(
		p->task, probe_object(p),
		arena_printf(dump_arena(d),
			     "is %s socket (%s, %s, protocol %d), which this version can't keep",
			     what, name, type_name(dump_arena(d), type), protocol),
		cure);
	return 0;
}

/* A dump that met one was refused: no image of ours has such an entry. */
static int family_check(struct restore *r, struct restore_file *f)
{
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL, "files.img: file %u has no type",
		       f->id);
}

const struct file_class family_class = {
	.name = "socket of another family",
	.type = FD_TYPES__UND,
	.match = family_match,
	.collect = family_collect,
	.check = family_check,
};
