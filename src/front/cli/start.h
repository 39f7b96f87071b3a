/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb needs before it starts: directories, log, descriptors to close. */
#ifndef FRONT_CLI_START_H
#define FRONT_CLI_START_H

#include "front/cli/cli.h"

/* Opens the images directory, changes to the work directory, opens the log. */
int start(struct run *run);

#endif
