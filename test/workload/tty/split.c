/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sides of pseudoterminals in different tasks: a master that only a child has, as a duplicate, and
 * the slave in the parent, with a line that waits; a controlling terminal of which only the leader
 * of another session has a descriptor; and a slave that controls no session: asked for its session
 * it says ENOTTY.
 *
 * wl: areas tty
 * wl: flavours host user
 * wl: lane tty
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "workload.h"

static int new_master(char **ret_name)
{
	int fd = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY)), off = 0;
	unsigned int index;

	wl_try(ioctl(fd, TIOCSPTLCK, &off));
	wl_try(ioctl(fd, TIOCGPTN, &index));
	*ret_name = wl_format("/dev/pts/%u", index);
	return fd;
}

int main(void)
{
	char *name, *other_name, buf[16] = "";
	int first = new_master(&name), second = new_master(&other_name), slave, waiting = 0;
	struct wl_stage *read_both = wl_stage_new();
	pid_t writer, leader, sid;

	slave = wl_try(open(name, O_RDWR | O_NOCTTY));
	writer = wl_fork_awaited();
	if (writer == 0) {
		int copy = wl_try(dup(first));

		close(first);
		close(second);
		close(slave);
		wl_check_eq(write(copy, "hello\n", 6), 6);
		wl_child_wait();
		wl_check_eq(write(copy, "again\n", 6), 6);
		wl_stage_await(read_both, 1);
		_exit(0);
	}
	close(first);
	leader = wl_fork_awaited();
	if (leader == 0) {
		signal(SIGHUP, SIG_IGN);
		wl_try(setsid());
		close(wl_try(open(other_name, O_RDWR)));
		close(second);
		close(slave);
		wl_child_wait();
		close(wl_try(open("/dev/tty", O_RDWR)));
		_exit(0);
	}
	while (waiting < 6)
		wl_try(ioctl(slave, FIONREAD, &waiting));
	wl_ready_and_wait();
	wl_check_eq(read(slave, buf, sizeof(buf)), 6);
	wl_check_text("the line", buf, "hello\n");
	wl_check_eq(ioctl(slave, TIOCGSID, &sid), -1);
	wl_check_eq(errno, ENOTTY);
	wl_try(ioctl(second, TIOCGSID, &sid));
	wl_check_eq(sid, leader);
	wl_try(kill(writer, SIGTERM));
	wl_check_eq(read(slave, buf, sizeof(buf)), 6);
	wl_check_text("the line", buf, "again\n");
	wl_stage_add(read_both);
	wl_reap(writer);
	wl_finish(leader);
	wl_pass();
}
