/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --tcp-close and connections that both ends had closed already: end of file, and writing fails.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: crossing none CRIU can't bind while the port is in TIME_WAIT
 * wl: both --tcp-close
 */
#include "tcp.h"

int main(void)
{
	struct tcp_pair p[TCP_KINDS];

	for (int i = 0; i < TCP_KINDS; i++) {
		p[i] = tcp_connect(&tcp_kinds[i]);
		wl_try(shutdown(p[i].client, SHUT_WR));
		tcp_await(p[i].server, TCP_CLOSE_WAIT);
		wl_try(shutdown(p[i].server, SHUT_WR));
		tcp_await(p[i].server, TCP_CLOSE);
	}
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++) {
		wl_check_eq(tcp_state(p[i].client), TCP_CLOSE);
		wl_check_eq(tcp_state(p[i].server), TCP_CLOSE);
		tcp_expect_end(p[i].client);
		tcp_expect_end(p[i].server);
	}
	wl_pass();
}
