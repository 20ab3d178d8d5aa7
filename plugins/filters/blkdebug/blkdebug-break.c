/* blkdebug-break.c - breakpoints, and the requests that are held at them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * As in QEMU: a breakpoint holds one request and is gone. */

#include "blkdebug-break.h"

typedef struct
{
  guint event;
  char *tag; /* (owned) */
} Point;

typedef struct
{
  char *tag; /* (owned) */
  BanyanCoroutine *coroutine;
  gboolean may_go;
} Suspended;

static void
point_free (gpointer data)
{
  Point *self = data;

  g_free (self->tag);
  g_free (self);
}

void
blkdebug_breaks_init (BlkdebugBreaks *self)
{
  g_mutex_init (&self->mutex);
  self->points = g_ptr_array_new_with_free_func (point_free);
  self->suspended = g_ptr_array_new ();
}

void
blkdebug_breaks_clear (BlkdebugBreaks *self)
{
  g_ptr_array_unref (self->points);
  g_ptr_array_unref (self->suspended);
  g_mutex_clear (&self->mutex);
}

void
blkdebug_breaks_add (BlkdebugBreaks *self, guint event, const char *tag)
{
  Point *point = g_new (Point, 1);

  *point = (Point){ event, g_strdup (tag) };
  g_mutex_lock (&self->mutex);
  g_ptr_array_insert (self->points, 0, point);
  __atomic_store_n (&self->n_points, self->points->len, __ATOMIC_RELAXED);
  g_mutex_unlock (&self->mutex);
}

/* -- Letting go. Under the mutex. -- */

static void
let_go (Suspended *suspended)
{
  suspended->may_go = TRUE;
  banyan_coroutine_wake (suspended->coroutine);
}

static gboolean
is_held (const Suspended *suspended, const char *tag)
{
  return !suspended->may_go && (tag == NULL || g_str_equal (suspended->tag, tag));
}

/* @tag NULL: whoever it is. */
static gboolean
let_all_go (BlkdebugBreaks *self, const char *tag)
{
  gboolean has_any = FALSE;

  for (guint i = 0; i < self->suspended->len; i++)
    if (is_held (self->suspended->pdata[i], tag))
      {
        let_go (self->suspended->pdata[i]);
        has_any = TRUE;
      }
  return has_any;
}

gboolean
blkdebug_breaks_resume (BlkdebugBreaks *self, const char *tag)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  for (guint i = self->suspended->len; i-- > 0;)
    if (is_held (self->suspended->pdata[i], tag))
      {
        let_go (self->suspended->pdata[i]);
        return TRUE;
      }
  return FALSE;
}

gboolean
blkdebug_breaks_remove (BlkdebugBreaks *self, const char *tag)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  guint before = self->points->len;

  for (guint i = before; i-- > 0;)
    if (g_str_equal (((Point *) self->points->pdata[i])->tag, tag))
      g_ptr_array_remove_index (self->points, i);
  __atomic_store_n (&self->n_points, self->points->len, __ATOMIC_RELAXED);
  return let_all_go (self, tag) || self->points->len < before;
}

char **
blkdebug_breaks_list_suspended (BlkdebugBreaks *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  char **tags = g_new0 (char *, self->suspended->len + 1);
  guint n = 0;

  for (guint i = 0; i < self->suspended->len; i++)
    if (is_held (self->suspended->pdata[i], NULL))
      tags[n++] = g_strdup (((Suspended *) self->suspended->pdata[i])->tag);
  return tags;
}

void
blkdebug_breaks_begin_drain (BlkdebugBreaks *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  self->n_drains++;
  let_all_go (self, NULL);
}

void
blkdebug_breaks_end_drain (BlkdebugBreaks *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  self->n_drains--;
}

/* -- Being held. -- */

static gboolean
begin (BlkdebugBreaks *self, guint event, Suspended *suspended)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  for (guint i = 0; i < self->points->len && self->n_drains == 0; i++)
    {
      Point *point = self->points->pdata[i];

      if (point->event != event)
        continue;

      suspended->tag = g_steal_pointer (&point->tag);
      g_ptr_array_remove_index (self->points, i);
      __atomic_store_n (&self->n_points, self->points->len, __ATOMIC_RELAXED);
      g_ptr_array_add (self->suspended, suspended);
      return TRUE;
    }
  return FALSE;
}

static gboolean
may_go (BlkdebugBreaks *self, const Suspended *suspended)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  return suspended->may_go;
}

static void
end (BlkdebugBreaks *self, Suspended *suspended)
{
  g_mutex_lock (&self->mutex);
  g_ptr_array_remove (self->suspended, suspended);
  g_mutex_unlock (&self->mutex);
  g_free (suspended->tag);
}

void
blkdebug_breaks_pass (BlkdebugBreaks *self, guint event, void (*changed) (gpointer data),
                      gpointer data)
{
  Suspended suspended = { .coroutine = banyan_coroutine_self () };

  if (__atomic_load_n (&self->n_points, __ATOMIC_RELAXED) == 0 || !begin (self, event, &suspended))
    return;

  changed (data);
  while (!may_go (self, &suspended) && banyan_co_wait_ns (G_MAXUINT64) == BANYAN_WAIT_WOKEN)
    ;
  end (self, &suspended);
  changed (data);
}
