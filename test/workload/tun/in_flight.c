/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tun device whose only descriptor is on the way in a unix socket: it arrives, leads to the same
 * device, and packets come through it. That the device ends with it can't be arranged from outside:
 * it stays (doc/limits.md), and the program takes it away by name.
 *
 * wl: areas pidfd-memfd-misc-fds unix-sockets
 * wl: cycles 2
 * wl: lane tun
 * wl: crossing none CRIU keeps devices only in network namespaces of the tree
 */
#define _GNU_SOURCE
#include "../unix/rights.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#define TUN "crtools-wl-sent"

static struct ifreq with_address(const char *address)
{
	struct ifreq req = { .ifr_name = TUN };
	struct sockaddr_in *in = (void *)&req.ifr_addr;

	in->sin_family = AF_INET;
	wl_check_eq(inet_pton(AF_INET, address, &in->sin_addr), 1);
	return req;
}

static void set_up(int sock)
{
	struct ifreq address = with_address("198.18.204.1"), mask = with_address("255.255.255.0"),
		     flags = { .ifr_name = TUN, .ifr_flags = IFF_UP };

	wl_try(ioctl(sock, SIOCSIFADDR, &address));
	wl_try(ioctl(sock, SIOCSIFNETMASK, &mask));
	wl_try(ioctl(sock, SIOCSIFFLAGS, &flags));
}

static void packet_comes_through(int sock, int tun)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	unsigned char buf[2048];
	ssize_t n;

	wl_check_eq(inet_pton(AF_INET, "198.18.204.2", &to.sin_addr), 1);
	wl_check_eq(sendto(sock, "through", 7, 0, (struct sockaddr *)&to, sizeof(to)), 7);
	do /* IPv6 looks for neighbours */
		n = wl_try(read(tun, buf, sizeof(buf)));
	while (buf[0] >> 4 != 4);
	wl_check_eq(n, 20 + 8 + 7);
	wl_check(!memcmp(buf + 28, "through", 7));
}

int main(void)
{
	struct ifreq req = { .ifr_name = TUN, .ifr_flags = IFF_TUN | IFF_NO_PI }, now = { 0 };
	int tun = wl_try(open("/dev/net/tun", O_RDWR)), pair[2], sock;
	unsigned index;

	wl_try(ioctl(tun, TUNSETIFF, &req));
	index = if_nametoindex(TUN);
	sock = wl_try(socket(AF_INET, SOCK_DGRAM, 0));
	set_up(sock);
	wl_try(ioctl(tun, TUNGETIFF, &req));
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	un_send_fd(pair[0], "device", tun);
	wl_try(close(tun));
	wl_ready_and_wait();
	tun = un_receive_fd(pair[1], "device");
	wl_try(ioctl(tun, TUNGETIFF, &now));
	req.ifr_flags |= IFF_PERSIST;
	wl_check(!memcmp(&now, &req, sizeof(now)));
	wl_check_eq(if_nametoindex(TUN), index);
	packet_comes_through(sock, tun);
	wl_try(ioctl(tun, TUNSETPERSIST, 0));
	wl_try(close(tun));
	wl_check_eq(if_nametoindex(TUN), 0);
	wl_pass();
}
