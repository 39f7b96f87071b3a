/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file, dumped through the extent map ioctl: there are more extents than fit into one
 * call.
 *
 * wl: areas files
 * wl: dump --ghost-limit 8M --ghost-fiemap
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"
#include "ghost_holes_8m.h"
