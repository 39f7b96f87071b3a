/* SPDX-License-Identifier: Apache-2.0 */
/* The hidden folder of a set in the making; see staging.c. All return 0 or a negative errno. */
#ifndef IMAGE_STAGING_H
#define IMAGE_STAGING_H

#include "image/internal.h"

#define IMAGE_STAGING_PREFIX ".crtools-dump-"

/* Against other writers in the same directory; without effect where there is no flock(2). */
void image_lock_dir(int fd);
void image_unlock_dir(int fd);
/* Removes the folders of writers that are gone, and of one that has been given up (0: there is
 * none); how many. If one of them had begun to take the
 * place of an older set, its set is put there first (*ret_finished). The directory is locked. */
int image_staging_clean(int dirfd, pid_t given_up, bool *ret_finished);
/* A folder whose set is about to take the place of an older one. */
int image_staging_mark(int folder);
/* Puts the set of such a folder into its place; -ENODATA: there is none, or no whole one. */
int image_staging_finish(int dirfd, int folder);
/* Makes a folder, with its note locked. The directory is locked. */
int image_staging_make(int dirfd, char name[40], int *ret_folder, int *ret_note);
int image_staging_remove(int dirfd, const char *name);

#endif
