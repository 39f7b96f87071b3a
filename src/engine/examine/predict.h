/* SPDX-License-Identifier: Apache-2.0 */
/* What a dump of an examined tree would cost. */
#ifndef ENGINE_PREDICT_H
#define ENGINE_PREDICT_H

#include "model/dump.h"

/* From the pages and areas of the tasks, and from how long it took to look at them. Fills
 * d->s->prediction. */
void predict(struct dump *d, uint64_t looking_us);

#endif
