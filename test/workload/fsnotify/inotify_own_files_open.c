/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same with files of data that the program has open. These are read by the dump for a build id,
 * but not with --file-validation filesize.
 *
 * wl: areas fsnotify files
 * wl: flavours host user
 * wl: dump --file-validation filesize
 * wl: ignore fdinfo
 * wl: crossing none CRIU opens the files for their build ids
 */
#define OPEN_FILES
#include "inotify_own_files.h"
