/* SPDX-License-Identifier: Apache-2.0 */
/* See result.h. */
#include "front/cli/result.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

void result_json_error(struct json *j, const struct err *err)
{
	json_object(j, "error");
	json_string(j, "id", err_id_name(err->id));
	json_int(j, "errno", err->num);
	if (err->pid)
		json_int(j, "task", err->pid);
	if (err->image[0])
		json_string(j, "image", err->image);
	if (err->call[0])
		json_string(j, "call", err->call);
	json_string(j, "text", err->text);
	if (err->num)
		json_string(j, "reason", strerror(err->num));
	if (err_cure(err)[0])
		json_string(j, "remedy", err_cure(err));
	json_object_end(j);
}

bool cli_colour(const struct options *o, int fd)
{
	const char *term = getenv("TERM");

	if (o->colour != COLOUR_AUTO)
		return o->colour == COLOUR_ALWAYS;
	return isatty(fd) && !getenv("NO_COLOR") && term && strcmp(term, "dumb");
}

static void json_items(struct json *j, const char *key, const struct report *report, bool refusals)
{
	json_array(j, key);
	for (size_t i = 0; i < report->n; i++) {
		const struct report_item *item = &report->items[i];

		if (item->refusal != refusals)
			continue;
		json_object(j, NULL);
		if (item->pid)
			json_int(j, "task", item->pid);
		json_string(j, "object", item->object);
		json_string(j, "text", item->text);
		if (item->cure && *item->cure)
			json_string(j, "cure", item->cure);
		json_object_end(j);
	}
	json_array_end(j);
}

void result_json_report(struct json *j, const struct report *report)
{
	json_items(j, "refusals", report, true);
	json_items(j, "warnings", report, false);
}

/* Objects may be named by images; a terminal obeys control characters. */
static void print_object(FILE *out, const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*name);
		else
			fputc(*name, out);
}

static void print_item(FILE *out, const struct report_item *item, bool colour)
{
	const char *on = !colour ? "" : item->refusal ? "\033[31m" : "\033[33m";

	fprintf(out, "%s%s%s ", on,
		item->refusal ? "Refused:" : "Warning:", colour ? "\033[0m" : "");
	if (item->pid)
		fprintf(out, "task %d, ", item->pid);
	print_object(out, item->object);
	fprintf(out, ": %s\n", item->text);
	if (item->cure && *item->cure)
		fprintf(out, "  %s\n", item->cure);
}

/* What is the matter with so many things of one tree is named for the first ones. */
#define SHOWN 10

static bool same_matter(const struct report_item *a, const struct report_item *b)
{
	return a->refusal == b->refusal && !strcmp(a->text, b->text);
}

/* How many items before the i-th say the same as it; stops counting at SHOWN. */
static size_t said_before(const struct report *report, size_t i)
{
	size_t n = 0;

	for (size_t k = i; k && n < SHOWN; k--)
		n += same_matter(&report->items[k - 1], &report->items[i]);
	return n;
}

static void print_rest(FILE *out, const struct report *report, size_t i)
{
	size_t more = 0;

	for (size_t k = i + 1; k < report->n; k++)
		more += same_matter(&report->items[k], &report->items[i]);
	if (more)
		fprintf(out, "  and %zu more: %s\n", more, report->items[i].text);
}

static void print_kind(FILE *out, const struct report *report, bool refusals, bool colour)
{
	for (size_t i = 0; i < report->n; i++) {
		size_t before;

		if (report->items[i].refusal != refusals)
			continue;
		before = said_before(report, i);
		if (before >= SHOWN)
			continue;
		print_item(out, &report->items[i], colour);
		if (before == SHOWN - 1)
			print_rest(out, report, i);
	}
}

void result_print_report(FILE *out, const struct report *report, bool colour)
{
	print_kind(out, report, false, colour);
	print_kind(out, report, true, colour);
}

/* The log has it all too, where it is not what the person reads. */
static void log_report(const struct report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct report_item *item = &report->items[i];

		log_line(item->refusal ? LOG_ERROR : LOG_WARN, "task %d, %s: %s", item->pid,
			 item->object, item->text);
	}
}

/* The person reads standard error, clients and tests the log: it gets the sentence if it is
 * another file. */
static void print_error(const struct run *run)
{
	bool colour = cli_colour(run->opts, STDERR_FILENO);
	char text[2048];

	err_format(run->err, text, sizeof(text));
	if (!log_on_stderr())
		log_error("%s", text);
	if (!run->opts->json)
		fprintf(stderr, "%sError:%s %s\n", colour ? "\033[1;31m" : "",
			colour ? "\033[0m" : "", text);
}

static const struct {
	const char *name, *text;
	size_t offset;
	bool is_time, of_restore;
} stats[] = {
/* clang-format off */
#define STAT(field, text, is_time, of_restore)                                                     \
	{ #field, text, offsetof(struct session, stats.field), is_time, of_restore }
	STAT(freezing_us, "Freezing time", true, false),
	STAT(frozen_us, "Frozen time", true, false),
	STAT(memdump_us, "Memory dump time", true, false),
	STAT(memwrite_us, "Memory write time", true, false),
	STAT(pages_scanned, "Memory pages scanned", false, false),
	STAT(pages_skipped_parent, "Memory pages skipped from parent", false, false),
	STAT(pages_written, "Memory pages written", false, false),
	STAT(pages_lazy, "Lazy memory pages", false, false),
	STAT(pages_compared, "Pages compared", false, true),
	STAT(pages_skipped_cow, "Pages skipped COW", false, true),
	STAT(pages_restored, "Pages restored", false, true),
	STAT(restore_us, "Restore time", true, true),
	STAT(forking_us, "Forking time", true, true),
/* clang-format on */
#undef STAT
};

static uint64_t stat_value(const struct session *s, size_t i)
{
	return *(const uint64_t *)((const char *)s + stats[i].offset);
}

static void print_stats(const struct session *s, bool restore)
{
	printf("Displaying %s stats:\n", restore ? "restore" : "dump");
	for (size_t i = 0; i < ARRAY_SIZE(stats); i++)
		if (stats[i].of_restore == restore)
			printf("%s: %" PRIu64 "%s\n", stats[i].text, stat_value(s, i),
			       stats[i].is_time ? " us" : "");
	fflush(stdout);
}

static void json_stats(struct json *j, const struct session *s, bool restore)
{
	json_object(j, "stats");
	for (size_t i = 0; i < ARRAY_SIZE(stats); i++)
		if (stats[i].of_restore == restore)
			json_uint(j, stats[i].name, stat_value(s, i));
	json_object_end(j);
}

static void json_prediction(struct json *j, const struct prediction *p)
{
	json_object(j, "prediction");
	json_uint(j, "tasks", p->tasks);
	json_uint(j, "threads", p->threads);
	json_uint(j, "image_bytes", p->image_bytes);
	json_uint(j, "freeze_us", p->freeze_us);
	json_object_end(j);
}

static void print_json(const struct run *run, int status)
{
	enum verb verb = run->opts->verb;
	struct json j;

	json_begin(&j, stdout, 2);
	json_object(&j, NULL);
	json_bool(&j, "ok", !status);
	if (err_is_set(run->err))
		result_json_error(&j, run->err);
	result_json_report(&j, &run->s.report);
	if (run->s.prediction.made)
		json_prediction(&j, &run->s.prediction);
	if (verb == VERB_RESTORE && run->s.root_pid)
		json_int(&j, "pid", run->s.root_pid);
	if (!status && (verb == VERB_DUMP || verb == VERB_RESTORE))
		json_stats(&j, &run->s, verb == VERB_RESTORE);
	json_object_end(&j);
	json_end(&j);
}

void result_print(const struct run *run, int status, bool own_output)
{
	enum verb verb = run->opts->verb;

	if (run->told && !err_is_set(run->err))
		return;
	if (!own_output && !run->told) {
		if (!log_on_stderr())
			log_report(&run->s.report);
		if (!run->opts->json)
			result_print_report(stderr, &run->s.report,
					    cli_colour(run->opts, STDERR_FILENO));
	}
	if (err_is_set(run->err))
		print_error(run);
	if (run->opts->json && (!own_output || err_is_set(run->err)))
		print_json(run, status);
	else if (!status && run->opts->display_stats && !run->opts->json)
		print_stats(&run->s, verb == VERB_RESTORE);
}
