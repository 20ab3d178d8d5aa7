/* qcow2-order.c - what gets to storage before what
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The rule is at the top of qcow2-image.h. A write-back keeps out who would link new clusters, for
 * their data is not covered by its first flush. */

#include "qcow2-order.h"

#include "qcow2-refcount.h"
#include "qcow2-space.h"

#include <errno.h>

#define MANY_FREED 4096

void
qcow2_order_note_change (Qcow2Image *image)
{
  __atomic_fetch_add (&image->changes, 1, __ATOMIC_ACQ_REL);
}

void
qcow2_order_note_l1 (Qcow2Image *image, guint index)
{
  image->l1_dirty_from = MIN (image->l1_dirty_from, index);
  image->l1_dirty_to = MAX (image->l1_dirty_to, index + 1);
  qcow2_order_note_change (image);
}

gboolean
qcow2_order_is_behind (Qcow2Image *image)
{
  return __atomic_load_n (&image->changes, __ATOMIC_ACQUIRE)
         != __atomic_load_n (&image->stable, __ATOMIC_ACQUIRE);
}

/* -- Clusters on their way to be free. -- */

void
qcow2_order_free (Qcow2Image *image, guint64 offset, guint64 length, Qcow2Discard why)
{
  Qcow2Freed freed = { offset, length, why };

  g_mutex_lock (&image->freed_mutex);
  if (image->freed->len > 0)
    {
      Qcow2Freed *last = &g_array_index (image->freed, Qcow2Freed, image->freed->len - 1);

      /* Neighbours go together; a cluster that two have part of is counted for each. */
      if (last->offset + last->length == offset && last->why == why
          && (offset & (image->cluster_size - 1)) == 0)
        {
          last->length += length;
          g_mutex_unlock (&image->freed_mutex);
          return;
        }
    }
  g_array_append_val (image->freed, freed);
  g_mutex_unlock (&image->freed_mutex);
}

gboolean
qcow2_order_has_many (Qcow2Image *image)
{
  gboolean has_many;

  g_mutex_lock (&image->freed_mutex);
  has_many = image->freed->len > MANY_FREED;
  g_mutex_unlock (&image->freed_mutex);
  return has_many;
}

/* Those whose entries storage will have had in its order: as of now. */
static GArray *
take_freed (Qcow2Image *image)
{
  GArray *taken;

  g_mutex_lock (&image->freed_mutex);
  taken = image->freed;
  image->freed
      = image->spare != NULL ? image->spare : g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
  image->spare = NULL;
  g_mutex_unlock (&image->freed_mutex);
  return taken;
}

static void
append_all (GArray *to, GArray *from)
{
  if (from->len > 0)
    g_array_append_vals (to, from->data, from->len);
}

/* Keeps the memory, not the contents. Under freed_mutex. */
static void
keep_spare (Qcow2Image *image, GArray *array)
{
  g_array_set_size (array, 0);
  if (image->spare == NULL)
    image->spare = array;
  else
    g_array_unref (array);
}

static gboolean
is_column_empty (Qcow2Presence *presence, guint column)
{
  for (guint i = 0; i < BANYAN_LOOP_MAX; i++)
    if (__atomic_load_n (&presence->threads[i].inside[column], __ATOMIC_SEQ_CST) != 0)
      return FALSE;
  return TRUE;
}

/* Storage leads to them no more. Those who looked before it did not are counted in the column that
 * newcomers are no longer sent to. Under freed_mutex. */
static void
begin_cooling (Qcow2Image *image)
{
  gint column = __atomic_load_n (&image->presence.column, __ATOMIC_RELAXED);

  image->cooling_column = column;
  __atomic_store_n (&image->presence.column, !column, __ATOMIC_SEQ_CST);
}

/* Under freed_mutex: those in the column of an earlier change have left, so it can be used again.
 */
static gboolean
may_cool (Qcow2Image *image)
{
  gint column = __atomic_load_n (&image->presence.column, __ATOMIC_RELAXED);

  return image->cooling->len == 0 && is_column_empty (&image->presence, !column);
}

static void
offer_stable (Qcow2Image *image, GArray *taken)
{
  g_mutex_lock (&image->freed_mutex);
  if (taken->len > 0 && may_cool (image))
    {
      append_all (image->cooling, taken);
      begin_cooling (image);
    }
  else
    /* Storage has them already: to have it twice does no harm. */
    append_all (image->freed, taken);
  keep_spare (image, taken);
  g_mutex_unlock (&image->freed_mutex);
}

static void
give_back (Qcow2Image *image, GArray *taken)
{
  g_mutex_lock (&image->freed_mutex);
  append_all (image->freed, taken);
  keep_spare (image, taken);
  g_mutex_unlock (&image->freed_mutex);
}

static GArray *
take_cooled (Qcow2Image *image)
{
  GArray *cooled = NULL;

  g_mutex_lock (&image->freed_mutex);
  if (image->cooling->len > 0 && is_column_empty (&image->presence, image->cooling_column))
    {
      cooled = image->cooling;
      image->cooling
          = image->spare != NULL ? image->spare : g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
      image->spare = NULL;
    }
  g_mutex_unlock (&image->freed_mutex);
  return cooled;
}

/* A count that cannot be lowered is a cluster lost, and no reason to fail who flushes. */
static void BANYAN_COROUTINE
release_cooled (Qcow2Image *image)
{
  GArray *cooled = take_cooled (image);

  if (cooled == NULL)
    return;

  for (guint i = 0; i < cooled->len; i++)
    {
      const Qcow2Freed *freed = &g_array_index (cooled, Qcow2Freed, i);
      g_autoptr (GError) error = NULL;

      if (!qcow2_space_drop (image, freed->offset, freed->length, freed->why, &error))
        g_debug ("%s: a cluster stays in use: %s", image->name, error->message);
    }

  g_mutex_lock (&image->freed_mutex);
  keep_spare (image, cooled);
  g_mutex_unlock (&image->freed_mutex);
}

/* -- Writing back. Under order_mutex. -- */

static gboolean BANYAN_COROUTINE
write_l1 (Qcow2Image *image, GError **error)
{
  guint from = image->l1_dirty_from & ~63u;
  guint to = MIN ((image->l1_dirty_to + 63) & ~63u, image->l1_size);
  g_autoptr (BanyanBuffer) buffer = NULL;
  guint64 *entries;

  if (image->l1_dirty_from >= image->l1_dirty_to)
    return TRUE;
  buffer = banyan_buffer_new ((to - from) * sizeof *entries);
  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to write a table", image->name);

  entries = (guint64 *) buffer->data;
  for (guint i = from; i < to; i++)
    entries[i - from] = GUINT64_TO_BE (image->l1[i]);
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_L1_UPDATE);
  if (!qcow2_image_write_table (image, QCOW2_META_ACTIVE_L1,
                                image->header.l1_offset + from * sizeof *entries, entries,
                                (to - from) * sizeof *entries, error))
    return FALSE;

  image->l1_dirty_from = G_MAXUINT;
  image->l1_dirty_to = 0;
  return TRUE;
}

/* Refcounts that may be wrong need not be written: the dirty bit says so. */
static gboolean BANYAN_COROUTINE
write_tables (Qcow2Image *image, GError **error)
{
  if (!__atomic_load_n (&image->is_dirty, __ATOMIC_ACQUIRE) && !qcow2_refcount_write (image, error))
    return FALSE;

  return qcow2_image_flush_children (image, error) && qcow2_cache_write_all (&image->l2, error)
         && write_l1 (image, error);
}

/* @written: up to which change. */
static gboolean BANYAN_COROUTINE
write_back (Qcow2Image *image, guint64 *written, GArray **freed, GError **error)
{
  gboolean done = TRUE;

  banyan_co_rwlock_write_lock (&image->links);
  *written = __atomic_load_n (&image->changes, __ATOMIC_ACQUIRE);
  *freed = take_freed (image);
  if (qcow2_order_is_behind (image))
    done = write_tables (image, error);
  banyan_co_rwlock_unlock (&image->links);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_order_write_back (Qcow2Image *image, GError **error)
{
  GArray *freed;
  guint64 written;
  gboolean done;

  banyan_co_mutex_lock (&image->order_mutex);
  done = write_back (image, &written, &freed, error);
  give_back (image, freed);
  banyan_co_mutex_unlock (&image->order_mutex);
  return done;
}

static gboolean BANYAN_COROUTINE
flush_locked (Qcow2Image *image, GError **error)
{
  GArray *freed;
  guint64 written;

  if (!write_back (image, &written, &freed, error) || !qcow2_image_flush_children (image, error))
    {
      give_back (image, freed);
      return FALSE;
    }

  __atomic_store_n (&image->stable, written, __ATOMIC_RELEASE);
  offer_stable (image, freed);
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_order_flush (Qcow2Image *image, GError **error)
{
  gboolean done;

  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_FLUSH_TO_OS);
  if (!qcow2_order_is_behind (image))
    done = qcow2_image_flush_children (image, error);
  else
    {
      banyan_co_mutex_lock (&image->order_mutex);
      done = flush_locked (image, error);
      banyan_co_mutex_unlock (&image->order_mutex);
    }
  if (done)
    release_cooled (image);
  return done;
}

gboolean BANYAN_COROUTINE
qcow2_order_settle (Qcow2Image *image, GError **error)
{
  /* What cools from before leaves first; then what was freed since. */
  for (guint i = 0; i < 3; i++)
    {
      gboolean done;

      release_cooled (image);
      banyan_co_mutex_lock (&image->order_mutex);
      done = flush_locked (image, error);
      banyan_co_mutex_unlock (&image->order_mutex);
      if (!done)
        return FALSE;
    }
  release_cooled (image);
  return qcow2_refcount_write (image, error) && qcow2_image_flush_children (image, error);
}
