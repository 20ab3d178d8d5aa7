/* banyan-context-x86-64.h - leaving one stack for another
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

typedef struct
{
  void *sp;
  void *fp;
  void *pc;
} BanyanContext;

/* Marks a function as the outermost of its stack, for unwinders. */
#define BANYAN_CONTEXT_OUTERMOST() __asm__ volatile(".cfi_undefined rip")

static inline __attribute__ ((always_inline)) void
banyan_context_switch (BanyanContext *from, const BanyanContext *to)
{
  /* Nothing is pushed: the red zone below either stack pointer stays as it is, and the unwind
   * tables of the function around are true up to the last two instructions. */
  __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                   "movq %%rsp, 0(%0)\n\t"
                   "movq %%rbp, 8(%0)\n\t"
                   "movq %%rax, 16(%0)\n\t"
                   "movq 0(%1), %%rsp\n\t"
                   "movq 8(%1), %%rbp\n\t"
                   "jmpq *16(%1)\n"
                   "1:\tendbr64"
                   : "+D"(from), "+S"(to)
                   :
                   : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                     "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                     "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}

/* @entry finds the stack as if it had been called by nobody. */
static inline void
banyan_context_make (BanyanContext *context, void *stack, gsize size_bytes, void (*entry) (void))
{
  gpointer *top = (gpointer *) (((gsize) stack + size_bytes) & ~(gsize) 15);

  top[-1] = NULL;
  top[-2] = NULL;
  context->sp = top - 1;
  context->fp = NULL;
  context->pc = (void *) entry;
}
