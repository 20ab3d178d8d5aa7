/* cuts.c - what a power cut leaves of what a recorder has written
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cuts.h"

#include <string.h>

static void
apply_some (GRand *rand, guint8 *bytes, const RecorderEntry *entry, gsize *size)
{
  gboolean all = g_rand_boolean (rand);

  if (!all && g_rand_boolean (rand))
    return;
  for (gsize done = 0; done < entry->length;)
    {
      gsize here = MIN (CUTS_SECTOR - (entry->offset + done) % CUTS_SECTOR, entry->length - done);

      if (all || g_rand_boolean (rand))
        {
          memcpy (bytes + entry->offset + done, entry->data + done, here);
          *size = MAX (*size, entry->offset + done + here);
        }
      done += here;
    }
}

static void
apply (guint8 *bytes, const RecorderEntry *entry, gsize *size)
{
  memcpy (bytes + entry->offset, entry->data, entry->length);
  *size = MAX (*size, entry->offset + entry->length);
}

/* The last flush before entry @at. */
static guint
find_flush (guint at)
{
  GPtrArray *log = recorder_get_log ();
  guint flushed = 0;

  for (guint i = 0; i < at; i++)
    if (((RecorderEntry *) log->pdata[i])->kind == RECORDER_FLUSH)
      flushed = i;
  return flushed;
}

gsize
cuts_make (GRand *rand, const guint8 *image, gsize image_size, guint at, guint8 *bytes)
{
  GPtrArray *log = recorder_get_log ();
  gsize size = image_size;
  guint flushed = find_flush (at);

  memcpy (bytes, image, image_size);
  for (guint i = 0; i < at; i++)
    {
      const RecorderEntry *entry = log->pdata[i];

      if (entry->kind == RECORDER_RESIZE && (i < flushed || g_rand_boolean (rand)))
        size = MAX (size, entry->offset);
      if (entry->kind != RECORDER_WRITE)
        continue;
      if (i >= flushed)
        apply_some (rand, bytes, entry, &size);
      else
        apply (bytes, entry, &size);
    }
  return size;
}

gsize
cuts_make_alone (const guint8 *image, gsize image_size, guint at, guint8 *bytes)
{
  GPtrArray *log = recorder_get_log ();
  gsize size = image_size;
  guint flushed = find_flush (at);

  memcpy (bytes, image, image_size);
  for (guint i = 0; i <= at; i++)
    {
      const RecorderEntry *entry = log->pdata[i];

      if (entry->kind == RECORDER_RESIZE)
        size = MAX (size, entry->offset);
      if (entry->kind == RECORDER_WRITE && (i < flushed || i == at))
        apply (bytes, entry, &size);
    }
  return size;
}
