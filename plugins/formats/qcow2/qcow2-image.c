/* qcow2-image.c - an open image: opening, closing, and what is said before the first write
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-image.h"

#include "qcow2-bitmap.h"
#include "qcow2-check.h"
#include "qcow2-cluster.h"
#include "qcow2-codec.h"
#include "qcow2-order.h"
#include "qcow2-refcount.h"
#include "qcow2-snapshot.h"

#include <errno.h>

/* How far the file grows beyond what is needed: seldom, and little beside what it has. */
#define MIN_GROWTH (G_GUINT64_CONSTANT (256) << 10)
#define MAX_GROWTH (G_GUINT64_CONSTANT (64) << 20)

void
qcow2_image_init (Qcow2Image *self)
{
  qcow2_header_init (&self->header);
  g_mutex_init (&self->freed_mutex);
  qcow2_sweeper_init (&self->sweeper);
}

void
qcow2_image_clear (Qcow2Image *self)
{
  qcow2_header_clear (&self->header);
  g_mutex_clear (&self->freed_mutex);
  qcow2_sweeper_clear (&self->sweeper);
}

/* -- Opening. -- */

static void
derive_geometry (Qcow2Image *self)
{
  const Qcow2Header *header = &self->header;
  gboolean is_extended = (header->incompatible & QCOW2_INCOMPATIBLE_EXTENDED) != 0;

  self->cluster_bits = header->cluster_bits;
  self->cluster_size = G_GUINT64_CONSTANT (1) << header->cluster_bits;
  self->entry_words = is_extended ? 2 : 1;
  self->l2_bits = header->cluster_bits - (is_extended ? 4 : 3);
  self->subcluster_bits = header->cluster_bits - (is_extended ? 5 : 0);
  self->refcount_order = header->refcount_order;
  self->has_data_file = (header->incompatible & QCOW2_INCOMPATIBLE_DATA_FILE) != 0;

  self->refs_slice_bits = g_bit_storage (MIN (QCOW2_DEFAULT_SLICE, self->cluster_size) * 8) - 1
                          - self->refcount_order;
}

guint64
qcow2_image_l1_entries (Qcow2Image *self, guint64 size)
{
  guint bits = self->cluster_bits + self->l2_bits;

  return (size >> bits) + ((size & ((G_GUINT64_CONSTANT (1) << bits) - 1)) != 0);
}

/* Piece by piece, and what lies behind the end of the file is zero. */
static gboolean BANYAN_COROUTINE
read_table (Qcow2Image *self, guint64 offset, guint64 *table, gsize n, GError **error)
{
  guint64 end = banyan_child_get_length (self->file);
  gsize bytes = n * sizeof *table;

  bytes = offset < end ? MIN (bytes, end - offset) : 0;
  if (bytes > 0 && !banyan_child_pread (self->file, offset, table, bytes, error))
    return FALSE;

  for (gsize i = 0; i < n; i++)
    table[i] = GUINT64_FROM_BE (table[i]);
  return TRUE;
}

void
qcow2_image_claim (Qcow2Image *self, guint64 offset, guint64 n, Qcow2Meta kind)
{
  Qcow2Meta found;

  if (qcow2_overlap_claim (&self->overlap, offset >> self->cluster_bits, n, kind, &found)
      || self->crossed != NULL)
    return;

  self->crossed
      = g_strdup_printf ("%s at %#" G_GINT64_MODIFIER "x lies in %s", qcow2_meta_to_string (kind),
                         offset, qcow2_meta_to_string (found));
  self->crossed_kinds = 1u << kind | 1u << found;
}

static void
note_table (Qcow2Image *self, const guint64 *table, gsize n, Qcow2Meta kind)
{
  for (gsize i = 0; i < n; i++)
    if ((table[i] & QCOW2_OFFSET_MASK) != 0)
      qcow2_image_claim (self, table[i] & QCOW2_OFFSET_MASK, 1, kind);
}

static void
note_tables (Qcow2Image *self)
{
  const Qcow2Header *header = &self->header;
  guint64 l1_bytes = (guint64) header->l1_size * 8;

  qcow2_image_claim (self, 0, 1, QCOW2_META_HEADER);
  qcow2_image_claim (self, header->crypto_offset,
                     (header->crypto_bytes + self->cluster_size - 1) >> self->cluster_bits,
                     QCOW2_META_HEADER);
  qcow2_image_claim (self, header->l1_offset,
                     (l1_bytes + self->cluster_size - 1) >> self->cluster_bits,
                     QCOW2_META_ACTIVE_L1);
  qcow2_image_claim (self, header->reftable_offset, header->reftable_clusters,
                     QCOW2_META_REFCOUNT_TABLE);
  note_table (self, self->l1, self->l1_size, QCOW2_META_ACTIVE_L2);
  note_table (self, self->reftable, self->reftable_size, QCOW2_META_REFCOUNT_BLOCK);
}

static gboolean BANYAN_COROUTINE
read_tables (Qcow2Image *self, GError **error)
{
  const Qcow2Header *header = &self->header;
  guint reftable_size = (header->reftable_clusters << self->cluster_bits) / 8;

  /* As large as they may become, so that nobody has to wait while they grow. */
  self->l1 = g_new0 (guint64, QCOW2_MAX_L1_BYTES / 8);
  self->reftable = g_new0 (guint64, QCOW2_MAX_REFTABLE_BYTES / 8);
  self->l1_size = header->l1_size;
  self->reftable_size = reftable_size;
  self->l1_dirty_from = self->reftable_dirty_from = G_MAXUINT;
  if (!read_table (self, header->l1_offset, self->l1, self->l1_size, error))
    return FALSE;
  qcow2_image_announce (self, BANYAN_DEBUG_EVENT_REFTABLE_LOAD);
  if (!read_table (self, header->reftable_offset, self->reftable, reftable_size, error))
    return FALSE;

  note_tables (self);
  return qcow2_snapshots_read (self, error) && qcow2_bitmaps_read (self, error);
}

static void
init_state (Qcow2Image *self)
{
  self->freed = g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
  self->cooling = g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
  self->snapshots = g_array_new (FALSE, FALSE, sizeof (Qcow2Snapshot));
  g_array_set_clear_func (self->snapshots, qcow2_snapshot_clear);
  self->bitmaps = g_array_new (FALSE, FALSE, sizeof (Qcow2Bitmap));
  g_array_set_clear_func (self->bitmaps, qcow2_bitmap_clear);
  qcow2_overlap_init (&self->overlap);
  self->codecs = qcow2_codecs_new (self->header.compression);
  self->changes = self->stable = 0;
  self->writing = QCOW2_READS;
  self->is_dirty = self->is_corrupt = self->is_past = FALSE;
  self->l1_dirty_to = self->reftable_dirty_to = self->reftable_is_dirty = 0;
  self->first_free = 0;
  self->packing = 0;
}

gboolean BANYAN_COROUTINE
qcow2_image_open (Qcow2Image *self, const Qcow2CacheSizes *sizes, GError **error)
{
  Qcow2Caches caches = { 0 };

  qcow2_image_watch (self);
  qcow2_image_announce (self, BANYAN_DEBUG_EVENT_NONE);
  qcow2_header_clear (&self->header);
  qcow2_header_init (&self->header);
  if (!qcow2_header_read (&self->header, self->file, self->name, error)
      || !qcow2_header_check_features (&self->header, self->name, error))
    return FALSE;

  derive_geometry (self);
  init_state (self);
  if (!qcow2_caches_init (&caches, self, sizes, error))
    {
      qcow2_image_close (self);
      return FALSE;
    }
  qcow2_caches_exchange (&caches, self);
  if (!read_tables (self, error))
    {
      qcow2_image_close (self);
      return FALSE;
    }

  self->high_water
      = (banyan_child_get_length (self->file) + self->cluster_size - 1) >> self->cluster_bits;
  self->is_corrupt = (self->header.incompatible & QCOW2_INCOMPATIBLE_CORRUPT) != 0;
  qcow2_sweeper_begin (&self->sweeper);
  return TRUE;
}

void BANYAN_COROUTINE
qcow2_image_close (Qcow2Image *self)
{
  qcow2_sweeper_end (self);
  qcow2_cache_clear (&self->l2);
  qcow2_cache_clear (&self->refs);
  g_clear_pointer (&self->l1, g_free);
  g_clear_pointer (&self->reftable, g_free);
  g_clear_pointer (&self->freed, g_array_unref);
  g_clear_pointer (&self->cooling, g_array_unref);
  g_clear_pointer (&self->spare, g_array_unref);
  g_clear_pointer (&self->snapshots, g_array_unref);
  g_clear_pointer (&self->bitmaps, g_array_unref);
  g_clear_pointer (&self->codecs, qcow2_codecs_free);
  g_clear_pointer (&self->crossed, g_free);
  qcow2_overlap_clear (&self->overlap);
}

/* -- The children. -- */

static BanyanAnswer BANYAN_COROUTINE
resize_child (BanyanChild *child, guint64 length, GError **error)
{
  BanyanResize resize = { .size = sizeof resize, .length = length };

  return banyan_child_resize (child, &resize, error);
}

static gboolean BANYAN_COROUTINE
grow_locked (Qcow2Image *self, BanyanChild *child, guint64 length, GError **error)
{
  guint64 extra = CLAMP (length / 8, MIN_GROWTH, MAX_GROWTH);
  guint64 much = qcow2_round_up (length + extra, self->cluster_size);
  BanyanAnswer answer;

  if (length > G_MAXINT64 / 2)
    return banyan_throw_errno (error, EFBIG, "%s: the image cannot become larger", self->name);
  /* Others read the data file, who need not know how we grow it. */
  if (child == self->file && resize_child (child, much, NULL) == BANYAN_DONE)
    return TRUE;

  answer = resize_child (child, length, error);
  if (answer == BANYAN_UNSUPPORTED)
    return banyan_throw_errno (
        error, ENOSPC, "%s: %s is full, and cannot be made longer than %" G_GUINT64_FORMAT " bytes",
        self->name, banyan_child_get_role (child), banyan_child_get_length (child));
  return answer == BANYAN_DONE;
}

gboolean BANYAN_COROUTINE
qcow2_image_grow_child (Qcow2Image *self, BanyanChild *child, guint64 length, GError **error)
{
  gboolean done = TRUE;

  if (G_LIKELY (length <= banyan_child_get_length (child)))
    return TRUE;

  banyan_co_mutex_lock (&self->grow_mutex);
  if (length > banyan_child_get_length (child))
    done = grow_locked (self, child, length, error);
  banyan_co_mutex_unlock (&self->grow_mutex);
  return done;
}

/* An image that is being made leads to a data file, and has none yet. */
gboolean BANYAN_COROUTINE
qcow2_image_flush_children (Qcow2Image *self, GError **error)
{
  return (!self->has_data_file || self->data_file == NULL
          || banyan_child_flush (self->data_file, error))
         && banyan_child_flush (self->file, error);
}

/* -- Damage. -- */

static void BANYAN_COROUTINE
write_corrupt_bit (Qcow2Image *self)
{
  if (self->header.version == 2)
    return;

  banyan_co_mutex_lock (&self->header_mutex);
  self->header.incompatible |= QCOW2_INCOMPATIBLE_CORRUPT;
  if (qcow2_header_write_fields (&self->header, self->file, NULL))
    banyan_child_flush (self->file, NULL);
  banyan_co_mutex_unlock (&self->header_mutex);
}

/* Who only reads writes nothing. */
static void BANYAN_COROUTINE
mark_corrupt (Qcow2Image *self)
{
  if (!__atomic_exchange_n (&self->is_corrupt, TRUE, __ATOMIC_ACQ_REL)
      && __atomic_load_n (&self->writing, __ATOMIC_ACQUIRE) != QCOW2_READS)
    write_corrupt_bit (self);
}

gboolean BANYAN_COROUTINE
qcow2_image_throw_corrupt (Qcow2Image *self, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  mark_corrupt (self);
  return banyan_throw_errno (error, EIO, "%s: the image is damaged: %s", self->name, what);
}

void BANYAN_COROUTINE
qcow2_image_put_back_header (Qcow2Image *self)
{
  if (!qcow2_header_write_fields (&self->header, self->file, NULL)
      || !banyan_child_flush (self->file, NULL))
    __atomic_store_n (&self->is_corrupt, TRUE, __ATOMIC_RELEASE);
}

/* -- Writing tables. -- */

static gboolean BANYAN_COROUTINE
check_place (Qcow2Image *self, Qcow2Meta kind, guint64 offset, guint64 length, GError **error)
{
  guint64 first = offset >> self->cluster_bits;
  guint64 n = ((offset + length - 1) >> self->cluster_bits) - first + 1;
  Qcow2Meta found;

  if (!qcow2_overlap_find (&self->overlap, first, n,
                           BANYAN_LIVE (self->overlap_check) & qcow2_meta_others (kind), &found))
    return TRUE;

  return qcow2_image_throw_corrupt (
      self, error, "%s at %#" G_GINT64_MODIFIER "x would be written over %s",
      qcow2_meta_to_string (kind), offset, qcow2_meta_to_string (found));
}

gboolean BANYAN_COROUTINE
qcow2_image_write_table (Qcow2Image *self, Qcow2Meta kind, guint64 offset, gconstpointer bytes,
                         gsize length, GError **error)
{
  return check_place (self, kind, offset, length, error)
         && banyan_child_pwrite (self->file, offset, bytes, length, 0, error);
}

gboolean BANYAN_COROUTINE
qcow2_image_zero_table (Qcow2Image *self, Qcow2Meta kind, guint64 offset, guint64 length,
                        GError **error)
{
  BanyanRequest zeroes = BANYAN_REQUEST (offset, length, NULL, 0);

  return check_place (self, kind, offset, length, error)
         && banyan_child_write_zeroes (self->file, &zeroes, error) == BANYAN_DONE;
}

/* -- Before the first write, and after the last. -- */

static gboolean BANYAN_COROUTINE
write_promises (Qcow2Image *self, gboolean is_lazy, GError **error)
{
  gboolean done;

  banyan_co_mutex_lock (&self->header_mutex);
  /* Requests look at it meanwhile. */
  BANYAN_LIVE_SET (self->header.autoclear, self->header.autoclear & QCOW2_AUTOCLEAR_KNOWN);
  if (is_lazy)
    self->header.incompatible |= QCOW2_INCOMPATIBLE_DIRTY;
  done = qcow2_header_write_fields (&self->header, self->file, error)
         && banyan_child_flush (self->file, error);
  banyan_co_mutex_unlock (&self->header_mutex);
  return done;
}

/* Under l1_mutex. */
static gboolean BANYAN_COROUTINE
begin_locked (Qcow2Image *self, GError **error)
{
  gboolean is_lazy = BANYAN_LIVE (self->lazy_refcounts) && self->header.version > 2;
  gboolean must_clear = (self->header.autoclear & ~(guint64) QCOW2_AUTOCLEAR_KNOWN) != 0;

  if (self->crossed != NULL && (self->crossed_kinds & ~BANYAN_LIVE (self->overlap_check)) == 0)
    {
      __atomic_store_n (&self->is_corrupt, TRUE, __ATOMIC_RELEASE);
      write_corrupt_bit (self);
      return qcow2_image_throw_corrupt (self, error, "%s", self->crossed);
    }
  if ((self->header.incompatible & QCOW2_INCOMPATIBLE_DIRTY)
      && !qcow2_check_repair_refcounts (self, error))
    return FALSE;
  if ((is_lazy || must_clear) && !write_promises (self, is_lazy, error))
    return FALSE;

  __atomic_store_n (&self->is_dirty, is_lazy, __ATOMIC_RELEASE);
  __atomic_store_n (&self->writing, QCOW2_EDITS, __ATOMIC_RELEASE);
  return TRUE;
}

/* Under l1_mutex. */
static gboolean BANYAN_COROUTINE
advance_locked (Qcow2Image *self, Qcow2Writing what, GError **error)
{
  if (self->writing == QCOW2_READS && !begin_locked (self, error))
    return FALSE;
  if (self->writing >= what)
    return TRUE;

  if (!qcow2_bitmaps_mark_in_use (self, error))
    return FALSE;
  __atomic_store_n (&self->writing, QCOW2_WRITES, __ATOMIC_RELEASE);
  return TRUE;
}

gboolean
qcow2_image_throw_if_past (Qcow2Image *self, GError **error)
{
  return !self->is_past
         || banyan_throw_errno (error, EROFS,
                                "%s: a snapshot of the image is shown, and nothing of it changes; "
                                "leave out the property \"snapshot\"",
                                self->name);
}

static gboolean BANYAN_COROUTINE
begin (Qcow2Image *self, Qcow2Writing what, GError **error)
{
  gboolean done;

  if (G_UNLIKELY (__atomic_load_n (&self->is_corrupt, __ATOMIC_ACQUIRE)))
    return banyan_throw_errno (error, EIO,
                               "%s: the image is damaged, and not written to until it is repaired",
                               self->name);
  if (G_LIKELY (__atomic_load_n (&self->writing, __ATOMIC_ACQUIRE) >= what))
    return TRUE;
  if (!qcow2_image_throw_if_past (self, error))
    return FALSE;

  banyan_co_mutex_lock (&self->l1_mutex);
  done = advance_locked (self, what, error);
  banyan_co_mutex_unlock (&self->l1_mutex);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_image_begin_editing (Qcow2Image *self, GError **error)
{
  return begin (self, QCOW2_EDITS, error);
}

gboolean BANYAN_COROUTINE
qcow2_image_begin_writing (Qcow2Image *self, GError **error)
{
  return begin (self, QCOW2_WRITES, error);
}

static gboolean BANYAN_COROUTINE
take_back_promises (Qcow2Image *self, GError **error)
{
  gboolean done;

  if (!(self->header.incompatible & QCOW2_INCOMPATIBLE_DIRTY))
    return TRUE;

  banyan_co_mutex_lock (&self->header_mutex);
  self->header.incompatible &= ~(guint64) QCOW2_INCOMPATIBLE_DIRTY;
  done = qcow2_header_write_fields (&self->header, self->file, error)
         && banyan_child_flush (self->file, error);
  banyan_co_mutex_unlock (&self->header_mutex);
  return done;
}

/* What the file was grown beyond its last cluster is cut off; if not, no harm is done. */
static void BANYAN_COROUTINE
trim_file (Qcow2Image *self)
{
  guint64 end = self->high_water << self->cluster_bits;

  if (end < banyan_child_get_length (self->file))
    resize_child (self->file, end, NULL);
}

gboolean BANYAN_COROUTINE
qcow2_image_finish_writing (Qcow2Image *self, GError **error)
{
  if (self->writing == QCOW2_READS)
    return TRUE;
  if (self->is_corrupt)
    return TRUE;
  if (!qcow2_order_settle (self, error) || !take_back_promises (self, error))
    return FALSE;

  trim_file (self);
  self->is_dirty = FALSE;
  self->writing = QCOW2_READS;
  return TRUE;
}
