/* banyan-context-ucontext.h - leaving one stack for another, wherever there is a libc
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <ucontext.h>

/* Each switch asks the kernel for the signal mask, which makes it a hundred times slower than the
 * written ones. */
typedef struct
{
  ucontext_t ucontext;
} BanyanContext;

#define BANYAN_CONTEXT_OUTERMOST() ((void) 0)

static inline void
banyan_context_switch (BanyanContext *from, const BanyanContext *to)
{
  if (swapcontext (&from->ucontext, &to->ucontext) < 0)
    g_error ("swapcontext: %s", g_strerror (errno));
}

static inline void
banyan_context_make (BanyanContext *context, void *stack, gsize size_bytes, void (*entry) (void))
{
  if (getcontext (&context->ucontext) < 0)
    g_error ("getcontext: %s", g_strerror (errno));

  context->ucontext.uc_stack.ss_sp = stack;
  context->ucontext.uc_stack.ss_size = size_bytes;
  context->ucontext.uc_link = NULL;
  makecontext (&context->ucontext, entry, 0);
}
