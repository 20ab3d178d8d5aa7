/* qcow2-cluster.c - where the guest's clusters are, and what leads there
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-cluster.h"

#include "qcow2-order.h"
#include "qcow2-refcount.h"
#include "qcow2-space.h"

#include <errno.h>

/* -- Entries. -- */

static guint64
alloc_bits (guint64 bitmap)
{
  return bitmap & G_MAXUINT32;
}

static guint64
zero_bits (guint64 bitmap)
{
  return bitmap >> 32;
}

static Qcow2Kind
subcluster_kind (guint64 bitmap, guint subcluster, gboolean has_place)
{
  gboolean is_zero = (zero_bits (bitmap) >> subcluster) & 1;
  gboolean is_allocated = (alloc_bits (bitmap) >> subcluster) & 1;

  if (is_zero && is_allocated)
    return QCOW2_BAD;
  if (is_zero)
    return has_place ? QCOW2_ZERO_ALLOCATED : QCOW2_ZERO_PLAIN;
  if (is_allocated)
    return has_place ? QCOW2_DATA : QCOW2_BAD;
  return has_place ? QCOW2_PLACED : QCOW2_UNALLOCATED;
}

/* Where the number of sectors begins in the entry of compressed data. */
static guint
packed_shift (const Qcow2Image *image)
{
  return 62 - (image->cluster_bits - 8);
}

/* Of small clusters, the entry has more bits for the offset than an offset may have. */
static Qcow2Kind
packed_kind (Qcow2Image *image, const Qcow2Entry *entry)
{
  guint64 offset = entry->entry & ((G_GUINT64_CONSTANT (1) << packed_shift (image)) - 1);

  return image->has_data_file || offset >> QCOW2_MAX_HOST_BITS != 0 ? QCOW2_BAD : QCOW2_PACKED;
}

Qcow2Kind
qcow2_entry_kind (Qcow2Image *image, const Qcow2Entry *entry, guint subcluster)
{
  guint64 host = entry->entry & QCOW2_OFFSET_MASK;
  gboolean has_place = host != 0 || (image->has_data_file && (entry->entry & QCOW2_COPIED));

  if (entry->entry & QCOW2_COMPRESSED)
    return packed_kind (image, entry);
  if (host & (image->cluster_size - 1))
    return QCOW2_BAD;
  if (image->entry_words == 2)
    return subcluster_kind (entry->bitmap, subcluster, has_place);
  if (!(entry->entry & QCOW2_ZERO))
    return has_place ? QCOW2_DATA : QCOW2_UNALLOCATED;
  if (image->header.version == 2)
    return QCOW2_BAD;
  return has_place ? QCOW2_ZERO_ALLOCATED : QCOW2_ZERO_PLAIN;
}

guint64
qcow2_entry_place (Qcow2Image *image, const Qcow2Entry *entry, guint64 *length)
{
  guint shift = packed_shift (image);
  guint64 place = entry->entry & QCOW2_OFFSET_MASK;
  guint64 sectors;

  *length = image->cluster_size;
  if (!(entry->entry & QCOW2_COMPRESSED))
    return place;

  place = entry->entry & ((G_GUINT64_CONSTANT (1) << MIN (shift, QCOW2_MAX_HOST_BITS)) - 1);
  sectors = (entry->entry & (QCOW2_COMPRESSED - 1)) >> shift;
  *length = (sectors + 1) * 512 - (place & 511);
  return place;
}

Qcow2Entry
qcow2_entry_packed (Qcow2Image *image, guint64 offset, guint64 length)
{
  guint64 sectors = (offset + length - 1) / 512 - offset / 512;

  return (Qcow2Entry){ .entry = QCOW2_COMPRESSED | offset | sectors << packed_shift (image) };
}

/* -- Looking up. -- */

static guint64
key_of (const Qcow2Image *image, guint64 offset)
{
  return offset >> (image->cluster_bits + image->l2_slice_bits);
}

static guint
word_of (const Qcow2Image *image, guint64 offset)
{
  guint64 index = (offset >> image->cluster_bits) & ((1u << image->l2_slice_bits) - 1);

  return index * image->entry_words;
}

guint64
qcow2_clusters_to_slice_end (Qcow2Image *image, guint64 offset)
{
  guint64 index = (offset >> image->cluster_bits) & ((1u << image->l2_slice_bits) - 1);

  return (1u << image->l2_slice_bits) - index;
}

guint64
qcow2_cluster_locate (Qcow2Image *image, guint64 key)
{
  guint bits = image->l2_bits - image->l2_slice_bits;
  guint64 table = qcow2_image_l1_entry (image, key >> bits) & QCOW2_OFFSET_MASK;
  guint64 within = key & ((G_GUINT64_CONSTANT (1) << bits) - 1);

  return table != 0 ? table + within * image->l2.slice_size : 0;
}

static gboolean
peek (Qcow2Image *image, guint64 offset, Qcow2Entry *entry)
{
  guint64 words[2] = { 0, 0 };

  if (!qcow2_cache_peek (&image->l2, key_of (image, offset), word_of (image, offset),
                         image->entry_words, words))
    return FALSE;

  *entry = (Qcow2Entry){ words[0], words[1] };
  return TRUE;
}

static Qcow2Entry
load_entry (Qcow2Image *image, const Qcow2Slot *slot, guint64 offset)
{
  guint word = word_of (image, offset);

  return (Qcow2Entry){ .entry = qcow2_slot_load (slot, word),
                       .bitmap = image->entry_words == 2 ? qcow2_slot_load (slot, word + 1) : 0 };
}

static gboolean BANYAN_COROUTINE
get_slice (Qcow2Image *image, guint64 offset, Qcow2Slot **slot, GError **error)
{
  guint64 l1_entry = qcow2_image_l1_entry (image, qcow2_image_l1_index (image, offset));

  if ((l1_entry & QCOW2_OFFSET_MASK) & (image->cluster_size - 1))
    return qcow2_image_throw_corrupt (
        image, error, "an L2 table lies at %#" G_GINT64_MODIFIER "x, where no cluster begins",
        l1_entry & QCOW2_OFFSET_MASK);

  *slot = qcow2_cache_get (&image->l2, key_of (image, offset), error);
  return *slot != NULL;
}

/* How many bytes of the cluster from @offset on are of the kind that the first is. */
static guint64
measure (Qcow2Image *image, guint64 offset, const Qcow2Entry *entry, Qcow2Kind kind)
{
  guint64 in_cluster = offset & (image->cluster_size - 1);
  guint subcluster = in_cluster >> image->subcluster_bits;

  if (image->entry_words == 1 || kind == QCOW2_PACKED)
    return image->cluster_size - in_cluster;

  while (++subcluster < QCOW2_N_SUBCLUSTERS && qcow2_entry_kind (image, entry, subcluster) == kind)
    ;
  return ((guint64) subcluster << image->subcluster_bits) - in_cluster;
}

static void
describe (Qcow2Image *image, guint64 offset, const Qcow2Entry *entry, Qcow2Mapping *mapping)
{
  guint64 in_cluster = offset & (image->cluster_size - 1);
  guint64 length;

  mapping->first = *entry;
  mapping->kind = qcow2_entry_kind (image, entry, in_cluster >> image->subcluster_bits);
  mapping->is_ours = (entry->entry & QCOW2_COPIED) != 0;
  mapping->host = qcow2_entry_place (image, entry, &length);
  if (mapping->kind != QCOW2_PACKED)
    mapping->host += in_cluster;
  mapping->length = measure (image, offset, entry, mapping->kind);
}

static gboolean
has_place (Qcow2Kind kind)
{
  return kind == QCOW2_DATA || kind == QCOW2_ZERO_ALLOCATED || kind == QCOW2_PLACED;
}

/* Goes on into the clusters that follow, while they are of the kind, and lie one after the other.
 */
static void
extend (Qcow2Image *image, guint64 offset, guint64 length, Qcow2Mapping *mapping)
{
  while (mapping->length < length && mapping->kind != QCOW2_PACKED
         && ((offset + mapping->length) & (image->cluster_size - 1)) == 0)
    {
      guint64 next = offset + mapping->length;
      guint64 place_length, place;
      Qcow2Entry entry;

      if (!peek (image, next, &entry) || qcow2_entry_kind (image, &entry, 0) != mapping->kind
          || ((entry.entry & QCOW2_COPIED) != 0) != mapping->is_ours)
        break;
      place = qcow2_entry_place (image, &entry, &place_length);
      if (has_place (mapping->kind) && place != mapping->host + mapping->length)
        break;
      mapping->length += measure (image, next, &entry, mapping->kind);
    }
}

gboolean
qcow2_map_at_once (Qcow2Image *image, guint64 offset, guint64 length, Qcow2Mapping *mapping)
{
  Qcow2Entry entry;

  if (!peek (image, offset, &entry))
    return FALSE;

  describe (image, offset, &entry, mapping);
  if (mapping->length < length)
    extend (image, offset, length, mapping);
  mapping->length = MIN (mapping->length, length);
  return mapping->kind != QCOW2_BAD;
}

/* No table: nothing of what it would cover is allocated. */
static void
describe_nothing (Qcow2Image *image, guint64 offset, guint64 length, Qcow2Mapping *mapping)
{
  guint bits = image->cluster_bits + image->l2_bits;
  guint64 covered = ((offset >> bits) + 1) << bits;

  *mapping = (Qcow2Mapping){ .kind = QCOW2_UNALLOCATED };
  mapping->length = MIN (length, covered - offset);
}

gboolean BANYAN_COROUTINE
qcow2_map (Qcow2Image *image, guint64 offset, guint64 length, Qcow2Mapping *mapping, GError **error)
{
  Qcow2Entry entry;
  Qcow2Slot *slot;

  if (G_LIKELY (qcow2_map_at_once (image, offset, length, mapping)))
    return TRUE;

  if ((qcow2_image_l1_entry (image, qcow2_image_l1_index (image, offset)) & QCOW2_OFFSET_MASK) == 0)
    {
      describe_nothing (image, offset, length, mapping);
      return TRUE;
    }
  if (!get_slice (image, offset, &slot, error))
    return FALSE;

  entry = load_entry (image, slot, offset);
  describe (image, offset, &entry, mapping);
  extend (image, offset, length, mapping);
  mapping->length = MIN (mapping->length, length);
  qcow2_cache_put (&image->l2, slot);
  if (mapping->kind == QCOW2_BAD)
    return qcow2_image_throw_corrupt (image, error,
                                      "the entry of the cluster at %#" G_GINT64_MODIFIER
                                      "x makes no sense: %#" G_GINT64_MODIFIER
                                      "x, %#" G_GINT64_MODIFIER "x",
                                      offset, entry.entry, entry.bitmap);
  return TRUE;
}

/* So many are asked about under one lock. */
#define ENTRIES_AT_ONCE 256

/* Once for each slice that comes into memory, so that it costs nothing later: no entry leads to the
 * image's own tables. */
gboolean BANYAN_COROUTINE
qcow2_cluster_check_slice (Qcow2Image *image, guint64 key, const guint64 *words, GError **error)
{
  guint kinds = BANYAN_LIVE (image->overlap_check);
  guint n_entries = 1u << image->l2_slice_bits;
  guint64 clusters[ENTRIES_AT_ONCE];
  guint n = 0;

  if (image->has_data_file || kinds == 0)
    return TRUE;

  for (guint i = 0; i < n_entries; i++)
    {
      guint64 entry = GUINT64_FROM_BE (words[i * image->entry_words]);
      guint64 host = entry & QCOW2_OFFSET_MASK;
      Qcow2Meta found;

      if (!(entry & QCOW2_COMPRESSED) && host != 0)
        clusters[n++] = host >> image->cluster_bits;
      if (n < ENTRIES_AT_ONCE && i + 1 < n_entries)
        continue;
      if (qcow2_overlap_find_any (&image->overlap, clusters, n, kinds, &found))
        return qcow2_image_throw_corrupt (image, error, "a guest's cluster lies in %s",
                                          qcow2_meta_to_string (found));
      n = 0;
    }
  return TRUE;
}

/* -- L2 tables that can be written to. Under l1_mutex. -- */

static gboolean BANYAN_COROUTINE
copy_table (Qcow2Image *image, guint64 from, guint64 to, GError **error)
{
  g_autoptr (BanyanBuffer) buffer = banyan_buffer_new (image->cluster_size);

  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to copy a table", image->name);

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_L2_ALLOC_COW_READ);
  return banyan_child_pread (image->file, from, buffer->data, image->cluster_size, error)
         && qcow2_image_write_table (image, QCOW2_META_ACTIVE_L2, to, buffer->data,
                                     image->cluster_size, error);
}

static gboolean BANYAN_COROUTINE
fill_table (Qcow2Image *image, guint64 old, guint64 offset, GError **error)
{
  if (old != 0)
    return copy_table (image, old, offset, error);
  return qcow2_image_zero_table (image, QCOW2_META_ACTIVE_L2, offset, image->cluster_size, error);
}

static void BANYAN_COROUTINE
set_l1_entry (Qcow2Image *image, guint index, guint64 entry)
{
  banyan_co_rwlock_read_lock (&image->links);
  __atomic_store_n (&image->l1[index], entry, __ATOMIC_RELEASE);
  qcow2_order_note_l1 (image, index);
  banyan_co_rwlock_unlock (&image->links);
}

/* Snapshots that have it keep it; if none has, it is no table any more. */
static void BANYAN_COROUTINE
leave_table (Qcow2Image *image, guint64 offset)
{
  guint64 cluster = offset >> image->cluster_bits;
  guint64 count;

  qcow2_overlap_remove (&image->overlap, cluster, 1);
  if (qcow2_refcount_get (image, cluster, &count, NULL) && count > 1)
    qcow2_overlap_add (&image->overlap, cluster, 1, QCOW2_META_INACTIVE_L2);
  qcow2_order_free (image, offset, image->cluster_size, QCOW2_DISCARD_SNAPSHOT);
}

static gboolean BANYAN_COROUTINE
replace_table (Qcow2Image *image, guint index, GError **error)
{
  guint64 old = qcow2_image_l1_entry (image, index) & QCOW2_OFFSET_MASK;
  guint64 offset;

  if (!qcow2_space_allocate_table (image, 1, QCOW2_META_ACTIVE_L2, &offset, error))
    return FALSE;
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_L2_ALLOC_WRITE);
  if (!fill_table (image, old, offset, error))
    {
      qcow2_overlap_remove (&image->overlap, offset >> image->cluster_bits, 1);
      qcow2_space_drop (image, offset, image->cluster_size, QCOW2_DISCARD_NEVER, NULL);
      return FALSE;
    }

  set_l1_entry (image, index, offset | QCOW2_COPIED);
  if (old != 0)
    leave_table (image, old);
  return TRUE;
}

/* The table for @offset exists, and is not a snapshot's, too. */
static gboolean BANYAN_COROUTINE
own_table (Qcow2Image *image, guint64 offset, GError **error)
{
  guint index = qcow2_image_l1_index (image, offset);
  gboolean done = TRUE;

  if (G_LIKELY (qcow2_image_l1_entry (image, index) & QCOW2_COPIED))
    return TRUE;

  banyan_co_mutex_lock (&image->l1_mutex);
  if (!(qcow2_image_l1_entry (image, index) & QCOW2_COPIED))
    done = replace_table (image, index, error);
  banyan_co_mutex_unlock (&image->l1_mutex);
  return done;
}

/* -- Linking. -- */

static void
store_entry (Qcow2Image *image, Qcow2Slot *slot, guint64 offset, const Qcow2Entry *entry)
{
  guint word = word_of (image, offset);

  if (image->entry_words == 2)
    qcow2_slot_store_pair (slot, word, entry->entry, entry->bitmap);
  else
    qcow2_slot_store (slot, word, entry->entry);
}

static void
free_old (Qcow2Image *image, const Qcow2Entry *old, const Qcow2Entry *new, Qcow2Discard why)
{
  guint64 old_length, new_length;
  guint64 old_place = qcow2_entry_place (image, old, &old_length);
  guint64 new_place = qcow2_entry_place (image, new, &new_length);
  gboolean is_same = old_place == new_place && ((old->entry ^ new->entry) & QCOW2_COMPRESSED) == 0;

  if (old_place != 0 && !image->has_data_file && !is_same)
    qcow2_order_free (image, old_place, old_length, why);
}

/* Under links. */
static void
exchange (Qcow2Image *image, Qcow2Slot *slot, guint64 offset, Qcow2Change change,
          gconstpointer data, Qcow2Discard why)
{
  Qcow2Entry old = load_entry (image, slot, offset);
  Qcow2Entry new = change (image, offset, &old, data);

  if (old.entry == new.entry && old.bitmap == new.bitmap)
    return;

  store_entry (image, slot, offset, &new);
  qcow2_cache_mark_dirty (&image->l2, slot);
  free_old (image, &old, &new, why);
}

static gboolean BANYAN_COROUTINE
link_in_slice (Qcow2Image *image, guint64 offset, guint64 n, Qcow2Change change, gconstpointer data,
               Qcow2Discard why, GError **error)
{
  Qcow2Slot *slot;

  if (!own_table (image, offset, error) || !get_slice (image, offset, &slot, error))
    return FALSE;

  banyan_co_rwlock_read_lock (&image->links);
  for (guint64 i = 0; i < n; i++)
    exchange (image, slot, offset + (i << image->cluster_bits), change, data, why);
  qcow2_order_note_change (image);
  banyan_co_rwlock_unlock (&image->links);
  qcow2_cache_put (&image->l2, slot);
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_link (Qcow2Image *image, guint64 offset, guint64 n, Qcow2Change change, gconstpointer data,
            Qcow2Discard why, GError **error)
{
  while (n > 0)
    {
      guint64 here = MIN (n, qcow2_clusters_to_slice_end (image, offset));

      if (!link_in_slice (image, offset, here, change, data, why, error))
        return FALSE;
      offset += here << image->cluster_bits;
      n -= here;
    }
  return TRUE;
}
