/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attached SysV segments of the ipc namespace that the tool itself is in.
 *
 * A segment there is no part of the tree but of the machine, as a file is: it outlives its users,
 * whoever knows its id or key may use it, and other programs look for it there. So it stays where
 * it is, and a restored task attaches it again by its id, after key, size, creator and time of
 * creation have been compared: what another program, or this kernel after a reboot, made under
 * the same id is not it, and the restore is refused.
 *
 * A segment that was removed (IPC_RMID) lives as long as it is attached, thus as long as the tree.
 * It is saved with its contents, like shared anonymous memory, and made anew, removed, by the
 * common ancestor of all tasks that have it attached; its heirs attach it by its new id, which
 * Linux allows while somebody has it attached (ipc/shm.c, do_shmat). It is refused if others have
 * it attached as well.
 *
 * (Where the tree has an ipc namespace of its own, its segments are that namespace's.)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "image/constants.h"
#include "objects/memory/areas.h"
#include "objects/registry.h"
#include "objects/restored.h"
#include "objects/segments.h"
#include "pages/fill.h"

#ifndef SHM_DEST
#define SHM_DEST 01000 /* linux/shm.h: freed by the last detach */
#endif
#ifndef SHM_HUGE_SHIFT
#define SHM_HUGE_SHIFT 26
#endif

/* --- dump ------------------------------------------------------------------------------------- */

/* A removed segment. */
struct sysv_out {
	struct dump_task *task;
	const char *magic;
	const char *object;
	uint32_t id;
	uint64_t size, attached, seen; /* attaches by all, and by the tree */
};

struct sysv_all {
	struct hash by_id; /* id + 1 */
	struct sysv_out **list;
	size_t n;
};

static bool match(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return a->shared && segment_is_sysv(a);
}

static bool same_ipc(struct dump_task *t)
{
	struct stat own, theirs;

	return stat("/proc/self/ns/ipc", &own) == 0 &&
	       fstatat(t->stop->proc.fd, "ns/ipc", &theirs, 0) == 0 &&
	       own.st_ino == theirs.st_ino && own.st_dev == theirs.st_dev;
}

static void note_removed(struct dump_task *t, const struct proc_area *a, const char *magic,
			 const struct shmid_ds *ds)
{
	struct dump *d = t->dump;
	struct sysv_all *all = d->priv[SLOT_SYSVIPC];
	struct sysv_out *s;

	if (!all) {
		all = d->priv[SLOT_SYSVIPC] = arena_new(dump_arena(d), struct sysv_all);
		session_own_hash(d->s, &all->by_id);
	}
	s = hash_get(&all->by_id, a->ino + 1);
	if (!s) {
		s = arena_new(dump_arena(d), struct sysv_out);
		*s = (struct sysv_out){ .task = t,
					.magic = magic,
					.id = a->ino,
					.size = ds->shm_segsz,
					.attached = ds->shm_nattch,
					.object = area_object(dump_arena(d), a) };
		hash_put(&all->by_id, a->ino + 1, s);
		arena_push(dump_arena(d), all->list, all->n, s);
	}
	s->seen++;
}

static void fill_extra(CrtoolsArea *x, const struct shmid_ds *ds)
{
	x->has_sysv_key = x->has_sysv_size = x->has_sysv_created = true;
	x->has_sysv_creator = x->has_sysv_removed = true;
	x->has_sysv_mode = x->has_sysv_uid = x->has_sysv_gid = true;
	x->sysv_key = ds->shm_perm.__key;
	x->sysv_size = ds->shm_segsz;
	x->sysv_created = ds->shm_ctime;
	x->sysv_creator = ds->shm_cpid;
	x->sysv_removed = ds->shm_perm.mode & SHM_DEST;
	x->sysv_mode = ds->shm_perm.mode & 0777;
	x->sysv_uid = ds->shm_perm.uid;
	x->sysv_gid = ds->shm_perm.gid;
}

static int collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	const char *magic;
	struct shmid_ds ds;

	e->status = VMA_AREA_REGULAR | VMA_ANON_SHARED | VMA_AREA_SYSVIPC;
	e->flags |= MAP_ANONYMOUS | area_huge_flags(a);
	e->shmid = a->ino; /* the inode's number is the segment's id (ipc/shm.c, newseg) */
	e->has_fdflags = true;
	e->fdflags = area_open_mode(t, a);
	if (!same_ipc(t)) {
		task_refuse(t, area_object(dump_arena(t->dump), a),
			    "is a segment of another ipc namespace, which this version can't keep",
			    "");
		return 0;
	}
	if (shmctl(a->ino, IPC_STAT, &ds) < 0) {
		task_refuse(t, area_object(dump_arena(t->dump), a),
			    arena_printf(dump_arena(t->dump),
					 "is SysV segment %llu, which can't be "
					 "examined: %s",
					 (unsigned long long)a->ino, strerror(errno)),
			    "");
		return 0;
	}
	fill_extra(area_extra_make(t, a->start), &ds);
	if (!(ds.shm_perm.mode & SHM_DEST))
		return 0;
	magic = area_link(t, a);
	if (magic)
		note_removed(t, a, magic, &ds);
	return 0;
}

void sysv_judge(struct dump *d)
{
	const struct sysv_all *all = d->priv[SLOT_SYSVIPC];

	for (size_t i = 0; all && i < all->n; i++)
		if (all->list[i]->attached != all->list[i]->seen)
			task_refuse(all->list[i]->task, all->list[i]->object,
				    "is a removed SysV segment that processes outside of the tree "
				    "have attached, too",
				    "dump them together, or end them");
}

int sysv_write_pages(struct dump *d)
{
	struct sysv_all *all = d->priv[SLOT_SYSVIPC];
	int ret = 0;

	for (size_t i = 0; ret == 0 && all && i < all->n; i++) {
		const struct sysv_out *s = all->list[i];
		_cleanup_fd_ int fd =
			proc_openat(&s->task->stop->proc, s->magic, O_RDONLY, dump_err(d));

		ret = fd < 0 ? fd : segment_save_all(d, s->id, s->size, s->object, fd);
	}
	return ret;
}

/* --- restore ---------------------------------------------------------------------------------- */

/* A removed segment that is made anew. */
struct sysv_in {
	const CrtoolsArea *x;
	uint32_t id;   /* in the images */
	uint32_t huge; /* SHM_HUGETLB and the size of pages */
	struct restore_task *owner;
	int now; /* its id here; in the owner and its heirs */
};

struct sysv_ins {
	struct hash by_id;
	struct sysv_in **list;
	size_t n;
	bool planned;
};

static bool claims(const VmaEntry *e)
{
	return e->status & VMA_AREA_SYSVIPC;
}

static void check_kept(struct restore_task *t, const VmaEntry *e, const CrtoolsArea *x)
{
	const char *object = arena_printf(restore_arena(t->r), "SysV segment %llu (key 0x%08x)",
					  (unsigned long long)e->shmid, x->sysv_key);
	struct shmid_ds ds;

	if (shmctl(e->shmid, IPC_STAT, &ds) < 0)
		restored_refuse(
			t, object,
			errno == EINVAL || errno == EIDRM
				? "is not there any more; it was not the tree's but this machine's"
				: "can't be examined",
			"run the program in an ipc namespace of its own");
	else if ((uint32_t)ds.shm_perm.__key != x->sysv_key || ds.shm_segsz != x->sysv_size ||
		 ds.shm_ctime != x->sysv_created || (uint32_t)ds.shm_cpid != x->sysv_creator)
		restored_refuse(t, object, "is another one now: key, size, creator or time differ",
				"run the program in an ipc namespace of its own");
}

static void check_removed(struct restore_task *t, const VmaEntry *e, const CrtoolsArea *x)
{
	struct restore *r = t->r;
	struct sysv_ins *all = r->priv[SLOT_SYSVIPC];
	struct sysv_in *s;

	if (!all) {
		all = r->priv[SLOT_SYSVIPC] = arena_new(restore_arena(r), struct sysv_ins);
		session_own_hash(r->s, &all->by_id);
	}
	s = hash_get(&all->by_id, e->shmid + 1);
	if (s)
		return;
	s = arena_new(restore_arena(r), struct sysv_in);
	*s = (struct sysv_in){ .x = x, .id = e->shmid, .now = -1 };
	if (e->flags & MAP_HUGETLB)
		s->huge = SHM_HUGETLB | (e->flags & (63u << SHM_HUGE_SHIFT));
	hash_put(&all->by_id, e->shmid + 1, s);
	arena_push(restore_arena(r), all->list, all->n, s);
}

static int check(struct restore_task *t, struct restore_vma *v)
{
	const CrtoolsArea *x = area_extra(t, v->e->start);
	uint64_t end;

	if (v->e->shmid > INT32_MAX || v->e->pgoff % PAGE_SIZE_ ||
	    __builtin_add_overflow(v->e->pgoff, v->e->end - v->e->start, &end))
		return area_corrupt(t, v, "shmid or pgoff");
	if (!x || !x->has_sysv_size) {
		restored_refuse(t,
				arena_printf(restore_arena(t->r), "SysV segment %llu",
					     (unsigned long long)v->e->shmid),
				"is of an ipc namespace, which this version can't restore", "");
		return 0;
	}
	if (end - PAGE_SIZE_ >= x->sysv_size + (UINT64_C(1) << 30))
		return area_corrupt(t, v, "size: it is larger than its segment");
	if (x->sysv_removed)
		check_removed(t, v->e, x);
	else
		check_kept(t, v->e, x);
	return 0;
}

static void plan(struct sysv_ins *all, struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		for (size_t k = 0; k < t->n_vmas; k++) {
			const VmaEntry *e = t->vmas[k].e;
			struct sysv_in *s = e->status & VMA_AREA_SYSVIPC
						    ? hash_get(&all->by_id, e->shmid + 1)
						    : NULL;

			if (s)
				s->owner = s->owner ? restore_common_task(s->owner, t) : t;
		}
	}
	all->planned = true;
}

static int fill(struct restore *r, const struct sysv_in *s, uint64_t at)
{
	struct fill f = { .end = s->x->sysv_size, .at = at, .prot = PROT_READ | PROT_WRITE };
	struct page_pool pool;
	int ret = page_pool_open(&pool, r->s->images, IMAGE_SHMEM_PAGEMAP, s->id, restore_err(r));

	f.end = (f.end + PAGE_SIZE_ - 1) & ~(PAGE_SIZE_ - 1);
	pool.tally = &r->shared->filled;
	if (ret == 0)
		ret = page_pool_fill(&pool, &f);
	page_pool_close(&pool);
	return ret;
}

/* Attached in the home range, it stays as long as a task of the tree still has the tool's memory. */
static int make(struct restore_task *t, struct sysv_in *s)
{
	struct restore *r = t->r;
	uint64_t at = stage_alloc(r, s->x->sysv_size);
	struct shmid_ds ds;
	int ret;

	s->now = shmget(IPC_PRIVATE, s->x->sysv_size, IPC_CREAT | s->x->sysv_mode | s->huge | 0600);
	if (s->now < 0)
		return err_sys(restore_err(r), "shmget", "can't make a SysV segment of %llu bytes",
			       (unsigned long long)s->x->sysv_size);
	if (!at || shmat(s->now, (void *)at, 0) == (void *)-1) {
		ret = err_sys(restore_err(r), "shmat", "can't attach a SysV segment");
		shmctl(s->now, IPC_RMID, NULL);
		return ret;
	}
	if (shmctl(s->now, IPC_STAT, &ds) == 0) {
		ds.shm_perm.uid = s->x->sysv_uid;
		ds.shm_perm.gid = s->x->sysv_gid;
		ds.shm_perm.mode = s->x->sysv_mode;
		if (shmctl(s->now, IPC_SET, &ds) < 0)
			log_debug("can't give SysV segment %u to user %u", s->id, s->x->sysv_uid);
	}
	if (shmctl(s->now, IPC_RMID, NULL) < 0)
		return err_sys(restore_err(r), "shmctl", "can't remove a SysV segment");
	return fill(r, s, at);
}

static int share(struct restore_task *t)
{
	struct sysv_ins *all = t->r->priv[SLOT_SYSVIPC];
	int ret = 0;

	if (!all)
		return 0;
	if (!all->planned)
		plan(all, t->r);
	for (size_t i = 0; ret == 0 && i < all->n; i++)
		if (all->list[i]->owner == t)
			ret = make(t, all->list[i]);
	return ret;
}

/* What is left of an attachment may be a part: the whole is attached aside, and the part doubled
 * from there (mremap of nothing to something makes a second mapping of shared memory). */
static int attach_part(struct restore_task *t, struct restore_vma *v, int id, uint64_t at,
		       int flags)
{
	uint64_t len = v->e->end - v->e->start;
	uint64_t aside = stage_alloc(t->r, area_extra(t, v->e->start)->sysv_size);
	void *p;

	if (!aside || shmat(id, (void *)aside, flags) == (void *)-1)
		return err_sys(restore_err(t->r), "shmat", "can't attach SysV segment %d", id);
	p = mremap((void *)(aside + v->e->pgoff), 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, at);
	if (p == MAP_FAILED)
		return err_sys(restore_err(t->r), "mremap", "can't map a part of SysV segment %d",
			       id);
	shmdt((void *)aside);
	return 0;
}

static int place(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags)
{
	const struct sysv_ins *all = t->r->priv[SLOT_SYSVIPC];
	const struct sysv_in *s = all ? hash_get(&all->by_id, v->e->shmid + 1) : NULL;
	bool read_only = (v->e->fdflags & O_ACCMODE) == O_RDONLY && !(v->e->prot & PROT_WRITE);
	int id = s ? s->now : (int)v->e->shmid, ret;
	uint64_t size = (area_extra(t, v->e->start)->sysv_size + PAGE_SIZE_ - 1) &
			~(PAGE_SIZE_ - 1);

	/* A place holder, to learn whether the place is free. */
	ret = area_mmap(t, v, at, PROT_NONE, flags | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	if (ret < 0)
		return ret;
	flags = (read_only ? SHM_RDONLY : 0) | (v->e->prot & PROT_EXEC ? SHM_EXEC : 0);
	v->prot = PROT_READ | (read_only ? 0 : PROT_WRITE) | (v->e->prot & PROT_EXEC);
	if (v->e->pgoff || v->e->end - v->e->start != size)
		return attach_part(t, v, id, at, flags);
	if (shmat(id, (void *)at, flags | SHM_REMAP) == (void *)-1)
		return err_sys(restore_err(t->r), "shmat", "can't attach SysV segment %d", id);
	return 0;
}

const struct area_class sysv_area = {
	.name = "SysV segment",
	.match = match,
	.collect = collect,
	.claims = claims,
	.check = check,
	.share = share,
	.place = place,
};
