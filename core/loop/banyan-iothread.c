/* banyan-iothread.c - a thread that runs an I/O loop, as an object
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The object belongs to the main thread, as its properties do. Of them, the loop's thread sees only
 * copies that the loop keeps; it writes @thread_id, once, when it has begun. An iothread that is
 * used (a backend's home, a frontend's) does not close, so the loop outlives all that runs on it.
 */

#include <banyan/banyan-iothread.h>

#include "banyan-loop-private.h"

#include <unistd.h>

#define DEFAULT_POLL_MAX_NS 32768

struct _BanyanIOThread
{
  BanyanObject parent_instance;

  BanyanLoop *loop; /* (owned) (nullable) */
  guint64 poll_max_ns;
  guint aio_max_batch;
  gint thread_id; /* atomic */
};

enum
{
  PROP_0,
  PROP_POLL_MAX_NS,
  PROP_AIO_MAX_BATCH,
  PROP_LOOP,
  PROP_THREAD_ID,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (BanyanIOThread, banyan_iothread, BANYAN_TYPE_OBJECT)

/**
 * banyan_iothread_get_loop:
 * @self: an iothread
 *
 * Returns: (transfer none) (nullable): its loop, while it is open
 */
BanyanLoop *
banyan_iothread_get_loop (BanyanIOThread *self)
{
  g_return_val_if_fail (BANYAN_IS_IOTHREAD (self), NULL);

  return self->loop;
}

static void
note_thread_id (gpointer data)
{
  BanyanIOThread *self = data;

  __atomic_store_n (&self->thread_id, gettid (), __ATOMIC_RELAXED);
  banyan_object_queue_notify (BANYAN_OBJECT (self), g_intern_static_string ("thread-id"));
}

static gboolean
start (BanyanIOThread *self, GError **error)
{
  BanyanLoopConfig config = { .poll_max_ns = self->poll_max_ns, .budget = self->aio_max_batch };
  const char *id = banyan_object_get_id (BANYAN_OBJECT (self));

  self->loop = banyan_loop_start (id != NULL ? id : "iothread", &config, error);
  if (self->loop == NULL)
    return FALSE;

  banyan_coroutine_start_on (self->loop, note_thread_id, self);
  return TRUE;
}

static void
banyan_iothread_open_async (BanyanObject *object, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  BanyanIOThread *self = BANYAN_IOTHREAD (object);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;

  if (banyan_object_get_state (object) >= BANYAN_OBJECT_OPEN)
    {
      g_task_return_new_error (task, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                               "%s was opened before", banyan_object_get_id (object));
      return;
    }
  if (!start (self, &error))
    {
      g_task_return_error (task, error);
      return;
    }

  banyan_object_set_state (object, BANYAN_OBJECT_OPEN);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_LOOP]);
  g_task_return_boolean (task, TRUE);
}

static void
stop (BanyanIOThread *self)
{
  if (self->loop == NULL)
    return;

  banyan_loop_stop (g_steal_pointer (&self->loop));
  __atomic_store_n (&self->thread_id, 0, __ATOMIC_RELAXED);
}

static void
banyan_iothread_close_async (BanyanObject *object, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
  BanyanIOThread *self = BANYAN_IOTHREAD (object);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_auto (GStrv) users = banyan_object_describe_users (object);

  if (users[0] != NULL)
    {
      g_autofree char *list = g_strjoinv (", ", users);

      g_task_return_new_error (task, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
                               "%s is in use by %s; remove that first",
                               banyan_object_get_id (object), list);
      return;
    }

  stop (self);
  banyan_object_set_state (object, BANYAN_OBJECT_CLOSED);
  g_task_return_boolean (task, TRUE);
}

static gboolean
banyan_iothread_life_finish (BanyanObject *object, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
set_poll_max_ns (BanyanIOThread *self, guint64 poll_max_ns)
{
  if (self->poll_max_ns == poll_max_ns)
    return;

  self->poll_max_ns = poll_max_ns;
  if (self->loop != NULL)
    banyan_loop_set_poll_max_ns (self->loop, poll_max_ns);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_POLL_MAX_NS]);
}

static void
banyan_iothread_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  BanyanIOThread *self = BANYAN_IOTHREAD (object);

  if (id != PROP_POLL_MAX_NS)
    banyan_object_set_field (object, id, value, pspec);
  else if (banyan_object_accept_set (BANYAN_OBJECT (self), value, pspec))
    set_poll_max_ns (self, g_value_get_uint64 (value));
}

static void
banyan_iothread_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanIOThread *self = BANYAN_IOTHREAD (object);

  switch (id)
    {
    case PROP_POLL_MAX_NS:
      g_value_set_uint64 (value, self->poll_max_ns);
      break;
    case PROP_LOOP:
      g_value_set_string (value, self->loop != NULL ? banyan_loop_get_backend (self->loop) : NULL);
      break;
    case PROP_THREAD_ID:
      g_value_set_int (value, __atomic_load_n (&self->thread_id, __ATOMIC_RELAXED));
      break;
    default:
      banyan_object_get_field (object, id, value, pspec);
    }
}

static void
banyan_iothread_finalize (GObject *object)
{
  stop (BANYAN_IOTHREAD (object));

  G_OBJECT_CLASS (banyan_iothread_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *object_class)
{
  properties[PROP_POLL_MAX_NS] = banyan_param_uint64 (
      "poll-max-ns", "Poll max", "How long to look for work before the thread sleeps",
      BANYAN_UNIT_NS, 0, G_GUINT64_CONSTANT (1000000000), DEFAULT_POLL_MAX_NS, BANYAN_NO_FIELD);
  properties[PROP_AIO_MAX_BATCH] = banyan_param_mutable (
      banyan_param_uint ("aio-max-batch", "AIO max batch",
                         "Requests served before the kernel is asked again; 0 is the loop's choice",
                         BANYAN_UNIT_OPERATIONS, 0, 65536, 0,
                         G_STRUCT_OFFSET (BanyanIOThread, aio_max_batch)),
      BANYAN_MUTABLE_BEFORE_OPEN);
  properties[PROP_LOOP] = banyan_param_state (banyan_param_string (
      "loop", "Loop", "What the loop runs on: uring or epoll", NULL, BANYAN_NO_FIELD));
  properties[PROP_THREAD_ID] = banyan_param_state (
      banyan_param_int ("thread-id", "Thread id", "The system's number for the thread",
                        BANYAN_UNIT_NONE, 0, G_MAXINT, 0, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_iothread_class_init (BanyanIOThreadClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanObjectClass *banyan_class = BANYAN_OBJECT_CLASS (klass);

  object_class->finalize = banyan_iothread_finalize;
  object_class->set_property = banyan_iothread_set_property;
  object_class->get_property = banyan_iothread_get_property;
  banyan_class->open_async = banyan_iothread_open_async;
  banyan_class->open_finish = banyan_iothread_life_finish;
  banyan_class->close_async = banyan_iothread_close_async;
  banyan_class->close_finish = banyan_iothread_life_finish;
  install_properties (object_class);
}

static void
banyan_iothread_init (BanyanIOThread *self)
{
  self->poll_max_ns = DEFAULT_POLL_MAX_NS;
}
