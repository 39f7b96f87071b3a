/* SPDX-License-Identifier: Apache-2.0 */
/* The hidden folder of a set in the making; see staging.c. All return 0 or a negative errno. */
#ifndef IMAGE_STAGING_H
#define IMAGE_STAGING_H

#include "image/claim.h"
#include "image/internal.h"

#define IMAGE_STAGING_PREFIX ".crtools-dump-"

/* Removes the folders of writers that are gone, and of one that has been given up (0: there is
 * none); how many. If one of them had begun to take the
 * place of an older set, its set is put there first (*ret_finished). The directory is locked. */
int image_staging_clean(int dirfd, pid_t given_up, bool *ret_finished);
/* Does a writer that lives have a folder there? ret_pid: its id; 0: it has none here. */
bool image_staging_written(int dirfd, pid_t *ret_pid);
/* A folder whose set is about to take the place of an older one. */
int image_staging_mark(int folder);
/* Puts the set of such a folder into its place; -ENODATA: there is none, or no whole one. */
int image_staging_finish(int dirfd, int folder);
/* Makes a folder, with its note locked. The directory is locked. */
int image_staging_make(int dirfd, char name[40], int *ret_folder, int *ret_note);
int image_staging_remove(int dirfd, const char *name);

#endif
