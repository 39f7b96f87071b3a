/* SPDX-License-Identifier: Apache-2.0 */
/* crtools cpuinfo dump|check: the processor's features in cpuinfo.img. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "front/cli/cli.h"
#include "image/reader.h"
#include "image/writer.h"
#include "model/cpuinfo.h"

/* Processors fill their names up with blanks. */
static int name_len(const char *name)
{
	int len = strlen(name);

	while (len && name[len - 1] == ' ')
		len--;
	return len;
}

/* The image stands alone: it is no part of a set, and may be in a directory without one. */
static int dump(struct run *run)
{
	CpuinfoEntry *entry = cpuinfo_entry(&run->s.arena);
	int ret = image_write_service(run->images_fd, IMAGE_CPUINFO, &entry, 1, run->err);

	if (!ret)
		log_info("wrote cpuinfo.img: %s", cpuinfo_model(entry));
	return ret;
}

static int check(struct run *run)
{
	CpuinfoEntry **entries;
	size_t n;
	int ret = image_read_service(run->images_fd, IMAGE_CPUINFO, &run->s.arena, run->err,
				     &entries, &n);

	if (ret)
		return ret;
	if (n != 1)
		return err_add_image(
			run->err, "cpuinfo.img",
			err_set(run->err, n ? ERR_IMAGE_CORRUPT : ERR_IMAGE_MISSING, n ? 0 : ENOENT,
				n ? "there is more than one entry" : "the directory has none"));
	ret = cpuinfo_compare(entries[0], run->opts->cpu_cap, &run->s.report, run->err);
	if (!ret && run->s.report.refusals)
		ret = err_set(run->err, ERR_CPU, 0,
			      "this processor lacks what the one of the images has (%.*s)",
			      name_len(cpuinfo_model(entries[0])), cpuinfo_model(entries[0]));
	if (!ret && !run->opts->json)
		printf("The processor is compatible.\n");
	return ret;
}

int verb_cpuinfo(struct run *run)
{
	return (run->opts->cpuinfo_check ? check(run) : dump(run)) ? 1 : 0;
}
