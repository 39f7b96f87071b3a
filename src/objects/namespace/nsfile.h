/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of namespaces. */
#ifndef OBJECTS_NAMESPACE_NSFILE_H
#define OBJECTS_NAMESPACE_NSFILE_H

#include "objects/class.h"

extern const struct file_class nsfile_class;

#endif
