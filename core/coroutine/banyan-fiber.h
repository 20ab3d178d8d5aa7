/* banyan-fiber.h - telling sanitizers and valgrind about stacks
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <pthread.h>

#ifdef __has_feature
#define BANYAN_HAS_FEATURE(x) __has_feature (x)
#else
#define BANYAN_HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || BANYAN_HAS_FEATURE(address_sanitizer)
#define BANYAN_ASAN 1
#include <sanitizer/common_interface_defs.h>
#else
#define BANYAN_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || BANYAN_HAS_FEATURE(thread_sanitizer)
#define BANYAN_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define BANYAN_TSAN 0
#endif

#ifndef BANYAN_HAVE_VALGRIND
#define BANYAN_HAVE_VALGRIND 0
#endif

#if BANYAN_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

/* What the tools know of one stack, a thread's own included. Empty in ordinary builds. */
typedef struct
{
#if BANYAN_ASAN
  const void *bottom;
  gsize size_bytes;
  void *fake_stack;
#endif
#if BANYAN_TSAN
  void *fiber;
#endif
#if BANYAN_HAVE_VALGRIND
  guint valgrind_id;
#endif
} BanyanFiber;

/* For a stack that was mapped; never undone, as stacks are never unmapped. */
static inline void
banyan_fiber_init (BanyanFiber *fiber, void *stack, gsize size_bytes)
{
#if BANYAN_ASAN
  fiber->bottom = stack;
  fiber->size_bytes = size_bytes;
  fiber->fake_stack = NULL;
#endif
#if BANYAN_TSAN
  fiber->fiber = __tsan_create_fiber (0);
#endif
#if BANYAN_HAVE_VALGRIND
  fiber->valgrind_id = VALGRIND_STACK_REGISTER (stack, (char *) stack + size_bytes);
#endif
}

/* For a stack that changes hands between threads, with nothing on it. */
static inline void
banyan_fiber_reset (BanyanFiber *fiber)
{
#if BANYAN_ASAN
  fiber->fake_stack = NULL;
#endif
}

/* For the calling thread's own stack. */
static inline void
banyan_fiber_init_thread (BanyanFiber *fiber)
{
#if BANYAN_ASAN
  pthread_attr_t attributes;
  void *bottom = NULL;

  pthread_getattr_np (pthread_self (), &attributes);
  pthread_attr_getstack (&attributes, &bottom, &fiber->size_bytes);
  pthread_attr_destroy (&attributes);
  fiber->bottom = bottom;
#endif
#if BANYAN_TSAN
  fiber->fiber = __tsan_get_current_fiber ();
#endif
}

static inline __attribute__ ((always_inline)) void
banyan_fiber_leave (BanyanFiber *from, BanyanFiber *to)
{
#if BANYAN_ASAN
  __sanitizer_start_switch_fiber (&from->fake_stack, to->bottom, to->size_bytes);
#endif
#if BANYAN_TSAN
  __tsan_switch_to_fiber (to->fiber, 0);
#endif
}

/* The first thing on the stack that was switched to. */
static inline __attribute__ ((always_inline)) void
banyan_fiber_arrive (BanyanFiber *here)
{
#if BANYAN_ASAN
  __sanitizer_finish_switch_fiber (here->fake_stack, NULL, NULL);
#endif
}
