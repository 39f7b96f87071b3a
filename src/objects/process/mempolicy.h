/* SPDX-License-Identifier: Apache-2.0 */
/* NUMA memory policies, of threads (mempolicy.c) and of areas (areapolicy.c). */
#ifndef OBJECTS_PROCESS_MEMPOLICY_H
#define OBJECTS_PROCESS_MEMPOLICY_H

#include <stdbool.h>
#include <stdint.h>

#define NODE_WORDS 16 /* 1024 nodes: the kernel's greatest MAX_NUMNODES */
#define NODE_BITS  (NODE_WORDS * 64)

/* Can this machine have it? Tried out by the caller, which then takes its own policy back. */
bool mempolicy_works(int mode, const uint64_t nodes[NODE_WORDS]);

#endif
