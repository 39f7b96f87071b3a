/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session on a pseudoterminal whose master its parent holds: a leader without a descriptor of the
 * terminal, one job in the foreground and one in the background. Members still have it as their
 * controlling terminal, the foreground group is the same, ^C reaches that group alone, a read from
 * the background stops with SIGTTIN, and the leader gets one SIGHUP when the master is closed.
 *
 * wl: areas tty task
 * wl: flavours host user unpriv
 * wl: lane tty
 * wl: crossing from CRIU gives the controlling terminal to the leader alone
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "workload.h"

static volatile sig_atomic_t hangups, interrupts;

static void count_hangup(int sig)
{
	(void)sig;
	hangups++;
}

static void count_interrupt(int sig)
{
	(void)sig;
	interrupts++;
}

static struct wl_stage *stage, *ready;
static pid_t *ids;

static void check_terminal(pid_t front)
{
	int tty = wl_try(open("/dev/tty", O_RDWR | O_NOCTTY));
	pid_t sid;

	wl_try(ioctl(tty, TIOCGSID, &sid));
	wl_check_eq(sid, getsid(0));
	wl_check_eq(tcgetpgrp(tty), front);
	close(tty);
}

static void front_job(void)
{
	signal(SIGINT, count_interrupt);
	wl_stage_add(ready);
	wl_stage_await(stage, 1);
	check_terminal(getpid());
	wl_stage_add(ready);
	while (!interrupts)
		pause();
	_exit(0);
}

static void back_job(void)
{
	char byte;
	int tty;

	signal(SIGINT, count_interrupt);
	wl_stage_add(ready);
	wl_stage_await(stage, 1);
	tty = wl_try(open("/dev/tty", O_RDWR | O_NOCTTY));
	wl_check_eq(interrupts, 0);
	read(tty, &byte, 1); /* stops */
	_exit(interrupts);
}

static pid_t job(void (*run)(void))
{
	pid_t pid = wl_fork();

	if (pid == 0) {
		wl_try(setpgid(0, 0));
		run();
	}
	setpgid(pid, pid);
	return pid;
}

static void leader(int master, const char *name)
{
	struct sigaction act = { .sa_handler = count_hangup };
	int slave, status;

	close(master);
	wl_try(setsid());
	sigaction(SIGHUP, &act, NULL);
	signal(SIGTTOU, SIG_IGN);
	slave = wl_try(open(name, O_RDWR));
	ids[0] = job(front_job);
	ids[1] = job(back_job);
	wl_try(tcsetpgrp(slave, ids[0]));
	close(slave);
	wl_stage_await(ready, 2);
	wl_stage_add(ready);
	wl_stage_await(stage, 1);
	check_terminal(ids[0]);
	wl_check_eq(waitpid(ids[0], &status, 0), ids[0]);
	wl_check_eq(status, 0);
	wl_check_eq(waitpid(ids[1], &status, WUNTRACED), ids[1]);
	wl_check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	kill(ids[1], SIGKILL);
	waitpid(ids[1], &status, 0);
	wl_check_eq(hangups, 0);
	wl_stage_add(ready);
	while (!hangups)
		pause();
	wl_check_eq(hangups, 1);
	wl_check_eq(open("/dev/tty", O_RDWR), -1);
	_exit(0);
}

int main(void)
{
	int master = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY)), off = 0;
	unsigned int index;
	sigset_t hup;
	pid_t pid, sid;

	sigemptyset(&hup);
	stage = wl_stage_new();
	ready = wl_stage_new();
	ids = (pid_t *)(wl_stage_new() + 4);
	wl_try(ioctl(master, TIOCSPTLCK, &off));
	wl_try(ioctl(master, TIOCGPTN, &index));
	pid = wl_fork();
	if (pid == 0)
		leader(master, wl_format("/dev/pts/%u", index));
	wl_stage_await(ready, 3);
	wl_ready_and_wait();
	wl_try(ioctl(master, TIOCGSID, &sid));
	wl_check_eq(sid, pid);
	wl_check_eq(tcgetpgrp(master), ids[0]);
	wl_stage_add(stage);
	wl_stage_await(ready, 4);
	wl_await_state(ids[1], "T");
	wl_check_eq(write(master, "\x03", 1), 1);
	wl_stage_await(ready, 5);
	wl_await_state(pid, "S");
	close(master);
	wl_reap(pid);
	wl_pass();
}
