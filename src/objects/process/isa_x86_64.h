/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs that a restored task has mapped demand of the processor. */
#ifndef OBJECTS_PROCESS_ISA_H
#define OBJECTS_PROCESS_ISA_H

#include "model/restore.h"

/* Refuses, or with another --cpu-cap warns of, files whose instructions this processor has not. */
int isa_check(struct restore_task *t);

#endif
