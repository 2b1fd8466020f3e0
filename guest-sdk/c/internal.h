/* Between the SDK's own files; nothing here is for authors. */
#ifndef HYDRA_INTERNAL_H
#define HYDRA_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* Makes room for `size` bytes at *at, which it may move, and returns where the room ends; traps when there is none. */
uintptr_t hydra_more(uintptr_t *at, size_t size);
/* Everything from here on is free again. */
void hydra_arena_reset(uintptr_t from);
/* As hydra_alloc, but not zeroed. */
void *hydra_take(size_t size);

#endif
