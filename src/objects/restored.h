/* SPDX-License-Identifier: Apache-2.0 */
/* What check() functions of state classes say about a restored task. */
#ifndef OBJECTS_RESTORED_H
#define OBJECTS_RESTORED_H

#include "kernel/probe/features.h"
#include "model/restore.h"

/* Refusals and warnings about a restored task's object; text and cure as for task_refuse(). */
#define restored_refuse(t, object, text, cure)                                                     \
	report_refuse(&(t)->r->s->report, (t)->vpid, object, text, cure)
#define restored_warn(t, object, text, cure)                                                       \
	report_warn(&(t)->r->s->report, (t)->vpid, object, text, cure)

/* Refuses an object that this kernel can't have, with what brings it. text: what it is or has,
 * "which this kernel does not know". Whatever a program or a task asks of a kernel newer than the
 * floor has to be asked for here, so that nothing is forked in vain. */
void restored_need(struct restore *r, pid_t pid, enum feature which, const char *object,
		   const char *text);

/* A value in the image of that kind and key that no dump writes: the error that check() returns. */
#define image_bad(t, kind, key, ...)                                                               \
	image_bad_in(t, kind, key,                                                                 \
		     err_set(restore_err((t)->r), ERR_IMAGE_CORRUPT, EBADMSG, __VA_ARGS__))
static inline int image_bad_in(const struct restore_task *t, enum image_kind kind, uint64_t key,
			       int ret)
{
	char name[IMAGE_NAME_SIZE];

	err_add_image(restore_err(t->r), image_kind_file(kind, key, name), ret);
	return err_add_pid(restore_err(t->r), t->vpid, ret);
}

static inline bool thread_leads(const struct restore_thread *th)
{
	return th == &th->task->threads[0];
}

#endif
