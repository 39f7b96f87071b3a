/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: lines "(SS.UUUUUU) text", one write(2) each, so that lines of several processes do not
 * mix. Levels as CRIU's -v: 1 errors, 2 warnings (the default), 3 information, 4 debug. Library
 * rooms do not log errors, they return them (base/err.h); they may log what they do at level 4.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_MSG, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* fd: where lines go (default 2). prefix_pid: lines carry the pid of the writer (restored
 * children). */
void log_init(int fd, int level);
void log_set_prefix_pid(bool on);
/* The same log by another descriptor. */
void log_move(int fd);
int log_fd(void);
/* Lines go to standard error, by whatever descriptor. */
bool log_on_stderr(void);
int log_level(void);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)                                                                              \
	do {                                                                                       \
		if (log_level() >= LOG_INFO)                                                       \
			log_line(LOG_INFO, __VA_ARGS__);                                           \
	} while (0)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_level() >= LOG_DEBUG)                                                      \
			log_line(LOG_DEBUG, __VA_ARGS__);                                          \
	} while (0)

#endif
