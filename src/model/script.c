/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See script.h. Scripts are started with posix_spawn: the tool may hold much memory by then. One
 * that has a limit leads a process group, so that what it has started ends with it. That takes it
 * out of the terminal's foreground: signals that the tool gets meanwhile are passed on.
 */
#include "model/script.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "kernel/child.h"

extern char **environ;

#define OWN_VARS 3
#define LOOK_MS	 100 /* between looks for signals */

static const char *const stage_names[SCRIPT_STAGE_COUNT] = {
	[SCRIPT_PRE_STREAM] = "pre-stream",
	[SCRIPT_PRE_DUMP] = "pre-dump",
	[SCRIPT_NETWORK_LOCK] = "network-lock",
	[SCRIPT_POST_DUMP] = "post-dump",
	[SCRIPT_NETWORK_UNLOCK] = "network-unlock",
	[SCRIPT_PRE_RESTORE] = "pre-restore",
	[SCRIPT_SETUP_NAMESPACES] = "setup-namespaces",
	[SCRIPT_POST_SETUP_NAMESPACES] = "post-setup-namespaces",
	[SCRIPT_POST_RESTORE] = "post-restore",
	[SCRIPT_PRE_RESUME] = "pre-resume",
	[SCRIPT_POST_RESUME] = "post-resume",
	[SCRIPT_STATUS_READY] = "status-ready",
};

const char *script_stage_name(enum script_stage stage)
{
	return stage < SCRIPT_STAGE_COUNT ? stage_names[stage] : "";
}

static bool is_own_var(const char *var)
{
	static const char *const own[OWN_VARS] = { "CRTOOLS_SCRIPT_ACTION=", "CRTOOLS_IMAGE_DIR=",
						   "CRTOOLS_INIT_PID=" };

	for (int i = 0; i < OWN_VARS; i++)
		if (!strncmp(var, own[i], strlen(own[i])))
			return true;
	return false;
}

/* Our environment, less what an outer run of ours may have set, plus what this stage sets. */
static char **make_environ(struct arena *a, enum script_stage stage, int images_fd, pid_t root)
{
	size_t n = 0, out = 0;
	char **env;

	while (environ[n])
		n++;
	env = arena_array(a, char *, n + OWN_VARS + 1);
	for (size_t i = 0; i < n; i++)
		if (!is_own_var(environ[i]))
			env[out++] = environ[i];
	env[out++] = arena_printf(a, "CRTOOLS_SCRIPT_ACTION=%s", script_stage_name(stage));
	if (images_fd >= 0)
		env[out++] =
			arena_printf(a, "CRTOOLS_IMAGE_DIR=/proc/%d/fd/%d", getpid(), images_fd);
	if (root)
		env[out++] = arena_printf(a, "CRTOOLS_INIT_PID=%d", root);
	return env;
}

/* Signals as a new program expects them, and no text of a script amid our JSON. */
static int spawn(const char *script, char **env, const struct options *o, pid_t *ret_pid)
{
	char *shell[] = { "sh", "-c", (char *)script, NULL }, *file[] = { (char *)script, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	struct stat st;
	sigset_t set;
	int ret;

	posix_spawn_file_actions_init(&actions);
	if (o->json)
		posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						(o->script_timeout ? POSIX_SPAWN_SETPGROUP : 0));
	if (!stat(script, &st) && S_ISREG(st.st_mode)) {
		ret = posix_spawn(ret_pid, script, &actions, &attr, file, env);
		if (ret == ENOEXEC) { /* no #! line: a shell script all the same */
			shell[1] = (char *)script;
			shell[2] = NULL;
			ret = posix_spawn(ret_pid, "/bin/sh", &actions, &attr, shell, env);
		}
	} else {
		ret = posix_spawn(ret_pid, "/bin/sh", &actions, &attr, shell, env);
	}
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return ret;
}

/* 0 with its status; -ETIMEDOUT: it has been killed. */
static int await_script(pid_t pid, unsigned int seconds, int *ret_status)
{
	uint64_t until = child_limit(seconds), look;
	int signo, passed = 0, ret;

	if (!seconds)
		return child_wait(pid, 0, ret_status);
	do {
		look = child_limit_ms(LOOK_MS);
		ret = child_wait(pid, look < until ? look : until, ret_status);
		if (ret != -ETIMEDOUT)
			return ret;
		signo = interrupt_pending();
		if (signo && signo != passed)
			kill(-pid, passed = signo);
	} while (look < until);
	kill(-pid, SIGKILL);
	child_kill(pid);
	return ret;
}

/* Returns the exit status: 0 is success. */
static int run_one(const struct options *o, const char *script, enum script_stage stage, char **env,
		   struct err *err)
{
	const char *name = script_stage_name(stage);
	int status, ret;
	pid_t pid;

	ret = spawn(script, env, o, &pid);
	if (ret) {
		log_warn("action script %s can't be started: %s", script, strerror(ret));
		err_set(err, ERR_SCRIPT, ret, "action script %s can't be started at stage %s",
			script, name);
		return 127;
	}
	ret = await_script(pid, o->script_timeout, &status);
	if (ret == -ETIMEDOUT) {
		log_warn("action script %s has run for %u s at stage %s, and was killed", script,
			 o->script_timeout, name);
		err_set(err, ERR_TIMEOUT, ETIMEDOUT,
			"action script %s has run for %u s at stage %s, and was killed", script,
			o->script_timeout, name);
		return 128 + SIGKILL;
	}
	if (ret < 0) {
		err_set(err, ERR_SCRIPT, -ret, "can't wait for action script %s at stage %s",
			script, name);
		return 1;
	}
	if (WIFSIGNALED(status)) {
		log_warn("action script %s was killed by signal %d at stage %s", script,
			 WTERMSIG(status), name);
		err_set(err, ERR_SCRIPT, 0, "action script %s was killed by signal %d at stage %s",
			script, WTERMSIG(status), name);
		return 128 + WTERMSIG(status);
	}
	if (WEXITSTATUS(status)) {
		log_warn("action script %s failed with status %d at stage %s", script,
			 WEXITSTATUS(status), name);
		err_set(err, ERR_SCRIPT, 0, "action script %s failed with status %d at stage %s",
			script, WEXITSTATUS(status), name);
	}
	return WEXITSTATUS(status);
}

int script_run(const struct options *o, enum script_stage stage, int images_fd, pid_t root,
	       int *ret_status, struct err *err)
{
	struct arena arena = { 0 };
	int status = 0;
	char **env;

	if (!o->action_scripts.n)
		return 0;
	log_debug("running action scripts for stage %s", script_stage_name(stage));
	env = make_environ(&arena, stage, images_fd, root);
	for (size_t i = 0; i < o->action_scripts.n; i++)
		status |= run_one(o, o->action_scripts.items[i], stage, env, err);
	arena_free(&arena);
	if (status && ret_status)
		*ret_status = status;
	return status ? -ECANCELED : 0;
}
