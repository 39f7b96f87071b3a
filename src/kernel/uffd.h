/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userfaultfd(2) as a way to place pages: UFFDIO_COPY takes a fresh page and copies into it, with
 * no fault, no page cleared first and no lock but that of the area, so that several threads can
 * place pages of one area, or of one file, at the same time.
 */
#ifndef KERNEL_UFFD_H
#define KERNEL_UFFD_H

#include <stdint.h>

/* A descriptor with the default features (missing pages of anonymous memory and of tmpfs files), or
 * a negative errno where the kernel or its settings refuse. It asks for UFFD_USER_MODE_ONLY (Linux
 * 5.11), which needs no privilege. */
int uffd_open(void);

/* [start, start + len) of this process' memory gets its pages from here on. 0 or a negative errno:
 * -EINVAL where the memory is of a kind that can't. */
int uffd_register(int uffd, uint64_t start, uint64_t len);
int uffd_unregister(int uffd, uint64_t start, uint64_t len);

/* Whole pages that are not there yet, from anywhere in this process' memory. *ret_done, if not
 * NULL, is how many bytes have been placed when it fails: -EEXIST for a page that is there, -ENOMEM
 * (also for a full tmpfs), -EFAULT, -ESRCH. */
int uffd_copy(int uffd, uint64_t to, uint64_t from, uint64_t len, uint64_t *ret_done);

#endif
