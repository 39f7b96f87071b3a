/* SPDX-License-Identifier: Apache-2.0 */
/* See human.h. */
#include "base/human.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int human_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "kmgt";
	unsigned long long number;
	unsigned int shift = 0;
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	while (isspace((unsigned char)*end))
		end++;
	if (*end && strchr(units, tolower((unsigned char)*end)))
		shift = 10 *
			(unsigned int)(strchr(units, tolower((unsigned char)*end++)) - units + 1);
	if (*end && strcasecmp(end, "b") && (!shift || strcasecmp(end, "ib")))
		return -EINVAL;
	if (shift && number >> (64 - shift))
		return -ERANGE;
	*ret_bytes = (uint64_t)number << shift;
	return 0;
}

int human_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	long long number;
	char *end;

	if (!isdigit((unsigned char)*text) && !(*text == '-' && isdigit((unsigned char)text[1])))
		return -EINVAL;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || number < min || number > max)
		return -ERANGE;
	*ret = number;
	return 0;
}

/* Three figures and a unit; each unit is step times the one before. */
static const char *format(uint64_t value, unsigned int step, const char *const *units, size_t n,
			  char *buf)
{
	double x = (double)value;
	size_t i = 0;

	while (i + 1 < n && x >= step * 0.9995) {
		x /= step;
		i++;
	}
	if (!i)
		snprintf(buf, HUMAN_MAX, "%" PRIu64 " %s", value, units[0]);
	else
		snprintf(buf, HUMAN_MAX, "%.*f %s", x < 99.95, x, units[i]);
	return buf;
}

const char *human_size(uint64_t bytes, char buf[static HUMAN_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };

	return format(bytes, 1024, units, 6, buf);
}

const char *human_time(uint64_t microseconds, char buf[static HUMAN_MAX])
{
	static const char *const units[] = { "us", "ms", "s" };

	return format(microseconds, 1000, units, 3, buf);
}
