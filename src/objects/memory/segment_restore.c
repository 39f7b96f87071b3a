/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes of the kernel's own tmpfs and hugetlbfs mounts (objects/segments.h), restore.
 *
 * The lowest common ancestor of all tasks that have a descriptor or a mapping of the inode makes it
 * before it forks, fills it, and keeps a descriptor at a number that no task wants; its heirs
 * open and map it through that. Seals come when all have mapped and opened what they need.
 *
 * Shared anonymous memory (in the images a memfd called /dev/zero or /anon_hugepage that can't be
 * sealed) is made by mmap again, so that it is named in /proc as it was; the descriptor is had
 * through /proc/self/map_files, and where that is forbidden (it takes CAP_CHECKPOINT_RESTORE in the
 * first user namespace), a memfd takes its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "image/constants.h"
#include "image/reader.h"
#include "objects/extras.h"
#include "objects/memory/areas.h"
#include "objects/registry.h"
#include "objects/restored.h"
#include "objects/segments.h"
#include "pages/fill.h"

/* Linux 5.1, 6.3 */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define SEALS_KNOWN                                                                                \
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |          \
	 F_SEAL_EXEC)
#define NAME_LIMIT 249 /* of memfd_create(2) */

struct segment_in {
	MemfdInodeEntry *e;
	struct restore_task *owner;  /* makes it */
	struct restore_task *sealer; /* the first living task that has it */
	bool noreserve;		     /* a mapping is: so the object's memory is not accounted */
	bool is_exe;		     /* a task runs it (fexecve) */
	bool secret;		     /* memfd_secret */
	bool replaced;		     /* by --inherit-fd: contents, size and seals are the giver's */
	int fd;			     /* in the owner and its heirs */
};

struct segments_in {
	struct hash by_id; /* inode_id -> struct segment_in; ids are not 0 */
	struct segment_in **list;
	size_t n;
	bool planned;
};

static bool is_anonymous(const MemfdInodeEntry *e)
{
	return e->seals == F_SEAL_SEAL &&
	       (!strcmp(e->name, "/dev/zero") || !strcmp(e->name, "dev/zero") ||
		!strcmp(e->name, "/anon_hugepage"));
}

static uint64_t huge_page(const MemfdInodeEntry *e)
{
	unsigned int order = e->hugetlb_flag >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

	if (!e->has_hugetlb_flag || !(e->hugetlb_flag & MFD_HUGETLB))
		return 0;
	return order ? UINT64_C(1) << order : UINT64_C(2) << 20;
}

/* --- reading and checking ----------------------------------------------------------------------- */

static int check_inode(struct restore *r, const MemfdInodeEntry *e)
{
	uint64_t huge = huge_page(e);
	const char *bad = NULL;

	if (e->size > INT64_MAX - PAGE_SIZE_ || (huge && e->size % huge))
		bad = "size";
	else if (e->seals & ~SEALS_KNOWN)
		bad = "seals";
	else if (!is_anonymous(e) && strlen(e->name) > NAME_LIMIT)
		bad = "name";
	else if (e->has_mode && (e->mode & ~(S_IFMT | 07777u)))
		bad = "mode";
	else if (!e->inode_id)
		bad = "inode_id";
	else if (e->seals & F_SEAL_EXEC)
		restored_need(
			r, 0, FEATURE_MEMFD_EXEC,
			arena_printf(restore_arena(r), "memfd %s", e->name),
			"is sealed against execution (F_SEAL_EXEC), which this kernel does not "
			"know");
	if (!bad)
		return 0;
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
		       "memfd.img: inode %llu (%s) has an impossible %s",
		       (unsigned long long)e->inode_id, e->name, bad);
}

static int load(struct restore *r, struct segments_in **ret_all)
{
	struct segments_in *all = r->priv[SLOT_SHMEM];
	MemfdInodeEntry **entries;
	size_t n;
	int ret;

	*ret_all = all;
	if (all)
		return 0;
	ret = image_read_all(r->s->images, IMAGE_MEMFD_INODE, 0, restore_arena(r), restore_err(r),
			     &entries, &n);
	if (ret < 0)
		return ret;
	all = arena_new(restore_arena(r), struct segments_in);
	session_own_hash(r->s, &all->by_id);
	for (size_t i = 0; i < n; i++) {
		struct segment_in *s = arena_new(restore_arena(r), struct segment_in);

		ret = check_inode(r, entries[i]);
		if (ret < 0)
			return ret;
		*s = (struct segment_in){ .e = entries[i], .fd = -1 };
		hash_put(&all->by_id, entries[i]->inode_id, s);
		arena_push(restore_arena(r), all->list, all->n, s);
	}
	*ret_all = r->priv[SLOT_SHMEM] = all;
	return 0;
}

int segment_find(struct restore *r, uint32_t inode_id, struct segment_in **ret)
{
	struct segments_in *all;
	int err = load(r, &all);

	if (err == 0)
		*ret = hash_get(&all->by_id, inode_id);
	return err;
}

const char *segment_memfd_name(const struct segment_in *s)
{
	return is_anonymous(s->e) ? NULL : s->e->name;
}

bool segment_is_replaced(const struct segment_in *s)
{
	return s->replaced;
}

void segment_replace(struct segment_in *s, int fd)
{
	s->replaced = true;
	s->fd = fd;
}

/* Contents of old images, where shared anonymous memory is an area's status and no memfd: the
 * segment is as long as its users need. */
int segment_of_shmid(struct restore *r, uint32_t shmid, uint64_t size)
{
	uint64_t id = (UINT64_C(1) << 40) + shmid;
	struct segments_in *all;
	struct segment_in *s;
	int ret = load(r, &all);

	if (ret < 0)
		return ret;
	s = hash_get(&all->by_id, id);
	if (!s) {
		s = arena_new(restore_arena(r), struct segment_in);
		*s = (struct segment_in){ .fd = -1 };
		s->e = arena_msg(restore_arena(r), MemfdInodeEntry, memfd_inode_entry);
		s->e->name = (char *)"/dev/zero";
		s->e->seals = F_SEAL_SEAL;
		s->e->shmid = shmid;
		s->e->inode_id = id;
		hash_put(&all->by_id, id, s);
		arena_push(restore_arena(r), all->list, all->n, s);
	}
	if (s->e->size < size)
		s->e->size = size;
	return 0;
}

/* Their inodes' numbers have 32 bits; so do inode_ids and shmids. */
static uint64_t secret_key(const CrtoolsSecret *e)
{
	return (UINT64_C(1) << 41) + (uint32_t)e->inode;
}

static MemfdInodeEntry *secret_inode(struct restore *r, const CrtoolsSecret *x)
{
	MemfdInodeEntry *e = arena_msg(restore_arena(r), MemfdInodeEntry, memfd_inode_entry);

	e->name = (char *)"secretmem";
	e->seals = F_SEAL_SEAL;
	e->inode_id = x->inode;
	e->size = x->size;
	e->shmid = x->shmid;
	e->uid = x->uid;
	e->gid = x->gid;
	e->has_mode = true;
	e->mode = x->mode;
	return e;
}

int segment_of_secret(struct restore *r, const CrtoolsSecret *x, struct segment_in **ret)
{
	struct segments_in *all;
	struct segment_in *s;
	int err = load(r, &all);

	if (err < 0)
		return err;
	s = hash_get(&all->by_id, secret_key(x));
	if (!s) {
		s = arena_new(restore_arena(r), struct segment_in);
		*s = (struct segment_in){ .e = secret_inode(r, x), .secret = true, .fd = -1 };
		hash_put(&all->by_id, secret_key(x), s);
		arena_push(restore_arena(r), all->list, all->n, s);
	}
	*ret = s;
	if (s->e->size != x->size || s->e->shmid != x->shmid)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "crtools-files.img: the entries of secret memory %llu differ",
			       (unsigned long long)x->inode);
	return check_inode(r, s->e);
}

/* --- who makes it --------------------------------------------------------------------------------
 */

static void add_user(struct segment_in *s, struct restore_task *t)
{
	s->owner = s->owner ? restore_common_task(s->owner, t) : t;
	if (!t->zombie && !t->helper && (!s->sealer || t->index < s->sealer->index))
		s->sealer = t;
}

static struct segment_in *of_file(struct segments_in *all, struct restore *r, uint32_t file)
{
	const struct restore_file *f = restore_file_by_id(r, file);

	if (f && f->entry->type == FD_TYPES__CRTOOLS_SECRET)
		return hash_get(&all->by_id, secret_key(extras_own(r, file)->secret));
	return f && f->entry->memfd ? hash_get(&all->by_id, f->entry->memfd->inode_id) : NULL;
}

static struct segment_in *of_area(struct segments_in *all, struct restore *r, const VmaEntry *e)
{
	if (e->status & VMA_AREA_SYSVIPC)
		return NULL;
	if (e->status & VMA_ANON_SHARED)
		return hash_get(&all->by_id, (UINT64_C(1) << 40) + e->shmid);
	return e->status & (VMA_AREA_MEMFD | VMA_AREA_SECRET) ? of_file(all, r, e->shmid) : NULL;
}

/* Forkers are known when the first task comes to share(): it plans for all that it will fork. */
static void plan(struct segments_in *all, struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		for (size_t k = 0; k < t->n_vmas; k++) {
			struct segment_in *s = of_area(all, r, t->vmas[k].e);

			if (!s)
				continue;
			add_user(s, t);
			s->noreserve |= t->vmas[k].e->flags & MAP_NORESERVE;
		}
		for (size_t k = 0; t->table && k < t->table->n_fds; k++) {
			struct segment_in *s = of_file(all, r, t->table->fds[k].file->id);

			if (s)
				add_user(s, t);
		}
		if (t->mm && of_file(all, r, t->mm->exe_file_id)) {
			add_user(of_file(all, r, t->mm->exe_file_id), t);
			of_file(all, r, t->mm->exe_file_id)->is_exe = true;
		}
	}
	/* A descriptor in flight is in no table; its owner puts it on its way. */
	for (size_t i = 0; i < r->n_files; i++) {
		struct segment_in *s = r->files[i]->owner ? of_file(all, r, r->files[i]->id) : NULL;

		if (s)
			add_user(s, r->files[i]->owner);
	}
	all->planned = true;
}

/* --- making it -----------------------------------------------------------------------------------
 */

static int make_anonymous(struct restore *r, const struct segment_in *s, uint64_t size)
{
	uint32_t huge = s->e->has_hugetlb_flag ? s->e->hugetlb_flag : 0;
	int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	uint64_t at = stage_alloc(r, size);
	char name[64];
	void *p;
	int fd;

	if (huge & MFD_HUGETLB)
		flags |= MAP_HUGETLB | (huge & ((unsigned int)MAP_HUGE_MASK << MAP_HUGE_SHIFT));
	if (s->noreserve)
		flags |= MAP_NORESERVE;
	p = at ? mmap((void *)at, size, PROT_READ | PROT_WRITE, flags, -1, 0) : MAP_FAILED;
	if (p == MAP_FAILED)
		return err_sys(restore_err(r), "mmap", "can't make %llu bytes of shared memory%s",
			       (unsigned long long)size, huge ? " on huge pages" : "");
	snprintf(name, sizeof(name), "/proc/self/map_files/%llx-%llx", (unsigned long long)at,
		 (unsigned long long)(at + size));
	fd = open(name, O_RDWR | O_CLOEXEC);
	munmap(p, size);
	return fd < 0 ? -EPERM : fd;
}

static int make_memfd(struct restore *r, const MemfdInodeEntry *e)
{
	unsigned int flags = MFD_CLOEXEC | (e->seals == F_SEAL_SEAL ? 0 : MFD_ALLOW_SEALING);
	int fd;

	if (e->has_hugetlb_flag)
		flags |= e->hugetlb_flag;
	fd = memfd_create(e->name, flags | MFD_EXEC);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(e->name, flags);
	if (fd < 0)
		return err_sys(restore_err(r), "memfd_create", "can't make the memfd %s", e->name);
	return fd;
}

static int make_secret(struct restore *r)
{
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);

	return fd < 0 ? err_sys(restore_err(r), "memfd_secret", "can't make secret memory") : fd;
}

static int set_attributes(struct restore *r, const MemfdInodeEntry *e, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(restore_err(r), "fstat", "can't examine the memfd %s", e->name);
	if ((uint64_t)st.st_size != e->size && ftruncate(fd, e->size) < 0)
		return err_sys(restore_err(r), "ftruncate", "can't give the memfd %s %llu bytes",
			       e->name, (unsigned long long)e->size);
	if ((st.st_uid != e->uid || st.st_gid != e->gid) && fchown(fd, e->uid, e->gid) < 0)
		return err_sys(restore_err(r), "fchown",
			       "can't give the memfd %s to user %u, group %u", e->name, e->uid,
			       e->gid);
	if (e->has_mode && (e->mode & 07777) != (st.st_mode & 07777) &&
	    fchmod(fd, e->mode & 07777) < 0)
		return err_sys(restore_err(r), "fchmod", "can't set the mode of the memfd %s",
			       e->name);
	return 0;
}

/* hugetlbfs and secret memory can't be written to: filled through a mapping. */
static int fill_mapped(struct restore *r, const MemfdInodeEntry *e, struct page_pool *pool, int fd)
{
	uint64_t size = (e->size + PAGE_SIZE_ - 1) & ~(PAGE_SIZE_ - 1);
	struct fill f = { .end = size, .prot = PROT_READ | PROT_WRITE };
	void *p;
	int ret;

	if (!pool->x.bytes)
		return 0;
	p = mmap(NULL, size, f.prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(restore_err(r), "mmap", "can't map %s to fill it", e->name);
	f.at = (uint64_t)p;
	ret = page_pool_fill(pool, &f);
	munmap(p, size);
	return ret;
}

static int fill(struct restore *r, const struct segment_in *s, int fd)
{
	const MemfdInodeEntry *e = s->e;
	struct page_pool pool;
	int ret =
		page_pool_open(&pool, r->s->images, IMAGE_SHMEM_PAGEMAP, e->shmid, restore_err(r));

	if (ret == 0 && pool.x.n &&
	    pool.x.e[pool.x.n - 1].end > ((e->size + PAGE_SIZE_ - 1) & ~(PAGE_SIZE_ - 1)))
		ret = err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			      "pagemap-shmem-%u.img has pages beyond the %llu bytes of %s",
			      e->shmid, (unsigned long long)e->size, e->name);
	pool.tally = &r->shared->filled;
	if (ret == 0)
		ret = huge_page(e) || s->secret ? fill_mapped(r, e, &pool, fd)
						: page_pool_write(&pool, fd, e->size);
	atomic_fetch_add(&r->shared->pages_restored, pool.filled);
	page_pool_close(&pool);
	return ret;
}

static int open_segment(struct restore_task *t, const struct segment_in *s, int flags, int *ret_fd)
{
	char name[32];
	bool again = s && !s->secret; /* of that, nobody can have a description of his own */

	if (!s || s->fd < 0)
		return err_set(restore_err(t->r), ERR_INTERNAL, EINVAL,
			       "task %d needs a memfd that nobody has made", t->vpid);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", s->fd);
	*ret_fd = again ? open(name, flags | O_CLOEXEC) : fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	if (*ret_fd < 0)
		return err_sys(restore_err(t->r), "open", "can't open the memfd %s with flags 0%o",
			       s->e->name, flags);
	return 0;
}

/* PR_SET_MM_EXE_FILE takes no file that is open for writing (exe_file_deny_write_access). */
static int end_writing(struct restore_task *t, const struct segment_in *s)
{
	_cleanup_fd_ int fd = -1;
	int ret = open_segment(t, s, O_RDONLY, &fd);

	if (ret == 0 && dup3(fd, s->fd, O_CLOEXEC) < 0)
		ret = err_sys(restore_err(t->r), "dup3", "can't keep the memfd %s", s->e->name);
	return ret;
}

static int make(struct restore_task *t, struct segment_in *s)
{
	const MemfdInodeEntry *e = s->e;
	uint64_t unit = huge_page(e) ? huge_page(e) : PAGE_SIZE_;
	uint64_t size = (e->size + unit - 1) & ~(unit - 1);
	int ret, fd = -EPERM;

	if (s->secret) {
		fd = make_secret(t->r);
	} else if (is_anonymous(e)) {
		fd = make_anonymous(t->r, s, size ? size : unit);
		if (fd == -EPERM)
			log_debug("no access to map_files: %s becomes a memfd", e->name);
	}
	if (fd == -EPERM && !s->secret)
		fd = make_memfd(t->r, e);
	if (fd >= 0)
		fd = service_fd(t->r, fd);
	if (fd < 0)
		return fd;
	s->fd = fd;
	ret = set_attributes(t->r, e, fd);
	if (ret == 0)
		ret = fill(t->r, s, fd);
	return ret == 0 && s->is_exe ? end_writing(t, s) : ret;
}

int segments_share(struct restore_task *t)
{
	struct segments_in *all = t->r->priv[SLOT_SHMEM];
	int ret = 0;

	if (!all)
		return 0;
	if (!all->planned)
		plan(all, t->r);
	for (size_t i = 0; ret == 0 && i < all->n; i++)
		if (all->list[i]->owner == t && !all->list[i]->replaced)
			ret = make(t, all->list[i]);
	return ret;
}

int segment_open(struct restore_task *t, uint32_t inode_id, int flags, int *ret_fd)
{
	struct segments_in *all;
	int ret = load(t->r, &all);

	return ret < 0 ? ret : open_segment(t, hash_get(&all->by_id, inode_id), flags, ret_fd);
}

int segment_open_secret(struct restore_task *t, const struct restore_file *f, int *ret_fd)
{
	return open_segment(t, of_file(t->r->priv[SLOT_SHMEM], t->r, f->id), 0, ret_fd);
}

/* Of a memory area. What can't be written to any more has no mapping that could be made writable. */
int segment_open_area(struct restore_task *t, const VmaEntry *e, int mode, int *ret_fd)
{
	struct segments_in *all = t->r->priv[SLOT_SHMEM];
	const struct segment_in *s = of_area(all, t->r, e);

	if (s && (s->e->seals & F_SEAL_WRITE) && (e->flags & MAP_SHARED))
		mode = O_RDONLY;
	return open_segment(t, s, mode, ret_fd);
}

static int seal(struct restore_task *t, const struct segment_in *s)
{
	_cleanup_fd_ int fd = -1; /* open for writing: F_ADD_SEALS asks for that */
	int ret = s->is_exe ? open_segment(t, s, O_RDWR, &fd) : 0;

	if (ret == 0 && fcntl(s->is_exe ? fd : s->fd, F_ADD_SEALS, s->e->seals) < 0)
		ret = err_sys(restore_err(t->r), "fcntl", "can't seal the memfd %s (0x%x)",
			      s->e->name, s->e->seals);
	return ret;
}

int segments_seal(struct restore_task *t)
{
	struct segments_in *all = t->r->priv[SLOT_SHMEM];

	int ret = 0;

	for (size_t i = 0; all && ret == 0 && i < all->n; i++) {
		const struct segment_in *s = all->list[i];

		if (s->sealer != t || s->fd < 0 || s->replaced || !s->e->seals ||
		    s->e->seals == F_SEAL_SEAL)
			continue;
		ret = seal(t, s);
	}
	return ret;
}
