/* qcow2-zero.c - zeroes and discards: what the guest says without data
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What comes here is made of whole clusters, or of whole subclusters, but for the end of the disk:
 * the node's limits say so. */

#include "qcow2-zero.h"

#include "qcow2-cluster.h"
#include "qcow2-io.h"
#include "qcow2-order.h"

#include <errno.h>

/* Clusters between two flushes of what was freed. */
#define MAX_RANGE (G_GUINT64_CONSTANT (1) << 30)

typedef struct
{
  guint64 start;
  guint64 end;
  gboolean keeps_place; /* rather than to give the cluster up */
  gboolean to_nothing;  /* unallocated, whatever lies below */
  gboolean is_discard;
} Zeroing;

/* -- Entries. -- */

/* Which bits of a cluster's subclusters are in the range; all of them where there are none. */
static guint64
covered_bits (Qcow2Image *image, const Zeroing *zeroing, guint64 offset)
{
  guint64 from = MAX (zeroing->start, offset) - offset;
  guint64 stop = zeroing->end >= qcow2_io_length (image) ? G_MAXUINT64 : zeroing->end;
  guint64 to = MIN (stop, offset + image->cluster_size) - offset;
  guint first = from >> image->subcluster_bits;
  guint end
      = (to + (G_GUINT64_CONSTANT (1) << image->subcluster_bits) - 1) >> image->subcluster_bits;

  return ((G_GUINT64_CONSTANT (1) << end) - 1) & ~((G_GUINT64_CONSTANT (1) << first) - 1);
}

static gboolean
may_keep_place (const Qcow2Entry *old)
{
  return (old->entry & QCOW2_COPIED) && !(old->entry & QCOW2_COMPRESSED);
}

/* Of a cluster that others use, too, only what was not written over is still to be read there: the
 * place stays, and is copied when somebody writes. */
static Qcow2Entry
zero_subclusters (Qcow2Image *image, guint64 offset, const Qcow2Entry *old, const Zeroing *zeroing)
{
  guint64 bits = covered_bits (image, zeroing, offset);
  Qcow2Entry entry = *old;

  if (bits == G_MAXUINT32 && (!zeroing->keeps_place || !may_keep_place (old)))
    return (Qcow2Entry){ .bitmap = zeroing->to_nothing ? 0 : (guint64) G_MAXUINT32 << 32 };

  entry.bitmap &= ~bits & ~(bits << 32);
  if (!zeroing->to_nothing)
    entry.bitmap |= bits << 32;
  return entry;
}

static Qcow2Entry
zero_entry (Qcow2Image *image, guint64 offset, const Qcow2Entry *old, gconstpointer data)
{
  const Zeroing *zeroing = data;
  Qcow2Entry entry = { .entry = zeroing->to_nothing ? 0 : QCOW2_ZERO };

  if (image->entry_words == 2)
    return zero_subclusters (image, offset, old, zeroing);
  if (zeroing->keeps_place && may_keep_place (old))
    entry.entry |= old->entry & (QCOW2_OFFSET_MASK | QCOW2_COPIED);
  return entry;
}

/* -- Ranges. -- */

/* Parts of compressed clusters have no entries of their own: somebody has to write them. */
static gboolean BANYAN_COROUTINE
is_possible (Qcow2Image *image, guint64 start, guint64 end, GError **error, BanyanAnswer *answer)
{
  guint64 edges[2] = { start, end - 1 };

  *answer = BANYAN_DONE;
  for (guint i = 0; i < 2 && image->entry_words == 2; i++)
    {
      guint64 cluster = qcow2_round_down (edges[i], image->cluster_size);
      guint64 cluster_end = MIN (cluster + image->cluster_size, qcow2_io_length (image));
      Qcow2Mapping mapping;

      if (cluster >= start && cluster_end <= end)
        continue;
      if (!qcow2_map (image, edges[i], 1, &mapping, error))
        *answer = BANYAN_FAILED;
      else if (mapping.kind == QCOW2_PACKED)
        *answer = BANYAN_UNSUPPORTED;
      if (*answer != BANYAN_DONE)
        return FALSE;
    }
  return TRUE;
}

/* A table that is not there needs no entries that say the same. Only whole clusters are left out,
 * but at the end: the next one begins where an entry does. */
static gboolean BANYAN_COROUTINE
says_so_already (Qcow2Image *image, const Zeroing *zeroing, guint64 offset, guint64 *length)
{
  Qcow2Mapping mapping;
  guint64 said;

  if (!qcow2_map (image, offset, *length, &mapping, NULL))
    return FALSE;
  if (mapping.kind != QCOW2_UNALLOCATED || (!zeroing->to_nothing && image->backing != NULL))
    return FALSE;

  said
      = mapping.length < *length ? qcow2_round_down (mapping.length, image->cluster_size) : *length;
  if (said == 0)
    return FALSE;

  *length = said;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
zero_locked (Qcow2Image *image, const Zeroing *zeroing, Qcow2Discard why, GError **error)
{
  guint64 offset = qcow2_round_down (zeroing->start, image->cluster_size);
  guint64 step;

  for (; offset < zeroing->end; offset += step)
    {
      guint64 n = qcow2_clusters_to_slice_end (image, offset);

      step = zeroing->end - offset;
      if (says_so_already (image, zeroing, offset, &step))
        continue;

      n = MIN (n, (step + image->cluster_size - 1) >> image->cluster_bits);
      step = n << image->cluster_bits;
      if (!qcow2_link (image, offset, n, zero_entry, zeroing, why, error))
        return FALSE;
    }
  return TRUE;
}

/* There, the guest's clusters have the places that they have for the guest, and nobody else gets
 * them. What storage still leads to is undefined once it was thrown away, until that is flushed. */
static void BANYAN_COROUTINE
discard_in_data_file (Qcow2Image *image, const Zeroing *zeroing)
{
  guint64 end = MIN (qcow2_round_up (zeroing->end, image->cluster_size),
                     banyan_child_get_length (image->data_file));
  BanyanRequest request = BANYAN_REQUEST (zeroing->start, end - MIN (zeroing->start, end), NULL, 0);

  if (request.length > 0)
    banyan_child_discard (image->data_file, &request, NULL);
}

static BanyanAnswer BANYAN_COROUTINE
zero_range (Qcow2Image *image, const Zeroing *zeroing, Qcow2Discard why, GError **error)
{
  guint64 first = qcow2_round_down (zeroing->start, image->cluster_size);
  BanyanRangeGuard guard;
  BanyanAnswer answer;

  banyan_range_lock_acquire (&image->ranges, &guard, first,
                             qcow2_round_up (zeroing->end, image->cluster_size) - first, TRUE);
  if (is_possible (image, zeroing->start, zeroing->end, error, &answer)
      && !zero_locked (image, zeroing, why, error))
    answer = BANYAN_FAILED;
  if (answer == BANYAN_DONE && zeroing->is_discard && image->has_data_file
      && BANYAN_LIVE (image->pass_discard[QCOW2_DISCARD_REQUEST]))
    discard_in_data_file (image, zeroing);
  banyan_range_lock_release (&image->ranges, &guard);
  return answer;
}

/* Large ranges go in parts, so that what they free does not pile up. */
static BanyanAnswer BANYAN_COROUTINE
zero_in_parts (Qcow2Image *image, const BanyanRequest *request, Zeroing zeroing, Qcow2Discard why,
               GError **error)
{
  guint64 end = request->offset + request->length;
  BanyanAnswer answer = BANYAN_DONE;

  for (zeroing.start = request->offset; zeroing.start < end && answer == BANYAN_DONE;
       zeroing.start = zeroing.end)
    {
      Qcow2Visit visit = qcow2_presence_enter (&image->presence);

      zeroing.end = MIN (end, qcow2_round_down (zeroing.start, image->cluster_size) + MAX_RANGE);
      answer = zero_range (image, &zeroing, why, error);
      qcow2_presence_leave (&image->presence, &visit);
      if (answer == BANYAN_DONE && qcow2_order_has_many (image)
          && !qcow2_order_flush (image, error))
        answer = BANYAN_FAILED;
    }
  return answer;
}

gboolean BANYAN_COROUTINE
qcow2_zero_clusters (Qcow2Image *image, guint64 start, guint64 end, gboolean to_nothing,
                     GError **error)
{
  BanyanRequest request = BANYAN_REQUEST (start, end - start, NULL, 0);
  Zeroing zeroing = { .to_nothing = to_nothing };

  return zero_in_parts (image, &request, zeroing, QCOW2_DISCARD_OTHER, error) == BANYAN_DONE;
}

/* -- Zeroes. -- */

/* @flags: besides those of the request. */
static BanyanAnswer BANYAN_COROUTINE
zero_data_file (Qcow2Image *image, const BanyanRequest *request, guint flags, GError **error)
{
  guint64 end = banyan_child_get_length (image->data_file);
  guint64 there = request->offset < end ? MIN (request->length, end - request->offset) : 0;
  BanyanRequest below = banyan_request_slice (request, 0, there, request->offset);

  below.flags = (below.flags & ~BANYAN_REQUEST_FUA) | flags;
  return there == 0 ? BANYAN_DONE : banyan_child_write_zeroes (image->data_file, &below, error);
}

/* Version 2 has no entry that says zero, but where nothing lies below, none at all says it. */
static gboolean
can_say_zero (Qcow2Image *image, const BanyanRequest *request)
{
  return image->header.version > 2 || image->backing == NULL
         || request->offset >= banyan_child_get_length (image->backing);
}

BanyanAnswer BANYAN_COROUTINE
qcow2_io_write_zeroes (Qcow2Image *image, const BanyanRequest *request, GError **error)
{
  Zeroing zeroing
      = { .keeps_place = !(request->flags & BANYAN_REQUEST_MAY_UNMAP) || image->has_data_file,
          .to_nothing = image->header.version == 2 };
  BanyanAnswer answer;

  if (!can_say_zero (image, request))
    return BANYAN_UNSUPPORTED;
  if (zeroing.to_nothing)
    zeroing.keeps_place = FALSE;
  if (!qcow2_image_begin_writing (image, error))
    return BANYAN_FAILED;
  /* Whoever reads the data file as a raw disk has to find zeroes there. Otherwise it is the space
   * that matters, which zeroes take none of before an entry says that there are some. Through a key
   * they would be noise as long as none does. */
  if (BANYAN_LIVE (image->header.autoclear) & QCOW2_AUTOCLEAR_RAW_DATA)
    {
      answer = zero_data_file (image, request, 0, error);
      if (answer != BANYAN_DONE)
        return answer;
    }
  else if (image->has_data_file && image->encryption == NULL
           && (request->flags & BANYAN_REQUEST_MAY_UNMAP)
           && BANYAN_LIVE (image->pass_discard[QCOW2_DISCARD_REQUEST]))
    zero_data_file (image, request, BANYAN_REQUEST_NO_FALLBACK, NULL);

  answer = zero_in_parts (image, request, zeroing, QCOW2_DISCARD_REQUEST, error);
  if (answer == BANYAN_DONE && (request->flags & BANYAN_REQUEST_FUA)
      && !qcow2_order_flush (image, error))
    return BANYAN_FAILED;
  return answer;
}

/* -- Discards. -- */

/* What was thrown away reads as zeroes, not as what the backing has there. */
BanyanAnswer BANYAN_COROUTINE
qcow2_io_discard (Qcow2Image *image, const BanyanRequest *request, GError **error)
{
  Zeroing zeroing = { .keeps_place = BANYAN_LIVE (image->keep_discarded),
                      .to_nothing = image->header.version == 2 || image->backing == NULL,
                      .is_discard = TRUE };

  if (zeroing.keeps_place && image->header.version > 2)
    zeroing.to_nothing = FALSE;
  else
    zeroing.keeps_place = FALSE;
  if (image->header.version == 2 && image->backing != NULL)
    return BANYAN_DONE;
  if (BANYAN_LIVE (image->header.autoclear) & QCOW2_AUTOCLEAR_RAW_DATA)
    return zero_data_file (image, request, 0, error);
  if (!qcow2_image_begin_writing (image, error))
    return BANYAN_FAILED;
  return zero_in_parts (image, request, zeroing, QCOW2_DISCARD_REQUEST, error);
}
