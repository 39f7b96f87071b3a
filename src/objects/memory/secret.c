/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret memory (memfd_secret(2), Linux 5.14): a file without a name whose pages the kernel itself
 * has no mapping of (mm/secretmem.c). Neither /proc/PID/mem nor process_vm_readv(2) shows them, nor
 * can the file be read, or opened once more; whoever has it mapped reads it. So the tool maps it by
 * a descriptor, where the tree has one. Else a task of the tree doubles a mapping (mremap(2) from a
 * length of 0), and copies through a memfd of its own to where the tool may read.
 *
 * An inode has one open description at most, and is restored like that of a memfd
 * (segment_restore.c), by its entry in crtools-files.img. Kept: contents, size, owner, mode, flags,
 * and who shares it. The images hold the contents for anybody to read, which is warned of.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/constants.h"
#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/memory/areas.h"
#include "objects/registry.h"
#include "objects/restored.h"
#include "objects/segments.h"
#include "pages/save.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#define SECRETMEM_MAGIC_ 0x5345434d /* SECRETMEM_MAGIC, linux/magic.h */
#define LINK		 "/secretmem"
#define STATUS_FLAGS	 (O_NONBLOCK | O_APPEND | O_NOATIME)
/* What the agent may be asked to copy: it lands in the memory of its programs. */
#define COPY_MAX (UINT64_C(16) << 20)

/* --- dump ----------------------------------------------------------------------------------------
 */

/* An inode. */
struct secret_out {
	const CrtoolsSecret *e; /* of the first file that leads to it */
	const char *object;
	struct dump_task *task;
	int fd; /* the tool's; -1: no descriptor in the tree */
	/* Else the mapping that shows most of it, and in its task's program the copy. */
	struct dump_task *holder;
	const struct proc_area *area;
	struct program *prog;
	uint64_t copy, len;
	call_id doubled, filled, read;
	unsigned char *data; /* what came of it */
};

struct secrets_out {
	struct hash by_ino;
	struct secret_out **list;
	size_t n;
};

static uint64_t whole_pages(uint64_t size)
{
	return (size + PAGE_SIZE_ - 1) & ~(PAGE_SIZE_ - 1);
}

static void close_out(void *data)
{
	struct secret_out *s = data;

	close_fd(&s->fd);
}

static struct secrets_out *secrets_of(struct dump *d)
{
	struct secrets_out *all = d->priv[SLOT_SECRET];

	if (!all) {
		all = d->priv[SLOT_SECRET] = arena_new(dump_arena(d), struct secrets_out);
		session_own_hash(d->s, &all->by_ino);
	}
	return all;
}

static bool is_secret(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == SECRETMEM_MAGIC_;
}

static bool secret_match(const struct file_probe *p)
{
	return !strncmp(p->link.path, LINK, strlen(LINK)) && !(p->info.flags & O_PATH) &&
	       is_secret(probe_local(p));
}

static struct secret_out *add_inode(struct dump *d, const struct file_probe *p,
				    const CrtoolsSecret *e)
{
	struct secret_out *s = arena_new(dump_arena(d), struct secret_out);
	struct secrets_out *all = secrets_of(d);

	*s = (struct secret_out){ .e = e, .object = probe_object(p), .task = p->task, .fd = -1 };
	hash_put(&all->by_ino, p->stat.st_ino, s);
	arena_push(dump_arena(d), all->list, all->n, s);
	undo_push(&d->s->undo, close_out, s);
	task_warn(p->task, s->object,
		  "is secret memory (memfd_secret), which the images hold for anybody to read",
		  "keep them as secret as the program");
	return s;
}

static int secret_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	CrtoolsSecret *e = arena_msg(dump_arena(d), CrtoolsSecret, crtools_secret);
	struct secret_out *s = hash_get(&secrets_of(d)->by_ino, p->stat.st_ino);

	e->has_id = e->has_inode = e->has_flags = e->has_size = e->has_mode = true;
	e->has_uid = e->has_gid = e->has_shmid = true;
	e->id = f->entry->id;
	e->inode = p->stat.st_ino;
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->size = p->stat.st_size;
	e->mode = p->stat.st_mode & 07777;
	e->uid = p->stat.st_uid;
	e->gid = p->stat.st_gid;
	e->shmid = s ? s->e->shmid : segment_take_shmid(d, p->stat.st_ino);
	if (!s)
		s = add_inode(d, p, e);
	if (p->fd >= 0 && s->fd < 0) {
		s->fd = fcntl(probe_local(p), F_DUPFD_CLOEXEC, 0);
		if (s->fd < 0)
			return err_sys(dump_err(d), "fcntl", "can't keep %s", s->object);
	}
	extras_add(d)->secret = e;
	return fown_collect(d, p, &e->fown);
}

static bool area_match(const struct dump_task *t, const struct proc_area *a)
{
	char link[64];
	_cleanup_fd_ int fd = -1;

	if (!a->deleted || strcmp(a->path, LINK))
		return false;
	snprintf(link, sizeof(link), "map_files/%llx-%llx", (unsigned long long)a->start,
		 (unsigned long long)a->end);
	fd = openat(t->stop->proc.fd, link, O_PATH | O_CLOEXEC);
	return fd >= 0 ? is_secret(fd) : errno == EPERM; /* see lookup.c */
}

/* Nobody can map what lies before the mapping that begins first. */
static void offer_area(struct dump_task *t, const struct proc_area *a)
{
	struct secret_out *s = hash_get(&secrets_of(t->dump)->by_ino, a->ino);

	if (!s || (s->area && s->area->offset <= a->offset))
		return;
	s->holder = t;
	s->area = a;
}

static int area_collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	uint32_t id;
	const char *magic = area_link(t, a);
	int ret;

	e->status = VMA_AREA_REGULAR | VMA_AREA_SECRET;
	e->flags &= ~(uint32_t)MAP_LOCKED; /* always, without being asked for */
	if (!magic)
		return 0;
	ret = dump_file_by_link(t, magic, 0, &id);
	if (ret < 0)
		return ret;
	e->shmid = id;
	offer_area(t, a);
	return 0;
}

static bool is_to_copy(const struct secret_out *s)
{
	return s->fd < 0 && s->area && s->area->offset < whole_pages(s->e->size);
}

/* Both for a dump and for check -t: false if it is refused. */
static bool judge(const struct secret_out *s)
{
	if (!is_to_copy(s) || whole_pages(s->e->size) - s->area->offset <= COPY_MAX)
		return is_to_copy(s);
	task_refuse(s->task, s->object,
		    "is secret memory of over 16 MiB that no descriptor leads to",
		    "have the program keep the descriptor open");
	return false;
}

static void emit_copy(struct secret_out *s)
{
	static const char name[] = "copy";
	struct program *p = s->holder->threads[0].prog;
	call_id fd;

	s->prog = p;
	s->len = whole_pages(s->e->size) - s->area->offset;
	s->copy = area_reserve(p->area, s->len);
	program_note(p, "copy of secret memory");
	s->doubled = program_call(p, SYS_mremap, IMM(s->area->start), IMM(0), IMM(s->len),
				  IMM(MREMAP_MAYMOVE));
	program_call(p, SYS_mprotect, RESULT(s->doubled), IMM(s->len), IMM(PROT_READ));
	fd = program_call(p, SYS_memfd_create, AREA(area_put(p->area, name, sizeof(name))),
			  IMM(MFD_CLOEXEC));
	s->filled =
		program_call(p, SYS_pwrite64, RESULT(fd), RESULT(s->doubled), IMM(s->len), IMM(0));
	s->read = program_call(p, SYS_pread64, RESULT(fd), AREA(s->copy), IMM(s->len), IMM(0));
	program_call(p, SYS_close, RESULT(fd));
	program_call(p, SYS_munmap, RESULT(s->doubled), IMM(s->len));
}

static int collect(struct dump_task *t)
{
	const struct secrets_out *all = t->dump->priv[SLOT_SECRET];

	for (size_t i = 0; all && i < all->n; i++)
		if (all->list[i]->holder == t && judge(all->list[i]))
			emit_copy(all->list[i]);
	return 0;
}

static int examine(struct dump_task *t)
{
	const struct secrets_out *all = t->dump->priv[SLOT_SECRET];

	for (size_t i = 0; all && i < all->n; i++)
		if (all->list[i]->holder == t)
			judge(all->list[i]);
	return 0;
}

static int absorb(struct dump_task *t)
{
	const struct secrets_out *all = t->dump->priv[SLOT_SECRET];

	for (size_t i = 0; all && i < all->n; i++) {
		struct secret_out *s = all->list[i];
		int64_t doubled, read;

		if (!s->prog || s->holder != t)
			continue;
		doubled = program_result(s->prog, s->doubled);
		read = program_result(s->prog, s->read);
		if (read == (int64_t)s->len) {
			s->data = arena_memdup(dump_arena(t->dump),
					       area_data(s->prog->area, s->copy), s->len);
			continue;
		}
		task_refuse(t, s->object,
			    arena_printf(dump_arena(t->dump),
					 "is secret memory that no descriptor leads to, and that "
					 "its process can't copy: %s",
					 strerror(doubled < 0 && doubled > -4096 ? -doubled
						  : read < 0			 ? -read
										 : EFAULT)),
			    "raise its limit of locked memory (prlimit --memlock), or have it "
			    "keep the descriptor open");
	}
	return 0;
}

/* --- contents ------------------------------------------------------------------------------------
 */

static bool is_zero(const unsigned char *p)
{
	return !p[0] && !memcmp(p, p + 1, PAGE_SIZE_ - 1);
}

/* What holds nothing yet is not looked at, since that would make pages. seen: NULL, or mincore's.
 */
static void find_pages(const unsigned char *data, const unsigned char *seen, uint64_t len,
		       uint64_t offset, struct page_extents *x)
{
	for (uint64_t at = 0; at < len; at += PAGE_SIZE_)
		if ((!seen || seen[at / PAGE_SIZE_] & 1) && !is_zero(data + at))
			page_extents_add(x, offset + at, offset + at + PAGE_SIZE_, PE_PRESENT);
}

static int save(struct dump *d, const struct secret_out *s, const unsigned char *data,
		const unsigned char *seen, uint64_t len, uint64_t offset)
{
	struct page_extents x = { 0 };
	struct page_source src;
	int ret;

	find_pages(data, seen, len, offset, &x);
	page_source_memory(&src, data - offset);
	ret = segment_save(d, s->e->shmid, &x, &src);
	page_extents_free(&x);
	return ret;
}

static int save_mapped(struct dump *d, const struct secret_out *s)
{
	uint64_t len = whole_pages(s->e->size);
	_cleanup_free_ unsigned char *seen = malloc(len / PAGE_SIZE_);
	void *data = mmap(NULL, len, PROT_READ, MAP_SHARED, s->fd, 0);
	int ret = 0;

	if (!seen || data == MAP_FAILED)
		return err_sys(dump_err(d), "mmap", "can't map %s (see RLIMIT_MEMLOCK of crtools)",
			       s->object);
	if (mincore(data, len, seen) < 0)
		ret = err_sys(dump_err(d), "mincore", "can't examine %s", s->object);
	if (ret == 0)
		ret = save(d, s, data, seen, len, 0);
	munmap(data, len);
	return ret;
}

int secrets_write_pages(struct dump *d)
{
	const struct secrets_out *all = d->priv[SLOT_SECRET];
	int ret = 0;

	for (size_t i = 0; all && ret == 0 && i < all->n; i++) {
		const struct secret_out *s = all->list[i];

		if (s->fd >= 0 && s->e->size)
			ret = save_mapped(d, s);
		else if (s->data)
			ret = save(d, s, s->data, NULL, s->len, s->area->offset);
	}
	return ret;
}

/* --- restore -------------------------------------------------------------------------------------
 */

/* The kernel may have no secret memory, or have it switched off. */
static void check_kernel(struct restore *r)
{
	_cleanup_fd_ int fd = syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0)
		report_refuse(&r->s->report, 0, "secret memory",
			      arena_printf(restore_arena(r), "can't be made here: %s",
					   strerror(errno)),
			      "it takes memfd_secret(2): Linux 5.14, CONFIG_SECRETMEM, and "
			      "secretmem.enable=1 before Linux 6.5");
}

static int secret_check(struct restore *r, struct restore_file *f)
{
	const CrtoolsFileEntry *x = extras_own(r, f->id);
	struct segment_in *s = NULL;
	int ret;

	if (!x || !x->secret || !x->secret->fown)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: file %u is secret memory without an entry in "
			       "crtools-files.img",
			       f->id);
	ret = segment_of_secret(r, x->secret, &s);
	if (ret < 0)
		return ret;
	check_kernel(r);
	fown_check(r, f, x->secret->fown,
		   arena_printf(restore_arena(r), "secret memory (file %u)", f->id));
	return 0;
}

static const CrtoolsSecret *entry_of(struct restore_task *t, const struct restore_file *f)
{
	return extras_own(t->r, f->id)->secret;
}

static int secret_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const CrtoolsSecret *e = entry_of(t, f);
	int fd, now, ret = segment_open_secret(t, f, &fd);

	if (ret < 0)
		return ret;
	now = fcntl(fd, F_GETFL);
	if (now < 0 ||
	    fcntl(fd, F_SETFL, (now & ~STATUS_FLAGS) | (int)(e->flags & STATUS_FLAGS)) < 0) {
		ret = err_sys(restore_err(t->r), "fcntl", "can't set the flags of file %u", f->id);
		close(fd);
		return ret;
	}
	*ret_fd = fd;
	return 0;
}

static int secret_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	return fown_attach(t, f, entry_of(t, f)->fown, 0, fd);
}

static bool area_claims(const VmaEntry *e)
{
	return e->status & VMA_AREA_SECRET;
}

static int area_check(struct restore_task *t, struct restore_vma *v)
{
	const struct restore_file *f = restore_file_by_id(t->r, v->e->shmid);

	if (v->e->pgoff % PAGE_SIZE_ || v->e->pgoff > INT64_MAX)
		return area_corrupt(t, v, "pgoff");
	return f && f->entry->type == FD_TYPES__CRTOOLS_SECRET ? 0 : area_corrupt(t, v, "shmid");
}

/* The kernel keeps it out of core dumps, which the program may have taken back. */
static int area_place(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags)
{
	const uint64_t dontdump = UINT64_C(1) << MADV_DONTDUMP;
	_cleanup_fd_ int fd = -1;
	int ret = segment_open_area(t, v->e, O_RDWR, &fd);

	if (ret == 0)
		ret = area_mmap(t, v, at, v->e->prot, flags | MAP_SHARED, fd, v->e->pgoff);
	if (ret == 0 && !(v->e->has_madv && v->e->madv & dontdump) &&
	    madvise((void *)at, v->e->end - v->e->start, MADV_DODUMP) < 0)
		ret = err_sys(restore_err(t->r), "madvise", "can't have secret memory dumped");
	return ret;
}

const struct file_class secret_class = {
	.name = "secret memory",
	.type = FD_TYPES__CRTOOLS_SECRET,
	.match = secret_match,
	.collect = secret_collect,
	.check = secret_check,
	.open = secret_open,
	.attach = secret_attach,
};

const struct area_class secret_area = {
	.name = "secret memory",
	.match = area_match,
	.collect = area_collect,
	.claims = area_claims,
	.check = area_check,
	.place = area_place,
};

const struct state_class secret_state = {
	.name = "secret memory",
	.collect = collect,
	.examine = examine,
	.absorb = absorb,
};
