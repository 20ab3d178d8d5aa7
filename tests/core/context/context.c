/* context.c - leaves stacks for others and comes back, without anything else of Banyan
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-context.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#define N_STACKS 8
#define STACK_SIZE (256 * 1024)
#define N_ROUNDS 1000

typedef struct
{
  BanyanContext context;
  char memory[STACK_SIZE] __attribute__ ((aligned (4096)));
} Stack;

static Stack stacks[N_STACKS];
static BanyanContext base;
static int current;
static unsigned n_frames;

#define check(condition) \
  do \
    { \
      if (!(condition)) \
        { \
          fprintf (stderr, "context.c: not so: %s\n", #condition); \
          exit (1); \
        } \
    } \
  while (0)

/* Whatever the processor lands on after a jump lies here. */
#define GUARDED BANYAN_CONTEXT_SWITCHES __attribute__ ((section ("guarded")))

/* More values than there are registers, alive over the switch. @to is NULL to stay. */
#define VALUES(X) \
  X (0) \
  X (1) X (2) X (3) X (4) X (5) X (6) X (7) X (8) X (9) X (10) X (11) X (12) X (13) X (14) X (15)
#define DECLARE(i) \
  uint64_t word##i = seed * (2 * i + 3); \
  double real##i = (double) (seed + i) / 3;
#define SUM(i) sum = sum * 31 + word##i + (uint64_t) (real##i * 1000);

static GUARDED uint64_t
keep_values (uint64_t seed, BanyanContext *from, const BanyanContext *to)
{
  uint64_t sum = 0;

  VALUES (DECLARE)
  __asm__ volatile("" ::: "memory");
  if (to != NULL)
    banyan_context_switch (from, to);
  VALUES (SUM)
  return sum;
}

static _Unwind_Reason_Code
count_frame (struct _Unwind_Context *context, void *data)
{
  n_frames++;
  return n_frames > 100 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* Each round on a stack keeps other values, and is looked at from time to time. */
static GUARDED void
stack_main (void)
{
  Stack *self = &stacks[current];
  uint64_t seed = (uint64_t) (current + 1) * 1000003;

  BANYAN_CONTEXT_OUTERMOST ();
  check (((uintptr_t) __builtin_frame_address (0) & 15) == 0);
  check ((char *) __builtin_frame_address (0) > self->memory);
  check ((char *) __builtin_frame_address (0) < self->memory + STACK_SIZE);
  _Unwind_Backtrace (count_frame, NULL);

  for (;; seed++)
    check (keep_values (seed, &self->context, &base) == keep_values (seed, NULL, NULL));
}

/* Branch target identification: a jump may only land where the code says so. */
static void
guard (void)
{
#if defined(__aarch64__) && defined(__ARM_FEATURE_BTI_DEFAULT)
  extern char __start_guarded[], __stop_guarded[];
  uintptr_t page = (uintptr_t) sysconf (_SC_PAGESIZE);
  uintptr_t start = (uintptr_t) __start_guarded & ~(page - 1);

  if (mprotect ((void *) start, (uintptr_t) __stop_guarded - start, PROT_READ | PROT_EXEC | 0x10))
    puts ("# jumps are not guarded here");
#endif
}

int
main (void)
{
  for (int i = 0; i < N_STACKS; i++)
    banyan_context_make (&stacks[i].context, stacks[i].memory, STACK_SIZE, stack_main);

  guard ();
  for (int round = 0; round < N_ROUNDS; round++)
    {
      uint64_t seed = (uint64_t) round + 7;

      current = round % N_STACKS;
      check (keep_values (seed, &base, &stacks[current].context) == keep_values (seed, NULL, NULL));
    }

  /* An unwinder finds the end of each stack, and does not go on where it came from. */
  check (n_frames <= 4 * N_STACKS);
  _exit (0);
}
