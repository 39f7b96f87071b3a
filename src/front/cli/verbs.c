/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs: what each needs, and what is said about it. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "front/cli/option.h"

#define MIGRATION "belongs to migration, which this version can't do yet"
#define RPC	  "belongs to the RPC interface, which this version does not have yet"

/* clang-format off */
const struct verb_info verb_table[] = {
	{ .verb = VERB_DUMP, .needs_pid = true, .needs_images = true,
	  .synopsis = "dump -t PID [-D DIR] [OPTIONS]",
	  .summary = "Freeze a process tree and save it.",
	  .text = "Freezes the process PID with all its descendants, saves everything that the "
		  "kernel knows about them to image files in DIR, and then kills the tree, or "
		  "leaves it stopped (-s) or running (-R). What can't be saved is a reason to "
		  "refuse: all reasons are listed, and the tree goes on as if nothing had "
		  "happened. Images become visible when they are complete." },
	{ .verb = VERB_RESTORE, .needs_images = true,
	  .synopsis = "restore [-D DIR] [OPTIONS] [--exec-cmd -- COMMAND [ARGUMENT]...]",
	  .summary = "Build a saved process tree again.",
	  .text = "Verifies the images in DIR, plans all of the work, and builds the same tree "
		  "with the same ids. Without -d crtools stays as the parent of the tree and waits "
		  "until its root exits. A restore that fails leaves nothing behind." },
	{ .verb = VERB_CHECK, 
	  .synopsis = "check [--feature NAME | --all] | check -t PID [DUMP OPTIONS]",
	  .summary = "See what this kernel, or a given tree, allows.",
	  .text = "Lists what the kernel and the privileges at hand lack, what is lost without "
		  "it, and what brings it. With -t the running tree is examined without freezing "
		  "or changing it, and everything that would refuse its dump, or be lost by it, is "
		  "listed, with what to do about each, the size of the images, and for how long it "
		  "would be frozen. The options are those that the dump would be given." },
	{ .verb = VERB_SHOW, .synopsis = "show [-D DIR] [-t PID | -f IMAGE]",
	  .summary = "Print what is in the images.",
	  .text = "Prints the tree in DIR with its memory, descriptors and sizes, or only the "
		  "task PID of it, or the contents of one image file: a path, or the name of one in "
		  "DIR. With --json an image is printed as CRIU's image tool decodes it." },
	{ .verb = VERB_EXEC, .needs_pid = true,
	  .synopsis = "exec -t PID SYSCALL [ARGUMENT]... [, SYSCALL [ARGUMENT]...]...",
	  .summary = "Run system calls in another process.",
	  .text = "Makes one or more system calls in the process PID, from its own context, and "
		  "prints the results; the process is none the wiser. SYSCALL is a name or a "
		  "number. Everything behind it is an argument, also what begins with a dash: a "
		  "number; names of constants (O_RDWR|O_CLOEXEC); &TEXT or &hex:0011FF, a pointer "
		  "to a string or to bytes; buf:SIZE, a pointer to a buffer that is printed "
		  "afterwards; words:ARGUMENT,... a pointer to pointers or numbers; @N, the result "
		  "of the Nth call; @bufN, the Nth buffer again. A comma as a word of its own "
		  "begins the next call, which is made if the one before succeeded. A call that "
		  "does not return within --timeout is taken back. The exit status is 0 if all "
		  "calls succeeded, 1 if one failed, 2 if they could not be made. Of a 32-bit "
		  "process the calls are 32-bit ones. Filters (seccomp) are not asked." },
	{ .verb = VERB_CPUINFO, .needs_images = true, .synopsis = "cpuinfo dump|check [-D DIR]",
	  .summary = "Save the processor's features, or compare them.",
	  .text = "cpuinfo dump writes cpuinfo.img to DIR. cpuinfo check compares it with the "
		  "processor at hand, names each difference, and exits with 0 if a tree of the "
		  "other machine can run here; --cpu-cap says what matters." },
	{ .verb = VERB_CLEAN, .synopsis = "clean",
	  .summary = "Undo what a killed crtools left behind.",
	  .text = "After a crash of crtools itself: reads the journals below /run/crtools and "
		  "takes back each effect that is still there." },
	{ .verb = VERB_PRE_DUMP, .needs_pid = true, .needs_images = true,
	  .synopsis = "pre-dump -t PID [-D DIR]", .summary = "Save memory only.",
	  .later = MIGRATION },
	{ .verb = VERB_LAZY_PAGES, .needs_images = true, .synopsis = "lazy-pages [-D DIR]",
	  .summary = "Serve memory on demand.", .later = MIGRATION },
	{ .verb = VERB_PAGE_SERVER, .needs_images = true,
	  .synopsis = "page-server [-D DIR] --port PORT",
	  .summary = "Receive memory over the network.", .later = MIGRATION },
	{ .verb = VERB_DEDUP, .needs_images = true, .synopsis = "dedup [-D DIR]",
	  .summary = "Punch superseded pages out of earlier images.", .later = MIGRATION },
	{ .verb = VERB_SERVICE, .synopsis = "service", .summary = "Listen for RPC requests.",
	  .later = RPC },
	{ .verb = VERB_SWRK, .synopsis = "swrk FD", .summary = "Serve RPC on an inherited socket.",
	  .later = RPC },
};
/* clang-format on */
const size_t verb_count = ARRAY_SIZE(verb_table);

const struct verb_info *verb_info(enum verb verb)
{
	for (size_t i = 0; i < verb_count; i++)
		if (verb_table[i].verb == verb)
			return &verb_table[i];
	return NULL;
}

enum verb verb_find(const char *word)
{
	for (size_t i = 0; i < verb_count; i++)
		if (!strcmp(verb_name(verb_table[i].verb), word))
			return verb_table[i].verb;
	return VERB_NONE;
}

const char *verb_nearest(const char *word)
{
	struct nearest near = { .word = word };

	for (size_t i = 0; i < verb_count; i++)
		nearest_offer(&near, verb_name(verb_table[i].verb));
	return nearest_result(&near);
}

char *verbs_text(struct arena *a, unsigned int verbs)
{
	char text[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < verb_count; i++)
		if (verbs & (1u << verb_table[i].verb) && n < sizeof(text))
			n += snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
				      verb_name(verb_table[i].verb));
	return arena_strdup(a, text);
}
