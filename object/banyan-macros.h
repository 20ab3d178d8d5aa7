/* banyan-macros.h - what every header of Banyan needs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <glib-object.h>

G_BEGIN_DECLS

/* Libraries are built with hidden symbols: this marks what is public. */
#define BANYAN_API __attribute__ ((visibility ("default"))) extern

/* Marks a function that may suspend the coroutine it is called in. It says so to readers and to
 * tools/check-coroutines; the compiler ignores it. */
#define BANYAN_COROUTINE

/* A live property is written by the main thread while iothreads read it. These are the one way to
 * do either; on every machine that we build for they cost a plain load and store. */
#define BANYAN_LIVE(field) (__atomic_load_n (&(field), __ATOMIC_RELAXED))
#define BANYAN_LIVE_SET(field, value) (__atomic_store_n (&(field), (value), __ATOMIC_RELAXED))

/* Slots that a public class struct reserves, so that it can grow without breaking what was built
 * against its first version. */
#define BANYAN_RESERVED(n) gpointer _reserved[n]

G_END_DECLS
