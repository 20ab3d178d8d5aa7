/* banyan-backend-async.c - requests from the main thread, for programs, bindings and tests
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each call is a coroutine on the backend's home iothread, with a channel of its own: these are for
 * convenience, not for speed. Its result comes back as a message to the main loop, so that tasks
 * and backends are let go there and nowhere else. */

#include "banyan-channel-private.h"

#include "banyan-blocking-private.h"

#include <errno.h>

typedef struct
{
  BanyanTask done;
  GTask *task; /* (owned) */
  BanyanBackend *backend;
  BanyanChannelFunc func;
  gpointer func_data; /* (unowned) */

  guint64 offset;
  gsize length;
  GBytes *bytes;   /* (owned) (nullable) */
  gpointer buffer; /* (owned) (nullable) */
  guint flags;
  gboolean succeeded;
  GError *error; /* (owned) (nullable) */
} Call;

static void
call_free (gpointer data)
{
  Call *call = data;

  g_clear_pointer (&call->bytes, g_bytes_unref);
  g_free (call->buffer);
  g_clear_error (&call->error);
  g_free (call);
}

static void
call_done (BanyanTask *done)
{
  Call *call = (Call *) done;
  g_autoptr (GTask) task = call->task;

  if (!call->succeeded)
    g_task_return_error (task, g_steal_pointer (&call->error));
  else if (call->buffer != NULL)
    g_task_return_pointer (task, g_bytes_new_take (g_steal_pointer (&call->buffer), call->length),
                           (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_boolean (task, TRUE);
}

static void
throw_shut (BanyanBackend *self, GError **error)
{
  banyan_throw_errno (error, ESHUTDOWN, "%s is closed, or being closed", self->edge->role);
}

static void
call_main (gpointer data)
{
  Call *call = data;
  BanyanChannel *channel = banyan_backend_open_channel (call->backend);

  if (channel == NULL)
    throw_shut (call->backend, &call->error);
  else
    {
      call->succeeded = call->func (channel, call->func_data, &call->error);
      banyan_channel_close (channel);
    }

  call->done.func = call_done;
  banyan_loop_post (banyan_loop_get_main (), &call->done);
}

static Call *
call_new (BanyanBackend *self, BanyanChannelFunc func, GCancellable *cancellable,
          GAsyncReadyCallback callback, gpointer user_data)
{
  Call *call = g_new0 (Call, 1);

  call->task = g_task_new (self, cancellable, callback, user_data);
  call->backend = self;
  call->func = func;
  call->func_data = call;
  g_task_set_task_data (call->task, call, call_free);
  g_task_set_source_tag (call->task, func);
  return call;
}

static void
call_start (Call *call)
{
  gboolean is_shut;
  BanyanLoop *home;

  if (g_task_return_error_if_cancelled (call->task))
    {
      g_object_unref (call->task);
      return;
    }

  banyan_backends_lock ();
  home = call->backend->home;
  is_shut = call->backend->is_shut;
  banyan_backends_unlock ();

  /* Its home may have gone with the graph. */
  if (is_shut)
    {
      g_autoptr (GTask) task = call->task;
      GError *error = NULL;

      throw_shut (call->backend, &error);
      g_task_return_error (task, error);
      return;
    }
  banyan_coroutine_start_on (home, call_main, call);
}

/* -- Operations. -- */

static gboolean
do_read (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;
  struct iovec iov;
  BanyanRequest request = BANYAN_REQUEST (call->offset, call->length, &iov, 1);

  call->buffer = g_try_malloc (MAX (call->length, 1));
  if (call->buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "reading %" G_GSIZE_FORMAT " bytes", call->length);

  iov = (struct iovec){ call->buffer, call->length };
  return banyan_channel_read (channel, &request, error);
}

/**
 * banyan_backend_read_async:
 * @self: a backend
 * @offset: where to begin, in bytes
 * @length: how many bytes to read
 * @cancellable: (nullable): prevents a call that has not begun
 * @callback: (scope async): called on the main thread
 * @user_data: given to @callback
 *
 * Reads.
 */
void
banyan_backend_read_async (BanyanBackend *self, guint64 offset, gsize length,
                           GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  Call *call;

  g_return_if_fail (BANYAN_IS_BACKEND (self));

  call = call_new (self, do_read, cancellable, callback, user_data);
  call->offset = offset;
  call->length = length;
  call_start (call);
}

/**
 * banyan_backend_read_finish:
 * @self: a backend
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the data, or NULL
 */
GBytes *
banyan_backend_read_finish (BanyanBackend *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

static gboolean
do_write (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;
  struct iovec iov = { (gpointer) g_bytes_get_data (call->bytes, NULL), call->length };
  BanyanRequest request = BANYAN_REQUEST (call->offset, call->length, &iov, 1);

  request.flags = call->flags;
  return banyan_channel_write (channel, &request, error);
}

/**
 * banyan_backend_write_async:
 * @self: a backend
 * @offset: where to begin, in bytes
 * @bytes: the data
 * @flags: #BanyanRequestFlags
 * @cancellable: (nullable): prevents a call that has not begun
 * @callback: (scope async): called on the main thread
 * @user_data: given to @callback
 *
 * Writes.
 */
void
banyan_backend_write_async (BanyanBackend *self, guint64 offset, GBytes *bytes, guint flags,
                            GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data)
{
  Call *call;

  g_return_if_fail (BANYAN_IS_BACKEND (self));
  g_return_if_fail (bytes != NULL);

  call = call_new (self, do_write, cancellable, callback, user_data);
  call->offset = offset;
  call->length = g_bytes_get_size (bytes);
  call->bytes = g_bytes_ref (bytes);
  call->flags = flags;
  call_start (call);
}

/**
 * banyan_backend_write_finish:
 * @self: a backend
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: whether the data was written
 */
gboolean
banyan_backend_write_finish (BanyanBackend *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
do_flush (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_channel_flush (channel, error);
}

/**
 * banyan_backend_flush_async:
 * @self: a backend
 * @cancellable: (nullable): prevents a call that has not begun
 * @callback: (scope async): called on the main thread
 * @user_data: given to @callback
 *
 * Puts on stable storage what was written before.
 */
void
banyan_backend_flush_async (BanyanBackend *self, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (BANYAN_IS_BACKEND (self));

  call_start (call_new (self, do_flush, cancellable, callback, user_data));
}

/**
 * banyan_backend_flush_finish:
 * @self: a backend
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: whether the data is on stable storage
 */
gboolean
banyan_backend_flush_finish (BanyanBackend *self, GAsyncResult *result, GError **error)
{
  return banyan_backend_write_finish (self, result, error);
}

/* -- Blocking forms. -- */

/**
 * banyan_backend_read:
 * @self: a backend
 * @offset: where to begin, in bytes
 * @length: how many bytes to read
 * @error: where to put the error
 *
 * Reads, and runs the main loop meanwhile. Refused with %G_IO_ERROR_WOULD_BLOCK inside a callback
 * of that loop.
 *
 * Returns: (transfer full): the data, or NULL
 */
GBytes *
banyan_backend_read (BanyanBackend *self, guint64 offset, gsize length, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (!banyan_may_block (G_STRFUNC, error))
    return NULL;

  banyan_backend_read_async (self, offset, length, NULL, banyan_keep_result, &result);
  return banyan_backend_read_finish (self, banyan_wait_for_result (&result), error);
}

/**
 * banyan_backend_write:
 * @self: a backend
 * @offset: where to begin, in bytes
 * @bytes: the data
 * @flags: #BanyanRequestFlags
 * @error: where to put the error
 *
 * Writes, and runs the main loop meanwhile, as banyan_backend_read() does.
 *
 * Returns: whether the data was written
 */
gboolean
banyan_backend_write (BanyanBackend *self, guint64 offset, GBytes *bytes, guint flags,
                      GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  banyan_backend_write_async (self, offset, bytes, flags, NULL, banyan_keep_result, &result);
  return banyan_backend_write_finish (self, banyan_wait_for_result (&result), error);
}

/**
 * banyan_backend_flush:
 * @self: a backend
 * @error: where to put the error
 *
 * Flushes, and runs the main loop meanwhile, as banyan_backend_read() does.
 *
 * Returns: whether the data is on stable storage
 */
gboolean
banyan_backend_flush (BanyanBackend *self, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  banyan_backend_flush_async (self, NULL, banyan_keep_result, &result);
  return banyan_backend_flush_finish (self, banyan_wait_for_result (&result), error);
}

/**
 * banyan_backend_run: (skip)
 * @self: a backend
 * @func: what to run
 * @data: its argument
 * @error: where to put the error
 *
 * Runs @func as a coroutine on the backend's home iothread, with a channel, and the main loop
 * meanwhile.
 *
 * Returns: what @func returned; FALSE where it could not be run
 */
gboolean
banyan_backend_run (BanyanBackend *self, BanyanChannelFunc func, gpointer data, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  Call *call;

  g_return_val_if_fail (BANYAN_IS_BACKEND (self), FALSE);

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  call = call_new (self, func, NULL, banyan_keep_result, &result);
  call->func_data = data;
  call_start (call);
  return g_task_propagate_boolean (G_TASK (banyan_wait_for_result (&result)), error);
}
