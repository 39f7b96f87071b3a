/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "front/cli/cli.h"

int main(int argc, char **argv)
{
	/* A caller that ignores it leaves that to its children, whose dead nobody could wait for. */
	signal(SIGCHLD, SIG_DFL);
	return cli_main(argc, argv);
}
