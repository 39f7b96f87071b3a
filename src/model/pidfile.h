/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --pidfile: one decimal number in a file that must not exist before. The file is made before the
 * work starts (a file that is there already is a refusal, not a surprise at the end), and filled
 * when the pid is known.
 */
#ifndef MODEL_PIDFILE_H
#define MODEL_PIDFILE_H

#include <sys/types.h>

#include "base/err.h"

/* path NULL: nothing to do, *ret_fd is -1. Relative paths are below the work directory, which is
 * the current one. When the run fails later, the caller removes the file: pidfile_remove. */
int pidfile_create(const char *path, int *ret_fd, struct err *err);
int pidfile_write(int fd, pid_t pid, struct err *err);
void pidfile_remove(const char *path);

#endif
