/* SPDX-License-Identifier: Apache-2.0 */
/* --plan: the programs of a dump or a restore, printed instead of run. */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include "model/dump.h"
#include "model/restore.h"

/* The reading programs of a frozen tree, when all classes have put their calls. */
int plan_dump(struct dump *d);
/* The programs of all tasks of the images, when all is read, judged and planned. */
int plan_restore(struct restore *r);

#endif
