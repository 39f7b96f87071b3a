/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sentry.h. Signals that are meant for the run are passed on to it; its end is the tool's. With
 * the tool it is killed, too.
 */
#include "engine/sentry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/coverage.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "engine/clean.h"
#include "engine/relay.h"
#include "engine/standstill.h"
#include "kernel/pidfd.h"
#include "kernel/tracer.h"
#include "task/tree.h"

#define SECOND UINT64_C(1000000000)

enum stage { WORKING, SUCCEEDED, TOLD };

/* Between the two: in shared memory. */
struct post {
	_Atomic int stage;
	int status;
	pid_t root_pid;
	__typeof__(((struct session *)NULL)->stats) stats;
};

static struct post *post; /* of the run that this process is, or NULL */
static bool run_told;	  /* the run that this process has watched has printed its result */

void sentry_succeeded(const struct session *s)
{
	if (!post)
		return;
	post->stats = s->stats;
	post->root_pid = s->root_pid;
	atomic_store(&post->stage, SUCCEEDED);
}

void sentry_told(int status)
{
	if (!post)
		return;
	post->status = status;
	atomic_store(&post->stage, TOLD);
}

static _Noreturn void end_as(int status)
{
	coverage_note();
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		interrupt_forget();
		raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGCHLD);
}

bool sentry_is_run(void)
{
	return post != NULL;
}

bool sentry_run_told(void)
{
	return run_told;
}

/* The tool's side. */
struct watch {
	struct session *s;
	const struct servers *servers;
	struct post *post;
	struct relay relay;
	pid_t run;
	int signals; /* signalfd */
	struct standstill w;
	sigset_t before; /* signals that were blocked */
};

/* Until it has ended, or the time is up: whatever signal comes is for it. */
static bool has_ended(struct watch *w, uint64_t ns, int *ret_status)
{
	struct pollfd look[] = { { w->signals, POLLIN, 0 },
				 { w->relay.streams[0].from, POLLIN, 0 },
				 { w->relay.streams[1].from, POLLIN, 0 } };
	struct signalfd_siginfo info;
	bool ended;

	poll(look, ARRAY_SIZE(look), ns / 1000000);
	while (read(w->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			kill(w->run, info.ssi_signo);
	ended = waitpid(w->run, ret_status, WNOHANG) == w->run;
	relay_pump(&w->relay);
	return ended;
}

/* A file on one of the servers; else one of them must be it. */
static const char *whose(struct session *s, const struct servers *servers, const char *file)
{
	struct arena *a = &s->arena;
	const char *all = "";

	for (size_t i = servers->n; file && i-- > 0;) /* the one that was mounted last */
		if (server_has(&servers->mounts[i], file))
			return arena_printf(
				a, ", on a file system whose server does not answer (%s at %s)",
				servers->mounts[i].fstype, servers->mounts[i].point);
	if (file)
		return "";
	for (size_t i = 0; i < servers->n; i++)
		all = arena_printf(a, "%s%s%s at %s", all, i ? ", " : "", servers->mounts[i].fstype,
				   servers->mounts[i].point);
	return arena_printf(a, ", for the server of a file system that does not answer (of %s)",
			    all);
}

/* A process of its own, which may meet the same server. */
static bool take_back(struct session *s, pid_t run)
{
	struct clean_result result;
	_cleanup_fd_ int pidfd = -1;
	struct pollfd look;
	siginfo_t info = { 0 };
	pid_t pid = fork();
	int ret = -1;

	if (pid == 0) {
		/* Threads on their way out of the agent may take a moment. */
		for (int i = 0; ret < 0 && i < 20; i++) {
			if (i)
				usleep(50000);
			ret = engine_clean_after(s, run, &result);
			for (size_t k = 0; k < result.n; k++)
				log_info("%s", result.items[k].what);
		}
		coverage_note();
		_exit(ret < 0);
	}
	pidfd = pid < 0 ? -1 : pidfd_open_pid(pid, NULL);
	look = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	if (pidfd < 0 || poll(&look, 1, s->opts->timeout * 1000 + 2000) <= 0) {
		if (pid > 0)
			kill(pid, SIGKILL);
		return false;
	}
	return waitid(P_PIDFD, pidfd, &info, WEXITED) == 0 && info.si_code == CLD_EXITED &&
	       info.si_status == 0;
}

static void await_end(pid_t run)
{
	for (int quiet = 0, i = 0; quiet < 3 && i < 500; i++) {
		usleep(10000);
		quiet = standstill_is_over(run) ? quiet + 1 : 0;
	}
}

/* What it waits at is asked first: with the signal it may be gone. */
static int give_up(struct watch *w, const struct idler *idler)
{
	struct session *s = w->s;
	const char *verb = verb_name(s->opts->verb), *file, *where;
	bool clean, stays;

	where = arena_strdup(&s->arena, standstill_tell(&w->w, idler, &file));
	where = arena_printf(&s->arena, "%s%s", where, whose(s, w->servers, file));
	kill(w->run, SIGKILL);
	await_end(w->run);
	clean = take_back(s, w->run);
	stays = waitpid(w->run, NULL, WNOHANG) == 0;
	if (err_is_set(s->err))
		log_error("%s", s->err->text);
	*s->err = (struct err){ 0 };
	return err_set(
		s->err, ERR_SERVER, ETIMEDOUT, "%s has waited for %u s in %s. All was %s%s", verb,
		s->opts->timeout, where,
		clean ? "taken back"
		      : "let go; what is left is taken back by crtools clean, when it answers",
		!stays ? ""
		       : arena_printf(&s->arena,
				      "; process %d of crtools was killed and ends with the "
				      "answer",
				      w->run));
}

/* The tree is the tool's own, and the tool goes on with it as if it had made it. */
static int take_over(struct watch *w)
{
	run_told = atomic_load(&w->post->stage) == TOLD;
	w->s->stats = w->post->stats;
	w->s->root_pid = w->post->root_pid;
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	interrupt_forget();
	sigprocmask(SIG_SETMASK, &w->before, NULL);
	return 1;
}

/* Time for a look at what it does: ten times until it would be given up. */
static int watch(struct watch *w)
{
	uint64_t patience = w->s->opts->timeout * SECOND, period = patience / 10, next;
	const struct idler *idler = NULL;
	int status, ret;

	/* With --exec-cmd the tree is not below the run, but beside it. */
	w->w = (struct standstill){ .root = w->s->opts->exec_cmd ? getpid() : w->run };
	while (!idler) {
		for (next = monotonic_ns() + period; monotonic_ns() < next;)
			if (has_ended(w, period, &status)) {
				if (!w->s->opts->exec_cmd || status)
					end_as(status);
				return take_over(w);
			}
		w->w.children = atomic_load(&w->post->stage) == WORKING;
		idler = standstill_look(&w->w, patience);
	}
	if (atomic_load(&w->post->stage) == TOLD)
		end_as(W_EXITCODE(w->post->status, 0));
	ret = give_up(w, idler);
	standstill_end(&w->w);
	if (atomic_load(&w->post->stage) != SUCCEEDED)
		return ret;
	*w->s->err = (struct err){ 0 };
	w->s->stats = w->post->stats;
	w->s->root_pid = w->post->root_pid;
	return 1;
}

/* Signals are blocked by now, if they matter (base/interrupt.h). */
static int prepare(struct watch *w)
{
	sigset_t set;

	w->post = mmap(NULL, sizeof(*w->post), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (w->post == MAP_FAILED)
		return err_sys(w->s->err, "mmap", "no memory for what watches the run");
	fill(&set);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->signals < 0)
		return err_sys(w->s->err, "signalfd", "watching the run");
	return relay_begin(w->s, &w->relay);
}

static long id_limit(void)
{
	_cleanup_fd_ int fd = open("/proc/sys/kernel/pid_max", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? atol(text) : 32768;
}

/* The next id is soon one of those that a tree had which has just been dumped, so that it could not
 * be restored: a restore is done under one from the end of the range, where that may be chosen. */
static pid_t fork_aside(void)
{
	pid_t id = id_limit() - 1 - getpid() % 1000;
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uint64_t)(uintptr_t)&id,
				   .set_tid_size = 1 };
	long pid = -1;

	for (int i = 0; pid < 0 && i < 10 && id > 300; i++, id--)
		pid = syscall(SYS_clone3, &args, sizeof(args));
	return pid < 0 ? fork() : pid;
}

static int go_on(struct session *s, pid_t parent, bool hold)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	journal_begin(&s->journal);
	return hold ? tracer_start(s->err) : 0;
}

int sentry_post(struct session *s, const struct servers *servers, bool hold)
{
	struct watch w = { .s = s, .servers = servers };
	pid_t parent = getpid();
	sigset_t end;
	int ret;

	if (!servers->n || !s->opts->timeout)
		return 0;
	ret = prepare(&w);
	if (ret < 0)
		return ret;
	fflush(NULL);
	sigemptyset(&end);
	sigaddset(&end, SIGCHLD);
	sigprocmask(SIG_BLOCK, &end, &w.before);
	w.run = hold ? fork() : fork_aside();
	if (w.run < 0)
		return err_sys(s->err, "fork", "starting the process that asks the servers");
	if (w.run > 0) {
		if (s->opts->exec_cmd) /* where the tree's orphans go while it is made */
			prctl(PR_SET_CHILD_SUBREAPER, 1);
		relay_read(&w.relay);
		signal(SIGCHLD, SIG_DFL);
		return watch(&w);
	}
	sigprocmask(SIG_SETMASK, &w.before, NULL);
	close(w.signals);
	relay_write(&w.relay);
	post = w.post;
	return go_on(s, parent, hold);
}
