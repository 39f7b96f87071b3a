/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: argv -> struct options -> the verb's function -> exit status. A verb's
 * function gets a run: options that are complete and consistent, an error to fill, the images
 * directory open, the log open. It returns the exit status (1 on failure, with run->err filled);
 * cli_main prints the error, once.
 */
#ifndef FRONT_CLI_CLI_H
#define FRONT_CLI_CLI_H

#include "base/err.h"
#include "model/options.h"
#include "model/session.h"

/* Exit status 0: done; 1: any failure, but see verb_exec.c, and verb_dump.c for scripts. */
int cli_main(int argc, char **argv);

struct run {
	struct options *opts;
	struct err *err;  /* in shared memory: forked children report into it */
	int images_fd;	  /* O_DIRECTORY, opened once; -1: the verb needs no images */
	bool told;	  /* the result was printed already: the verb did it */
	struct session s; /* of the three above; its report and stats are printed at the end */
};

/* Whether what goes to this descriptor may be coloured. */
bool cli_colour(const struct options *o, int fd);

/* One function a verb, in a file of its own: verb_dump.c …, check.c. */
int verb_dump(struct run *run);
int verb_restore(struct run *run);
int cli_check(struct run *run);
int verb_show(struct run *run);
int verb_exec(struct run *run);
int verb_cpuinfo(struct run *run);
int verb_clean(struct run *run);

#endif
