/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Action scripts: programs of the user that are called at the stages of a dump or restore, with no
 * arguments, and these variables added to the environment:
 *   CRTOOLS_SCRIPT_ACTION  the stage's name
 *   CRTOOLS_IMAGE_DIR      /proc/<our pid>/fd/<n>, the images directory
 *   CRTOOLS_INIT_PID       pid of the tree's root, as we see it, once it is known
 * An --action-script that names a file is executed; anything else is a command line for /bin/sh.
 * With --timeout none has more than that time at any stage: it is killed with its process group,
 * and has failed. (Without, none has a limit: what engines do in them may take long.)
 */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include <sys/types.h>

#include "base/err.h"
#include "model/options.h"

enum script_stage {
	SCRIPT_PRE_STREAM,
	SCRIPT_PRE_DUMP,
	SCRIPT_NETWORK_LOCK,
	SCRIPT_POST_DUMP,
	SCRIPT_NETWORK_UNLOCK,
	SCRIPT_PRE_RESTORE,
	SCRIPT_SETUP_NAMESPACES,
	SCRIPT_POST_SETUP_NAMESPACES,
	SCRIPT_POST_RESTORE,
	SCRIPT_PRE_RESUME,
	SCRIPT_POST_RESUME,
	SCRIPT_STATUS_READY,
	SCRIPT_STAGE_COUNT
};

const char *script_stage_name(enum script_stage stage);

/* Runs all scripts, one after the other, also after one has failed. images_fd -1 and root 0: not
 * known, left out. Returns 0, or -ECANCELED with err filled for the first that failed; then
 * *ret_status (may be NULL) is the exit statuses or-ed (128 + signal for one that was killed),
 * which is what a dump exits with when post-dump fails. A stage whose failure is only logged
 * passes err NULL. */
int script_run(const struct options *o, enum script_stage stage, int images_fd, pid_t root,
	       int *ret_status, struct err *err);

#endif
