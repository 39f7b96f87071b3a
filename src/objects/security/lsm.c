/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The label that a security module (SELinux, AppArmor) has given a thread: /proc/TID/attr/current.
 * It is recorded as CRIU does; a restored task has the label of the tool, so one that differs is
 * refused, with its name. Where no module labels tasks, the file can't be read (EINVAL).
 *
 * Landlock domains have no file: neither that a task is in one nor its rules can be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/restored.h"
#include "objects/security/security.h"

#define LABEL_MAX 4096

static bool apparmor_enabled(void)
{
	_cleanup_fd_ int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	char c = 'N';

	return fd >= 0 && read(fd, &c, 1) == 1 && c == 'Y';
}

/* The tool's own label, without newline or mode, asked once a run; NULL: tasks have none here. */
static const char *own_label(void)
{
	static char label[LABEL_MAX];
	static bool asked;
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	if (!asked) {
		asked = true;
		fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? 0 : read(fd, label, sizeof(label) - 1);
		label[n > 0 ? n : 0] = '\0';
		label[strcspn(label, "\n")] = '\0';
	}
	return label[0] ? label : NULL;
}

int lsm_host(void)
{
	_cleanup_fd_ int fd = -1;
	char c;

	if (apparmor_enabled())
		return LSMTYPE__APPARMOR;
	fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &c, 1) == 1 ? LSMTYPE__SELINUX : LSMTYPE__NO_LSM;
}

bool lsm_confines(const struct dump_thread *th)
{
	switch (lsm_host()) {
	case LSMTYPE__NO_LSM:
		return false;
	case LSMTYPE__APPARMOR:
		return th->core->thread_core->creds->lsm_profile;
	default:
		return true;
	}
}

/* "profile (enforce)" and "unconfined" are AppArmor's. NULL: not confined. */
static const char *profile_of(struct arena *a, const char *label)
{
	const char *mode = strrchr(label, '(');
	char *name;

	if (!strcmp(label, "unconfined") || !label[0])
		return NULL;
	name = arena_strdup(a, label);
	if (mode && mode > label && mode[-1] == ' ')
		name[mode - 1 - label] = '\0';
	return name;
}

static int read_attr(struct arena *a, const struct proc *proc, const char *name, char **ret)
{
	char *text;
	size_t len;
	int err = proc_read_dup(proc, name, a, &text, &len, NULL);

	*ret = NULL;
	if (err < 0)
		return err;
	text[strcspn(text, "\n")] = '\0';
	if (text[0])
		*ret = text;
	return 0;
}

static int collect_thread(struct dump_thread *th)
{
	struct dump_task *t = th->task;
	struct arena *a = dump_arena(t->dump);
	CredsEntry *creds = th->core->thread_core->creds;
	struct proc proc = PROC_INIT;
	char *label, *sockcreate;
	int ret;

	if (!own_label())
		return 0;
	ret = proc_open_thread(&proc, &t->stop->proc, th->stop->tid, dump_err(t->dump));
	if (ret < 0)
		return ret;
	ret = read_attr(a, &proc, "attr/current", &label);
	if (ret == 0 && label)
		creds->lsm_profile = (char *)profile_of(a, label);
	if (ret == 0 && read_attr(a, &proc, "attr/sockcreate", &sockcreate) == 0)
		creds->lsm_sockcreate = sockcreate;
	proc_close(&proc);
	return ret < 0 ? err_set(dump_err(t->dump), ERR_KERNEL, -ret,
				 "can't read the security label of thread %d", th->vtid)
		       : 0;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void check_thread(struct restore_thread *th, const char *own)
{
	struct restore_task *t = th->task;
	struct arena *a = restore_arena(t->r);
	const CredsEntry *creds = th->core->thread_core->creds;
	const char *object = arena_printf(a, "thread %d", th->vtid);

	if (!creds)
		return;
	if (creds->lsm_sockcreate && creds->lsm_sockcreate[0])
		restored_refuse(t, object,
				"labels its sockets by the attribute sockcreate (SELinux), which "
				"is not restored",
				"");
	if (same(creds->lsm_profile, own))
		return;
	if (!creds->lsm_profile)
		restored_warn(t, object,
			      arena_printf(a,
					   "was not confined; it gets the label of crtools, \"%s\"",
					   own),
			      "Run crtools restore unconfined.");
	else
		restored_refuse(
			t, object,
			arena_printf(a, "had the security label \"%s\"; crtools has %s%s%s",
				     creds->lsm_profile, own ? "\"" : "none", own ? own : "",
				     own ? "\"" : ""),
			"Run crtools restore under that label (runcon, aa-exec), where the same "
			"security module is active.");
}

static int check(struct restore_task *t)
{
	struct arena *a = restore_arena(t->r);
	const char *label;

	if (t->zombie || t->helper)
		return 0;
	label = own_label();
	for (size_t i = 0; i < t->n_threads; i++)
		check_thread(&t->threads[i], label ? profile_of(a, label) : NULL);
	return 0;
}

const struct state_class lsm_state = {
	.name = "security label",
	.collect_thread = collect_thread,
	.check = check,
};
