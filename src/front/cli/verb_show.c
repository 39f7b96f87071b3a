/* SPDX-License-Identifier: Apache-2.0 */
/* crtools show: one image (-f), a task (-t), or the tree of a set (-D). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "front/cli/show.h"
#include "image/reader.h"
#include "image/render.h"

/* A path is relative to where the tool was started, a bare name to the images directory. */
static int show_image(struct run *run)
{
	const struct render_options render = { .pretty = true };
	const char *name = run->opts->show_file;
	_cleanup_image_reader_ struct image_reader *r = NULL;
	int ret;

	if (!strchr(name, '/'))
		name = arena_printf(&run->s.arena, "%s/%s", run->opts->images_dir, name);
	ret = image_reader_open_file(AT_FDCWD, name, &run->s.arena, run->err, &r);
	if (ret)
		return ret;
	if (run->opts->json)
		ret = image_render_json(r, &render, stdout, run->err);
	else
		ret = image_render_text(r, stdout, run->err);
	if (!ret && fflush(stdout))
		ret = err_sys(run->err, "write", "writing to standard output");
	return ret;
}

static int show_set(struct run *run)
{
	const struct show_task *only = NULL;
	struct show s;
	int ret = show_load(run, &s);

	if (!ret && run->opts->pid) {
		only = show_task_by_pid(&s, run->opts->pid);
		if (!only)
			ret = err_set(run->err, ERR_USAGE, ESRCH,
				      "there is no task %d in the images", run->opts->pid);
	}
	if (!ret) {
		bool colour = cli_colour(run->opts, STDOUT_FILENO);

		ret = run->opts->json ? show_print_json(&s, only, stdout)
				      : show_print_text(&s, only, colour, stdout);
		if (ret)
			err_set(run->err, ERR_RESOURCE, -ret, "writing to standard output");
	}
	show_free(&s);
	return ret;
}

int verb_show(struct run *run)
{
	return (run->opts->show_file ? show_image(run) : show_set(run)) ? 1 : 0;
}
