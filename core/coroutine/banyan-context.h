/* banyan-context.h - leaving one stack for another
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* Three things make a context: stack pointer, frame pointer and where to go on. Everything else is
 * declared as clobbered, so that the compiler keeps only what is alive around the switch. The
 * switch is inline and jumps: a call would leave an entry in the processor's return predictor that
 * the other stack's next return trips over, which costs more than the switch itself.
 *
 * Floating-point control words are not switched. They are callee-saved in the ABIs, but nobody may
 * hold a changed rounding mode over a suspension, and reading them back costs a stall.
 *
 * No shadow stack is switched either: the library is compiled without that promise
 * (-fcf-protection=branch), upon which the dynamic linker leaves them off. */

/* Marks a function that switches. Seen from its callers anything may have happened meanwhile, to
 * static variables too; a compiler that looks inside sees only an asm, and GCC concludes from that
 * (-fipa-reference, with LTO everywhere) that they are unchanged. */
#if defined(__has_attribute) && __has_attribute(noipa)
#define BANYAN_CONTEXT_SWITCHES __attribute__ ((noipa))
#else
#define BANYAN_CONTEXT_SWITCHES __attribute__ ((noinline))
#endif

#if defined(BANYAN_CONTEXT_UCONTEXT)
#include "banyan-context-ucontext.h"
#elif defined(__x86_64__)
#include "banyan-context-x86-64.h"
#elif defined(__aarch64__)
#include "banyan-context-aarch64.h"
#else
#include "banyan-context-ucontext.h"
#endif
