/* nbd-link.c - one connection to a server, from its greeting to its end
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libnbd is a state machine that is told when its socket can be read or written. One coroutine
 * waits for the server all the time, another for room in the socket while there is none. They wait
 * on a descriptor of their own: libnbd closes its as soon as the connection has ended. All of it is
 * on one loop's thread, so libnbd's lock is never waited for. */

#include "nbd-link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

int
nbd_command_completed (gpointer data, int *error)
{
  NbdCommand *self = data;

  if (*error == 0 && self->dirties != NULL && !__atomic_load_n (self->dirties, __ATOMIC_RELAXED))
    __atomic_store_n (self->dirties, TRUE, __ATOMIC_RELEASE);
  self->error = *error;
  self->is_done = TRUE;
  banyan_coroutine_wake (self->coroutine);
  return 1; /* libnbd need not remember it */
}

/* -- Negotiating. -- */

/* Dead and closed handles want neither. */
static gboolean
is_usable (struct nbd_handle *handle)
{
  return nbd_aio_get_direction (handle) != 0;
}

static gboolean BANYAN_COROUTINE
negotiate_on (struct nbd_handle *handle, guint64 left_ns, GError **error)
{
  guint direction = nbd_aio_get_direction (handle);
  short events = (direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0)
                 | (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0);
  int result = banyan_co_poll (nbd_aio_get_fd (handle), events, left_ns);

  if (result == -ECANCELED)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "negotiating was cancelled");
      return FALSE;
    }
  if (result <= 0)
    return banyan_throw_errno (error, result < 0 ? result : ETIMEDOUT, "negotiating");

  if ((result & POLLOUT) && (direction & LIBNBD_AIO_DIRECTION_WRITE))
    result = nbd_aio_notify_write (handle);
  else
    result = nbd_aio_notify_read (handle);
  return result == 0 || nbd_throw (error, "negotiating");
}

static gboolean BANYAN_COROUTINE
negotiate (struct nbd_handle *handle, gint64 until_ns, GError **error)
{
  while (nbd_aio_is_ready (handle) != 1)
    {
      gint64 left_ns = until_ns - banyan_loop_now_ns (banyan_loop_current ());

      if (!is_usable (handle))
        return banyan_throw_errno (error, ECONNRESET, "negotiating: the server has hung up");
      if (!negotiate_on (handle, MAX (left_ns, 0), error))
        return FALSE;
    }
  return TRUE;
}

/* The socket is the handle's from here on, whatever becomes of it. */
static gboolean BANYAN_COROUTINE
take_up (struct nbd_handle *handle, int fd, const NbdTarget *target, gint64 until_ns, NbdInfo *info,
         GError **error)
{
  if (nbd_aio_connect_socket (handle, fd) < 0)
    return nbd_throw (error, "negotiating");
  return negotiate (handle, until_ns, error)
         && nbd_info_read (info, handle, target->context, error);
}

static struct nbd_handle *
new_handle (const NbdTarget *target, GError **error)
{
  struct nbd_handle *handle = nbd_create ();

  if (handle != NULL && nbd_set_export_name (handle, target->export) == 0
      && nbd_add_meta_context (handle, target->context) == 0)
    return handle;

  nbd_throw (error, "preparing to connect");
  nbd_close (handle);
  return NULL;
}

NbdLink *
nbd_link_open (const NbdTarget *target, guint64 timeout_ns, NbdInfo *info, GError **error)
{
  gint64 until_ns = banyan_loop_now_ns (banyan_loop_current ()) + timeout_ns;
  int fd = banyan_co_socket_address_connect (target->server, timeout_ns, error);
  int own = fd >= 0 ? fcntl (fd, F_DUPFD_CLOEXEC, 0) : -1;
  struct nbd_handle *handle = NULL;
  NbdLink *self;

  if (fd < 0)
    return NULL;
  if (own < 0)
    banyan_throw_errno (error, errno, "duplicating a socket");
  else
    handle = new_handle (target, error);

  if (handle == NULL || !take_up (handle, fd, target, until_ns, info, error))
    {
      if (handle == NULL)
        close (fd);
      if (own >= 0)
        close (own);
      nbd_close (handle);
      return NULL;
    }

  self = g_new0 (NbdLink, 1);
  self->handle = handle;
  self->loop = banyan_loop_current ();
  self->fd = own;
  return self;
}

/* -- Serving. -- */

static void BANYAN_COROUTINE
write_on (gpointer data)
{
  NbdLink *self = data;

  while (!self->is_over && (nbd_aio_get_direction (self->handle) & LIBNBD_AIO_DIRECTION_WRITE))
    {
      int result = banyan_co_poll (self->fd, POLLOUT, G_MAXUINT64);

      if (result < 0 || self->is_over)
        break;
      /* Who waits for the server sees the end, too. */
      if (nbd_aio_notify_write (self->handle) < 0)
        nbd_link_break (self);
    }

  self->has_writer = FALSE;
  if (self->ender != NULL)
    banyan_coroutine_wake (self->ender);
}

void
nbd_link_kick (NbdLink *self)
{
  if (self->has_writer || self->is_over
      || !(nbd_aio_get_direction (self->handle) & LIBNBD_AIO_DIRECTION_WRITE))
    return;

  self->has_writer = TRUE;
  banyan_coroutine_start_on (self->loop, write_on, self);
}

gboolean
nbd_link_serve (NbdLink *self, GError **error)
{
  while (!self->is_over)
    {
      int result = banyan_co_poll (self->fd, POLLIN, G_MAXUINT64);

      if (result == -ECANCELED)
        return TRUE;
      if (result < 0)
        return banyan_throw_errno (error, result, "waiting for the server");
      if (self->is_over)
        break;
      if (nbd_aio_notify_read (self->handle) < 0)
        return nbd_throw (error, "reading from the server");
      if (!is_usable (self->handle))
        break;
      nbd_link_kick (self);
    }
  return banyan_throw_errno (error, ECONNRESET, "the server has hung up");
}

void
nbd_link_break (NbdLink *self)
{
  self->is_over = TRUE;
  shutdown (self->fd, SHUT_RDWR);
}

/* libnbd ends commands when it sees the connection end, and forgets them when it is closed: it is
 * shown the end first. What came before that is still taken in. */
static void
run_out (NbdLink *self)
{
  guint direction;

  while ((direction = nbd_aio_get_direction (self->handle)) != 0)
    if ((direction & LIBNBD_AIO_DIRECTION_WRITE ? nbd_aio_notify_write (self->handle)
                                                : nbd_aio_notify_read (self->handle))
        < 0)
      break;
}

/* A goodbye that does not fit into the socket is not waited for. The writer sees the socket shut.
 */
void
nbd_link_close (NbdLink *self)
{
  if (!self->is_over && !self->has_writer && is_usable (self->handle))
    nbd_aio_disconnect (self->handle, 0);

  nbd_link_break (self);
  self->ender = banyan_coroutine_self ();
  while (self->has_writer)
    banyan_co_suspend ();

  run_out (self);
  nbd_close (self->handle);
  close (self->fd);
  g_free (self);
}
