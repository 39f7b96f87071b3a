/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tun device that ends with its program, with an address and a packet on its way through it after
 * the restore, and a persistent tap device with two queues, of which one is detached: they are the
 * same devices, set up as they were, and still end, or stay.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: cycles 2
 * wl: lane tun
 * wl: crossing none CRIU keeps devices only in network namespaces of the tree
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

#define TUN	"crtools-wl-tun"
#define TAP	"crtools-wl-tap"
#define ADDRESS "198.18.203.1" /* for tests of devices (RFC 2544) */
#define PEER	"198.18.203.2"

enum { OWN, QUEUE, DETACHED, FILES };

static struct state {
	int fd;
	struct wl_fd info;
	struct ifreq req;
	unsigned index;
	int vnet_hdr_size, sndbuf;
} was[FILES];

static int make(const char *name, short flags)
{
	struct ifreq req = { .ifr_flags = flags };
	int fd = wl_try(open("/dev/net/tun", O_RDWR | O_NONBLOCK));

	strcpy(req.ifr_name, name);
	wl_try(ioctl(fd, TUNSETIFF, &req));
	return fd;
}

static struct ifreq with_address(const char *address)
{
	struct ifreq req = { .ifr_name = TUN };
	struct sockaddr_in *in = (void *)&req.ifr_addr;

	in->sin_family = AF_INET;
	wl_check_eq(inet_pton(AF_INET, address, &in->sin_addr), 1);
	return req;
}

static void set_address(int sock)
{
	struct ifreq address = with_address(ADDRESS), mask = with_address("255.255.255.0"),
		     flags = { .ifr_name = TUN, .ifr_flags = IFF_UP };

	wl_try(ioctl(sock, SIOCSIFADDR, &address));
	wl_try(ioctl(sock, SIOCSIFNETMASK, &mask));
	wl_try(ioctl(sock, SIOCSIFFLAGS, &flags));
}

static struct state look(int fd)
{
	struct state s = { .fd = fd };

	wl_try(ioctl(fd, TUNGETIFF, &s.req));
	wl_try(ioctl(fd, TUNGETVNETHDRSZ, &s.vnet_hdr_size));
	wl_try(ioctl(fd, TUNGETSNDBUF, &s.sndbuf));
	s.index = if_nametoindex(s.req.ifr_name);
	return s;
}

/* The kernel routes it to the device, and we are the device. */
static void packet_comes_through(int sock)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	unsigned char buf[2048];
	ssize_t n;

	wl_check_eq(inet_pton(AF_INET, PEER, &to.sin_addr), 1);
	wl_check_eq(sendto(sock, "through", 7, 0, (struct sockaddr *)&to, sizeof(to)), 7);
	do /* IPv6 looks for neighbours */
		n = wl_try(read(was[OWN].fd, buf, sizeof(buf)));
	while (buf[0] >> 4 != 4);
	wl_check_eq(n, 20 + 8 + 7);
	wl_check(!memcmp(buf + 28, "through", 7));
}

int main(void)
{
	struct ifreq detach = { .ifr_flags = IFF_DETACH_QUEUE };
	int sock = wl_try(socket(AF_INET, SOCK_DGRAM, 0)), fds[FILES], size = 12;

	fds[OWN] = make(TUN, IFF_TUN | IFF_NO_PI);
	set_address(sock);
	for (int i = QUEUE; i <= DETACHED; i++)
		fds[i] = make(TAP, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR);
	wl_try(ioctl(fds[QUEUE], TUNSETVNETHDRSZ, &size));
	wl_try(ioctl(fds[QUEUE], TUNSETPERSIST, 1));
	wl_try(ioctl(fds[DETACHED], TUNSETQUEUE, &detach));
	for (int i = 0; i < FILES; i++) {
		was[i] = look(fds[i]);
		wl_fd_save(fds[i], &was[i].info);
	}
	wl_ready_and_wait();
	for (int i = 0; i < FILES; i++) {
		struct state now = look(fds[i]);

		wl_fd_check(fds[i], &was[i].info);
		now.info = was[i].info;
		wl_check(!memcmp(&now, &was[i], sizeof(now)));
	}
	packet_comes_through(sock);
	wl_try(ioctl(fds[QUEUE], TUNSETPERSIST, 0));
	for (int i = 0; i < FILES; i++)
		wl_try(close(fds[i]));
	wl_check_eq(if_nametoindex(TUN), 0);
	wl_pass();
}
