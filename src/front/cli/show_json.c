/* SPDX-License-Identifier: Apache-2.0 */
/* show -D for machines; sizes in bytes. See show.h. */
#include "base/json.h"
#include "front/cli/show.h"
#include "image/constants.h"

static void print_fds(struct json *j, struct show *s, const struct show_task *t)
{
	json_array(j, "descriptors");
	for (size_t i = 0; i < t->n_fds; i++) {
		const FdinfoEntry *fd = t->fds[i];

		json_object(j, NULL);
		json_uint(j, "fd", fd->fd);
		json_string(j, "type", show_file_type(fd));
		json_uint(j, "id", fd->id);
		json_string(j, "access", show_file_access(s, fd->id));
		json_bool(j, "close_on_exec", fd->flags & 1);
		json_string(j, "what", show_file_text(s, fd->id));
		json_object_end(j);
	}
	json_array_end(j);
}

static void print_areas(struct json *j, struct show *s, const MmEntry *mm)
{
	json_array(j, "mappings");
	for (size_t i = 0; i < mm->n_vmas; i++) {
		const VmaEntry *v = mm->vmas[i];

		json_object(j, NULL);
		json_uint(j, "start", v->start);
		json_uint(j, "end", v->end);
		json_uint(j, "prot", v->prot);
		json_uint(j, "flags", v->flags);
		json_string(j, "what", show_area_text(s, v));
		json_object_end(j);
	}
	json_array_end(j);
}

static void print_task(struct json *j, struct show *s, const struct show_task *t, bool details)
{
	json_object(j, NULL);
	json_uint(j, "pid", t->e->pid);
	json_uint(j, "ppid", t->e->ppid);
	json_uint(j, "pgid", t->e->pgid);
	json_uint(j, "sid", t->e->sid);
	json_string(j, "command", t->core->tc ? t->core->tc->comm : NULL);
	json_string(j, "state", show_state(t));
	json_array(j, "threads");
	for (size_t i = 0; i < t->e->n_threads; i++)
		json_uint(j, NULL, t->e->threads[i]);
	json_array_end(j);
	json_uint(j, "mapped", t->mapped);
	json_uint(j, "dumped", t->dumped);
	json_uint(j, "in_parent", t->in_parent);
	if (t->mm)
		json_string(j, "executable", show_file_text(s, t->mm->exe_file_id));
	if (t->fs) {
		json_string(j, "cwd", show_file_text(s, t->fs->cwd_id));
		json_string(j, "root", show_file_text(s, t->fs->root_id));
	}
	print_fds(j, s, t);
	if (details && t->mm)
		print_areas(j, s, t->mm);
	json_object_end(j);
}

static void print_facts(struct json *j, struct show *s)
{
	json_string(j, "tool", s->manifest ? "crtools" : "criu");
	if (s->manifest) {
		json_string(j, "tool_version", s->manifest->tool_version);
		json_string(j, "kernel", s->manifest->kernel);
		json_string(j, "machine", s->manifest->machine);
	}
	if (s->stats) {
		json_uint(j, "freezing_us", s->stats->freezing_time);
		json_uint(j, "frozen_us", s->stats->frozen_time);
		json_uint(j, "pages_written", s->stats->pages_written);
	}
	json_uint(j, "image_bytes", s->image_bytes);
	json_uint(j, "page_bytes", s->page_bytes);
	json_uint(j, "shared_dumped", s->shared_dumped);
	json_array(j, "images");
	for (size_t i = 0; i < s->n_images; i++) {
		json_object(j, NULL);
		json_string(j, "name", s->images[i].name);
		json_string(j, "kind", image_kind_info(s->images[i].kind)->name);
		json_uint(j, "bytes", s->images[i].size);
		json_object_end(j);
	}
	json_array_end(j);
}

int show_print_json(struct show *s, const struct show_task *only, FILE *out)
{
	struct json j;

	json_begin(&j, out, 2);
	json_object(&j, NULL);
	if (!only)
		print_facts(&j, s);
	json_array(&j, "tasks");
	for (size_t i = 0; i < s->n_tasks; i++)
		if (!only || s->tasks[i] == only)
			print_task(&j, s, s->tasks[i], only);
	json_array_end(&j);
	json_object_end(&j);
	return json_end(&j);
}
