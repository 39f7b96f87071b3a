/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crtools-files.img: what open files have beside their entry in files.img, and CRIU's format has no
 * place for. Any class may add to it while the dump collects and writes; the engine writes the
 * image when all classes have written theirs.
 */
#ifndef OBJECTS_EXTRAS_H
#define OBJECTS_EXTRAS_H

#include "objects/class.h"

/* An empty entry, in the arena and in the image. */
CrtoolsFileEntry *extras_add(struct dump *d);
int extras_write(struct dump *d);

/* All entries; none where the image is missing. Read once, the same ones for all. */
int extras_read(struct restore *r, CrtoolsFileEntry ***ret_entries, size_t *ret_n);
/* The entry of a file of a kind that CRIU does not know; NULL, also where the image can't be read:
 * check() refuses a file without one. */
CrtoolsFileEntry *extras_own(struct restore *r, uint32_t id);

#endif
