/* qcow2-downgrade.c - an image of version 3 that is to be one of version 2
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Version 2 has no entries for zeroes. Where nothing lies below, an entry that leads nowhere says
 * the same; elsewhere the zeroes are written. The image stays one of version 3 until that is on
 * storage. */

#include "qcow2-downgrade.h"

#include "qcow2-cluster.h"
#include "qcow2-io.h"
#include "qcow2-snapshot.h"

#include <errno.h>
#include <string.h>

/* Zeroes at once. */
#define PIECE (G_GUINT64_CONSTANT (1) << 20)

#define V2_REFCOUNT_ORDER 4

/* -- What stands in the way. -- */

static gboolean
refuse (Qcow2Image *image, const char *what, GError **error)
{
  return banyan_throw_errno (error, ENOTSUP, "%s: version v2 has no %s", image->name, what);
}

static gboolean
check_snapshot (Qcow2Image *image, const Qcow2Snapshot *snapshot, GError **error)
{
  return (snapshot->disk_size == image->header.size && snapshot->state_size <= G_MAXUINT32)
         || banyan_throw_errno (
             error, ENOTSUP,
             "%s: snapshot \"%s\" has a size of its own, which version v2 cannot "
             "say; remove it first",
             image->name, snapshot->name);
}

gboolean
qcow2_downgrade_check (Qcow2Image *image, guint refcount_order, GError **error)
{
  const guint64 harmless = QCOW2_INCOMPATIBLE_DIRTY;
  const Qcow2Header *header = &image->header;

  if (image->has_data_file)
    return refuse (image, "data file", error);
  if (image->entry_words == 2)
    return refuse (image, "extended L2 entries", error);
  if (header->incompatible & QCOW2_INCOMPATIBLE_COMPRESSION)
    return refuse (image, "compression type but zlib", error);
  if ((header->incompatible & ~harmless) != 0)
    return refuse (image, "incompatible features", error);
  if (image->bitmaps->len > 0)
    return refuse (image, "bitmaps; remove them first", error);
  if (refcount_order != V2_REFCOUNT_ORDER)
    return refuse (image, "refcount-bits but 16; change them, too", error);

  for (guint i = 0; i < image->snapshots->len; i++)
    if (!check_snapshot (image, &g_array_index (image->snapshots, Qcow2Snapshot, i), error))
      return FALSE;
  return TRUE;
}

/* -- Zeroes. -- */

static Qcow2Entry
lead_nowhere (Qcow2Image *image, guint64 offset, const Qcow2Entry *old, gconstpointer data)
{
  return (old->entry & QCOW2_ZERO) && !(old->entry & QCOW2_COMPRESSED) ? (Qcow2Entry){ 0 } : *old;
}

static gboolean BANYAN_COROUTINE
unlink_zeroes (Qcow2Image *image, guint64 offset, guint64 length, GError **error)
{
  guint64 n = (length + image->cluster_size - 1) >> image->cluster_bits;
  BanyanRangeGuard guard;
  gboolean done;

  banyan_range_lock_acquire (&image->ranges, &guard, offset, n << image->cluster_bits, TRUE);
  done = qcow2_link (image, offset, n, lead_nowhere, NULL, QCOW2_DISCARD_OTHER, error);
  banyan_range_lock_release (&image->ranges, &guard);
  return done;
}

static gboolean BANYAN_COROUTINE
write_zeroes (Qcow2Image *image, guint64 offset, guint64 length, BanyanBuffer *zeroes,
              GError **error)
{
  while (length > 0)
    {
      gsize here = MIN (length, PIECE);
      struct iovec iov = { zeroes->data, here };
      BanyanRequest request = BANYAN_REQUEST (offset, here, &iov, 1);

      if (!qcow2_io_write (image, &request, error))
        return FALSE;
      offset += here;
      length -= here;
    }
  return TRUE;
}

/* Beyond the disk's end nothing is read, and nothing shows through. */
static gboolean BANYAN_COROUTINE
replace_zeroes (Qcow2Image *image, guint64 offset, guint64 length, BanyanBuffer *zeroes,
                GError **error)
{
  guint64 end = qcow2_io_length (image);
  guint64 below = image->backing != NULL ? banyan_child_get_length (image->backing) : 0;
  guint64 written = MIN (MIN (end, qcow2_round_up (below, image->cluster_size)), offset + length);

  if (offset < written && !write_zeroes (image, offset, written - offset, zeroes, error))
    return FALSE;
  written = qcow2_round_up (MAX (offset, written), image->cluster_size);
  return written >= offset + length
         || unlink_zeroes (image, written, offset + length - written, error);
}

static gboolean BANYAN_COROUTINE
expand_zeroes (Qcow2Image *image, const Qcow2Progress *progress, GError **error)
{
  guint64 end = (guint64) image->l1_size << (image->cluster_bits + image->l2_bits);
  g_autoptr (BanyanBuffer) zeroes = banyan_buffer_new (PIECE);
  Qcow2Mapping mapping;

  if (zeroes == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory for zeroes", image->name);

  memset (zeroes->data, 0, PIECE);
  for (guint64 offset = 0; offset < end; offset += mapping.length)
    {
      qcow2_progress_tell (progress, (double) offset / end);
      if (!qcow2_map (image, offset, end - offset, &mapping, error))
        return FALSE;
      if ((mapping.kind == QCOW2_ZERO_PLAIN || mapping.kind == QCOW2_ZERO_ALLOCATED)
          && !replace_zeroes (image, offset, mapping.length, zeroes, error))
        return FALSE;
    }
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_downgrade_zeroes (Qcow2Image *image, const Qcow2Progress *progress, GError **error)
{
  double share = progress->share / (1 + image->snapshots->len);
  Qcow2Progress part = { progress->amend, progress->from, share };

  if (!expand_zeroes (image, &part, error))
    return FALSE;

  part.from += share;
  part.share = progress->share - share;
  return image->snapshots->len == 0 || qcow2_downgrade_snapshots (image, &part, error);
}

void
qcow2_downgrade_header (Qcow2Header *header)
{
  header->version = 2;
  header->length = QCOW2_V2_LENGTH;
  header->refcount_order = V2_REFCOUNT_ORDER;
  header->incompatible = header->compatible = header->autoclear = 0;
  g_clear_pointer (&header->unknown, g_bytes_unref);
  qcow2_header_set_extension (header, QCOW2_EXTENSION_FEATURE_NAMES, NULL, 0);
}
