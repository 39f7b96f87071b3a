/* SPDX-License-Identifier: Apache-2.0 */
/* See kmem_skb.h. */
#include "kernel/kmem_skb.h"

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"

int kmem_skb_find(struct kmem_skb *ret, struct btf *b)
{
	return BTF_FIND(b, KMEM_SKB_PLACES, ret);
}

static int word(struct kmem *k, uint64_t at, uint32_t *ret)
{
	return kmem_read(k, at, ret, sizeof(*ret));
}

/* What is in a page: struct skb_frag, or, before Linux 6.10, bio_vec. */
struct fragment {
	uint64_t page;
	uint32_t len, offset;
};

/* Bytes that were read, or -errno. */
static int64_t read_pages(struct kmem *k, const struct kmem_skb *x, uint64_t shared, uint8_t *buf,
			  uint32_t len)
{
	struct fragment f;
	uint32_t done = 0;
	uint8_t n = 0;

	if (kmem_read(k, shared + x->nr_frags, &n, sizeof(n)) < 0)
		return -EIO;
	for (int i = 0; i < n && done < len; i++, done += f.len) {
		uint64_t page;

		if (kmem_read(k, shared + x->frags + i * sizeof(f), &f, sizeof(f)) < 0 ||
		    f.len > len - done)
			return -EIO;
		page = kmem_page(k, f.page);
		if (!page || kmem_read(k, page + f.offset, buf + done, f.len) < 0)
			return -EIO;
	}
	return done;
}

/* One alone: what hangs on it is put into *ret_others. */
static int64_t read_one(struct kmem *k, const struct kmem_skb *x, uint64_t skb, uint8_t *buf,
			uint32_t len, uint64_t *ret_others)
{
	uint64_t shared = kmem_pointer(k, skb, x->head);
	uint32_t all, behind, end;
	int64_t n;

	if (!shared || word(k, skb + x->len, &all) < 0 || word(k, skb + x->data_len, &behind) < 0 ||
	    word(k, skb + x->end, &end) < 0 || behind > all || all > len)
		return -EIO;
	if (kmem_read(k, kmem_pointer(k, skb, x->data), buf, all - behind) < 0)
		return -EIO;
	*ret_others = 0;
	if (!behind)
		return all;
	n = read_pages(k, x, shared + end, buf + all - behind, behind);
	*ret_others = kmem_pointer(k, shared + end, x->frag_list);
	return n < 0 ? n : all - behind + n;
}

int kmem_skb_read(struct kmem *k, const struct kmem_skb *x, uint64_t skb, void *buf, uint32_t len)
{
	uint64_t others, more;
	int64_t done = read_one(k, x, skb, buf, len, &others);

	while (done >= 0 && done < len && others) {
		int64_t n = read_one(k, x, others, (uint8_t *)buf + done, len - done, &more);

		if (n < 0 || more)
			return -EIO;
		done += n;
		others = kmem_pointer(k, others, x->next);
	}
	return done == len ? 0 : -EIO;
}
