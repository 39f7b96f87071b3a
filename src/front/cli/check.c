/* SPDX-License-Identifier: Apache-2.0 */
/* crtools check: the kernel (verb_check.h), or with -t a running tree, which is left as it is. */
#include <stdio.h>
#include <unistd.h>

#include "base/human.h"
#include "engine/engine.h"
#include "front/cli/cli.h"
#include "front/cli/result.h"
#include "front/cli/verb_check.h"

static void print_prediction(const struct prediction *p)
{
	char size[HUMAN_MAX], time[HUMAN_MAX];

	printf("%zu task%s, %zu thread%s; images of about %s, frozen for about %s.\n", p->tasks,
	       p->tasks == 1 ? "" : "s", p->threads, p->threads == 1 ? "" : "s",
	       human_size(p->image_bytes, size), human_time(p->freeze_us, time));
}

static int check_tree(struct run *run)
{
	const struct report *report = &run->s.report;
	int ret = engine_examine(&run->s);

	if (ret || run->opts->json)
		return ret || report->refusals ? 1 : 0;
	result_print_report(stdout, report, cli_colour(run->opts, STDOUT_FILENO));
	if (report->refusals)
		printf("The tree of %d can't be dumped: %zu reason%s.\n", run->opts->pid,
		       report->refusals, report->refusals == 1 ? "" : "s");
	else
		printf("The tree of %d can be dumped.\n", run->opts->pid);
	if (run->s.prediction.tasks)
		print_prediction(&run->s.prediction);
	if (fflush(stdout))
		return 1;
	return report->refusals ? 1 : 0;
}

static int check_kernel(struct run *run)
{
	const struct options *o = run->opts;
	struct check_args args = {
		.features = (const char *const *)o->features.items,
		.n_features = o->features.n,
		.extra = o->check_extra,
		.experimental = o->check_experimental,
		.all = o->check_all,
		.json = o->json,
	};
	int status = verb_check(&args);

	run->told = true;
	return status;
}

int cli_check(struct run *run)
{
	if (!run->opts->pid)
		return check_kernel(run);
	if (!run->opts->json)
		run->told = true;
	return check_tree(run);
}
