/* qcow2-walk.c - goes through everything that an image leads to
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-walk.h"

#include "qcow2-bitmap.h"
#include "qcow2-cluster.h"
#include "qcow2-refcount.h"
#include "qcow2-snapshot.h"

#include <errno.h>

void
qcow2_walk_init (Qcow2Walk *self, Qcow2Image *image, Qcow2CheckResult *result)
{
  *self = (Qcow2Walk){ .image = image, .result = result };
  qcow2_counts_init (&self->counts);
  self->end
      = (banyan_child_get_length (image->file) + image->cluster_size - 1) >> image->cluster_bits;
  self->unusual = ~(QCOW2_COPIED | (QCOW2_OFFSET_MASK & ~(image->cluster_size - 1)));
}

void
qcow2_walk_clear (Qcow2Walk *self)
{
  qcow2_counts_clear (&self->counts);
}

/* -- What is told. -- */

static char *
dup_origin (const Qcow2Walk *self)
{
  const Qcow2Origin *origin = &self->origin;
  g_autofree char *of = origin->snapshot != NULL
                            ? g_strdup_printf (" of snapshot \"%s\"", origin->snapshot)
                            : g_strdup ("");

  switch (origin->kind)
    {
    case QCOW2_FROM_L1:
      return g_strdup_printf ("L1 entry %" G_GUINT64_FORMAT "%s", origin->index, of);
    case QCOW2_FROM_L2:
      return g_strdup_printf ("the entry of byte %#" G_GINT64_MODIFIER "x%s", origin->index, of);
    case QCOW2_FROM_BITMAPS:
      return g_strdup ("a bitmap");
    case QCOW2_FROM_REFCOUNTS:
      return g_strdup_printf ("refcount table entry %" G_GUINT64_FORMAT, origin->index);
    default:
      return g_strdup_printf ("the header%s", of);
    }
}

static void
tell_bad_place (Qcow2Walk *self, guint64 offset, const char *why)
{
  g_autofree char *from = NULL;

  self->result->corruptions++;
  if (self->result->report == NULL)
    return;
  from = dup_origin (self);
  qcow2_check_tell (self->result, "error: %s leads to %#" G_GINT64_MODIFIER "x, %s", from, offset,
                    why);
}

static void
tell_bad_entry (Qcow2Walk *self, const Qcow2Entry *entry)
{
  g_autofree char *from = NULL;

  self->result->corruptions++;
  if (self->result->report == NULL)
    return;
  from = dup_origin (self);
  qcow2_check_tell (self->result,
                    "error: %s makes no sense: %#" G_GINT64_MODIFIER "x, %#" G_GINT64_MODIFIER "x",
                    from, entry->entry, entry->bitmap);
}

/* @count: of the result. */
static void
tell_bits (Qcow2Walk *self, guint64 *count, guint64 entry, const char *what)
{
  g_autofree char *from = NULL;

  ++*count;
  if (self->result->report == NULL)
    return;
  from = dup_origin (self);
  qcow2_check_tell (self->result, "error: %s %s: %#" G_GINT64_MODIFIER "x", from, what, entry);
}

/* What makes no difference to anybody is told to who asks, and keeps nobody from anything. It stays
 * as it is: so QEMU has it. */
static void
tell_flaw (Qcow2Walk *self, guint64 entry, const char *what)
{
  tell_bits (self, &self->result->flaws, entry, what);
}

/* FALSE: it does not lie in the file. */
static gboolean
count (Qcow2Walk *self, guint64 offset, guint64 length)
{
  guint bits = self->image->cluster_bits;
  guint64 first = offset >> bits;
  guint64 last;

  if (length == 0)
    return TRUE;
  last = (offset + length - 1) >> bits;
  if (offset > G_MAXINT64 || length > G_MAXINT64 || last >= self->end)
    {
      tell_bad_place (self, offset, "behind the end of the file");
      return FALSE;
    }

  for (guint64 cluster = first; cluster <= last; cluster++)
    qcow2_counts_add (&self->counts, cluster);
  self->result->image_end_offset = MAX (self->result->image_end_offset, (last + 1) << bits);
  return TRUE;
}

/* -- Tables of the guest. -- */

static void
note_statistics (Qcow2Walk *self, const Qcow2Entry *entry, guint64 place, gboolean is_active)
{
  if (!is_active)
    return;

  self->result->allocated_clusters++;
  if (entry->entry & QCOW2_COMPRESSED)
    {
      self->result->compressed_clusters++;
      self->result->fragmented_clusters++;
      return;
    }
  self->result->fragmented_clusters += self->next_host != 0 && self->next_host != place;
  self->next_host = place + self->image->cluster_size;
}

static gboolean
has_bad_subclusters (Qcow2Image *image, const Qcow2Entry *entry)
{
  guint n = image->entry_words == 2 ? QCOW2_N_SUBCLUSTERS : 1;

  for (guint i = 0; i < n; i++)
    if (qcow2_entry_kind (image, entry, i) == QCOW2_BAD)
      return TRUE;
  return FALSE;
}

static void
tell_flaws (Qcow2Walk *self, guint64 entry)
{
  if (!(entry & QCOW2_COMPRESSED) && (entry & QCOW2_L2_RESERVED))
    tell_flaw (self, entry, "has bits that mean nothing");
  if ((entry & QCOW2_COMPRESSED) && (entry & QCOW2_COPIED))
    tell_flaw (self, entry,
               "leads to compressed data, of which no entry says that it is used once");
}

static void
walk_entry (Qcow2Walk *self, const Qcow2Entry *entry, gboolean is_active)
{
  guint64 length;
  guint64 place = qcow2_entry_place (self->image, entry, &length);
  gboolean is_packed = (entry->entry & QCOW2_COMPRESSED) != 0;

  tell_flaws (self, entry->entry);
  if (has_bad_subclusters (self->image, entry))
    {
      tell_bad_entry (self, entry);
      /* Whoever goes by it uses what it leads to. */
      if (!is_packed && place != 0 && !self->image->has_data_file)
        count (self, place, length);
      return;
    }
  if (place == 0 && !is_packed && !(self->image->has_data_file && (entry->entry & QCOW2_COPIED)))
    return;

  note_statistics (self, entry, place, is_active);
  if (!self->image->has_data_file)
    count (self, place, length);
}

/* An image may have many millions of entries, and nearly all are nothing, or lead to a cluster of
 * data and say no more. FALSE: this one wants to be looked at. */
static gboolean
walk_usual_entry (Qcow2Walk *self, guint64 entry, gboolean is_active)
{
  guint64 place = entry & QCOW2_OFFSET_MASK;
  guint64 cluster = place >> self->image->cluster_bits;

  if ((entry & self->unusual) != 0 || cluster >= self->end)
    return FALSE;
  if (place == 0)
    return TRUE;

  if (is_active)
    {
      self->result->allocated_clusters++;
      self->result->fragmented_clusters += self->next_host != 0 && self->next_host != place;
      self->next_host = place + self->image->cluster_size;
    }
  qcow2_counts_add (&self->counts, cluster);
  self->result->image_end_offset
      = MAX (self->result->image_end_offset, place + self->image->cluster_size);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
walk_l2 (Qcow2Walk *self, guint64 offset, guint64 *words, gboolean is_active, GError **error)
{
  Qcow2Image *image = self->image;
  guint64 first = self->origin.index << (image->cluster_bits + image->l2_bits);
  gboolean is_usual = image->entry_words == 1 && !image->has_data_file;

  if (!banyan_child_pread (image->file, offset, words, image->cluster_size, error))
    return FALSE;
  self->origin.kind = QCOW2_FROM_L2;
  for (gsize i = 0; i < image->cluster_size / 8; i += image->entry_words)
    {
      Qcow2Entry entry = { .entry = GUINT64_FROM_BE (words[i]) };

      if (is_usual && walk_usual_entry (self, entry.entry, is_active))
        continue;
      if (image->entry_words == 2)
        entry.bitmap = GUINT64_FROM_BE (words[i + 1]);
      self->origin.index = first + ((guint64) i / image->entry_words << image->cluster_bits);
      walk_entry (self, &entry, is_active);
    }
  return TRUE;
}

/* Two entries of one table that lead to the same place are wrong, and gone through once: an image
 * may have millions of them. */
static gboolean
is_usable_table (Qcow2Walk *self, GHashTable *seen, guint64 offset)
{
  const char *why;

  if ((offset & (self->image->cluster_size - 1)) != 0)
    why = "where no cluster begins";
  else if (offset + self->image->cluster_size > banyan_child_get_length (self->image->file))
    why = "which is not within the file";
  else if (!g_hash_table_add (seen, GSIZE_TO_POINTER (offset)))
    why = "as another one does";
  else
    return TRUE;

  tell_bad_place (self, offset, why);
  return FALSE;
}

static void
tell_progress (Qcow2Walk *self, guint done, guint n)
{
  if (self->result->report != NULL)
    banyan_check_tell_progress (self->result->report, (double) done / n);
}

static gboolean BANYAN_COROUTINE
walk_l1 (Qcow2Walk *self, const guint64 *l1, guint n, gboolean is_active, GError **error)
{
  g_autofree guint64 *words = g_malloc (self->image->cluster_size);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < n; i++)
    {
      guint64 offset = l1[i] & QCOW2_OFFSET_MASK;

      self->origin.kind = QCOW2_FROM_L1;
      self->origin.index = i;
      if (l1[i] & QCOW2_L1_RESERVED)
        tell_flaw (self, l1[i], "has bits that mean nothing");
      if (offset == 0 || !is_usable_table (self, seen, offset))
        continue;
      if (is_active)
        tell_progress (self, i, n);
      if (count (self, offset, self->image->cluster_size)
          && !walk_l2 (self, offset, words, is_active, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
walk_snapshot (Qcow2Walk *self, const Qcow2Snapshot *snapshot, GError **error)
{
  gsize bytes = (gsize) snapshot->l1_size * 8;
  g_autofree guint64 *l1 = g_malloc (bytes + 8);

  self->origin = (Qcow2Origin){ QCOW2_FROM_HEADER, 0, snapshot->name };
  if (!count (self, snapshot->l1_offset, bytes))
    return TRUE;
  if (bytes > 0
      && !banyan_child_pread (
          self->image->file, snapshot->l1_offset, l1,
          MIN (bytes, banyan_child_get_length (self->image->file) - snapshot->l1_offset), error))
    return FALSE;

  for (guint i = 0; i < snapshot->l1_size; i++)
    l1[i] = GUINT64_FROM_BE (l1[i]);
  return walk_l1 (self, l1, snapshot->l1_size, FALSE, error);
}

static gboolean
count_bitmap (guint64 offset, guint64 length, gpointer data, GError **error)
{
  count (data, offset, length);
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_walk_trees (Qcow2Walk *self, const guint64 *l1, guint n, GArray *snapshots, GError **error)
{
  Qcow2Image *image = self->image;

  count (self, 0, image->cluster_size);
  count (self, image->header.crypto_offset, image->header.crypto_bytes);
  if (!walk_l1 (self, l1, n, TRUE, error))
    return FALSE;

  for (guint i = 0; i < snapshots->len; i++)
    if (!walk_snapshot (self, &g_array_index (snapshots, Qcow2Snapshot, i), error))
      return FALSE;
  self->origin = (Qcow2Origin){ QCOW2_FROM_BITMAPS, 0, NULL };
  return qcow2_bitmaps_visit (image, count_bitmap, self, error);
}

gboolean BANYAN_COROUTINE
qcow2_walk_again (Qcow2Walk *self, const guint64 *l1, guint n, GError **error)
{
  return walk_l1 (self, l1, n, FALSE, error);
}

gboolean BANYAN_COROUTINE
qcow2_walk_all (Qcow2Walk *self, GError **error)
{
  Qcow2Image *image = self->image;

  self->result->total_clusters
      = (image->header.size + image->cluster_size - 1) >> image->cluster_bits;
  count (self, image->header.l1_offset, (guint64) image->l1_size * 8);
  count (self, image->header.snapshots_offset, qcow2_snapshots_size (image->snapshots));
  return qcow2_walk_trees (self, image->l1, image->l1_size, image->snapshots, error);
}

gboolean
qcow2_walk_refcounts (Qcow2Walk *self, gboolean *is_sound)
{
  Qcow2Image *image = self->image;
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  guint64 before = self->result->corruptions;

  self->origin = (Qcow2Origin){ QCOW2_FROM_HEADER, 0, NULL };
  count (self, image->header.reftable_offset,
         (guint64) image->header.reftable_clusters << image->cluster_bits);
  for (guint i = 0; i < image->reftable_size; i++)
    {
      guint64 offset = image->reftable[i] & ~G_GUINT64_CONSTANT (511);

      self->origin = (Qcow2Origin){ QCOW2_FROM_REFCOUNTS, i, NULL };
      if (image->reftable[i] & 511)
        tell_bits (self, &self->result->corruptions, image->reftable[i],
                   "has bits that mean nothing");
      if (offset == 0 || !is_usable_table (self, seen, offset))
        continue;
      count (self, offset, image->cluster_size);
    }
  *is_sound = self->result->corruptions == before;
  return *is_sound;
}

/* -- Whether a cluster is used once only. -- */

/* @value: the entry as it should be. */
static gboolean BANYAN_COROUTINE
count_users (Qcow2Walk *self, guint64 place, guint64 *times, GError **error)
{
  guint64 cluster = place >> self->image->cluster_bits;

  if (!self->is_counted)
    return qcow2_refcount_get (self->image, cluster, times, error);

  *times = qcow2_counts_get (&self->counts, cluster);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
check_bit (Qcow2Walk *self, guint64 place, guint64 *value, gboolean *differs, GError **error)
{
  guint64 times = 1, right;

  if (!self->image->has_data_file && !count_users (self, place, &times, error))
    return FALSE;

  right = times == 1 ? *value | QCOW2_COPIED : *value & ~QCOW2_COPIED;
  *differs = right != *value;
  *value = right;
  return TRUE;
}

/* @value: as it should be. */
static void
note_difference (Qcow2Walk *self, const char *what, guint64 index, guint64 value, gboolean fix)
{
  qcow2_check_tell (self->result,
                    "error: %s %#" G_GINT64_MODIFIER "x says that what lies at %#" G_GINT64_MODIFIER
                    "x is used %s, and it is used %s%s",
                    what, index, value & QCOW2_OFFSET_MASK,
                    value & QCOW2_COPIED ? "more than once" : "once",
                    value & QCOW2_COPIED ? "once" : "more than once", fix ? "; mended" : "");
  self->result->corruptions += !fix;
  self->result->corruptions_fixed += fix;
}

/* A snapshot may have the table, too. */
static gboolean BANYAN_COROUTINE
check_l2 (Qcow2Walk *self, guint64 offset, guint64 *words, gboolean fix, GError **error)
{
  Qcow2Image *image = self->image;
  gboolean changed = FALSE;

  if (!banyan_child_pread (image->file, offset, words, image->cluster_size, error))
    return FALSE;
  for (gsize i = 0; i < image->cluster_size / 8; i += image->entry_words)
    {
      guint64 value = GUINT64_FROM_BE (words[i]);
      guint64 place = value & QCOW2_OFFSET_MASK;
      gboolean differs;

      if ((value & QCOW2_COMPRESSED) || place == 0 || (place & (image->cluster_size - 1)) != 0)
        continue;
      if (!check_bit (self, place, &value, &differs, error))
        return FALSE;
      if (!differs)
        continue;
      note_difference (self, "the entry of byte",
                       self->origin.index
                           + ((guint64) i / image->entry_words << image->cluster_bits),
                       value, fix);
      words[i] = GUINT64_TO_BE (value);
      changed = TRUE;
    }
  return !changed || !fix
         || qcow2_image_write_table (image, QCOW2_META_INACTIVE_L2, offset, words,
                                     image->cluster_size, error);
}

static gboolean BANYAN_COROUTINE
check_l1_entry (Qcow2Walk *self, guint index, gboolean fix, GError **error)
{
  Qcow2Image *image = self->image;
  guint64 value = image->l1[index];
  guint64 table = value & QCOW2_OFFSET_MASK;
  guint64 times, bytes;
  gboolean differs;

  if (!count_users (self, table, &times, error))
    return FALSE;
  value = times == 1 ? value | QCOW2_COPIED : value & ~QCOW2_COPIED;
  differs = value != image->l1[index];
  if (!differs)
    return TRUE;

  note_difference (self, "L1 entry", index, value, fix);
  if (!fix)
    return TRUE;
  __atomic_store_n (&image->l1[index], value, __ATOMIC_RELEASE);
  bytes = GUINT64_TO_BE (value);
  return qcow2_image_write_table (image, QCOW2_META_ACTIVE_L1,
                                  image->header.l1_offset + index * sizeof bytes, &bytes,
                                  sizeof bytes, error);
}

gboolean BANYAN_COROUTINE
qcow2_walk_check_copied (Qcow2Walk *self, gboolean fix, GError **error)
{
  Qcow2Image *image = self->image;
  g_autofree guint64 *words = g_malloc (image->cluster_size);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < image->l1_size; i++)
    {
      guint64 table = image->l1[i] & QCOW2_OFFSET_MASK;

      if (table == 0 || (table & (image->cluster_size - 1)) != 0
          || table + image->cluster_size > banyan_child_get_length (image->file)
          || !g_hash_table_add (seen, GSIZE_TO_POINTER (table)))
        continue;
      self->origin.index = (guint64) i << (image->cluster_bits + image->l2_bits);
      if (!check_l1_entry (self, i, fix, error) || !check_l2 (self, table, words, fix, error))
        return FALSE;
    }
  return TRUE;
}
