/* SPDX-License-Identifier: Apache-2.0 */
/* See progress.h. */
#include "base/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/human.h"

#define FIRST_MS 1000 /* work shorter than this needs no line */
#define AGAIN_MS 200

static bool disabled;

void progress_disable(void)
{
	disabled = true;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_start(struct progress *p, const char *what, uint64_t total, enum progress_unit unit)
{
	*p = (struct progress){ .what = what, .total = total, .unit = unit };
	p->on = !disabled && isatty(STDERR_FILENO);
	p->start_ms = now_ms();
	p->next_ms = p->start_ms + FIRST_MS;
}

static const char *amount(const struct progress *p, uint64_t n, char *buf)
{
	if (p->unit == PROGRESS_BYTES)
		return human_size(n, buf);
	snprintf(buf, HUMAN_MAX, "%" PRIu64, n);
	return buf;
}

static void draw(struct progress *p, uint64_t now)
{
	char done_text[HUMAN_MAX], total_text[HUMAN_MAX], line[256];
	uint64_t done = p->done, ms = now - p->start_ms;
	struct winsize size = { 0 };
	int n, columns = 79;

	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col > 1 && size.ws_col < 200)
		columns = size.ws_col - 1;
	amount(p, done, done_text);
	n = snprintf(line, sizeof(line), "%s: %s", p->what, done_text);
	if (p->total) {
		if (done > p->total)
			done = p->total;
		n += snprintf(line + n, sizeof(line) - n, " of %s, %.0f %%",
			      amount(p, p->total, total_text),
			      100.0 * (double)done / (double)p->total);
		if (done && done < p->total)
			snprintf(line + n, sizeof(line) - n, ", %" PRIu64 " s left",
				 (uint64_t)((double)ms * (double)(p->total - done) / (double)done /
					    1000) +
					 1);
	}
	dprintf(STDERR_FILENO, "\r%.*s\033[K", columns, line);
	p->drawn = true;
}

/* Of several threads that find it due, one draws. */
static void draw_if_due(struct progress *p)
{
	uint64_t now = now_ms(), next = atomic_load_explicit(&p->next_ms, memory_order_relaxed);
	int saved = errno;

	if (now >= next && atomic_compare_exchange_strong(&p->next_ms, &next, now + AGAIN_MS))
		draw(p, now);
	errno = saved;
}

void progress_step(struct progress *p, uint64_t n)
{
	atomic_fetch_add_explicit(&p->done, n, memory_order_relaxed);
	if (p->on)
		draw_if_due(p);
}

bool progress_due(const struct progress *p)
{
	return p->on && now_ms() >= atomic_load_explicit(&p->next_ms, memory_order_relaxed);
}

void progress_show(struct progress *p, uint64_t done)
{
	atomic_store_explicit(&p->done, done, memory_order_relaxed);
	if (p->on)
		draw_if_due(p);
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		dprintf(STDERR_FILENO, "\r\033[K");
	p->on = p->drawn = false;
}
