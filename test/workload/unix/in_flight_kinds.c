/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of many kinds on their way in one stream, in a seqpacket socket that is itself on its
 * way in another: files with positions, one that is open nowhere else, a deleted one, an eventfd, a
 * timerfd, a memory file, and the socket that they are received from. What was sent before, between
 * and behind is read with the same bounds.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU loses the bounds, and looks for the timer in the table of descriptors
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "rights.h"

int main(void)
{
	int stream[2], inner[2], outer[2], fds[7], got[7];
	struct wl_fd state[2];
	char buf[16];
	uint64_t count;

	wl_write_file("file", "0123456789");
	wl_write_file("deleted", "abcdefghij");
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	wl_try(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, inner));
	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, outer));
	fds[0] = wl_try(open("file", O_RDONLY | O_NONBLOCK));
	fds[1] = wl_try(open("deleted", O_RDWR | O_APPEND));
	wl_try(unlink("deleted"));
	fds[2] = wl_try(eventfd(7, 0));
	fds[3] = wl_try(timerfd_create(CLOCK_MONOTONIC, 0));
	fds[4] = wl_try(memfd_create("flight", 0));
	fds[5] = stream[1];
	fds[6] = fds[0];
	wl_try(lseek(fds[0], 3, SEEK_SET));
	wl_try(lseek(fds[1], 5, SEEK_SET));
	wl_check_eq(write(fds[4], "memory", 6), 6);
	wl_fd_save(fds[0], &state[0]);
	wl_fd_save(fds[1], &state[1]);
	wl_check_eq(write(stream[0], "before", 6), 6);
	un_send_rights(stream[0], "many", fds, (int[]){ 7 }, 1);
	wl_check_eq(write(stream[0], "behind", 6), 6);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	un_send_fd(inner[0], "the stream", stream[1]);
	close(stream[1]);
	un_send_fd(outer[0], "the packets", inner[1]);
	close(inner[1]);
	wl_ready_and_wait();
	inner[1] = un_receive_fd(outer[1], "the packets");
	stream[1] = un_receive_fd(inner[1], "the stream");
	wl_check_eq(read(stream[1], buf, 6), 6);
	wl_check(!memcmp(buf, "before", 6));
	un_receive_rights(stream[1], "many", got, 7);
	un_expect(stream[1], "behind");
	wl_fd_check(got[0], &state[0]);
	wl_fd_check(got[1], &state[1]);
	wl_check_eq(read(got[0], buf, 2), 2);
	wl_check(!memcmp(buf, "34", 2));
	wl_check_eq(lseek(got[6], 0, SEEK_CUR), 5);
	wl_check_eq(read(got[2], &count, sizeof(count)), sizeof(count));
	wl_check_eq(count, 7);
	wl_check_eq(pread(got[4], buf, 6, 0), 6);
	wl_check(!memcmp(buf, "memory", 6));
	wl_check(wl_same_description(getpid(), got[5], getpid(), stream[1]));
	un_carry(stream[0], got[5], 10, 1);
	wl_pass();
}
