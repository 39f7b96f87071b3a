/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "front/cli/cli.h"

#ifdef SANITIZED
/* A restored task begins as a copy of the tool, which has to be without an alternate signal stack,
 * and holds on to nothing that a search for leaks could find. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "use_sigaltstack=0:detect_leaks=0";
}

const char *__ubsan_default_options(void)
{
	return "halt_on_error=1:print_stacktrace=1";
}
#endif

int main(int argc, char **argv)
{
	/* A caller that ignores it leaves that to its children, whose dead nobody could wait for. */
	signal(SIGCHLD, SIG_DFL);
	return cli_main(argc, argv);
}
