/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pages file on a tmpfs has its pages in memory, so that all workers can place pages of it at the
 * same time, where write(2) would have them wait for each other's inode lock. See sink_tmpfs.c.
 */
#ifndef PAGES_SINK_TMPFS_H
#define PAGES_SINK_TMPFS_H

#include "pages/save.h"

/* Makes *sink, which writes to its fd, a placing one, where that file is on a tmpfs and can be
 * mapped, and where there is enough for it to be worth it. */
void sink_tmpfs_open(struct page_sink *sink, uint64_t size);
void sink_tmpfs_close(struct page_sink *sink);

#endif
