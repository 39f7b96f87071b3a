/* SPDX-License-Identifier: Apache-2.0 */
/* The classes of memory areas, and what they share. */
#ifndef OBJECTS_MEMORY_AREAS_H
#define OBJECTS_MEMORY_AREAS_H

#include "objects/class.h"
#include "objects/segments.h"
#include "pages/save.h"

extern const struct area_class anon_area, file_area, memfd_area, sysv_area, vdso_area, vvar_area,
	vsyscall_area, guard_area, uprobes_area, aio_area, secret_area, refused_area;
extern const struct state_class memory_state, aio_state, secret_state, view_state;
extern const struct file_class secret_class;

/* --- map.c -------------------------------------------------------------------------------------- */

/* mmap at `at` with MAP_FIXED_NOREPLACE; -EEXIST when something is there (also from kernels
 * before 4.17, which take the address for a hint), other failures fill the error. */
int area_mmap(struct restore_task *t, struct restore_vma *v, uint64_t at, int prot, int flags,
	      int fd, uint64_t off);
/* O_RDONLY, O_WRONLY or O_RDWR: how the mapping's file was opened. */
int area_open_mode(struct dump_task *t, const struct proc_area *a);
/* MAP_HUGETLB with the size of the pages, or 0. */
uint32_t area_huge_flags(const struct proc_area *a);
/* "mapping START-END (path)" */
const char *area_object(struct arena *arena, const struct proc_area *a);
/* The error for a value that no dump writes. */
int area_corrupt(struct restore_task *t, const struct restore_vma *v, const char *field);

/* --- lookup.c ----------------------------------------------------------------------------------- */

/* "map_files/START-END", in the arena. */
const char *area_map_file(struct arena *arena, const struct proc_area *a);
/* A magic link, below /proc/PID or with a whole path, that leads to the area's file; NULL: there is
 * no way to it, which the report tells. */
const char *area_link(struct dump_task *t, const struct proc_area *a);
/* Such a link to a descriptor of the tool's own, which is closed at the end of the dump. */
const char *area_keep_fd(struct dump *d, int fd);

/* --- view.c ------------------------------------------------------------------------------------- */

struct viewed;
/* A link to what stands for the area's memory; NULL: it is none that is known, or can be made. */
const char *view_known(struct dump_task *t, const struct proc_area *a);
const char *view_make(struct dump_task *t, const struct proc_area *a);
/* NULL: the inode stands for nothing. */
struct viewed *view_of_inode(const struct dump *d, ino_t ino);
/* When all areas are collected. */
uint64_t view_size(const struct viewed *m);
int view_save(struct dump *d, const struct viewed *m, uint32_t shmid);

/* --- segment.c, segment_restore.c
 * ----------------------------------------------------------------- */

/* All pages of a segment, read from an open description of it, to its images. */
int segment_save_all(struct dump *d, uint32_t shmid, uint64_t size, const char *name, int from);
/* The same of pages that were found already: its pagemap and its pages. */
int segment_save(struct dump *d, uint32_t shmid, const struct page_extents *x,
		 const struct page_source *src);
/* A number by which contents are found that no other segment has. */
uint32_t segment_take_shmid(struct dump *d, ino_t ino);
/* Makes known that an area (of an old image) needs this much of a segment. */
int segment_of_shmid(struct restore *r, uint32_t shmid, uint64_t size);
int segments_share(struct restore_task *t);
/* A description to map the area from; the caller closes it. */
int segment_open_area(struct restore_task *t, const VmaEntry *e, int mode, int *ret_fd);
int segments_seal(struct restore_task *t);
/* For check: the segment that is this secret memory, made known. */
int segment_of_secret(struct restore *r, const CrtoolsSecret *e, struct segment_in **ret);
/* The description of it: there is one only, of which *ret_fd is another number. */
int segment_open_secret(struct restore_task *t, const struct restore_file *f, int *ret_fd);

/* --- secret.c
 * -------------------------------------------------------------------------------------- */

int secrets_write_pages(struct dump *d);

/* --- sysv.c
 * --------------------------------------------------------------------------------------- */

/* All areas are collected: who else has what is removed? */
void sysv_judge(struct dump *d);
int sysv_write_pages(struct dump *d);

/* --- vdso.c
 * --------------------------------------------------------------------------------------- */

int vdso_prepare(struct restore_task *t);
int vdso_emit(struct restore_task *t);

/* --- extra.c: what an area has beside its entry
 * --------------------------------------------------- */

/* NULL: nothing. */
const CrtoolsArea *area_extra(const struct restore_task *t, uint64_t start);
/* For collect: the area's, made where it has none yet. */
CrtoolsArea *area_extra_make(struct dump_task *t, uint64_t start);

#endif
