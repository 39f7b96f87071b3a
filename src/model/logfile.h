/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the log goes: -o FILE below the work directory, "-" standard output, else standard error.
 * With --log-pid every process writes a file of its own, FILE.PID.
 */
#ifndef MODEL_LOGFILE_H
#define MODEL_LOGFILE_H

#include "base/err.h"
#include "model/options.h"

/* Called when the work directory is the current one. */
int logfile_open(const struct options *o, struct err *err);
/* In a forked child: its own file with --log-pid, else lines that carry its pid. */
int logfile_child(const struct options *o, struct err *err);

#endif
