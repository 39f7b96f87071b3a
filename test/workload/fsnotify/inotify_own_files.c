/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that watches an ELF file that it has mapped, a file that it has mapped shared and
 * private, a fifo and a directory that it has open, for everything. Nobody but the tool looks at
 * them meanwhile, and that is not to be seen: no event comes, not even that some were lost.
 *
 * wl: areas fsnotify files memory
 * wl: flavours host user
 * wl: ignore fdinfo
 * wl: crossing none CRIU opens the files for their build ids
 */
#include "inotify_own_files.h"
