/* SPDX-License-Identifier: Apache-2.0 */
/* What check() functions of state classes say about a restored task. */
#ifndef OBJECTS_RESTORED_H
#define OBJECTS_RESTORED_H

#include "model/restore.h"

/* Refusals and warnings about a restored task's object; text and cure as for task_refuse(). */
#define restored_refuse(t, object, text, cure)                                                     \
	report_refuse(&(t)->r->s->report, (t)->vpid, object, text, cure)
#define restored_warn(t, object, text, cure)                                                       \
	report_warn(&(t)->r->s->report, (t)->vpid, object, text, cure)

/* A value in the images that no dump writes: the error that check() returns. */
#define image_bad(t, ...)                                                                          \
	err_add_pid(restore_err((t)->r), (t)->vpid,                                                \
		    err_set(restore_err((t)->r), ERR_IMAGE_CORRUPT, EBADMSG, __VA_ARGS__))

static inline bool thread_leads(const struct restore_thread *th)
{
	return th == &th->task->threads[0];
}

#endif
