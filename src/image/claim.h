/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses an images directory; see claim.c. */
#ifndef IMAGE_CLAIM_H
#define IMAGE_CLAIM_H

#include "base/err.h"

/* For a moment, against all others; without effect where there is no flock(2). -EWOULDBLOCK:
 * somebody else has it for longer than a moment. */
int image_lock_dir(int fd);
void image_unlock_dir(int fd);
/* The same, with a sentence that names who has it. */
int image_claim_dir(int fd, const char *where, struct err *err);
/* Nobody writes there as long as the open file description of fd has it: until image_unlock_dir, or
 * until it is closed. */
int image_hold_dir(int fd, const char *where, struct err *err);
/* Refuses if a writer has a set in the making there. The directory is locked, or held. */
int image_check_unwritten(int fd, const char *where, struct err *err);

#endif
