/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One failure, told once. Functions that can fail return 0 or a negative errno and fill the
 * struct err that they were given; whoever is first wins, later failures on the way out do not
 * overwrite it. The struct may live in shared memory: forked children report into it as well.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum err_id {
	ERR_NONE,
#define ERR(id, name, remedy) ERR_##id,
#include "base/errors.def"
#undef ERR
	ERR_COUNT
};

struct err {
	_Atomic int claimed; /* 1: being filled or filled */
	enum err_id id;
	int num;	 /* positive errno, 0 where no call failed */
	pid_t pid;	 /* the task concerned, as the dumped tree names it; 0: none */
	char image[64];	 /* the image file concerned, or "" */
	char call[32];	 /* the system call that failed, or "" */
	char text[1024]; /* one sentence: what was being done, to what, what came back */
};

/* Fills err unless it is filled already (err may be NULL). Returns -num, or -EINVAL when num is 0.
 * The text should not end with the errno's own text: err_print adds it. */
int err_set(struct err *err, enum err_id id, int num, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same for a failed system call, with errno: ERR_KERNEL, ERR_PERMISSION (EPERM, EACCES) or
 * ERR_RESOURCE (ENOMEM, EMFILE, ENFILE, EAGAIN, ENOSPC, EDQUOT) by what errno says. */
int err_sys(struct err *err, const char *call, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds what the place that failed did not know; no effect when err was not filled by this thread's
 * latest failure (the fields are set already). Both return ret unchanged. */
int err_add_pid(struct err *err, pid_t pid, int ret);
int err_add_image(struct err *err, const char *image, int ret);
void err_add_call(struct err *err, const char *call);

bool err_is_set(const struct err *err);
const char *err_id_name(enum err_id id);
const char *err_remedy(enum err_id id);
/* The same for this very error: where a call is missing, what brings it. */
const char *err_cure(const struct err *err);
/* Does a seccomp filter stand around this process? */
bool err_filtered(void);
/* "Error: text (call: reason)" and the remedy, into a buffer of at least 2048 bytes. */
void err_format(const struct err *err, char *buf, size_t size);

#endif
