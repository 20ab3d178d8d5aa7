/* io-transfer.c - banyan io: read and write
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "io.h"

#include <stdio.h>

#define DEFAULT_PATTERN 0xcd
/* Bytes: what any disk wants that bypasses the page cache. */
#define ALIGNMENT 4096

typedef struct
{
  BanyanRequest request;
  gboolean is_write;
  gboolean is_zero;
  BanyanAnswer answer;
} Transfer;

static gboolean
transfer (BanyanChannel *channel, gpointer data, GError **error)
{
  Transfer *self = data;

  if (self->is_zero)
    {
      self->answer = banyan_channel_write_zeroes (channel, &self->request, error);
      return self->answer != BANYAN_FAILED;
    }

  return self->is_write ? banyan_channel_write (channel, &self->request, error)
                        : banyan_channel_read (channel, &self->request, error);
}

static gboolean
run (IoSession *self, Transfer *what, const char *name)
{
  g_autoptr (GError) error = NULL;

  if (!banyan_backend_run (self->backend, transfer, what, &error))
    return io_report_failure (self, name, error);
  if (what->is_zero && what->answer == BANYAN_UNSUPPORTED)
    return io_report_failure (self, name, NULL);

  return TRUE;
}

gboolean
io_parse_pieces (IoSession *self, char **words, int n, struct iovec *pieces, guint64 *length)
{
  *length = 0;
  for (int i = 0; i < n; i++)
    {
      guint64 piece;

      if (!io_parse_length (self, words[i], &piece))
        return FALSE;
      if (pieces != NULL)
        pieces[i].iov_len = piece;
      *length += piece;
      if (*length > G_MAXINT32)
        return io_complain (self, "length: the pieces together are too much for one request");
    }

  return TRUE;
}

static guint8 *
allocate (struct iovec *pieces, int n, guint64 length, guint8 fill)
{
  guint8 *buffer = g_aligned_alloc (1, MAX (length, 1), ALIGNMENT);
  guint8 *at = buffer;

  memset (buffer, fill, length);
  for (int i = 0; i < n; i++)
    {
      pieces[i].iov_base = at;
      at += pieces[i].iov_len;
    }

  return buffer;
}

static gboolean
read_pieces (IoSession *self, IoOptions *options, guint64 offset, struct iovec *pieces, int n,
             guint64 length)
{
  guint8 *buffer;
  Transfer what = { .request = BANYAN_REQUEST (offset, length, pieces, n) };
  gboolean is_read, is_right;

  if (options->pattern_start > length || options->pattern_length > length - options->pattern_start)
    return io_complain (self, "pattern verification range exceeds end of read data");

  buffer = allocate (pieces, n, length, 0xab);
  options->started_us = g_get_monotonic_time ();
  is_read = run (self, &what, "read");
  is_right = is_read && io_verify (self, options, buffer, offset, length);
  if (is_read && options->is_dump)
    io_dump (self, buffer, length, offset);
  if (is_read)
    io_report (self, options, "read", offset, length);

  g_aligned_free (buffer);
  return is_right;
}

/* @words: OFFSET LENGTH... */
static gboolean
read_words (IoSession *self, IoOptions *options, char **words, int n)
{
  g_autofree struct iovec *pieces = g_new0 (struct iovec, n);
  guint64 offset, length;

  return io_parse_size (self, words[0], "offset", &offset)
         && io_parse_pieces (self, words + 1, n - 1, pieces, &length)
         && read_pieces (self, options, offset, pieces, n - 1, length);
}

gboolean
io_read (IoSession *self, int argc, char **argv)
{
  IoOptions options;
  int first;

  if (!io_parse_options (self, argc, argv, "abpCqvP:s:l:", &options, &first))
    return FALSE;

  return read_words (self, &options, argv + first, argc - first);
}

gboolean
io_readv (IoSession *self, int argc, char **argv)
{
  IoOptions options;
  int first;

  if (!io_parse_options (self, argc, argv, "CqvP:", &options, &first))
    return FALSE;

  return read_words (self, &options, argv + first, argc - first);
}

/* -- Writing. -- */

/* The file's bytes, over and over. */
static gboolean
fill_from_file (IoSession *self, guint8 *buffer, gsize length, const char *file)
{
  FILE *stream = fopen (file, "re");
  gsize n = stream != NULL ? fread (buffer, 1, length, stream) : 0;
  int number = stream == NULL || ferror (stream) ? errno : 0;

  if (stream != NULL)
    fclose (stream);
  if (number != 0)
    return io_complain (self, "reading %s: %s", file, g_strerror (number));
  if (n == 0 && length > 0)
    return io_complain (self, "%s: the file is empty", file);

  for (gsize i = n; i < length; i++)
    buffer[i] = buffer[i - n];
  return TRUE;
}

static guint
request_flags (IoSession *self, const IoOptions *options)
{
  return (options->is_fua || self->writes_through ? BANYAN_REQUEST_FUA : 0)
         | (options->is_compressed ? BANYAN_REQUEST_COMPRESSED : 0)
         | (options->may_unmap ? BANYAN_REQUEST_MAY_UNMAP : 0)
         | (options->no_fallback ? BANYAN_REQUEST_NO_FALLBACK : 0);
}

static gboolean
write_pieces (IoSession *self, IoOptions *options, guint64 offset, struct iovec *pieces, int n,
              guint64 length)
{
  guint8 *buffer
      = allocate (pieces, n, length, options->has_pattern ? options->pattern : DEFAULT_PATTERN);
  Transfer what = { .request = BANYAN_REQUEST (offset, length, pieces, n), .is_write = TRUE };
  gboolean is_done;

  what.request.flags = request_flags (self, options);
  is_done = options->file == NULL || fill_from_file (self, buffer, length, options->file);
  options->started_us = g_get_monotonic_time ();
  is_done = is_done && run (self, &what, "write");
  if (is_done)
    io_report (self, options, "wrote", offset, length);

  g_aligned_free (buffer);
  return is_done;
}

static gboolean
write_zeroes (IoSession *self, IoOptions *options, guint64 offset, guint64 length)
{
  Transfer what = { .request = BANYAN_REQUEST (offset, length, NULL, 0), .is_zero = TRUE };

  what.request.flags = request_flags (self, options);
  options->started_us = g_get_monotonic_time ();
  if (!run (self, &what, "write"))
    return FALSE;

  io_report (self, options, "wrote", offset, length);
  return TRUE;
}

gboolean
io_check_write_options (IoSession *self, const IoOptions *options)
{
  if (options->is_zero + options->has_pattern + (options->file != NULL) > 1)
    return io_complain (self, "Only one of -z, -P, and -s can be specified at the same time");
  if (options->is_compressed && options->is_zero)
    return io_complain (self, "-c and -z exclude each other");
  if (options->is_compressed && !(banyan_node_get_capabilities (self->node) & BANYAN_CAN_COMPRESS))
    return io_complain (self, "write failed: the node stores nothing compressed");
  if (options->may_unmap && !options->is_zero)
    return io_complain (self, "-u requires -z to be specified");
  if (options->no_fallback && !options->is_zero)
    return io_complain (self, "-n requires -z to be specified");

  return TRUE;
}

static gboolean
write_words (IoSession *self, IoOptions *options, char **words, int n)
{
  g_autofree struct iovec *pieces = g_new0 (struct iovec, n);
  guint64 offset, length;

  if (!io_may_write (self, "write") || !io_check_write_options (self, options)
      || !io_parse_size (self, words[0], "offset", &offset))
    return FALSE;
  if (options->is_zero)
    return io_parse_size (self, words[1], "length", &length)
           && (options->no_fallback || length <= IO_MAX_LENGTH
               || io_complain (self,
                               "length cannot exceed %" G_GUINT64_FORMAT " without -n, given %s",
                               IO_MAX_LENGTH, words[1]))
           && write_zeroes (self, options, offset, length);

  return io_parse_pieces (self, words + 1, n - 1, pieces, &length)
         && write_pieces (self, options, offset, pieces, n - 1, length);
}

gboolean
io_write (IoSession *self, int argc, char **argv)
{
  IoOptions options;
  int first;

  if (!io_parse_options (self, argc, argv, "bcpCqfnuzP:s:", &options, &first))
    return FALSE;

  return write_words (self, &options, argv + first, argc - first);
}

gboolean
io_writev (IoSession *self, int argc, char **argv)
{
  IoOptions options;
  int first;

  if (!io_parse_options (self, argc, argv, "CqfP:", &options, &first))
    return FALSE;

  return write_words (self, &options, argv + first, argc - first);
}
