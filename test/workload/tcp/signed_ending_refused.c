/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that signs its segments, and of which an end has said that it sends no more: refused
 * with the cure, and it goes on.
 *
 * wl: areas tcp
 * wl: dump --tcp-established
 * wl: expect dump-refused signs its segments (TCP_MD5SIG), and is about to end
 */
#include "tcp.h"

static void sign(int fd, struct in_addr_any a, const char *key)
{
	struct tcp_md5sig sig = { .tcpm_keylen = strlen(key) };

	a.v4.sin_port = 0; /* sin6_port is at the same place */
	memcpy(&sig.tcpm_addr, &a.sa, a.len);
	memcpy(sig.tcpm_key, key, strlen(key));
	wl_try(setsockopt(fd, SOL_TCP, TCP_MD5SIG, &sig, sizeof(sig)));
}

int main(void)
{
	struct in_addr_any a;
	int listener = tcp_listening(&tcp_kinds[0], &a), client, server;
	char byte;

	sign(listener, a, "the key");
	client = wl_try(socket(AF_INET, SOCK_STREAM, 0));
	sign(client, a, "the key");
	wl_try(connect(client, &a.sa, a.len));
	server = wl_try(accept(listener, NULL, NULL));
	wl_try(shutdown(client, SHUT_WR));
	tcp_await(server, TCP_CLOSE_WAIT);
	wl_ready_and_wait();
	wl_check_eq(wl_try(send(server, "x", 1, 0)), 1);
	wl_check_eq(wl_try(recv(client, &byte, 1, 0)), 1);
	wl_check_eq(byte, 'x');
	wl_pass();
}
