/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the image of a connection may say, so that the kernel takes it: the limits of single fields,
 * the window as tcp_repair_set_window() of net/ipv4/tcp.c wants it, and a peer that can be one.
 */
#include <errno.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "objects/socket/inet/inet.h"

#define WSCALE_MAX 14

static const struct limit {
	const char *field;
	size_t at;
	uint32_t most;
} limits[] = {
#define LIMIT(field, most)                                                                         \
	{                                                                                          \
#field, offsetof(TcpStreamEntry, field), most                                      \
	}
	LIMIT(inq_len, INT32_MAX),     LIMIT(outq_len, INT32_MAX),   LIMIT(snd_wscale, WSCALE_MAX),
	LIMIT(rcv_wscale, WSCALE_MAX), LIMIT(mss_clamp, UINT16_MAX),
#undef LIMIT
};

/* Is number a of a stream behind number b? */
static bool is_after(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a) < 0;
}

static const char *window_fault(struct arena *a, const TcpStreamEntry *t)
{
	if (!t->has_rcv_wup)
		return NULL;
	if (t->snd_wnd > t->max_window)
		return arena_printf(a, "snd_wnd is %u, and the largest it ever was (max_window) %u",
				    t->snd_wnd, t->max_window);
	if (is_after(t->rcv_wup, t->inq_seq))
		return arena_printf(a, "rcv_wup is %u, behind the end of what was received, %u",
				    t->rcv_wup, t->inq_seq);
	if (is_after(t->snd_wl1, t->inq_seq + t->rcv_wnd))
		return arena_printf(a, "snd_wl1 is %u, behind the end of the window, %u",
				    t->snd_wl1, t->inq_seq + t->rcv_wnd);
	return NULL;
}

static const char *stream_fault(struct arena *a, const InetSkEntry *e, const TcpStreamEntry *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		uint32_t value = *(const uint32_t *)((const char *)t + limits[i].at);

		if (value > limits[i].most)
			return arena_printf(a, "%s is %u, the most is %u", limits[i].field, value,
					    limits[i].most);
	}
	if (t->has_unsq_len && t->unsq_len > t->outq_len)
		return arena_printf(a, "unsq_len is %u, more than the %u bytes of outq_len",
				    t->unsq_len, t->outq_len);
	return e->state == INET_SYN_SENT || e->state == INET_CLOSE ? NULL : window_fault(a, t);
}

/* A v4-mapped address has no connection with another one. */
static bool is_mapped(const union inet_addr *a)
{
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
}

static bool is_group(const union inet_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return IN_MULTICAST(ntohl(a->v4.sin_addr.s_addr)) ||
		       a->v4.sin_addr.s_addr == INADDR_BROADCAST;
	return IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr);
}

static const char *address_fault(const InetSkEntry *e)
{
	union inet_addr own, peer;

	inet_source(e, &own);
	inet_destination(e, &peer);
	if (!e->src_port)
		return "src_port is 0: a connection has a port";
	if (inet_addr_is_any(&own) || is_group(&own))
		return "src_addr is none that a connection can have";
	if (inet_addr_is_any(&peer) || is_group(&peer))
		return "dst_addr is none that a connection can have";
	if (is_mapped(&own) != is_mapped(&peer))
		return "src_addr and dst_addr are not of one version of IP";
	return NULL;
}

int tcp_check_stream(struct restore *r, const struct inet_in *s, const TcpStreamEntry *t)
{
	const char *fault = tcp_is_connection(s->e) ? address_fault(s->e) : NULL;
	char text[INET_TEXT_SIZE];
	union inet_addr peer;

	if (!fault)
		fault = stream_fault(restore_arena(r), s->e, t);
	if (!fault)
		return 0;
	inet_destination(s->e, &peer);
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, ERANGE,
		       "tcp-stream-%x.img: %s, connected to %s: %s", s->e->ino, inet_object(r, s),
		       inet_text(&peer, text), fault);
}
