/* io-aio.c - banyan io: requests that others overtake
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "io.h"

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
  session->result.is_put_off = TRUE;
  session->n_pending++;
  return self;
}

/* Requests end while another command runs, whose result has to wait. */
static void
pending_end (Pending *self, const GError *error, GBytes *bytes)
{
  IoSession *session = self->session;
  const char *name = self->is_write ? "aio_write" : "aio_read";
  IoResult interrupted = session->result;
  gsize length = 0;
  const guint8 *data = bytes != NULL ? g_bytes_get_data (bytes, &length) : NULL;
  gboolean is_done;

  io_result_begin (session, name);
  is_done = error == NULL ? io_verify (session, &self->options, data, self->offset, length)
                          : io_report_failure (session, name, error);
  if (error == NULL && self->options.is_dump)
    io_dump (session, data, length, self->offset);
  if (error == NULL)
    io_report (session, &self->options, self->is_write ? "wrote" : "read", self->offset,
               self->length);
  io_result_end (session, is_done);

  session->result = interrupted;
  session->n_pending--;
  g_free (self);
}

static void
read_done (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = banyan_backend_read_finish (BANYAN_BACKEND (object), result, &error);

  pending_end (data, error, bytes);
}

static void
write_done (GObject *object, GAsyncResult *result, gpointer data)
{
  Pending *self = data;
  g_autoptr (GError) error = NULL;

  banyan_backend_write_finish (BANYAN_BACKEND (object), result, &error);
  self->options.has_pattern = FALSE; /* it is what was written: nothing was read */
  pending_end (self, error, NULL);
}

/* @words: OFFSET LENGTH... The buffers are one: who looks at the result cannot tell. */
static gboolean
parse_range (IoSession *self, char **words, int n, guint64 *offset, guint64 *length)
{
  return io_parse_size (self, words[0], "offset", offset)
         && io_parse_pieces (self, words + 1, n - 1, NULL, length);
}

/* In QEMU it counts as an invalid one in the statistics of the device, which a script can ask for
 * elsewhere. */
static gboolean
skip (IoSession *self, const char *what)
{
  io_say (self, "injecting invalid %s request\n", what);
  return TRUE;
}

gboolean
io_aio_read (IoSession *self, int argc, char **argv)
{
  IoOptions options;
  guint64 offset, length;
  int first;

  if (!io_parse_options (self, argc, argv, "aipCqvP:", &options, &first)
      || !parse_range (self, argv + first, argc - first, &offset, &length))
    return FALSE;
  if (options.is_invalid)
    return skip (self, "read");

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

  if (!io_may_write (self, "aio_write")
      || !io_parse_options (self, argc, argv, "CiqfnuzP:", &options, &first)
      || !io_check_write_options (self, &options)
      || !parse_range (self, argv + first, argc - first, &offset, &length))
    return FALSE;
  if (options.is_invalid)
    return skip (self, "write");
  /* Zeroes take no memory that others could wait for meanwhile. */
  if (options.is_zero)
    return argc - first > 2 ? io_complain (self, "-z supports only a single length parameter")
                            : io_write (self, argc, argv);

  bytes = g_bytes_new_take (
      memset (g_malloc (MAX (length, 1)), options.has_pattern ? options.pattern : 0xcd, length),
      length);
  pending = pending_new (self, &options, offset, length);
  pending->is_write = TRUE;
  banyan_backend_write_async (self->backend, offset, bytes,
                              options.is_fua || self->writes_through ? BANYAN_REQUEST_FUA : 0, NULL,
                              write_done, pending);
  return TRUE;
}

void
io_wait_for_pending (IoSession *self)
{
  while (self->n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
}

/* Waits for all; to make them last, there is flush. Whoever is held is not waited for: nobody would
 * let him go meanwhile. */
gboolean
io_aio_flush (IoSession *self, int argc, char **argv)
{
  while (self->n_pending > 0)
    {
      if (self->held != NULL && g_strv_length (self->held) == self->n_pending)
        return io_complain (self, "%s is held; see help resume", self->held[0]);
      g_main_context_iteration (NULL, TRUE);
    }
  return TRUE;
}
