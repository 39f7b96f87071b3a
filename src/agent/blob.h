/* SPDX-License-Identifier: Apache-2.0 */
/* The machine code that goes into a process; all of it is position independent. */
#ifndef AGENT_BLOB_H
#define AGENT_BLOB_H

#include <stdint.h>

#include "agent/wire.h"

/* The interpreter, entered at its first byte (arch/<a>/entry.S). */
extern const unsigned char agent_blob[];
extern const unsigned int agent_blob_size;

/* The foothold (arch/<a>/stub.S): its first instruction is a system call; it ends with struct
 * agent_stub_data. */
extern const unsigned char agent_stub[];
extern const unsigned int agent_stub_size;

#endif
