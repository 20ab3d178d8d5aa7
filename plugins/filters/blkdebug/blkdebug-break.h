/* blkdebug-break.h - breakpoints, and the requests that are held at them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

typedef struct
{
  GMutex mutex;         /* never held across a suspension */
  gint n_points;        /* atomic: whether there is anything to look for */
  GPtrArray *points;    /* (owned): the last that was set comes first to strike */
  GPtrArray *suspended; /* (owned): on the stacks of those who wait, in order */
  guint n_drains;
} BlkdebugBreaks;

void blkdebug_breaks_init (BlkdebugBreaks *self);
void blkdebug_breaks_clear (BlkdebugBreaks *self);

/* Any thread. */
void blkdebug_breaks_add (BlkdebugBreaks *self, guint event, const char *tag);
gboolean blkdebug_breaks_remove (BlkdebugBreaks *self, const char *tag);
gboolean blkdebug_breaks_resume (BlkdebugBreaks *self, const char *tag);
/* (transfer full) */
char **blkdebug_breaks_list_suspended (BlkdebugBreaks *self);
/* While the graph changes nobody is held. */
void blkdebug_breaks_begin_drain (BlkdebugBreaks *self);
void blkdebug_breaks_end_drain (BlkdebugBreaks *self);

/* Holds the caller at a breakpoint for @event, if there is one, which is used up by that. @changed
 * is called, with @data, when somebody is held and when he goes on. */
void BANYAN_COROUTINE blkdebug_breaks_pass (BlkdebugBreaks *self, guint event,
                                            void (*changed) (gpointer data), gpointer data);

G_END_DECLS
