/* SPDX-License-Identifier: Apache-2.0 */
/* show -D for people: facts, the tree, sizes. See show.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/human.h"
#include "front/cli/show.h"
#include "image/constants.h"

#define FDS_IN_TREE 12 /* more than that are told by show -t */

struct printer {
	struct show *s;
	FILE *out;
	const char *bold, *dim, *off;
};

static void print_facts(struct printer *p)
{
	const struct show *s = p->s;
	char total[HUMAN_MAX], pages[HUMAN_MAX], frozen[HUMAN_MAX];
	const CrtoolsManifestEntry *m = s->manifest;

	fprintf(p->out, "%s%zu task%s, %zu thread%s%s; %s in %zu images, %s of it memory\n",
		p->bold, s->n_tasks, s->n_tasks == 1 ? "" : "s", s->n_threads,
		s->n_threads == 1 ? "" : "s", p->off, human_size(s->image_bytes, total),
		s->n_images, human_size(s->page_bytes, pages));
	if (m)
		fprintf(p->out, "written by crtools %s on Linux %s, %s\n",
			m->tool_version ? m->tool_version : "?", m->kernel ? m->kernel : "?",
			m->machine ? m->machine : "?");
	else
		fprintf(p->out, "written by CRIU\n");
	if (s->stats)
		fprintf(p->out, "frozen for %s, %" PRIu64 " pages written\n",
			human_time(s->stats->frozen_time, frozen), s->stats->pages_written);
	fputc('\n', p->out);
}

static void print_fd(struct printer *p, const FdinfoEntry *fd, const char *prefix)
{
	const char *what = show_file_text(p->s, fd->id), *access = show_file_access(p->s, fd->id);

	fprintf(p->out, "%s%s%s%5u %-3s%s", p->dim, prefix, p->off, fd->fd, access, what);
	for (const char *type = *what ? "" : show_file_type(fd); *type; type++)
		fputc(tolower((unsigned char)*type), p->out);
	if (fd->flags & 1)
		fprintf(p->out, " %s(close on exec)%s", p->dim, p->off);
	fputc('\n', p->out);
}

static void print_fds(struct printer *p, const struct show_task *t, const char *prefix, size_t most)
{
	for (size_t i = 0; i < t->n_fds && i < most; i++)
		print_fd(p, t->fds[i], prefix);
	if (t->n_fds > most)
		fprintf(p->out, "%s%s%s      and %zu more descriptors: show -t %u\n", p->dim,
			prefix, p->off, t->n_fds - most, t->e->pid);
}

static void print_task_line(struct printer *p, const struct show_task *t)
{
	char mapped[HUMAN_MAX], dumped[HUMAN_MAX], parent[HUMAN_MAX];

	fprintf(p->out, "%s%u %s%s  %s", p->bold, t->e->pid, t->core->tc ? t->core->tc->comm : "?",
		p->off, show_state(t));
	if (t->e->n_threads > 1)
		fprintf(p->out, ", %zu threads", t->e->n_threads);
	if (t->mm)
		fprintf(p->out, ", %s mapped, %s dumped", human_size(t->mapped, mapped),
			human_size(t->dumped, dumped));
	if (t->in_parent)
		fprintf(p->out, ", %s in the parent images", human_size(t->in_parent, parent));
	if (!t->parent || t->e->sid != t->parent->e->sid)
		fprintf(p->out, ", session %u", t->e->sid);
	if (!t->parent || t->e->pgid != t->parent->e->pgid)
		fprintf(p->out, ", group %u", t->e->pgid);
	fputc('\n', p->out);
}

/* A tree may be as deep as an image says: the way down is kept in a list, not on the stack. */
struct frame {
	const struct show_task *task;
	const char *prefix;
	size_t next; /* child */
};

static void print_node(struct printer *p, const struct show_task *t, const char *prefix, bool root,
		       bool last, const char **ret_below)
{
	const char *below = root ? prefix
				 : arena_printf(p->s->arena, "%s%s", prefix, last ? "   " : "│  ");

	fprintf(p->out, "%s%s%s%s", p->dim, prefix, root ? "" : last ? "└─ " : "├─ ", p->off);
	print_task_line(p, t);
	print_fds(p, t, arena_printf(p->s->arena, "%s%s", below, t->n_children ? "│" : " "),
		  FDS_IN_TREE);
	*ret_below = below;
}

static void print_tree(struct printer *p, const struct show_task *root)
{
	struct frame *stack = NULL;
	const char *below;
	size_t n = 0;

	print_node(p, root, "", true, true, &below);
	arena_push(p->s->arena, stack, n, ((struct frame){ root, below, 0 }));
	while (n) {
		struct frame *top = &stack[n - 1];
		const struct show_task *child;

		if (top->next == top->task->n_children) {
			n--;
			continue;
		}
		child = top->task->children[top->next++];
		print_node(p, child, top->prefix, false, top->next == top->task->n_children,
			   &below);
		arena_push(p->s->arena, stack, n, ((struct frame){ child, below, 0 }));
	}
}

struct kind_sum {
	const char *name;
	size_t files;
	uint64_t bytes;
};

static int by_size(const void *a, const void *b)
{
	const struct kind_sum *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : strcmp(x->name, y->name);
}

static void print_kinds(struct printer *p)
{
	struct kind_sum sums[IMAGE_KIND_COUNT] = { 0 };
	char size[HUMAN_MAX];

	for (int k = 0; k < IMAGE_KIND_COUNT; k++)
		sums[k].name = image_kind_info(k)->name;
	for (size_t i = 0; i < p->s->n_images; i++) {
		sums[p->s->images[i].kind].files++;
		sums[p->s->images[i].kind].bytes += p->s->images[i].size;
	}
	qsort(sums, IMAGE_KIND_COUNT, sizeof(*sums), by_size);
	fprintf(p->out, "\n%sImages by kind%s\n", p->bold, p->off);
	for (int k = 0; k < IMAGE_KIND_COUNT && sums[k].files; k++)
		fprintf(p->out, "%12s  %s (%zu)\n", human_size(sums[k].bytes, size), sums[k].name,
			sums[k].files);
}

static void print_areas(struct printer *p, const struct show_task *t)
{
	char size[HUMAN_MAX];

	if (!t->mm)
		return;
	fprintf(p->out, "\n%sMappings%s\n", p->bold, p->off);
	for (size_t i = 0; i < t->mm->n_vmas; i++) {
		const VmaEntry *v = t->mm->vmas[i];

		const char *what = show_area_text(p->s, v);

		fprintf(p->out, "%12" PRIx64 "-%-12" PRIx64 " %c%c%c%c %10s%s%s\n", v->start,
			v->end, v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-',
			v->prot & PROT_EXEC ? 'x' : '-', v->flags & MAP_SHARED ? 's' : 'p',
			human_size(v->end - v->start, size), *what ? "  " : "", what);
	}
}

static void print_task(struct printer *p, const struct show_task *t)
{
	const ThreadCoreEntry *thread = t->core->thread_core;

	print_task_line(p, t);
	fprintf(p->out, "  parent %u, session %u, group %u\n", t->e->ppid, t->e->sid, t->e->pgid);
	if (thread && thread->creds)
		fprintf(p->out, "  uid %u, gid %u\n", thread->creds->euid, thread->creds->egid);
	if (t->mm)
		fprintf(p->out, "  executable %s\n", show_file_text(p->s, t->mm->exe_file_id));
	if (t->fs)
		fprintf(p->out, "  working directory %s, root %s\n",
			show_file_text(p->s, t->fs->cwd_id), show_file_text(p->s, t->fs->root_id));
	fprintf(p->out, "  threads");
	for (size_t i = 0; i < t->e->n_threads; i++)
		fprintf(p->out, " %u", t->e->threads[i]);
	fprintf(p->out, "\n\n%sDescriptors%s\n", p->bold, p->off);
	print_fds(p, t, "", t->n_fds);
	print_areas(p, t);
}

int show_print_text(struct show *s, const struct show_task *only, bool colour, FILE *out)
{
	struct printer p = {
		.s = s,
		.out = out,
		.bold = colour ? "\033[1m" : "",
		.dim = colour ? "\033[2m" : "",
		.off = colour ? "\033[0m" : "",
	};

	if (only) {
		print_task(&p, only);
	} else {
		print_facts(&p);
		for (size_t i = 0; i < s->n_tasks; i++)
			if (!s->tasks[i]->parent)
				print_tree(&p, s->tasks[i]);
		if (s->shared_dumped) {
			char size[HUMAN_MAX];

			fprintf(out, "shared memory: %s dumped\n",
				human_size(s->shared_dumped, size));
		}
		print_kinds(&p);
	}
	errno = 0;
	return fflush(out) || ferror(out) ? -(errno ? errno : EIO) : 0;
}
