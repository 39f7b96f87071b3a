/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections with an urgent byte that was not read, out of band, or in line as the program asks
 * for (SO_OOBINLINE), at once or behind another byte: refused with the cure, and the byte is there
 * still.
 *
 * wl: areas tcp
 * wl: dump --tcp-established
 * wl: expect dump-refused has urgent data that was not read
 */
#include "tcp.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

static struct tcp_pair send_in_line(int before)
{
	struct tcp_pair p = tcp_connect(&tcp_kinds[0]);

	in_set(p.server, SOL_SOCKET, SO_OOBINLINE, 1);
	wl_check_eq(wl_try(send(p.client, "a!", before + 1, MSG_OOB)), before + 1);
	while (recv(p.server, &(char[2]){ 0 }, 2, MSG_PEEK) < 1)
		wl_sleep_ms(1);
	return p;
}

static void check_in_line(int fd, int before)
{
	char buf[4];
	int mark = 0;

	/* The last one is the urgent one, and what comes before is read for itself. */
	if (before)
		wl_check_eq(wl_try(recv(fd, buf, sizeof(buf), 0)), 1);
	wl_try(ioctl(fd, SIOCATMARK, &mark));
	wl_check_eq(mark, 1);
	wl_check_eq(wl_try(recv(fd, buf, sizeof(buf), 0)), 1);
	wl_check_eq(buf[0], before ? '!' : 'a');
}

int main(void)
{
	struct tcp_pair p = tcp_connect(&tcp_kinds[0]), in_line[2];
	char byte = 0;

	for (int i = 0; i < 2; i++)
		in_line[i] = send_in_line(i);

	wl_check_eq(wl_try(send(p.client, "ab", 2, MSG_OOB)), 2);
	while (recv(p.server, &byte, 1, MSG_OOB | MSG_PEEK) < 0)
		wl_sleep_ms(1);
	wl_ready_and_wait();
	wl_check_eq(wl_try(recv(p.server, &byte, 1, MSG_OOB)), 1);
	wl_check_eq(byte, 'b');
	wl_check_eq(wl_try(recv(p.server, &byte, 1, 0)), 1);
	wl_check_eq(byte, 'a');
	for (int i = 0; i < 2; i++)
		check_in_line(in_line[i].server, i);
	wl_pass();
}
