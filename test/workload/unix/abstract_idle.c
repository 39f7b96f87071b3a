/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets with abstract names that hold NUL bytes, not listening yet, and others that are not
 * connected yet: afterwards the first listen, the second connect, and data passes.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include "unix.h"

static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };

int main(void)
{
	char *text = wl_format("crtools.idle.%d..end", getpid());
	size_t len = strlen(text);
	int bound[2], client[2];
	struct un_addr addr;

	text[7] = text[12] = text[len - 5] = '\0';
	addr = un_abstract(text, len);
	for (int i = 0; i < 2; i++) {
		bound[i] = un_bound(types[i], addr);
		client[i] = wl_try(socket(AF_UNIX, types[i], 0));
	}
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		un_check_name(bound[i], addr);
		wl_try(listen(bound[i], 1));
		wl_try(connect(client[i], (struct sockaddr *)&addr.sun, addr.len));
		un_both_ways(client[i], wl_try(accept(bound[i], NULL, NULL)));
	}
	wl_pass();
}
