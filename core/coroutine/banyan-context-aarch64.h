/* banyan-context-aarch64.h - leaving one stack for another
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

typedef struct
{
  void *sp;
  void *fp;
  void *pc;
} BanyanContext;

/* Marks a function as the outermost of its stack, for unwinders. */
#define BANYAN_CONTEXT_OUTERMOST() __asm__ volatile(".cfi_undefined x30")

static inline __attribute__ ((always_inline)) void
banyan_context_switch (BanyanContext *from, const BanyanContext *to)
{
  register BanyanContext *x0 __asm__("x0") = from;
  register const BanyanContext *x1 __asm__("x1") = to;

  /* A jump through x16 may land on `bti c` (a new coroutine's entry) as well as on `bti j`
   * (hint 36). x18, which other platforms keep for themselves, is one like the others on
   * Linux: GCC holds values in it. */
  __asm__ volatile("adr x9, 1f\n\t"
                   "mov x10, sp\n\t"
                   "stp x10, x29, [x0]\n\t"
                   "str x9, [x0, 16]\n\t"
                   "ldr x16, [x1, 16]\n\t"
                   "ldp x10, x29, [x1]\n\t"
                   "mov sp, x10\n\t"
                   "br x16\n"
                   "1:\thint 36"
                   : "+r"(x0), "+r"(x1)
                   :
                   : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                     "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
                     "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
                     "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",
                     "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
                     "v29", "v30", "v31", "memory", "cc");
}

/* @entry finds the stack as if it had been called by nobody. */
static inline void
banyan_context_make (BanyanContext *context, void *stack, gsize size_bytes, void (*entry) (void))
{
  context->sp = (void *) (((gsize) stack + size_bytes) & ~(gsize) 15);
  context->fp = NULL;
  context->pc = (void *) entry;
}
