/* glib.h - the few words of GLib's that core/coroutine/banyan-context.h uses
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* For processors that the build machine has a compiler for, and no GLib. */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef size_t gsize;
typedef void *gpointer;

#define g_strerror strerror
#define g_error(...) (fprintf (stderr, __VA_ARGS__), abort ())
