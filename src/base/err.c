/* SPDX-License-Identifier: Apache-2.0 */
/* See err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static const struct {
	const char *name, *remedy;
} kinds[] = {
	[ERR_NONE] = { "none", "" },
#define ERR(id, name, remedy) [ERR_##id] = { name, remedy },
#include "base/errors.def"
#undef ERR
};

static const struct {
	const char *name, *cure;
} calls[] = {
#define CALL(name, brings)                                                                         \
	{ name, name " takes " brings                                                              \
		     ", and that no seccomp filter around crtools (a container's) forbids it." },
#include "base/calls.def"
#undef CALL
};

static void vfill(struct err *err, enum err_id id, int num, const char *call, const char *fmt,
		  va_list ap)
{
	if (!err || atomic_exchange(&err->claimed, 1))
		return;
	err->id = id;
	err->num = num;
	snprintf(err->call, sizeof(err->call), "%s", call);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	/* Names in it may come from images; a terminal obeys control characters. */
	for (char *c = err->text; *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\n') || *c == 0x7f)
			*c = '?';
}

int err_set(struct err *err, enum err_id id, int num, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfill(err, id, num, "", fmt, ap);
	va_end(ap);
	return num ? -num : -EINVAL;
}

static enum err_id id_of_errno(int num)
{
	switch (num) {
	case EPERM:
	case EACCES:
		return ERR_PERMISSION;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
	case ENOSPC:
	case EDQUOT:
		return ERR_RESOURCE;
	default:
		return ERR_KERNEL;
	}
}

int err_sys(struct err *err, const char *call, const char *fmt, ...)
{
	int num = errno ? errno : EINVAL;
	va_list ap;

	va_start(ap, fmt);
	vfill(err, id_of_errno(num), num, call, fmt, ap);
	va_end(ap);
	return -num;
}

int err_add_pid(struct err *err, pid_t pid, int ret)
{
	if (err && err_is_set(err) && !err->pid)
		err->pid = pid;
	return ret;
}

int err_add_image(struct err *err, const char *image, int ret)
{
	if (err && err_is_set(err) && !err->image[0])
		snprintf(err->image, sizeof(err->image), "%s", image);
	return ret;
}

void err_add_call(struct err *err, const char *call)
{
	if (err && err_is_set(err) && !err->call[0])
		snprintf(err->call, sizeof(err->call), "%s", call);
}

bool err_is_set(const struct err *err)
{
	return atomic_load(&err->claimed);
}

const char *err_id_name(enum err_id id)
{
	return id < ERR_COUNT ? kinds[id].name : "unknown";
}

const char *err_remedy(enum err_id id)
{
	return id < ERR_COUNT ? kinds[id].remedy : "";
}

bool err_filtered(void)
{
	return prctl(PR_GET_SECCOMP) > 0;
}

/* A filter answers ENOSYS or EPERM, and so does the kernel. */
const char *err_cure(const struct err *err)
{
	bool missing = err->num == ENOSYS || (err->num == EPERM && err_filtered());

	for (size_t i = 0; missing && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, err->call))
			return calls[i].cure;
	return err_remedy(err->id);
}

void err_format(const struct err *err, char *buf, size_t size)
{
	char who[96] = "", why[128] = "";

	if (err->pid && err->image[0])
		snprintf(who, sizeof(who), "task %d, image %s: ", err->pid, err->image);
	else if (err->pid)
		snprintf(who, sizeof(who), "task %d: ", err->pid);
	else if (err->image[0])
		snprintf(who, sizeof(who), "image %s: ", err->image);
	if (err->num && err->call[0])
		snprintf(why, sizeof(why), " (%s: %s)", err->call, strerror(err->num));
	else if (err->num)
		snprintf(why, sizeof(why), " (%s)", strerror(err->num));
	if (err_cure(err)[0])
		snprintf(buf, size, "%s%s%s\n  %s", who, err->text, why, err_cure(err));
	else
		snprintf(buf, size, "%s%s%s", who, err->text, why);
}
