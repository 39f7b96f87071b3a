/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crtools restore: builds the tree, tells the result, then leaves (-d), becomes another program
 * (--exec-cmd), or stays as the parent of the root until that ends. How the root ends is not passed
 * on: the status says whether the tree was restored.
 */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/sentry.h"
#include "front/cli/cli.h"
#include "front/cli/result.h"
#include "model/pidfile.h"
#include "objects/tty/tty.h"

/* Unless the engine wrote it when the root was born. */
static int fill_pidfile(struct run *run)
{
	struct stat st;

	if (run->s.pidfile_fd < 0 || fstat(run->s.pidfile_fd, &st) || st.st_size)
		return 0;
	return pidfile_write(run->s.pidfile_fd, run->s.root_pid, run->err);
}

static int restore(struct run *run)
{
	const char *pidfile = run->opts->plan ? NULL : run->opts->pidfile;
	int ret = pidfile_create(pidfile, &run->s.pidfile_fd, run->err);

	if (ret)
		return ret;
	ret = engine_restore(&run->s);
	if (!ret)
		ret = fill_pidfile(run);
	if (ret)
		pidfile_remove(pidfile);
	close_fd(&run->s.pidfile_fd);
	return ret;
}

static int become_command(struct run *run)
{
	struct str_list *args = &run->opts->args;

	str_list_end(args, &run->opts->arena);
	execvp(args->items[0], args->items);
	return err_set(run->err, ERR_PATH, errno,
		       "the tree was restored, but the command %s can't be started",
		       args->items[0]);
}

/* The terminal's signals are for the restored job; the tool goes when its root has gone. */
static void wait_for_root(pid_t root)
{
	int status;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	while (waitpid(root, &status, 0) < 0 && errno == EINTR)
		;
}

int verb_restore(struct run *run)
{
	if (restore(run)) {
		log_error("Restoring FAILED.");
		return 1;
	}
	if (run->opts->plan)
		return 0;
	if (!sentry_run_told()) {
		log_info("Restore finished successfully. Tasks resumed.");
		result_print(run, 0, false);
	}
	run->told = true;
	if (run->opts->exec_cmd && sentry_is_run())
		return 0; /* the command is for the root's parent to become */
	if (run->opts->exec_cmd)
		return become_command(run) ? 1 : 0;
	if (!run->opts->detached) {
		wait_for_root(run->s.root_pid);
		if (run->opts->shell_job)
			tty_take_back();
	}
	return 0;
}
