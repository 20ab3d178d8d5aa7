/* nbd-leave.c - clients: how they go, and how they go on elsewhere
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who closes an export, or the server, gives its clients a farewell's time. Who takes threads away
 * wants to keep the clients, and looks who is to blame for what takes longer. */

#include "nbd-server-private.h"

#include <sys/socket.h>

/* Between two looks for who keeps a thread waiting, at least. */
#define MIN_LOOK_MS 100

/* As long as a change waits for what is in flight. */
#define MAX_MOVE_MS 30000

/* -- Ending connections: those to an export, or all. -- */

/* @export: (nullable): all connections */
static gboolean
is_meant (NbdConnection *connection, NbdExport *export)
{
  return export == NULL || connection->export == export;
}

static guint
shut_connections (NbdServer *self, NbdExport *export)
{
  guint n = 0;

  for (NbdConnection *each = self->first; each != NULL; each = each->next)
    if (is_meant (each, export))
      {
        shutdown (each->fd, SHUT_RD);
        n++;
      }
  return n;
}

/* Nobody is left to take an answer: what sleeps in the graph need not go on. Under the mutex. */
static void
cut_off (NbdConnection *connection)
{
  shutdown (connection->fd, SHUT_RDWR);
  if (connection->owner == NULL)
    return;
  BANYAN_LIVE_SET (connection->is_cut_off, TRUE);
  nbd_connection_wake_owner (connection);
}

static void
cut_off_connections (NbdServer *self, NbdExport *export)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  for (NbdConnection *each = self->first; each != NULL; each = each->next)
    if (is_meant (each, export))
      cut_off (each);
}

guint64
nbd_server_get_farewell_seconds (NbdServer *self)
{
  return BANYAN_LIVE (self->farewell_max_seconds);
}

void
nbd_server_set_owner (NbdServer *self, NbdConnection *connection, BanyanCoroutine *owner)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  connection->owner = owner;
}

/* Until there are none of them any more, which each that goes tells its closer. */
static void BANYAN_COROUTINE
wait_for_none (NbdServer *self, guint (*count) (NbdServer *self, NbdExport *export),
               NbdExport *export)
{
  g_mutex_lock (&self->mutex);
  self->closer = banyan_coroutine_self ();
  while (count (self, export) > 0)
    {
      g_mutex_unlock (&self->mutex);
      banyan_co_suspend ();
      g_mutex_lock (&self->mutex);
    }
  self->closer = NULL;
  g_mutex_unlock (&self->mutex);
}

/* What is done beside a wait, as long as it takes. */
typedef struct _Beside Beside;
struct _Beside
{
  void (*func) (Beside *self);
  NbdServer *server;
  NbdExport *export; /* (nullable) */
  GPtrArray *loops;  /* (nullable) */
  BanyanCoroutine *coroutine;
  BanyanCoroutine *waiter;
  gboolean is_over;
};

static void
run_beside (gpointer data)
{
  Beside *self = data;

  self->coroutine = banyan_coroutine_self ();
  self->func (self);
  self->is_over = TRUE;
  banyan_coroutine_wake (self->waiter);
}

static void
begin_beside (Beside *self)
{
  self->waiter = banyan_coroutine_self ();
  banyan_coroutine_start (run_beside, self);
}

static void BANYAN_COROUTINE
end_beside (Beside *self)
{
  if (!self->is_over)
    banyan_coroutine_cancel (self->coroutine);
  while (!self->is_over)
    banyan_co_suspend ();
}

static void
end_farewell (Beside *self)
{
  if (banyan_co_sleep_ms (nbd_server_get_farewell_seconds (self->server) * 1000, NULL))
    cut_off_connections (self->server, self->export);
}

void BANYAN_COROUTINE
nbd_server_end_connections (NbdServer *self, NbdExport *export)
{
  Beside farewell = { .func = end_farewell, .server = self, .export = export };

  begin_beside (&farewell);
  wait_for_none (self, shut_connections, export);
  end_beside (&farewell);
}

void BANYAN_COROUTINE
nbd_server_remove_export (NbdServer *self, NbdExport *export)
{
  g_mutex_lock (&self->mutex);
  g_ptr_array_remove (self->offered, export);
  g_mutex_unlock (&self->mutex);

  nbd_server_end_connections (self, export);
}

/* -- Moving them to other loops. -- */

void
nbd_server_note_loops (NbdServer *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  g_ptr_array_set_size (self->loops, 0);
  for (guint i = 0; i < banyan_list_get_length (self->iothreads); i++)
    g_ptr_array_add (self->loops, banyan_iothread_get_loop (BANYAN_IOTHREAD (
                                      banyan_list_get_object (self->iothreads, i))));
}

static gboolean
is_served (NbdServer *self, BanyanLoop *loop)
{
  return self->loops->len == 0 ? loop == banyan_frontend_get_loop (BANYAN_FRONTEND (self))
                               : g_ptr_array_find (self->loops, loop, NULL);
}

/* The loops that they leave. (transfer container) */
static GPtrArray *
mark_leaving (NbdServer *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  GPtrArray *loops = g_ptr_array_new ();

  for (NbdConnection *each = self->first; each != NULL; each = each->next)
    {
      if (is_served (self, each->loop))
        continue;
      BANYAN_LIVE_SET (each->is_leaving, TRUE);
      if (!g_ptr_array_find (loops, each->loop, NULL))
        g_ptr_array_add (loops, each->loop);
    }
  return loops;
}

static guint
count_leaving (NbdServer *self, NbdExport *none)
{
  guint n = 0;

  for (NbdConnection *each = self->first; each != NULL; each = each->next)
    n += BANYAN_LIVE (each->is_leaving);
  return n;
}

typedef struct
{
  NbdServer *server;
  BanyanLoop *loop;
  void (*func) (NbdConnection *connection);
} Look;

/* On that loop, whose connections neither go nor begin to wait meanwhile. */
static gboolean BANYAN_COROUTINE
look_at_leaving (gpointer data, GError **error)
{
  Look *self = data;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->server->mutex);

  for (NbdConnection *each = self->server->first; each != NULL; each = each->next)
    if (each->loop == self->loop && BANYAN_LIVE (each->is_leaving))
      self->func (each);
  return TRUE;
}

static void BANYAN_COROUTINE
look_at_all_leaving (NbdServer *self, GPtrArray *loops, void (*func) (NbdConnection *connection))
{
  for (guint i = 0; i < loops->len; i++)
    {
      Look job = { self, loops->pdata[i], func };

      banyan_co_run_on (job.loop, look_at_leaving, &job, NULL);
    }
}

static void
begin_to_leave (NbdConnection *connection)
{
  connection->is_late = nbd_connection_waits_for_peer (connection);
  connection->n_moved = nbd_connection_count_moved (connection);
  nbd_connection_hurry (connection);
}

/* Whom the graph keeps waiting has done nothing wrong, and its time begins when it is answered. */
static void
cut_off_late (NbdConnection *connection)
{
  gboolean waits = nbd_connection_waits_for_peer (connection);
  guint64 n_moved = nbd_connection_count_moved (connection);

  if (waits && connection->is_late && n_moved == connection->n_moved)
    cut_off (connection);
  connection->is_late = waits;
  connection->n_moved = n_moved;
}

static void
end_patience (Beside *self)
{
  guint64 farewell_ms = nbd_server_get_farewell_seconds (self->server) * 1000;
  guint64 pause_ms = MAX (farewell_ms, MIN_LOOK_MS);
  guint64 limit_ms = MAX (farewell_ms, MAX_MOVE_MS);
  guint64 waited_ms = 0;

  while (waited_ms < limit_ms && banyan_co_sleep_ms (MIN (pause_ms, limit_ms - waited_ms), NULL))
    {
      look_at_all_leaving (self->server, self->loops, cut_off_late);
      waited_ms += pause_ms;
    }
  if (!banyan_co_is_cancelled ())
    look_at_all_leaving (self->server, self->loops, cut_off);
}

void BANYAN_COROUTINE
nbd_server_move_connections (NbdServer *self)
{
  g_autoptr (GPtrArray) loops = mark_leaving (self);
  Beside patience = { .func = end_patience, .server = self, .loops = loops };

  look_at_all_leaving (self, loops, begin_to_leave);
  begin_beside (&patience);
  wait_for_none (self, count_leaving, NULL);
  end_beside (&patience);
}
