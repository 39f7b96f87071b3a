/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments that are signed by keys (TCP_MD5SIG): a connection, and a listener with keys for single
 * addresses and for a network, of both families. The connection goes on, the listener hears who has
 * its key, and not one who has none.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: crossing none CRIU drops the keys
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

static void sign(int fd, struct in_addr_any a, int prefix, const char *key)
{
	struct tcp_md5sig sig = { .tcpm_flags = TCP_MD5SIG_FLAG_PREFIX,
				  .tcpm_prefixlen = prefix,
				  .tcpm_keylen = strlen(key) };

	a.v4.sin_port = 0; /* sin6_port is at the same place */
	memcpy(&sig.tcpm_addr, &a.sa, a.len);
	memcpy(sig.tcpm_key, key, strlen(key));
	wl_try(setsockopt(fd, SOL_TCP, TCP_MD5SIG_EXT, &sig, sizeof(sig)));
}

static void pass(int from, int to)
{
	char buf[3] = "";

	wl_check_eq(wl_try(send(from, "abc", 3, MSG_NOSIGNAL)), 3);
	wl_check_eq(recv(to, buf, 3, MSG_WAITALL), 3);
	wl_check(!memcmp(buf, "abc", 3));
}

static int call(const struct tcp_kind *k, const struct in_addr_any *a, const char *key)
{
	struct timeval limit = { 0, key ? 0 : 100000 };
	int fd = wl_try(socket(k->family, SOCK_STREAM, 0));

	if (key)
		sign(fd, *a, 8 * (k->family == AF_INET ? 4 : 16), key);
	wl_try(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	if (connect(fd, &a->sa, a->len) == 0)
		return fd;
	wl_check_eq(errno, EINPROGRESS);
	close(fd);
	return -1;
}

int main(void)
{
	struct in_addr_any a[2];
	int listener[2], client[2], server[2], late;

	for (int i = 0; i < 2; i++) {
		const struct tcp_kind *k = &tcp_kinds[i];

		listener[i] = tcp_listening(k, &a[i]);
		sign(listener[i], a[i], k->family == AF_INET ? 8 : 128, "the key");
		client[i] = call(k, &a[i], "the key");
		server[i] = wl_try(accept(listener[i], NULL, NULL));
		pass(client[i], server[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		pass(client[i], server[i]);
		pass(server[i], client[i]);
		late = call(&tcp_kinds[i], &a[i], "the key");
		wl_check(late >= 0);
		wl_check_eq(call(&tcp_kinds[i], &a[i], NULL), -1);
	}
	wl_pass();
}
