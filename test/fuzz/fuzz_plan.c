/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile image set (see folder.h), as restore --plan takes it: read, verified, judged by each
 * class, and planned, down to the programs of each task. Everything but what needs a fork.
 */
#include "folder.h"
#include "base/log.h"
#include "engine/engine.h"

static void be_quiet(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		abort();
	log_init(null, LOG_MSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options opts;
	struct session session;
	struct err err = {};

	if (folder_fd < 0)
		be_quiet();
	fill_folder(data, size);
	options_init(&opts);
	opts.verb = VERB_RESTORE;
	opts.plan = true;
	session_init(&session, &opts, &err, folder_fd);
	engine_restore(&session);
	session_end(&session);
	options_free(&opts);
	clear_folder();
	return 0;
}
