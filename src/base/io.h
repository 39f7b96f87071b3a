/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes: short counts and EINTR are handled. All return 0 or a negative errno. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int write_full(int fd, const void *buf, size_t len);
int pwrite_full(int fd, const void *buf, size_t len, off_t off);
/* -ENODATA at an early end of file. */
int read_full(int fd, void *buf, size_t len);
int pread_full(int fd, void *buf, size_t len, off_t off);
/* Reads to the end of file into a malloc'ed buffer with a NUL behind it. */
int read_to_end(int fd, char **ret_buf, size_t *ret_len);

#endif
