/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's machine code: position independent, entered at its first byte (arch/<a>/entry.S). */
#ifndef AGENT_BLOB_H
#define AGENT_BLOB_H

extern const unsigned char agent_blob[];
extern const unsigned int agent_blob_size;

#endif
