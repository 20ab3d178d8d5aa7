/* qcow2-check.c - whether all clusters are counted as they are used
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Everything that the image leads to is gone through and counted; then the counts are compared with
 * what the refcounts say. More users than counted is damage: somebody will write over them. Fewer
 * is space lost. */

#include "qcow2-check.h"

#include "qcow2-order.h"
#include "qcow2-rebuild.h"
#include "qcow2-refcount.h"
#include "qcow2-walk.h"

#include <errno.h>

typedef struct
{
  Qcow2Walk *walk;
  Qcow2Fix fix;
  gboolean has_gap; /* clusters are used that no block counts */
} Compare;

/* More is not read by anybody. */
#define MAX_TOLD 1000

void
qcow2_check_tell (Qcow2CheckResult *result, const char *format, ...)
{
  g_autofree char *finding = NULL;
  va_list arguments;

  if (result->report == NULL || result->n_told > MAX_TOLD)
    return;
  if (result->n_told++ == MAX_TOLD)
    {
      banyan_check_found (result->report, "there is more, which is counted only");
      return;
    }

  va_start (arguments, format);
  finding = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  banyan_check_found (result->report, "%s", finding);
}

static gboolean BANYAN_COROUTINE
note_difference (Compare *self, guint64 cluster, guint64 counted, guint64 met, GError **error)
{
  Qcow2CheckResult *result = self->walk->result;
  Qcow2Image *image = self->walk->image;
  gboolean must_fix = counted > met ? self->fix != QCOW2_FIX_NOTHING : self->fix == QCOW2_FIX_ALL;

  if (must_fix && !qcow2_refcount_set (image, cluster, met, error))
    return FALSE;
  qcow2_check_tell (result,
                    "%s: the cluster at %#" G_GINT64_MODIFIER "x is counted %" G_GUINT64_FORMAT
                    " times, and used %" G_GUINT64_FORMAT " times%s",
                    counted > met ? "leak" : "error", cluster << image->cluster_bits, counted, met,
                    must_fix ? "; mended" : "");
  if (counted > met)
    *(must_fix ? &result->leaks_fixed : &result->leaks) += 1;
  else
    *(must_fix ? &result->corruptions_fixed : &result->corruptions) += 1;
  self->walk->is_counted &= must_fix;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
compare_clusters (Compare *self, guint64 first, guint n, GError **error)
{
  guint64 counted[QCOW2_COUNTS_CHUNK];

  if (!qcow2_refcount_get_many (self->walk->image, first, n, counted, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      guint64 met = qcow2_counts_get (&self->walk->counts, first + i);

      if (counted[i] != met && !note_difference (self, first + i, counted[i], met, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
compare_blocks (Compare *self, GError **error)
{
  Qcow2Image *image = self->walk->image;
  guint64 per_block = G_GUINT64_CONSTANT (1) << qcow2_image_block_bits (image);

  for (guint64 block = 0; block < image->reftable_size; block++)
    {
      if ((image->reftable[block] & ~G_GUINT64_CONSTANT (511)) == 0)
        continue;
      for (guint64 i = 0; i < per_block; i += QCOW2_COUNTS_CHUNK)
        if (!compare_clusters (self, block * per_block + i, MIN (per_block - i, QCOW2_COUNTS_CHUNK),
                               error))
          return FALSE;
    }
  return TRUE;
}

static gboolean
has_block (Qcow2Image *image, guint64 cluster)
{
  guint64 block = cluster >> qcow2_image_block_bits (image);

  return block < image->reftable_size && (image->reftable[block] & ~G_GUINT64_CONSTANT (511)) != 0;
}

static void
find_gaps (Compare *self)
{
  Qcow2Image *image = self->walk->image;
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, self->walk->counts.chunks);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      guint64 cluster = (guint64) (GPOINTER_TO_SIZE (key) - 1) * QCOW2_COUNTS_CHUNK;
      const guint8 *counts = value;

      for (guint i = 0; i < QCOW2_COUNTS_CHUNK; i++)
        if (counts[i] != 0 && !has_block (image, cluster + i))
          {
            qcow2_check_tell (self->walk->result,
                              "error: the cluster at %#" G_GINT64_MODIFIER
                              "x is used, and no refcount block counts it",
                              (cluster + i) << image->cluster_bits);
            self->walk->result->corruptions++;
            self->has_gap = TRUE;
          }
    }
}

/* -- Putting it right. -- */

static gboolean BANYAN_COROUTINE
rebuild_from (Qcow2Image *image, Qcow2Counts *counts, GError **error)
{
  gboolean done = qcow2_rebuild (image, counts, NULL, error);

  if (!done)
    {
      banyan_co_mutex_lock (&image->header_mutex);
      qcow2_image_put_back_header (image);
      banyan_co_mutex_unlock (&image->header_mutex);
    }
  return done;
}

static gboolean BANYAN_COROUTINE
rebuild (Qcow2Image *image, Qcow2CheckResult *result, GError **error)
{
  Qcow2CheckResult again = { 0 };
  Qcow2Walk walk;
  gboolean done;

  qcow2_walk_init (&walk, image, &again);
  done = qcow2_walk_all (&walk, error) && rebuild_from (image, &walk.counts, error);
  qcow2_walk_clear (&walk);
  if (!done)
    return FALSE;

  /* What is wrong with the guest's own tables stays wrong. */
  again.corruptions += image->crossed != NULL;
  result->corruptions_fixed += result->corruptions - MIN (result->corruptions, again.corruptions);
  result->corruptions = again.corruptions;
  result->leaks_fixed += result->leaks;
  result->leaks = 0;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
compare_or_rebuild (Qcow2Walk *walk, Qcow2Fix fix, GError **error)
{
  Compare self = { .walk = walk, .fix = fix };
  gboolean is_sound;

  qcow2_walk_refcounts (walk, &is_sound);
  if (walk->image->crossed != NULL)
    {
      /* Counts must not be written where something else lies, too. */
      is_sound = FALSE;
      walk->result->corruptions++;
      qcow2_check_tell (walk->result, "error: %s", walk->image->crossed);
    }
  find_gaps (&self);
  if (fix == QCOW2_FIX_ALL && (!is_sound || self.has_gap))
    return rebuild (walk->image, walk->result, error);
  if (!is_sound)
    return TRUE;

  walk->is_counted = !self.has_gap;
  return compare_blocks (&self, error);
}

/* Refcounts are on storage before bits that follow from them. Where all of those are right, the
 * bits can be made right even by who is to mend leaks only: as QEMU does. */
static gboolean BANYAN_COROUTINE
check_copied (Qcow2Walk *walk, Qcow2Fix fix, GError **error)
{
  Qcow2Image *image = walk->image;
  gboolean must_fix
      = fix == QCOW2_FIX_ALL
        || (fix == QCOW2_FIX_LEAKS && walk->result->corruptions + walk->result->leaks == 0);

  if (fix != QCOW2_FIX_NOTHING
      && (!qcow2_refcount_write (image, error) || !banyan_child_flush (image->file, error)))
    return FALSE;
  if (!qcow2_walk_check_copied (walk, must_fix, error))
    return FALSE;
  if (!must_fix)
    return TRUE;

  qcow2_cache_drop (&image->l2);
  return banyan_child_flush (image->file, error);
}

/* Nothing is wrong any more: the image can be trusted, and written to. */
static gboolean BANYAN_COROUTINE
clear_bits (Qcow2Image *image, GError **error)
{
  const guint64 bits = QCOW2_INCOMPATIBLE_DIRTY | QCOW2_INCOMPATIBLE_CORRUPT;
  gboolean done = TRUE;

  banyan_co_mutex_lock (&image->header_mutex);
  if (image->header.incompatible & bits)
    {
      image->header.incompatible &= ~bits;
      done = qcow2_header_write_fields (&image->header, image->file, error)
             && banyan_child_flush (image->file, error);
    }
  if (done)
    __atomic_store_n (&image->is_corrupt, FALSE, __ATOMIC_RELEASE);
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_check (Qcow2Image *image, Qcow2Fix fix, Qcow2CheckResult *result, GError **error)
{
  Qcow2Walk walk;
  gboolean done;

  *result = (Qcow2CheckResult){ .report = result->report };
  if (!qcow2_image_throw_if_past (image, error)
      || (image->writing != QCOW2_READS && !qcow2_order_settle (image, error)))
    return FALSE;

  qcow2_walk_init (&walk, image, result);
  done = qcow2_walk_all (&walk, error) && compare_or_rebuild (&walk, fix, error);
  if (result->report != NULL)
    result->corruptions += result->flaws;
  done = done && check_copied (&walk, fix, error);
  qcow2_walk_clear (&walk);
  if (!done || fix == QCOW2_FIX_NOTHING || result->corruptions > 0)
    return done;
  return clear_bits (image, error);
}

gboolean BANYAN_COROUTINE
qcow2_check_repair_refcounts (Qcow2Image *image, GError **error)
{
  Qcow2CheckResult result = { 0 };

  if (!qcow2_check (image, QCOW2_FIX_ALL, &result, error))
    return FALSE;
  if (result.corruptions == 0)
    return TRUE;

  return banyan_throw_errno (error, EIO,
                             "%s: the image was not closed, and %" G_GUINT64_FORMAT
                             " things in it cannot be repaired",
                             image->name, result.corruptions);
}
