/* made.c - images of formats that are only read, made without anybody's help
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "made-private.h"

#include <string.h>

#define SEED 77

void
made_fill (guint8 *bytes, guint64 offset, gsize length)
{
  banyan_test_fill (bytes, offset, length, SEED);
  for (gsize i = 0; i < length; i++)
    if (!made_has_data ((offset + i) / MADE_PIECE))
      bytes[i] = 0;
}

Made *
made_new (void)
{
  Made *self = g_new0 (Made, 1);

  self->bytes = g_byte_array_new ();
  return self;
}

static void
reach (Made *self, gsize end)
{
  gsize before = self->bytes->len;

  if (end <= before)
    return;
  g_byte_array_set_size (self->bytes, end);
  memset (self->bytes->data + before, 0, end - before);
}

void
made_put (Made *self, gsize offset, gconstpointer bytes, gsize length)
{
  if (length == 0)
    return;
  reach (self, offset + length);
  memcpy (self->bytes->data + offset, bytes, length);
}

static void
put_number (Made *self, gsize offset, guint width, gboolean is_big, guint64 value)
{
  reach (self, offset + width);
  for (guint i = 0; i < width; i++)
    self->bytes->data[offset + (is_big ? width - 1 - i : i)] = value >> (8 * i);
}

void
made_put_le (Made *self, gsize offset, guint width, guint64 value)
{
  put_number (self, offset, width, FALSE, value);
}

void
made_put_be (Made *self, gsize offset, guint width, guint64 value)
{
  put_number (self, offset, width, TRUE, value);
}

void
made_put_data (Made *self, gsize offset, guint64 start, gsize length)
{
  reach (self, offset + length);
  made_fill (self->bytes->data + offset, start, length);
}

gsize
made_align (Made *self, gsize alignment)
{
  reach (self, (self->bytes->len + alignment - 1) / alignment * alignment);
  return self->bytes->len;
}

void
made_save (Made *self, const char *path)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (const char *) self->bytes->data, self->bytes->len, &error);
  g_assert_no_error (error);
  g_byte_array_unref (self->bytes);
  g_free (self);
}
