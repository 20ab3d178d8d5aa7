/* io-aio.c - banyan io: requests that others overtake
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "io.h"

#include <stdio.h>

typedef struct
{
  IoSession *session; /* (unowned) */
  IoOptions options;
  guint64 offset;
  guint64 length;
  gboolean is_write;
} Pending;

static Pending *
pending_new (IoSession *session, const IoOptions *options, guint64 offset, guint64 length)
{
  Pending *self = g_new0 (Pending, 1);

  self->session = session;
  self->options = *options;
  self->options.started_us = g_get_monotonic_time ();
  self->offset = offset;
  self->length = length;
  session->n_pending++;
  return self;
}

static void
pending_end (Pending *self, gboolean is_done)
{
  if (is_done)
    io_report (&self->options, self->is_write ? "wrote" : "read", self->offset, self->length);
  else
    self->session->has_failed = TRUE;

  self->session->n_pending--;
  g_free (self);
}

static gboolean
look_at (Pending *self, GBytes *bytes)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  if (!io_verify (&self->options, data, self->offset, length))
    return FALSE;
  if (self->options.is_dump)
    io_dump (data, length, self->offset);

  return TRUE;
}

static void
read_done (GObject *object, GAsyncResult *result, gpointer data)
{
  Pending *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = banyan_backend_read_finish (BANYAN_BACKEND (object), result, &error);

  if (bytes == NULL)
    io_report_failure ("aio_read", error);
  pending_end (self, bytes != NULL && look_at (self, bytes));
}

static void
write_done (GObject *object, GAsyncResult *result, gpointer data)
{
  Pending *self = data;
  g_autoptr (GError) error = NULL;
  gboolean is_done = banyan_backend_write_finish (BANYAN_BACKEND (object), result, &error);

  if (!is_done)
    io_report_failure ("aio_write", error);
  pending_end (self, is_done);
}

gboolean
io_aio_read (IoSession *self, int argc, char **argv)
{
  IoOptions options;
  guint64 offset, length;
  int first;

  if (!io_parse_options (argc, argv, "CqvP:", &options, &first)
      || !io_parse_size (argv[first], "offset", &offset)
      || !io_parse_length (argv[first + 1], &length))
    return FALSE;

  banyan_backend_read_async (self->backend, offset, length, NULL, read_done,
                             pending_new (self, &options, offset, length));
  return TRUE;
}

gboolean
io_aio_write (IoSession *self, int argc, char **argv)
{
  g_autoptr (GBytes) bytes = NULL;
  IoOptions options;
  guint64 offset, length;
  Pending *pending;
  int first;

  if (!io_may_write (self, "aio_write") || !io_parse_options (argc, argv, "CqfP:", &options, &first)
      || !io_parse_size (argv[first], "offset", &offset)
      || !io_parse_length (argv[first + 1], &length))
    return FALSE;

  bytes = g_bytes_new_take (
      memset (g_malloc (MAX (length, 1)), options.has_pattern ? options.pattern : 0xcd, length),
      length);
  pending = pending_new (self, &options, offset, length);
  pending->is_write = TRUE;
  banyan_backend_write_async (self->backend, offset, bytes, options.is_fua ? BANYAN_REQUEST_FUA : 0,
                              NULL, write_done, pending);
  return TRUE;
}

void
io_wait_for_pending (IoSession *self)
{
  while (self->n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
}

/* Waits for all; to make them last, there is flush. */
gboolean
io_aio_flush (IoSession *self, int argc, char **argv)
{
  io_wait_for_pending (self);
  return TRUE;
}
