/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that virtual consoles control: one whose leader has the console open by its name and as
 * /dev/tty, with another group in the foreground; and one that has it open as /dev/tty alone.
 *
 * wl: areas tty
 * wl: lane tty
 * wl: needs vt
 * wl: crossing none CRIU has one entry for all virtual consoles
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "workload.h"

static volatile sig_atomic_t hangups;
static struct wl_stage *ready, *go;

static void on_hangup(int sig)
{
	(void)sig;
	hangups++;
}

static void expect_session(int fd, pid_t group)
{
	wl_check_eq(wl_try(tcgetsid(fd)), getsid(0));
	wl_check_eq(wl_try(tcgetpgrp(fd)), group);
}

/* A task of a group of its own, in the foreground, until it is killed. */
static pid_t put_in_foreground(int fd)
{
	pid_t pid = wl_try(fork());

	if (!pid) {
		for (;;)
			pause();
	}
	wl_try(setpgid(pid, pid));
	signal(SIGTTOU, SIG_IGN);
	wl_try(tcsetpgrp(fd, pid));
	return pid;
}

static _Noreturn void lead(const char *console, bool keep)
{
	pid_t group = wl_try(setsid()), child = 0;
	int fd, current;

	signal(SIGHUP, on_hangup);
	fd = wl_try(open(console, O_RDWR));
	current = wl_try(open("/dev/tty", O_RDWR));
	if (keep)
		group = child = put_in_foreground(fd);
	expect_session(fd, group);
	if (!keep)
		close(fd);
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	if (keep)
		expect_session(fd, group);
	expect_session(current, group);
	expect_session(wl_try(open("/dev/tty", O_RDWR)), group);
	wl_check_eq(hangups, 0);
	if (child) {
		kill(child, SIGKILL);
		wl_try(waitpid(child, NULL, 0));
	}
	_exit(0);
}

static pid_t start(const char *console, bool keep)
{
	pid_t pid = wl_fork();

	if (!pid)
		lead(console, keep);
	return pid;
}

int main(void)
{
	pid_t keeper, other;

	ready = wl_stage_new();
	go = wl_stage_new();
	keeper = start("/dev/tty60", true);
	other = start("/dev/tty61", false);
	wl_stage_await(ready, 2);
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_reap(keeper);
	wl_reap(other);
	wl_pass();
}
