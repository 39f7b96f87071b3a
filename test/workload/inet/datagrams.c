/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP and UDP-Lite of both families: two bound sockets, one connected to the other, and a connected
 * pair of which one is shut for writing, the other for reading. Messages come with their sender. And
 * a connected pair, one of any address and a port of the kernel's choice, shut in both directions.
 *
 * wl: areas inet-sockets
 * wl: flavours host user
 * wl: cycles 3
 */
#include "inet.h"

static struct kind {
	int family, protocol;
} kinds[] = {
	{ AF_INET, IPPROTO_UDP },
	{ AF_INET6, IPPROTO_UDP },
	{ AF_INET, IPPROTO_UDPLITE }, /* if there is any */
	{ AF_INET6, IPPROTO_UDPLITE },
};

struct set {
	int server, client, half[2], gone[2];
};

static int port_of(struct in_addr_any a)
{
	return ntohs(a.sa.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

static int any_address(const struct kind *k)
{
	struct in_addr_any a = { .sa.sa_family = k->family };
	int fd = wl_try(socket(k->family, SOCK_DGRAM, k->protocol));

	wl_try(bind(fd, &a.sa, k->family == AF_INET ? sizeof(a.v4) : sizeof(a.v6)));
	return fd;
}

static void set_up(const struct kind *k, struct set *s)
{
	struct in_addr_any a;

	s->server = in_bound(k->family, SOCK_DGRAM, k->protocol);
	s->client = in_bound(k->family, SOCK_DGRAM, k->protocol);
	a = in_name(s->server);
	wl_try(connect(s->client, &a.sa, a.len));
	for (int i = 0; i < 2; i++)
		s->half[i] = in_bound(k->family, SOCK_DGRAM, k->protocol);
	for (int i = 0; i < 2; i++) {
		a = in_name(s->half[!i]);
		wl_try(connect(s->half[i], &a.sa, a.len));
	}
	wl_try(shutdown(s->half[0], SHUT_WR));
	wl_try(shutdown(s->half[1], SHUT_RD));
	s->gone[0] = any_address(k);
	a = in_loopback(k->family, port_of(in_name(s->gone[0])));
	s->gone[1] = in_bound(k->family, SOCK_DGRAM, k->protocol);
	wl_try(connect(s->gone[1], &a.sa, a.len));
	a = in_name(s->gone[1]);
	wl_try(connect(s->gone[0], &a.sa, a.len));
	for (int i = 0; i < 2; i++)
		wl_try(shutdown(s->gone[i], SHUT_RDWR));
}

static void expect_from(int fd, const char *text, struct in_addr_any from)
{
	struct in_addr_any got = { .len = sizeof(got.v6) };
	char buf[64];

	wl_check_eq(recvfrom(fd, buf, sizeof(buf), 0, &got.sa, &got.len), strlen(text));
	wl_check(!memcmp(buf, text, strlen(text)));
	in_check_same(got, from);
}

static void check(const struct set *s)
{
	struct in_addr_any client = in_name(s->client);

	in_check_same(in_peer(s->client), in_name(s->server));
	wl_check_eq(write(s->client, "hello", 5), 5);
	expect_from(s->server, "hello", client);
	wl_check_eq(sendto(s->server, "back", 4, 0, &client.sa, client.len), 4);
	expect_from(s->client, "back", in_name(s->server));
	wl_check_eq(send(s->half[0], "x", 1, MSG_NOSIGNAL), -1);
	wl_check_eq(errno, EPIPE);
	wl_check_eq(write(s->half[1], "half", 4), 4);
	expect_from(s->half[0], "half", in_name(s->half[1]));
	wl_check_eq(recv(s->half[1], &(char){ 0 }, 1, 0), 0);
	for (int i = 0; i < 2; i++) {
		wl_check_eq(send(s->gone[i], "x", 1, MSG_NOSIGNAL), -1);
		wl_check_eq(errno, EPIPE);
		in_check_same(in_peer(s->gone[i]), in_name(s->gone[!i]));
	}
}

int main(void)
{
	struct set sets[sizeof(kinds) / sizeof(kinds[0])];
	size_t n = sizeof(kinds) / sizeof(kinds[0]);

	kinds[2].protocol = kinds[3].protocol = in_udplite();
	for (size_t i = 0; i < n; i++)
		set_up(&kinds[i], &sets[i]);
	wl_ready_and_wait();
	for (size_t i = 0; i < n; i++)
		check(&sets[i]);
	wl_pass();
}
