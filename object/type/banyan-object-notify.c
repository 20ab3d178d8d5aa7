/* banyan-object-notify.c - changes made anywhere are told on the main thread, once
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One lock and one idle source serve all objects. An object that is in the queue keeps its room
 * there, so a counter that changes a million times a second costs a lock and a look at a few
 * pointers each time, and memory only once. */

#include "banyan-object-private.h"

static GMutex queue_lock;
static GPtrArray *queue; /* (owned) (nullable): of BanyanObject (owned) */
static gboolean is_scheduled;

/* Takes the names that wait, so that whoever listens may queue again. */
static GPtrArray *
take_waiting (BanyanObject *object)
{
  BanyanNotifyQueue *own = banyan_object_get_notify_queue (object);
  GPtrArray *names = g_ptr_array_new ();

  g_mutex_lock (&queue_lock);
  g_ptr_array_extend (names, own->waiting, NULL, NULL);
  g_ptr_array_set_size (own->waiting, 0);
  own->is_queued = FALSE;
  g_mutex_unlock (&queue_lock);

  return names;
}

static void
emit_waiting (BanyanObject *object)
{
  g_autoptr (GPtrArray) names = take_waiting (object);

  for (guint i = 0; i < names->len; i++)
    g_object_notify (G_OBJECT (object), names->pdata[i]);
}

static gboolean
emit_queue (gpointer data)
{
  g_autoptr (GPtrArray) objects = NULL;

  g_mutex_lock (&queue_lock);
  objects = g_steal_pointer (&queue);
  is_scheduled = FALSE;
  g_mutex_unlock (&queue_lock);

  for (guint i = 0; i < objects->len; i++)
    emit_waiting (objects->pdata[i]);

  return G_SOURCE_REMOVE;
}

static gboolean
add_name (BanyanNotifyQueue *own, const char *name)
{
  if (!own->waiting)
    own->waiting = g_ptr_array_sized_new (4);

  if (g_ptr_array_find (own->waiting, name, NULL))
    return FALSE;

  g_ptr_array_add (own->waiting, (gpointer) name);
  return TRUE;
}

/* Returns whether the idle source has to be made. */
static gboolean
enqueue (BanyanObject *self)
{
  gboolean schedule = !is_scheduled;

  if (!queue)
    queue = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (queue, g_object_ref (self));
  is_scheduled = TRUE;
  return schedule;
}

/**
 * banyan_object_queue_notify:
 * @self: an object
 * @property: (not nullable): the name of a property; interned, as names of properties are
 *
 * Has "notify" emitted for @property on the main thread, soon. May be called on any thread that
 * holds a reference. However often it is called until then, the signal is emitted once.
 */
void
banyan_object_queue_notify (BanyanObject *self, const char *property)
{
  BanyanNotifyQueue *own;
  gboolean schedule = FALSE;

  g_return_if_fail (BANYAN_IS_OBJECT (self));
  g_return_if_fail (property != NULL);

  own = banyan_object_get_notify_queue (self);
  g_mutex_lock (&queue_lock);
  if (add_name (own, property) && !own->is_queued)
    {
      own->is_queued = TRUE;
      schedule = enqueue (self);
    }
  g_mutex_unlock (&queue_lock);

  if (schedule)
    g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, emit_queue, NULL, NULL);
}
