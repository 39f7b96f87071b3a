#include "engine/engine.h"
int engine_examine(struct session*s){(void)s;return 0;}
