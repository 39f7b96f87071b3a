/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a whole image set before a restore forks anything: headers, framing and required fields of
 * every image, and what images say of each other (ids, types, parents, order and overlap of areas
 * and page ranges, sizes of pages files).
 */
#ifndef IMAGE_VERIFY_H
#define IMAGE_VERIFY_H

#include "image/dir.h"

/* 0, or the first failure, which names file, entry and field. */
int image_verify(const struct image_dir *dir, struct err *err);

#endif
