/* img-progress.c - banyan img: how far it has come
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <stdio.h>
#include <unistd.h>

#define INTERVAL_MS 100
#define BAR_WIDTH 40

static double
get_fraction (ImgProgress *self)
{
  guint64 done = self->before + (self->copy != NULL ? banyan_copy_get_done (self->copy) : 0);

  return self->total > 0 ? (double) done / self->total : 1;
}

/* As qemu-img, which scripts read. */
static void
tell_percent (double fraction)
{
  printf ("    (%.2f/100%%)\r", fraction * 100);
  fflush (stdout);
}

static void
draw_bar (double fraction)
{
  g_autofree char *bar = g_strnfill (BAR_WIDTH, ' ');

  memset (bar, '#', fraction * BAR_WIDTH);
  fprintf (stderr, "\r[%s] %3.0f%%", bar, fraction * 100);
}

static gboolean
tick (gpointer data)
{
  ImgProgress *self = data;

  if (img_options.is_telling)
    tell_percent (get_fraction (self));
  else
    draw_bar (get_fraction (self));
  return G_SOURCE_CONTINUE;
}

void
img_progress_begin (ImgProgress *self, guint64 total)
{
  *self = (ImgProgress){ .total = total };
  self->is_bar = !img_options.is_telling && !img_options.is_quiet && isatty (STDERR_FILENO);
  if (img_options.is_telling || self->is_bar)
    self->timer = g_timeout_add (INTERVAL_MS, tick, self);
  if (img_options.is_telling)
    tell_percent (0);
}

void
img_progress_follow (ImgProgress *self, BanyanCopy *copy)
{
  if (self->copy != NULL)
    self->before += self->copy->length;
  self->copy = copy;
  img_interrupt_follow (copy);
}

void
img_progress_end (ImgProgress *self, gboolean is_done)
{
  if (img_options.is_telling && is_done)
    tell_percent (1);
  if (img_options.is_telling)
    printf ("\n");
  if (self->is_bar)
    fprintf (stderr, "\r%*s\r", BAR_WIDTH + 8, "");

  g_clear_handle_id (&self->timer, g_source_remove);
  img_interrupt_follow (NULL);
}

/* -- Copying. -- */

typedef struct
{
  BanyanCopy *copy;
  ImgImage *source;
  ImgImage *target;
} Copying;

/* Each image has a thread. */
static gboolean BANYAN_COROUTINE
copy_main (BanyanChannel *channel, gpointer data, GError **error)
{
  Copying *copying = data;
  BanyanLoop *loops[] = { banyan_graph_get_loop (copying->target->graph),
                          banyan_graph_get_loop (copying->source->graph) };

  return banyan_copy_run (copying->copy, copying->source->backend, copying->target->backend, loops,
                          G_N_ELEMENTS (loops), error);
}

gboolean
img_copy (ImgImage *source, ImgImage *target, BanyanCopy *copy, ImgProgress *progress,
          GError **error)
{
  Copying copying = { copy, source, target };

  img_progress_follow (progress, copy);
  return banyan_backend_run (target->backend, copy_main, &copying, error);
}
