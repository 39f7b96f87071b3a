/* SPDX-License-Identifier: Apache-2.0 */
/* Every message of the images and of the RPC protocol. */
#ifndef IMAGE_MESSAGES_H
#define IMAGE_MESSAGES_H

#include "image/proto/entries.h"

#endif
