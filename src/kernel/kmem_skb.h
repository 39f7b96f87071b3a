/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in the queue of a socket, read where it is (kmem.h): a ring of struct sk_buff, whose
 * head is sock.sk_receive_queue. The bytes of one are in up to three places: behind its data
 * pointer, in pages, and in others that hang on it (net/core/skbuff.c, skb_copy_bits()).
 */
#ifndef KERNEL_KMEM_SKB_H
#define KERNEL_KMEM_SKB_H

#include "kernel/btf.h"
#include "kernel/kmem.h"

/* Where what is; all are int, bytes. X(name, path) */
#define KMEM_SKB_PLACES(X)                                                                         \
	X(of_sock, "sock.sk_receive_queue") /* the head */                                         \
	X(first, "sk_buff_head.next")                                                              \
	X(count, "sk_buff_head.qlen")                                                              \
	X(next, "sk_buff.next") /* the last one's is the head */                                   \
	X(len, "sk_buff.len")                                                                      \
	X(cb, "sk_buff.cb")                                                                        \
	X(data_len, "sk_buff.data_len")                                                            \
	X(data, "sk_buff.data")                                                                    \
	X(head, "sk_buff.head")                                                                    \
	X(end, "sk_buff.end")                                                                      \
	X(frags, "skb_shared_info.frags")                                                          \
	X(nr_frags, "skb_shared_info.nr_frags")                                                    \
	X(frag_list, "skb_shared_info.frag_list")

struct kmem_skb {
	BTF_PLACES(KMEM_SKB_PLACES);
};

/* 0 or -ENOENT. */
int kmem_skb_find(struct kmem_skb *ret, struct btf *b);
/* The whole of one, whose length is len. 0 or -errno; what is in pages takes kmem_find_pages(). */
int kmem_skb_read(struct kmem *k, const struct kmem_skb *x, uint64_t skb, void *buf, uint32_t len);

#endif
