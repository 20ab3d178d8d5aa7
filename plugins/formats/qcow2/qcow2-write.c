/* qcow2-write.c - what the guest writes
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the image has a place for the data that nobody else uses, data goes there, and no lock is
 * taken. Elsewhere a piece of whole clusters gets a place: under their range lock data is written
 * to it, with what was around it in the same clusters before, and only then the tables lead there.
 */

#include "qcow2-cluster.h"
#include "qcow2-codec.h"
#include "qcow2-encryption.h"
#include "qcow2-io.h"
#include "qcow2-order.h"
#include "qcow2-space.h"

#include <errno.h>
#include <string.h>

/* What comes from above has at most QCOW2_MAX_VECTORS pieces; two are added. */
#define MAX_VECTORS (QCOW2_MAX_VECTORS + 2)

/* As much at once gets a place, and memory for what is around it. */
#define MAX_PIECE (G_GUINT64_CONSTANT (8) << 20)

/* A piece of a write, in clusters that all get a place in the same way. */
typedef struct
{
  Qcow2Image *image;
  const BanyanRequest *request; /* the guest's data */
  guint64 first;                /* where the first cluster begins */
  guint64 n;                    /* clusters */
  guint64 host;
  gboolean is_reused; /* they have their place already */
  gboolean is_fresh;  /* nothing was ever written there */
  gboolean whole;     /* the old clusters' data goes along, all of it */
  Qcow2Mapping old;   /* of the first byte */

  guint64 start; /* of what is written: with what is around the data */
  guint64 end;
} Piece;

guint64
qcow2_io_length (Qcow2Image *image)
{
  return __atomic_load_n (&image->header.size, __ATOMIC_RELAXED);
}

/* @below: with an offset of the data's child; for the guest it is from @guest on. */
static gboolean BANYAN_COROUTINE
write_data (Qcow2Image *image, const BanyanRequest *below, guint64 guest, GError **error)
{
  return G_UNLIKELY (image->encryption != NULL)
             ? qcow2_encryption_write (image, below, guest, error)
             : banyan_child_write (qcow2_image_data (image), below, error);
}

/* -- In place. -- */

static gboolean
is_in_place (const Qcow2Mapping *mapping)
{
  return mapping->kind == QCOW2_DATA && mapping->is_ours;
}

static gboolean BANYAN_COROUTINE
write_in_place (Qcow2Image *image, const BanyanRequest *request, const Qcow2Mapping *mapping,
                GError **error)
{
  BanyanChild *child = qcow2_image_data (image);
  BanyanRequest below = banyan_request_slice (request, 0, mapping->length, mapping->host);

  below.flags &= ~BANYAN_REQUEST_COMPRESSED;
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_WRITE_AIO);
  return qcow2_image_grow_child (image, child, mapping->host + mapping->length, error)
         && write_data (image, &below, request->offset, error);
}

/* -- How a piece gets a place. -- */

static gboolean
keeps_place (const Qcow2Mapping *mapping)
{
  return mapping->is_ours
         && (mapping->kind == QCOW2_DATA || mapping->kind == QCOW2_ZERO_ALLOCATED
             || mapping->kind == QCOW2_PLACED);
}

/* Whether the old data has to be copied, not just shown by what lies below. */
static gboolean
has_data (const Qcow2Entry *entry, guint entry_words)
{
  if (entry->entry & QCOW2_COMPRESSED)
    return TRUE;
  return (entry->entry & QCOW2_OFFSET_MASK) != 0
         && (entry_words == 2 ? entry->bitmap != 0 : !(entry->entry & QCOW2_ZERO));
}

/* How many clusters from @first on, up to @end, are like the first one and get new places. */
static guint64 BANYAN_COROUTINE
count_alike (Piece *piece, guint64 end)
{
  Qcow2Image *image = piece->image;
  guint64 at = piece->first + image->cluster_size;

  while (at < end)
    {
      Qcow2Mapping next;

      if (!qcow2_map (image, at, image->cluster_size, &next, NULL) || keeps_place (&next)
          || has_data (&next.first, image->entry_words) != piece->whole)
        break;
      at += image->cluster_size;
    }
  return (at - piece->first) >> image->cluster_bits;
}

static gboolean BANYAN_COROUTINE
find_place (Piece *piece, guint64 most, GError **error)
{
  Qcow2Image *image = piece->image;

  if (keeps_place (&piece->old))
    {
      piece->is_reused = TRUE;
      piece->n = 1;
      piece->host = piece->old.first.entry & QCOW2_OFFSET_MASK;
      return TRUE;
    }

  piece->whole = has_data (&piece->old.first, image->entry_words);
  piece->n = count_alike (piece, piece->first + (most << image->cluster_bits));
  if (!image->has_data_file)
    return qcow2_space_allocate (image, 1, piece->n, &piece->host, &piece->n, &piece->is_fresh,
                                 error);

  /* There, a cluster's place is where it is for the guest. */
  piece->host = piece->first;
  piece->is_fresh = piece->host >= banyan_child_get_length (image->data_file);
  return TRUE;
}

static void BANYAN_COROUTINE
give_up_place (Piece *piece)
{
  Qcow2Image *image = piece->image;

  if (!piece->is_reused && !image->has_data_file)
    qcow2_space_drop (image, piece->host, piece->n << image->cluster_bits, QCOW2_DISCARD_NEVER,
                      NULL);
}

/* -- What is around the data. -- */

/* A subcluster that has data keeps it where it is. */
static gboolean
is_there (const Piece *piece, guint64 offset)
{
  guint64 in_cluster = offset & (piece->image->cluster_size - 1);
  Qcow2Kind kind = qcow2_entry_kind (piece->image, &piece->old.first,
                                     in_cluster >> piece->image->subcluster_bits);

  return piece->is_reused && kind == QCOW2_DATA;
}

static void
find_surroundings (Piece *piece)
{
  Qcow2Image *image = piece->image;
  guint64 unit
      = piece->whole ? image->cluster_size : G_GUINT64_CONSTANT (1) << image->subcluster_bits;
  guint64 end = piece->request->offset + piece->request->length;
  guint64 clusters_end = piece->first + (piece->n << image->cluster_bits);

  piece->start = piece->request->offset;
  piece->end = MIN (end, clusters_end);
  if (!is_there (piece, piece->start))
    piece->start = qcow2_round_down (piece->start, unit);
  if (piece->end < clusters_end && !is_there (piece, piece->end - 1))
    piece->end = qcow2_round_up (piece->end, unit);
  /* What lies behind the end of the disk is zeroed when that grows. */
  piece->end = MAX (MIN (piece->end, qcow2_io_length (image)), MIN (end, clusters_end));
}

/* Whether a range reads as zeroes, by what the tables say. */
static gboolean BANYAN_COROUTINE
reads_as_zeroes (Qcow2Image *image, guint64 offset, guint64 end)
{
  while (offset < end)
    {
      Qcow2Mapping mapping;

      if (!qcow2_map (image, offset, end - offset, &mapping, NULL))
        return FALSE;
      if (mapping.kind == QCOW2_DATA || mapping.kind == QCOW2_PACKED)
        return FALSE;
      if ((mapping.kind == QCOW2_UNALLOCATED || mapping.kind == QCOW2_PLACED)
          && image->backing != NULL && offset < banyan_child_get_length (image->backing))
        return FALSE;
      offset += mapping.length;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
read_around (Qcow2Image *image, guint64 offset, guint64 end, BanyanBuffer **buffer, GError **error)
{
  struct iovec iov;
  BanyanRequest request;

  *buffer = banyan_buffer_new (end - offset);
  if (*buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to copy a cluster", image->name);

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_COW_READ);
  iov = (struct iovec){ (*buffer)->data, end - offset };
  request = BANYAN_REQUEST (offset, end - offset, &iov, 1);
  return qcow2_io_read (image, &request, error);
}

/* -- Writing it. -- */

typedef struct
{
  struct iovec iov[MAX_VECTORS];
  guint n;
} Vector;

static void
add_memory (Vector *vector, gpointer memory, gsize length)
{
  vector->iov[vector->n++] = (struct iovec){ memory, length };
}

static void
add_data (Vector *vector, const BanyanRequest *request, guint64 length)
{
  BanyanRequest part = banyan_request_slice (request, 0, length, 0);
  guint64 covered;

  vector->n += banyan_request_flatten (&part, vector->iov + vector->n, MAX_VECTORS - 1 - vector->n,
                                       &covered);
}

static gboolean BANYAN_COROUTINE
write_vector (Piece *piece, Vector *vector, guint64 start, guint64 end, GError **error)
{
  Qcow2Image *image = piece->image;
  BanyanRequest below
      = BANYAN_REQUEST (piece->host + (start - piece->first), end - start, vector->iov, vector->n);

  return qcow2_image_grow_child (image, qcow2_image_data (image),
                                 piece->host + (piece->n << image->cluster_bits), error)
         && write_data (image, &below, start, error);
}

/* One write for all: what is before, the data, what is behind. Zeroes that are there need not be
 * written, unless only the key makes them zeroes. */
static gboolean BANYAN_COROUTINE
write_piece (Piece *piece, GError **error)
{
  guint64 data_start = piece->request->offset;
  guint64 data_end = MIN (data_start + piece->request->length,
                          piece->first + (piece->n << piece->image->cluster_bits));
  g_autoptr (BanyanBuffer) before = NULL;
  g_autoptr (BanyanBuffer) behind = NULL;
  gboolean has_zeroes = piece->is_fresh && piece->image->encryption == NULL;
  Vector vector;

  if (has_zeroes && reads_as_zeroes (piece->image, piece->start, data_start))
    piece->start = data_start;
  if (has_zeroes && reads_as_zeroes (piece->image, data_end, piece->end))
    piece->end = data_end;

  vector.n = 0;
  if (piece->start < data_start)
    {
      if (!read_around (piece->image, piece->start, data_start, &before, error))
        return FALSE;
      add_memory (&vector, before->data, data_start - piece->start);
    }
  add_data (&vector, piece->request, data_end - data_start);
  if (data_end < piece->end)
    {
      if (!read_around (piece->image, data_end, piece->end, &behind, error))
        return FALSE;
      add_memory (&vector, behind->data, piece->end - data_end);
    }

  if (before != NULL || behind != NULL)
    qcow2_image_announce (piece->image, BANYAN_DEBUG_EVENT_COW_WRITE);
  qcow2_image_announce (piece->image, BANYAN_DEBUG_EVENT_WRITE_AIO);
  return write_vector (piece, &vector, piece->start, piece->end, error);
}

/* -- Leading there. -- */

static guint64
subclusters_between (Qcow2Image *image, guint64 from, guint64 to)
{
  guint first = from >> image->subcluster_bits;
  guint end
      = (to + (G_GUINT64_CONSTANT (1) << image->subcluster_bits) - 1) >> image->subcluster_bits;

  return ((G_GUINT64_CONSTANT (1) << end) - 1) & ~((G_GUINT64_CONSTANT (1) << first) - 1);
}

static Qcow2Entry
lead_to_piece (Qcow2Image *image, guint64 offset, const Qcow2Entry *old, gconstpointer data)
{
  const Piece *piece = data;
  Qcow2Entry entry = { .entry = (piece->host + (offset - piece->first)) | QCOW2_COPIED };
  guint64 from, to, written;

  if (image->entry_words == 1)
    return entry;

  /* Whole clusters have data in all of their subclusters, behind the disk's end, too. */
  from = MAX (piece->start, offset) - offset;
  to = MIN (piece->end, offset + image->cluster_size) - offset;
  written = piece->whole ? G_MAXUINT32 : subclusters_between (image, from, to);
  if (old->entry & QCOW2_COMPRESSED)
    entry.bitmap = written;
  else
    entry.bitmap = (old->bitmap | written) & ~(written << 32);
  return entry;
}

static gboolean BANYAN_COROUTINE
place_piece (Piece *piece, GError **error)
{
  guint64 start, end;

  find_surroundings (piece);
  start = piece->start, end = piece->end;
  if (!write_piece (piece, error))
    return FALSE;

  /* What was left out because it was zero already is data, too. */
  piece->start = start, piece->end = end;
  return qcow2_link (piece->image, piece->first, piece->n, lead_to_piece, piece,
                     QCOW2_DISCARD_OTHER, error);
}

/* -- Compressed. -- */

typedef struct
{
  guint64 offset;
  guint64 length;
} Packed;

static Qcow2Entry
lead_to_packed (Qcow2Image *image, guint64 offset, const Qcow2Entry *old, gconstpointer data)
{
  const Packed *packed = data;

  return qcow2_entry_packed (image, packed->offset, packed->length);
}

static gboolean BANYAN_COROUTINE
write_packed (Qcow2Image *image, const BanyanRequest *request, const guint8 *bytes, gsize length,
              GError **error)
{
  Packed packed = { .length = length };

  if (!qcow2_space_allocate_bytes (image, length, &packed.offset, error))
    return FALSE;
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_WRITE_COMPRESSED);
  if (banyan_child_pwrite (image->file, packed.offset, bytes, length, 0, error))
    {
      qcow2_image_announce (image, BANYAN_DEBUG_EVENT_L2_UPDATE_COMPRESSED);
      if (qcow2_link (image, request->offset, 1, lead_to_packed, &packed, QCOW2_DISCARD_OTHER,
                      error))
        return TRUE;
    }

  qcow2_space_drop (image, packed.offset, length, QCOW2_DISCARD_NEVER, NULL);
  return FALSE;
}

/* Only whole clusters, or what there is of the last one. */
static gboolean
may_pack (Qcow2Image *image, const BanyanRequest *request)
{
  guint64 end = request->offset + MIN (request->length, image->cluster_size);

  return (request->flags & BANYAN_REQUEST_COMPRESSED) && !image->has_data_file
         && image->encryption == NULL && (request->offset & (image->cluster_size - 1)) == 0
         && (request->length >= image->cluster_size || end == qcow2_io_length (image));
}

/* @packed: whether it has become smaller, and is written. */
static gboolean BANYAN_COROUTINE
try_to_pack (Qcow2Image *image, const BanyanRequest *request, gboolean *packed, GError **error)
{
  g_autoptr (BanyanBuffer) plain = banyan_buffer_new (image->cluster_size);
  g_autoptr (BanyanBuffer) small = banyan_buffer_new (image->cluster_size);
  gsize there = MIN (request->length, image->cluster_size);
  gsize length;

  *packed = FALSE;
  if (plain == NULL || small == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to compress", image->name);

  banyan_request_copy_out (request, 0, plain->data, there);
  memset (plain->data + there, 0, image->cluster_size - there);
  length = qcow2_codecs_pack (image->codecs, plain->data, image->cluster_size, small->data,
                              image->cluster_size - 1);
  if (length == 0)
    return TRUE;

  *packed = TRUE;
  return write_packed (image, request, small->data, length, error);
}

/* -- A write. -- */

/* Under the range lock of the clusters: looks again, as somebody else may have been faster. */
static gboolean BANYAN_COROUTINE
write_locked (Qcow2Image *image, const BanyanRequest *request, guint64 most, guint64 *done,
              GError **error)
{
  Piece piece = { .image = image, .request = request };
  guint64 end = request->offset + request->length;

  piece.first = qcow2_round_down (request->offset, image->cluster_size);
  if (!qcow2_map (image, request->offset, request->length, &piece.old, error))
    return FALSE;
  if (is_in_place (&piece.old))
    {
      *done = piece.old.length;
      return write_in_place (image, request, &piece.old, error);
    }

  if (!find_place (&piece, most, error))
    return FALSE;
  if (!place_piece (&piece, error))
    {
      give_up_place (&piece);
      return FALSE;
    }
  *done = MIN (end, piece.first + (piece.n << image->cluster_bits)) - request->offset;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
write_elsewhere (Qcow2Image *image, const BanyanRequest *request, guint64 *done, GError **error)
{
  guint64 first = qcow2_round_down (request->offset, image->cluster_size);
  guint64 end = qcow2_round_up (request->offset + request->length, image->cluster_size);
  guint64 most
      = MIN ((end - first) >> image->cluster_bits, MAX (MAX_PIECE >> image->cluster_bits, 1));
  gboolean packed = FALSE, succeeded = TRUE;
  BanyanRangeGuard guard;

  /* One slice of a table is exchanged, or nothing. */
  most = may_pack (image, request) ? 1 : MIN (most, qcow2_clusters_to_slice_end (image, first));
  banyan_range_lock_acquire (&image->ranges, &guard, first, most << image->cluster_bits, TRUE);
  if (may_pack (image, request))
    succeeded = try_to_pack (image, request, &packed, error);
  if (packed)
    *done = MIN (request->length, image->cluster_size);
  else if (succeeded)
    succeeded = write_locked (image, request, most, done, error);
  banyan_range_lock_release (&image->ranges, &guard);
  return succeeded;
}

static gboolean BANYAN_COROUTINE
write_inside (Qcow2Image *image, const BanyanRequest *request, GError **error)
{
  guint64 done = 0, step;

  while (done < request->length)
    {
      guint64 offset = request->offset + done;
      BanyanRequest part = banyan_request_slice (request, done, request->length - done, offset);
      Qcow2Mapping mapping = { .kind = QCOW2_UNALLOCATED };

      if (!may_pack (image, &part) && !qcow2_map (image, offset, part.length, &mapping, error))
        return FALSE;
      if (is_in_place (&mapping))
        {
          if (!write_in_place (image, &part, &mapping, error))
            return FALSE;
          step = mapping.length;
        }
      else if (!write_elsewhere (image, &part, &step, error))
        return FALSE;
      done += step;
    }
  return TRUE;
}

/* Where storage lacks what leads to the data, the data alone being there is no help. */
gboolean BANYAN_COROUTINE
qcow2_io_write (Qcow2Image *image, const BanyanRequest *request, GError **error)
{
  gboolean is_behind = (request->flags & BANYAN_REQUEST_FUA) && qcow2_order_is_behind (image);
  BanyanRequest below = *request;
  Qcow2Visit visit;
  gboolean done;

  if (!qcow2_image_begin_writing (image, error))
    return FALSE;
  if (is_behind)
    below.flags &= ~BANYAN_REQUEST_FUA;

  visit = qcow2_presence_enter (&image->presence);
  done = write_inside (image, &below, error);
  qcow2_presence_leave (&image->presence, &visit);
  if (!done)
    return FALSE;

  if ((request->flags & BANYAN_REQUEST_FUA) && (is_behind || qcow2_order_is_behind (image)))
    return qcow2_order_flush (image, error);
  return !qcow2_order_has_many (image) || qcow2_order_flush (image, error);
}
