/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's structures of io_uring, for the files here that read them (kernel/kmem.h): where
 * their members are on this kernel.
 */
#ifndef OBJECTS_URING_URING_KERNEL_H
#define OBJECTS_URING_URING_KERNEL_H

#include "objects/inside.h"
#include "objects/uring/uring.h"

/* PLACE(id, member): needed. MAYBE(id, member): some kernels have none. */
/* clang-format off */
#define URING_PLACES(PLACE, MAYBE)                                                                 \
	PLACE(SETUP, "io_ring_ctx.flags")                                                          \
	PLACE(TABLE, "io_ring_ctx.cancel_table")                                                   \
	MAYBE(TABLE_LOCKED, "io_ring_ctx.cancel_table_locked") /* until Linux 6.13 */              \
	PLACE(BUCKETS, "io_hash_table.hbs")                                                        \
	PLACE(BUCKET_BITS, "io_hash_table.hash_bits")                                              \
	PLACE(BUCKET_LIST, "io_hash_bucket.list")                                                  \
	PLACE(TIMEOUTS, "io_ring_ctx.timeout_list")                                                \
	PLACE(COMPLETIONS, "io_ring_ctx.cached_cq_tail")                                           \
	PLACE(CQ_TIMEOUTS, "io_ring_ctx.cq_timeouts")                                              \
	MAYBE(FUTEXES, "io_ring_ctx.futex_list") /* Linux 6.7 */                                   \
	MAYBE(CHILDREN, "io_ring_ctx.waitid_list") /* Linux 6.7 */                                 \
	MAYBE(ALLOCATED, "io_ring_ctx.nr_req_allocated") /* Linux 6.14 */                          \
	PLACE(SUBMISSIONS, "io_ring_ctx.submit_state")                                             \
	PLACE(FREE, "io_submit_state.free_list")                                                   \
	MAYBE(FILE_TABLE, "io_ring_ctx.file_table")                                                \
	MAYBE(FILE_DATA, "io_file_table.data") /* Linux 6.13 */                                    \
	MAYBE(FILE_NODES, "io_rsrc_data.nodes")                                                    \
	MAYBE(NODE_FILE, "io_rsrc_node.file_ptr")                                                  \
	PLACE(REQ_FILE, "io_kiocb.file")                                                           \
	PLACE(REQ_OPCODE, "io_kiocb.opcode")                                                       \
	PLACE(REQ_FLAGS, "io_kiocb.flags")                                                         \
	PLACE(REQ_CQE, "io_kiocb.cqe")                                                             \
	PLACE(CQE_FD, "io_cqe.fd")                                                                 \
	PLACE(REQ_TCTX, "io_kiocb.tctx")                                                           \
	PLACE(REQ_HASH, "io_kiocb.hash_node")                                                      \
	PLACE(REQ_ASYNC, "io_kiocb.async_data")                                                    \
	PLACE(REQ_LINK, "io_kiocb.link")                                                           \
	PLACE(REQ_LIST, "io_kiocb.comp_list")                                                      \
	PLACE(POLL_EVENTS, "io_poll.events")                                                      \
	PLACE(REQ_BUFFER, "io_kiocb.buf_index")                                                    \
	MAYBE(REQ_NODE, "io_kiocb.file_node") /* Linux 6.13 */                                     \
	PLACE(TCTX_TASK, "io_uring_task.task")                                                     \
	PLACE(ACCEPT_ADDR, "io_accept.addr")                                                       \
	PLACE(ACCEPT_LEN, "io_accept.addr_len")                                                    \
	PLACE(ACCEPT_FLAGS, "io_accept.flags")                                                     \
	MAYBE(ACCEPT_OWN, "io_accept.iou_flags") /* Linux 6.10 */                                  \
	PLACE(ACCEPT_SLOT, "io_accept.file_slot")                                                  \
	PLACE(RECV_BUF, "io_sr_msg.buf")                                                           \
	PLACE(RECV_LEN, "io_sr_msg.len")                                                           \
	PLACE(RECV_DONE, "io_sr_msg.done_io")                                                      \
	PLACE(RECV_FLAGS, "io_sr_msg.msg_flags")                                                   \
	PLACE(RECV_OWN, "io_sr_msg.flags")                                                         \
	PLACE(RECV_GROUP, "io_sr_msg.buf_group")                                                   \
	MAYBE(RECV_EACH, "io_sr_msg.mshot_len") /* Linux 6.17 */                                   \
	MAYBE(SEND_CONTROL, "io_sr_msg.msg_control") /* Linux 6.3 */                               \
	MAYBE(MSG_HEADER, "io_async_msghdr.msg")                                                   \
	MAYBE(MSG_TO, "io_async_msghdr.addr")                                                      \
	MAYBE(MSG_FROM, "io_async_msghdr.uaddr")                                                   \
	MAYBE(MSG_FIRST, "io_async_msghdr.fast_iov")                                               \
	MAYBE(MSG_NAME_ROOM, "io_async_msghdr.namelen")                                            \
	MAYBE(MSG_CONTROL_ROOM, "io_async_msghdr.controllen")                                      \
	PLACE(HEADER_NAME, "msghdr.msg_name")                                                      \
	PLACE(HEADER_NAME_LEN, "msghdr.msg_namelen")                                               \
	PLACE(HEADER_PIECES, "msghdr.msg_iter")                                                    \
	PLACE(HEADER_CONTROL, "msghdr.msg_control")                                                \
	PLACE(HEADER_CONTROL_LEN, "msghdr.msg_controllen")                                         \
	PLACE(PIECES_TYPE, "iov_iter.iter_type")                                                   \
	PLACE(PIECES_OFFSET, "iov_iter.iov_offset")                                                \
	MAYBE(PIECES_ONE, "iov_iter.ubuf") /* Linux 6.0 */                                         \
	MAYBE(PIECES_LIST, "iov_iter.__iov") /* Linux 6.4 */                                       \
	PLACE(PIECES_SIZE, "iov_iter.count")                                                       \
	PLACE(PIECES_COUNT, "iov_iter.nr_segs")                                                    \
	PLACE(CONNECT_LEN, "io_connect.addr_len")                                                  \
	MAYBE(CONNECT_BEGUN, "io_connect.in_progress")                                             \
	MAYBE(EPOLL_EVENTS, "io_epoll_wait.events") /* Linux 6.15 */                               \
	MAYBE(EPOLL_COUNT, "io_epoll_wait.maxevents")                                              \
	PLACE(CLOSE_FD, "io_close.fd")                                                             \
	PLACE(CLOSE_SLOT, "io_close.file_slot")                                                    \
	PLACE(SHUTDOWN_HOW, "io_shutdown.how")                                                     \
	MAYBE(FUTEX_ADDR, "io_futex.uaddr")                                                        \
	MAYBE(FUTEX_VALUE, "io_futex.futex_val")                                                   \
	MAYBE(FUTEX_MASK, "io_futex.futex_mask")                                                   \
	MAYBE(FUTEX_FLAGS, "io_futex.futex_flags")                                                 \
	MAYBE(CHILD_WHICH, "io_waitid.which")                                                      \
	MAYBE(CHILD_ID, "io_waitid.upid")                                                          \
	MAYBE(CHILD_OPTIONS, "io_waitid.options")                                                  \
	MAYBE(CHILD_INFO, "io_waitid.infop")                                                       \
	PLACE(RW_IOCB, "io_rw.kiocb")                                                              \
	PLACE(RW_POS, "kiocb.ki_pos")                                                              \
	PLACE(RW_ADDR, "io_rw.addr")                                                               \
	PLACE(RW_LEN, "io_rw.len")                                                                 \
	PLACE(RW_FLAGS, "io_rw.flags")                                                             \
	MAYBE(RW_GROUP, "io_async_rw.buf_group") /* Linux 6.15 */                                  \
	MAYBE(RW_PIECES, "io_async_rw.iter")                                                       \
	MAYBE(GROUPS, "io_ring_ctx.io_bl_xa")                                                      \
	PLACE(XA_HEAD, "xarray.xa_head")                                                           \
	PLACE(XA_SLOTS, "xa_node.slots")                                                           \
	PLACE(XA_SHIFT, "xa_node.shift")                                                           \
	MAYBE(GROUP_NUMBER, "io_buffer_list.bgid")                                                 \
	MAYBE(GROUP_MASK, "io_buffer_list.mask")                                                   \
	MAYBE(GROUP_HEAD, "io_buffer_list.head")                                                   \
	MAYBE(GROUP_FLAGS, "io_buffer_list.flags")                                                 \
	MAYBE(GROUP_REGION, "io_buffer_list.region") /* Linux 6.14 */                              \
	MAYBE(GROUP_LIST, "io_buffer_list.buf_list")                                               \
	MAYBE(BUFFER_ADDR, "io_buffer.addr")                                                       \
	MAYBE(BUFFER_LEN, "io_buffer.len")                                                         \
	MAYBE(BUFFER_NUMBER, "io_buffer.bid")                                                      \
	MAYBE(REGION_PAGES, "io_mapped_region.pages")                                              \
	MAYBE(REGION_FLAGS, "io_mapped_region.flags")                                              \
	PLACE(TIMEOUT_OFF, "io_timeout.off")                                                       \
	PLACE(TIMEOUT_TARGET, "io_timeout.target_seq")                                             \
	PLACE(TIMEOUT_REPEATS, "io_timeout.repeats")                                               \
	PLACE(TIMEOUT_LIST, "io_timeout.list")                                                     \
	PLACE(TIME_TIMER, "io_timeout_data.timer")                                                 \
	MAYBE(TIME_SPEC, "io_timeout_data.ts")                                                     \
	MAYBE(TIME_PERIOD, "io_timeout_data.time") /* instead, in nanoseconds: Linux 7.2 */        \
	PLACE(TIME_FLAGS, "io_timeout_data.flags")                                                 \
	PLACE(TIMER_NODE, "hrtimer.node")                                                          \
	PLACE(NODE_EXPIRES, "timerqueue_node.expires")                                             \
	MAYBE(LINKED_EXPIRES, "timerqueue_linked_node.expires") /* Linux 7.2, in hrtimer */        \
	PLACE(TASK_FILES, "task_struct.files")                                                     \
	PLACE(FILES_TABLE, "files_struct.fdt")                                                     \
	PLACE(FDS_MAX, "fdtable.max_fds")                                                          \
	PLACE(FDS, "fdtable.fd")                                                                   \
	PLACE(TASK_PID, "task_struct.thread_pid")                                                  \
	PLACE(PID_LEVEL, "pid.level")                                                              \
	PLACE(PID_NUMBERS, "pid.numbers")
/* clang-format on */

enum uring_place {
#define ID(id, member) PLACE_##id,
	URING_PLACES(ID, ID)
#undef ID
		PLACE_COUNT
};

struct uring_kernel {
	int state; /* 0: not opened yet; 1: open; else -errno */
	struct kmem *memory;
	int at[PLACE_COUNT];					     /* -ENOENT: there is none */
	int request_size, bucket_size, upid_size, group_size, slots; /* slots: of an xa_node */
	uint32_t group_is_ring, group_inc, region_user;		     /* flags; 0: not known */
	bool has_pages;						     /* kmem_find_pages() */
	uint64_t refused; /* flags of a request that holds something which can't be given again */
	uint64_t creds;
	int pieces_one, pieces_list; /* values of enum iter_type; -ENOENT */
	uint32_t level;		     /* of pid namespaces, the tool's own */
	bool has_files;
	struct hash by_file; /* address of a struct file -> FdinfoEntry */
};

/* NULL: the kernel's memory can't be read, or is of another kind. */
struct uring_kernel *uring_kernel(struct dump *d);
/* The files that a task (its task_struct) has open, by their numbers, in the arena; 0 or -errno. */
int uring_kernel_fds(struct dump *d, const struct uring_kernel *k, uint64_t task, uint64_t **ret,
		     uint32_t *ret_n);

#endif
