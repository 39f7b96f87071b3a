/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes of the kernel's own tmpfs and hugetlbfs mounts (objects/segments.h), dump.
 *
 * The contents are read through an open description of the inode, not through somebody's page
 * tables: so pages that nobody has mapped, or that are swapped out, are found as well, and each
 * page is read once whoever shares it. SEEK_DATA and SEEK_HOLE tell which pages tmpfs has
 * (shmem_file_llseek); hugetlbfs can't tell, there holes are found by reading (hugetlbfs_read_iter
 * does not allocate).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/constants.h"
#include "image/writer.h"
#include "objects/memory/areas.h"
#include "objects/registry.h"
#include "objects/segments.h"
#include "pages/save.h"

struct segment_out {
	MemfdInodeEntry *inode;
	struct dump_task *task; /* and the magic link by which it is reached */
	const char *magic;
	dev_t dev;
	ino_t ino;
	uint64_t huge;		  /* bytes of a huge page; 0: tmpfs */
	struct viewed *view;	  /* only its mappings are seen; the link is to a substitute */
	struct segment_out *next; /* same hash */
};

struct segments_out {
	struct hash by_inode, by_shmid;
	struct segment_out **list;
	size_t n;
};

/* All of the kernel's shared memory is on one mount (mm/shmem.c, shm_mnt), which has no device: its
 * number has the major 0. */
static dev_t shmem_device(void)
{
	static dev_t dev; /* the same for all: not state, but knowledge */
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (dev)
		return dev;
	fd = memfd_create("crtools", MFD_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0)
		dev = st.st_dev;
	return dev;
}

bool segment_is_shmem(uint32_t major, uint32_t minor)
{
	dev_t dev = major ? 0 : shmem_device();

	return dev && gnu_dev_major(dev) == major && gnu_dev_minor(dev) == minor;
}

bool segment_is_sysv(const struct proc_area *a)
{
	return !strncmp(a->path, "/SYSV", 5) &&
	       (a->vmflags & VMF_(HUGETLB) || segment_is_shmem(a->major, a->minor));
}

/* hugetlbfs has a mount of its own for each size, without a name: only the file's tells. */
static bool is_kernels_huge(const char *path)
{
	return !strncmp(path, "/memfd:", 7) || !strcmp(path, "/anon_hugepage") ||
	       !strncmp(path, "/SYSV", 5);
}

static uint64_t huge_page_of(const struct file_probe *p)
{
	struct statfs fs;

	if (!is_kernels_huge(p->link.path) || fstatfs(probe_local(p), &fs) < 0 ||
	    fs.f_type != HUGETLBFS_MAGIC)
		return 0;
	return fs.f_bsize;
}

bool segment_matches(const struct file_probe *p)
{
	return S_ISREG(p->stat.st_mode) &&
	       (segment_is_shmem(gnu_dev_major(p->stat.st_dev), gnu_dev_minor(p->stat.st_dev)) ||
		huge_page_of(p));
}

static struct segments_out *segments_of(struct dump *d)
{
	struct segments_out *all = d->priv[SLOT_SHMEM];

	if (!all) {
		all = d->priv[SLOT_SHMEM] = arena_new(dump_arena(d), struct segments_out);
		session_own_hash(d->s, &all->by_inode);
		session_own_hash(d->s, &all->by_shmid);
	}
	return all;
}

static int read_seals(struct dump *d, const struct file_probe *p, uint32_t *ret)
{
	_cleanup_fd_ int fd = proc_openat(&p->task->stop->proc, p->magic, O_RDONLY, dump_err(d));
	int seals;

	if (fd < 0)
		return fd;
	seals = fcntl(fd, F_GET_SEALS);
	*ret = seals < 0 ? F_SEAL_SEAL : seals;
	return 0;
}

/* The format has 32 bits for the number by which contents are found. */
uint32_t segment_take_shmid(struct dump *d, ino_t ino)
{
	struct segments_out *all = segments_of(d);
	uint32_t id = ino ? ino : 1;

	while (!id || hash_get(&all->by_shmid, id))
		id++;
	hash_put(&all->by_shmid, id, all);
	return id;
}

static int fill_inode(struct dump *d, const struct file_probe *p, struct segment_out *s)
{
	const char *path = p->link.path;
	MemfdInodeEntry *e = arena_msg(dump_arena(d), MemfdInodeEntry, memfd_inode_entry);

	s->inode = e;
	e->name = arena_strdup(dump_arena(d), !strncmp(path, "/memfd:", 7) ? path + 7 : path);
	e->uid = p->stat.st_uid;
	e->gid = p->stat.st_gid;
	e->size = p->stat.st_size;
	e->shmid = segment_take_shmid(d, p->stat.st_ino);
	e->inode_id = segments_of(d)->n + 1;
	e->has_mode = true;
	e->mode = p->stat.st_mode;
	if (s->huge) {
		e->has_hugetlb_flag = true;
		e->hugetlb_flag = MFD_HUGETLB | (uint32_t)__builtin_ctzll(s->huge)
							<< MAP_HUGE_SHIFT;
	}
	return read_seals(d, p, &e->seals);
}

int segment_collect(struct dump *d, const struct file_probe *p, uint32_t *ret_id)
{
	struct segments_out *all = segments_of(d);
	uint64_t key = hash_mix(p->stat.st_dev, p->stat.st_ino);
	struct segment_out *first = hash_get(&all->by_inode, key), *s;
	int ret;

	for (s = first; s; s = s->next)
		if (s->dev == p->stat.st_dev && s->ino == p->stat.st_ino) {
			*ret_id = s->inode->inode_id;
			return 0;
		}
	if (!strncmp(p->link.path, "/SYSV", 5))
		task_refuse(p->task, arena_printf(dump_arena(d), "%s (%s)", p->magic, p->link.path),
			    "is a file that stands for a SysV segment", "close it");
	s = arena_new(dump_arena(d), struct segment_out);
	*s = (struct segment_out){ .task = p->task,
				   .magic = p->magic,
				   .dev = p->stat.st_dev,
				   .ino = p->stat.st_ino,
				   .huge = huge_page_of(p),
				   .view = view_of_inode(d, p->stat.st_ino),
				   .next = first };
	ret = fill_inode(d, p, s);
	if (ret < 0)
		return ret;
	hash_put(&all->by_inode, key, s);
	arena_push(dump_arena(d), all->list, all->n, s);
	*ret_id = s->inode->inode_id;
	return 0;
}

int segments_write(struct dump *d)
{
	struct segments_out *all = segments_of(d);
	_cleanup_image_writer_ struct image_writer *w = NULL;
	int ret = image_writer_open(d->s->images, IMAGE_MEMFD_INODE, 0, dump_err(d), &w);

	for (size_t i = 0; ret == 0 && i < all->n; i++) {
		if (all->list[i]->view)
			all->list[i]->inode->size = view_size(all->list[i]->view);
		ret = image_write_msg(w, &all->list[i]->inode->base, dump_err(d));
	}
	return ret < 0 ? ret : image_writer_close(&w, dump_err(d));
}

static uint64_t page_end(uint64_t off)
{
	return (off + PAGE_SIZE_ - 1) & ~(PAGE_SIZE_ - 1);
}

static int find_small(const char *name, int fd, struct page_extents *x, struct err *err)
{
	off_t start = 0, end;

	while ((start = lseek(fd, start, SEEK_DATA)) >= 0) {
		end = lseek(fd, start, SEEK_HOLE);
		if (end <= start)
			break;
		page_extents_add(x, start & ~(PAGE_SIZE_ - 1), page_end(end), PE_PRESENT);
		start = end;
	}
	if (start >= 0 || errno != ENXIO)
		return err_sys(err, "lseek", "can't find the pages of %s", name);
	return 0;
}

static bool is_zero(const unsigned char *p, size_t len)
{
	return !p[0] && !memcmp(p, p + 1, len - 1);
}

static int find_huge(const char *name, int fd, uint64_t size, uint64_t huge, struct page_extents *x,
		     struct err *err)
{
	_cleanup_free_ unsigned char *buf = malloc(huge);

	if (!buf)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory for a huge page");
	for (uint64_t off = 0; off < size; off += huge) {
		int ret = pread_full(fd, buf, huge, off);

		if (ret < 0)
			return err_set(err, ERR_KERNEL, -ret, "can't read huge page %llu of %s",
				       (unsigned long long)(off / huge), name);
		if (!is_zero(buf, huge))
			page_extents_add(x, off, off + huge, PE_PRESENT);
	}
	return 0;
}

int segment_save(struct dump *d, uint32_t shmid, const struct page_extents *x,
		 const struct page_source *src)
{
	uint32_t pages_id = ++d->next_pages_id;
	_cleanup_fd_ int to = -1;
	struct page_sink sink;
	struct progress progress;
	int ret = page_extents_write(x, d->s->images, IMAGE_SHMEM_PAGEMAP, shmid, pages_id,
				     dump_err(d));

	if (ret == 0)
		ret = image_dir_create_raw(d->s->images, IMAGE_PAGES, pages_id, 0, dump_err(d),
					   &to);
	if (ret < 0)
		return ret;
	page_sink_open(&sink, to, x);
	d->s->stats.pages_written += x->bytes / PAGE_SIZE_;
	progress_start(&progress, "Saving shared memory", x->bytes, PROGRESS_BYTES);
	ret = pages_copy(x, src, &sink, &progress, NULL, dump_err(d));
	progress_end(&progress);
	page_sink_close(&sink);
	return ret;
}

int segment_save_all(struct dump *d, uint32_t shmid, uint64_t size, const char *name, int from)
{
	struct page_extents x = { 0 };
	struct page_source src;
	struct statfs fs;
	int ret;

	if (fstatfs(from, &fs) < 0)
		return err_sys(dump_err(d), "fstatfs", "can't examine %s", name);
	page_source_file(&src, from);
	if (fs.f_type == HUGETLBFS_MAGIC)
		ret = find_huge(name, from, size, fs.f_bsize, &x, dump_err(d));
	else
		ret = find_small(name, from, &x, dump_err(d));
	if (ret == 0)
		ret = segment_save(d, shmid, &x, &src);
	page_extents_free(&x);
	return ret;
}

static int write_pages(struct dump *d, const struct segment_out *s)
{
	_cleanup_fd_ int from = -1;
	int ret;

	if (s->view)
		return err_add_pid(dump_err(d), s->task->vpid,
				   view_save(d, s->view, s->inode->shmid));
	ret = from = proc_openat(&s->task->stop->proc, s->magic, O_RDONLY, dump_err(d));
	if (from >= 0)
		ret = segment_save_all(d, s->inode->shmid, s->inode->size, s->inode->name, from);
	return err_add_pid(dump_err(d), s->task->vpid, ret);
}

int segments_write_pages(struct dump *d)
{
	struct segments_out *all = segments_of(d);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < all->n; i++)
		ret = write_pages(d, all->list[i]);
	if (ret == 0)
		ret = sysv_write_pages(d);
	if (ret == 0)
		ret = secrets_write_pages(d);
	return ret;
}
