/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and times as people write and read them. */
#ifndef BASE_HUMAN_H
#define BASE_HUMAN_H

#include <stdint.h>

#define HUMAN_MAX 24

/* "4096", "64K", "1M", "2 GiB", "1mb": powers of 1024. Returns 0, -EINVAL or -ERANGE. */
int human_parse_size(const char *text, uint64_t *ret_bytes);
/* A whole decimal number in [min, max]. Returns 0, -EINVAL or -ERANGE. */
int human_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret);

/* "812 B", "4.0 KiB", "1.2 GiB"; returns buf. */
const char *human_size(uint64_t bytes, char buf[static HUMAN_MAX]);
/* "812 us", "4.1 ms", "12.3 s"; returns buf. */
const char *human_time(uint64_t microseconds, char buf[static HUMAN_MAX]);

#endif
