/* SPDX-License-Identifier: Apache-2.0 */
/* See log.h. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
	int fd, level;
	bool on_stderr, prefix_pid;
	struct timespec start;
} state = { .fd = STDERR_FILENO, .level = LOG_WARN, .on_stderr = true };

void log_init(int fd, int level)
{
	state.fd = fd;
	state.on_stderr = fd == STDERR_FILENO;
	state.level = level;
	if (!state.start.tv_sec)
		clock_gettime(CLOCK_MONOTONIC, &state.start);
}

void log_set_prefix_pid(bool on)
{
	state.prefix_pid = on;
}

void log_move(int fd)
{
	state.fd = fd;
}

bool log_on_stderr(void)
{
	return state.on_stderr;
}

int log_fd(void)
{
	return state.fd;
}

int log_level(void)
{
	return state.level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const labels[] = { "", "Error: ", "Warn: ", "", "" };
	int saved = errno, n = 0;
	char line[2048];
	va_list ap;

	if ((int)level > state.level)
		return;
	if (state.level >= LOG_INFO) {
		struct timespec now;
		long usec;

		clock_gettime(CLOCK_MONOTONIC, &now);
		usec = (now.tv_sec - state.start.tv_sec) * 1000000 +
		       (now.tv_nsec - state.start.tv_nsec) / 1000;
		n = snprintf(line, sizeof(line), "(%02ld.%06ld) ", usec / 1000000, usec % 1000000);
	}
	if (state.prefix_pid)
		n += snprintf(line + n, sizeof(line) - n, "%6d: ", getpid());
	n += snprintf(line + n, sizeof(line) - n, "%s", labels[level]);
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 1)
		n = sizeof(line) - 1;
	line[n++] = '\n';
	if (write(state.fd, line, n) < 0)
		errno = saved; /* a log that can't be written must not stop a dump */
	errno = saved;
}
