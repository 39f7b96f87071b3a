/* SPDX-License-Identifier: Apache-2.0 */
/* crtools dump. The last lines of the log are what scripts look for. */
#include "base/log.h"
#include "engine/engine.h"
#include "front/cli/cli.h"

int verb_dump(struct run *run)
{
	int ret = engine_dump(&run->s);

	if (!ret) {
		log_info("Dumping finished successfully");
		return 0;
	}
	log_error("Dumping FAILED.");
	/* A post-dump script decides what the tool exits with. */
	return run->s.script_status ? run->s.script_status & 0xff : 1;
}
