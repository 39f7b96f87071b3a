/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An unlinked file of 8 MiB alternates 4 KiB of data and 4 KiB of hole, 1024 of each, dumped by
 * walking with SEEK_HOLE and SEEK_DATA: each block of data and each hole comes back.
 *
 * wl: areas files
 * wl: dump --ghost-limit 8M --no-ghost-fiemap
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"
#include "ghost_holes_8m.h"
