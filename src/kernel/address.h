/* SPDX-License-Identifier: Apache-2.0 */
/* Where the addresses of processes end. */
#ifndef KERNEL_ADDRESS_H
#define KERNEL_ADDRESS_H

#include <stdint.h>

/* The first address behind what a process may map (the kernel's TASK_SIZE). */
uint64_t address_end(void);
/* The first address behind what the kernel gives out to who does not ask for more: 48 bits where
 * there are more (Documentation/arch/arm64/memory.rst). */
uint64_t address_window(void);

#endif
