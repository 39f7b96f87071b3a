/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends of pipes on their way in datagram and seqpacket pairs: one that the sender keeps open as
 * well, one that it has closed, and whose number the other end has since, both ends in one array,
 * in two control headers (which arrive as one), and one whose sending socket is closed. All arrive
 * in order and are the pipes' ends.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: flavours host user
 */
#define _GNU_SOURCE
#include "rights.h"

static int kept[2], kept_pair[2], moved[2], moved_pair[2], both_pair[2][2], split_pair[2];
static int orphan[2], orphan_pair[2];

static void set_up(void)
{
	int ends[2], types[2] = { SOCK_DGRAM, SOCK_SEQPACKET };

	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, kept_pair));
	wl_try(pipe(kept));
	un_send_fd(kept_pair[0], "kept", kept[0]);

	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, moved_pair));
	wl_try(pipe(moved));
	un_send_fd(moved_pair[0], "moved", moved[0]);
	wl_try(close(moved[0]));
	wl_try(dup2(moved[1], moved[0]));
	wl_try(close(moved[1]));

	for (int i = 0; i < 2; i++) {
		wl_try(socketpair(AF_UNIX, types[i], 0, both_pair[i]));
		wl_try(pipe(ends));
		un_send_rights(both_pair[i][0], "both", ends, (int[]){ 2 }, 1);
		close(ends[0]);
		close(ends[1]);
	}
	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, split_pair));
	wl_try(pipe(ends));
	un_send_rights(split_pair[0], "split", ends, (int[]){ 1, 1 }, 2);
	close(ends[0]);
	close(ends[1]);

	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, orphan_pair));
	wl_try(pipe(orphan));
	un_send_fd(orphan_pair[0], "orphan", orphan[0]);
	close(orphan[0]);
	close(orphan_pair[0]);
}

int main(void)
{
	int fd, ends[2];

	set_up();
	wl_ready_and_wait();
	fd = un_receive_fd(kept_pair[1], "kept");
	wl_check(fd != kept[0] && fd != kept[1]);
	un_carry(kept[1], fd, 100, 1);
	un_carry(kept[1], kept[0], 100, 2);

	un_carry(moved[0], un_receive_fd(moved_pair[1], "moved"), 100, 3);

	for (int i = 0; i < 2; i++) {
		un_receive_rights(both_pair[i][1], "both", ends, 2);
		un_carry(ends[1], ends[0], 100, 4);
	}
	un_receive_rights(split_pair[1], "split", ends, 2);
	un_carry(ends[1], ends[0], 100, 5);

	un_carry(orphan[1], un_receive_fd(orphan_pair[1], "orphan"), 100, 6);
	wl_pass();
}
