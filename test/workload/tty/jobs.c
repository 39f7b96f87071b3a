/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a shell has of jobs: eight process groups of four processes each, on one terminal. Some are
 * stopped as they wanted to read in the background (SIGTTIN), some as they wanted to write while
 * the terminal forbids it (TOSTOP: SIGTTOU), some sleep. Brought to the foreground and continued,
 * one after the other, each does what it wanted, and ends well.
 *
 * wl: areas tty signals
 * wl: flavours host user
 * wl: lane tty
 * wl: cycles 2
 * wl: crossing none CRIU refuses tasks that SIGTTIN or SIGTTOU has stopped
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../workload.h"

enum { JOBS = 8, MEMBERS = 4 };
enum { READS, WRITES, SLEEPS, KINDS };

static const int stop_signal[KINDS] = { SIGTTIN, SIGTTOU, 0 };
static volatile sig_atomic_t continued;
static struct wl_stage *ready, *go;
static int terminal;

static void on_continue(int sig)
{
	(void)sig;
	continued++;
}

static _Noreturn void member(int kind)
{
	char byte = 'w';

	if (kind == READS) {
		wl_check_eq(read(terminal, &byte, 1), 1);
		wl_check_eq(byte, 'r');
	} else if (kind == WRITES) {
		wl_check_eq(write(terminal, &byte, 1), 1);
	} else {
		while (!continued)
			wl_sleep_ms(2);
	}
	wl_check(continued > 0);
	wl_check_eq(tcgetpgrp(terminal), getpgrp());
	_exit(0);
}

static void start(int job, pid_t pids[MEMBERS])
{
	for (int i = 0; i < MEMBERS; i++) {
		pids[i] = wl_fork();
		if (!pids[i]) {
			wl_try(setpgid(0, i ? pids[0] : 0));
			member(job % KINDS);
		}
		wl_try(setpgid(pids[i], pids[0]));
	}
	for (int i = 0; i < MEMBERS && job % KINDS != SLEEPS; i++) {
		int status;

		wl_check_eq(waitpid(pids[i], &status, WUNTRACED), pids[i]);
		wl_check(WIFSTOPPED(status));
		wl_check_eq(WSTOPSIG(status), stop_signal[job % KINDS]);
	}
}

/* What fg does. Those who read get a byte each. */
static void finish(int job, int master, pid_t pids[MEMBERS])
{
	char bytes[MEMBERS + 1];

	for (int i = 0; i < MEMBERS; i++)
		wl_await_state(pids[i], job % KINDS == SLEEPS ? "SR" : "T");
	wl_try(tcsetpgrp(terminal, pids[0]));
	wl_try(kill(-pids[0], SIGCONT));
	if (job % KINDS == READS)
		wl_check_eq(write(master, "rrrr", MEMBERS), MEMBERS);
	for (int i = 0; i < MEMBERS; i++)
		wl_reap(pids[i]);
	for (int i = 0; i < MEMBERS && job % KINDS == WRITES; i++) {
		wl_check_eq(read(master, bytes, 1), 1);
		wl_check_eq(bytes[0], 'w');
	}
}

/* The leader of the session; the master is its parent's as well. */
static void shell(int master, const char *name)
{
	/* One that is stopped by its group's signal may not have come to anything of its own yet. */
	struct sigaction action = { .sa_handler = on_continue, .sa_flags = SA_RESTART };
	static pid_t pids[JOBS][MEMBERS];
	struct termios t;

	wl_try(sigaction(SIGCONT, &action, NULL));
	wl_try(setsid());
	signal(SIGTTOU, SIG_IGN);
	terminal = wl_try(open(name, O_RDWR));
	wl_try(tcgetattr(terminal, &t));
	cfmakeraw(&t);
	t.c_lflag |= TOSTOP;
	wl_try(tcsetattr(terminal, TCSANOW, &t));
	signal(SIGTTOU, SIG_DFL); /* for the jobs */
	for (int job = 0; job < JOBS; job++)
		start(job, pids[job]);
	signal(SIGTTOU, SIG_IGN);
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	for (int job = 0; job < JOBS; job++)
		finish(job, master, pids[job]);
	wl_try(tcsetpgrp(terminal, getpgrp()));
	_exit(0);
}

int main(void)
{
	int master = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY)), off = 0;
	unsigned int index;
	pid_t pid;

	wl_try(ioctl(master, TIOCSPTLCK, &off));
	wl_try(ioctl(master, TIOCGPTN, &index));
	ready = wl_stage_new();
	go = wl_stage_new();
	pid = wl_fork();
	if (!pid)
		shell(master, wl_format("/dev/pts/%u", index));
	wl_stage_await(ready, 1);
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_reap(pid);
	wl_pass();
}
