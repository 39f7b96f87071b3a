/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring(7): see README.md. */
#ifndef OBJECTS_URING_URING_H
#define OBJECTS_URING_URING_H

#include <linux/io_uring.h>
#include <sys/uio.h>

#include "objects/class.h"
#include "pages/extents.h"

extern const struct file_class uring_class;
extern const struct area_class uring_area;
extern const struct state_class uring_state;

/* What headers older than the kernel lack. */
#define URING_SETUP_NO_SQARRAY	  (1u << 16)
#define URING_REGISTER_NAPI	  27
#define URING_REGISTER_RESIZE	  33
#define URING_REGISTER_MEM_REGION 34
#define URING_SETUP_HYBRID_IOPOLL (1u << 17)
#define URING_SETUP_CQE_MIXED	  (1u << 18)
#define URING_CQE_F_32		  (1u << 15)
#define URING_PBUF_STATUS	  26
#define URING_PBUF_MMAP		  1u
#define URING_PBUF_INC		  2u
#define URING_PBUF_FLAGS_AT	  14 /* in struct io_uring_buf_reg, by newer headers */
#define URING_OFF_PBUF_RING	  0x80000000ull
#define URING_OFF_PBUF_SHIFT	  16
#define URING_GROUP_ENTRIES	  32768u /* at most */
#define URING_OP_READ_MULTISHOT	  49
#define URING_OP_WAITID		  50
#define URING_OP_FUTEX_WAIT	  51
#define URING_OP_EPOLL_WAIT	  59
#define URING_TIMEOUT_MULTISHOT	  (1u << 6)
#define URING_RECV_BUNDLE	  (1u << 4)
#define URING_ASYNC_SIZE	  512
#define URING_PIECES_MAX	  1024 /* UIO_MAXIOV */
#define URING_INDEXES		  16   /* IO_RINGFD_REG_MAX: by which a thread may know rings */

/* What setting up is told, of which the program knows what followed: sizes and places in the areas.
 */
#define URING_LAYOUT_FLAGS (IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | URING_SETUP_NO_SQARRAY)

/* Those that change when work is done, and what a program sees of it. */
#define URING_MANNER_FLAGS                                                                         \
	(IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |         \
	 URING_SETUP_HYBRID_IOPOLL)

/* Of what recv is told by ioprio; the kernel adds flags of its own. */
#define URING_RECV_KNOWN (IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT | URING_RECV_BUNDLE)

/* IORING_SEND_VECTORIZED (Linux 6.17); 7.2 itself sets it in what it keeps of each sendmsg. */
#define URING_SEND_PIECES 0x20

#define URING_ENTRIES_MAX (64u << 10) /* of the queue of completions; half of them of requests */
#define URING_AREA_MAX	  (16u << 20) /* bytes */

/* --- fdinfo ----------------------------------------------------------------------------------- */

struct uring_info {
	uint32_t sq_entries, cq_entries;
	uint32_t sq_head, sq_tail, cq_head, cq_tail; /* in memory that the program may write */
	uint32_t cached_sq_head, cached_cq_tail;     /* the kernel's own */
	int64_t sq_thread;			     /* -1: none */
	uint64_t n_files, n_buffers;
	struct iovec *buffers; /* base NULL: none there */
	const char **files;    /* how the kernel calls them; NULL: none there */
	bool personalities, armed, overflow, napi;
};

/* 0, or -EBADMSG. */
int uring_info_parse(struct arena *a, const struct proc_fdinfo *info, struct uring_info *ret);
/* Of a descriptor of the tool's own. */
int uring_info_own(struct arena *a, int fd, struct uring_info *ret);
/* The raw text, into a buffer; its length or -errno. */
ssize_t uring_info_text(int fd, char *buf, size_t size);

/* --- a ring's memory -------------------------------------------------------------------------- */

struct uring_memory {
	unsigned char *rings, *sqes; /* NULL: not mapped */
	size_t rings_len, sqes_len;  /* whole pages */
	struct io_uring_params p;    /* where things are; sizes and URING_LAYOUT_FLAGS */
};

static inline uint32_t *uring_word(const struct uring_memory *m, uint32_t off)
{
	return (uint32_t *)(m->rings + off);
}

size_t uring_cqe_size(const struct io_uring_params *p);
size_t uring_sqe_size(const struct io_uring_params *p);
/* How this kernel lays out rings of p's sizes and flags. 0 or -errno. */
int uring_layout(struct io_uring_params *p);
/* Both regions of a ring whose layout is known. 0 or -errno. */
int uring_map(int fd, const struct io_uring_params *p, struct uring_memory *ret);
/* The first page of the queues, with heads, tails and flags. */
int uring_map_header(int fd, const struct io_uring_params *p, struct uring_memory *ret);
void uring_unmap(struct uring_memory *m);

/* --- dump ------------------------------------------------------------------------------------- */

/* How a ring was set up. */
struct uring_setup {
	uint32_t flags; /* IORING_SETUP_… that are known */
	bool exact;	/* all are: from the kernel's memory */
	bool unmappable;
	bool closed; /* somebody else alone may ask */
	bool mixed;  /* completions of both sizes */
	bool unsure; /* of the size of requests */
	bool event, region, restricted, groups;
};

struct uring_timeout {
	uint64_t at; /* in the kernel */
	CrtoolsUringRequest *request;
};

/* Requests that are under way, as the kernel's memory has them (uring_pending.c). */
struct uring_pending {
	bool known;
	bool counted; /* there are no others than these */
	CrtoolsUringRequest **list;
	size_t n;
	uint32_t others; /* that can't be given again */
	const char *why; /* one of them can't: "has …" */
	const struct dump_task *of;
	bool of_several; /* processes */
	struct uring_timeout *timeouts;
	size_t n_timeouts;
};

struct uring_kernel;

struct uring_out {
	struct dump_task *task; /* by whose descriptor it was found */
	const char *object;
	uint32_t id;
	int fd; /* the tool's own */
	CrtoolsUring *e;
	struct uring_info info;
	struct uring_setup setup;
	struct uring_memory memory;
	struct uring_pending pending;
	uint32_t done; /* completions, modulo 2^32, when it was found */
	int event_id;  /* the kernel's number of the eventfd that it signals */
	struct uring_out *next;
};

struct uring_dump {
	struct uring_out *rings;
	struct hash by_ino; /* struct uring_out */
	struct uring_kernel *kernel;
};

#define URING_PATIENCE UINT64_C(1000000000) /* ns: for all rings together */

struct uring_dump *uring_dump_of(struct dump *d);
void uring_refuse(const struct uring_out *u, const char *text, const char *cure);
void uring_refuse_groups(const struct uring_out *u);
/* As far as the queues tell: requests that have made no completion. */
static inline uint32_t uring_under_way(const struct uring_out *u)
{
	return u->info.cached_sq_head - u->info.cached_cq_tail;
}
/* In the tool, when the agent has been in all tasks: the rest of the entry, and all reasons against
 * it. 0 or -errno with the error filled. */
int uring_settle(struct dump *d, struct uring_dump *x, struct uring_out *u);
/* What can be asked without any effect through any descriptor of it. closed: only its own thread
 * may. */
void uring_ask(int fd, struct uring_setup *ret);
/* The layout, by a look at what the kernel makes of the ring's memory; the ring rests. Fills flags
 * and memory. 0 or -errno with the error filled. */
int uring_look(struct dump *d, struct uring_out *u);

/* What is under way, into u->pending. 0 or -errno: it can't be told. */
int uring_pending_read(struct uring_out *u);

/* Buffers to give out, into u->e. 0 or -errno: they can't be told. */
int uring_groups_read(struct uring_out *u);
bool uring_groups_any(struct uring_out *u);

/* One that signals an eventfd: which, and how? 0 or -errno. */
int uring_event_read(struct uring_out *u);
/* Its file's id; 0: no descriptor in the tree leads to it. */
uint32_t uring_event_file(const struct dump *d, const struct uring_out *u);

/* Registered files, into u->e; refusals of those that can't be found. */
void uring_files_note(struct uring_out *u);

/* Has it a ring? */
bool uring_area_any(const struct dump_task *t);
/* Areas name the rings' files from here on; those of no known ring are refused. */
int uring_area_name(struct dump_task *t);

/* --- restore ---------------------------------------------------------------------------------- */

struct uring_in {
	const CrtoolsUring *e;
	struct io_uring_params p; /* its layout here */
	uint64_t turns; /* a counter in the area of those who give its requests again; 0: none yet */
};

int uring_open(struct restore_task *t, struct restore_file *f, int *ret_fd);
int uring_attach(struct restore_task *t, struct restore_file *f, int fd);
/* NULL: it is no ring. */
const struct uring_in *uring_in_of(struct restore_file *f);
/* Buffers to give out: at the restore, in the owner, when its memory is there. */
bool uring_groups_fit(const CrtoolsUring *e);
int uring_prepare(struct restore_task *t);
/* Requests that waited. */
bool uring_kind_is_known(uint8_t opcode);
bool uring_requests_fit(const CrtoolsUring *e);
int uring_requests_emit(struct restore_thread *th);
int uring_watch(struct restore *r, struct restore_file *f, int fd);
int uring_area_emit(struct restore_task *t);
int uring_check(struct restore *r, struct restore_file *f);
/* In the threads that know rings by indexes. */
int uring_indexes_emit(struct restore_thread *th);
/* In the task that makes it: what is registered by addresses. */
int uring_buffers_emit(struct restore_task *t);

#endif
