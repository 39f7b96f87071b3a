/* SPDX-License-Identifier: Apache-2.0 */
/* What any code may ask of the registers in a core entry, whatever the processor. */
#ifndef IMAGE_REGISTERS_H
#define IMAGE_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/messages.h"

/* The address of the next instruction; 0: the entry has no registers that are known. */
uint64_t registers_ip(const CoreEntry *core);
/* Of a 32-bit program on a 64-bit kernel. */
bool registers_compat(const CoreEntry *core);

#endif
