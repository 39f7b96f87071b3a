/* SPDX-License-Identifier: Apache-2.0 */
/* What the generator of documents is made of (gendoc.c). */
#ifndef FRONT_CLI_GENDOC_H
#define FRONT_CLI_GENDOC_H

/* Writes a man page to standard output: the template's text, with the lines that stand between
 * at-signs replaced. Returns the exit status. */
int gendoc_man(const char *template);

#endif
