/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection with an urgent byte that was not read: refused with the cure, and the byte is there
 * still, out of band.
 *
 * wl: areas tcp
 * wl: dump --tcp-established
 * wl: expect dump-refused has urgent data that was not read
 */
#include "tcp.h"

int main(void)
{
	struct tcp_pair p = tcp_connect(&tcp_kinds[0]);
	char byte = 0;

	wl_check_eq(wl_try(send(p.client, "ab", 2, MSG_OOB)), 2);
	while (recv(p.server, &byte, 1, MSG_OOB | MSG_PEEK) < 0)
		wl_sleep_ms(1);
	wl_ready_and_wait();
	wl_check_eq(wl_try(recv(p.server, &byte, 1, MSG_OOB)), 1);
	wl_check_eq(byte, 'b');
	wl_check_eq(wl_try(recv(p.server, &byte, 1, 0)), 1);
	wl_check_eq(byte, 'a');
	wl_pass();
}
