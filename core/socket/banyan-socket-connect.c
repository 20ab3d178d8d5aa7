/* banyan-socket-connect.c - the client's side of socket addresses
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-co-connect.h"
#include "banyan-socket-address-private.h"

#include <banyan/banyan-socket-connect.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

typedef struct
{
  BanyanSocketAddress *self;
  GArray *peers; /* (element-type BanyanSocketPeer) */
  int connected;
  GError *error;
} Search;

static BanyanFindPeersFunc
finder_of (BanyanSocketAddress *address)
{
  GType type = G_OBJECT_TYPE (address);

  if (type == banyan_unix_address_get_type ())
    return banyan_unix_address_find_peers;
  if (type == banyan_inet_address_get_type ())
    return banyan_inet_address_find_peers;
  if (type == banyan_vsock_address_get_type ())
    return banyan_vsock_address_find_peers;
  return banyan_fd_address_find_peers;
}

static gssize
find_peers (gpointer data)
{
  Search *search = data;

  return finder_of (search->self) (search->self, search->peers, &search->connected, &search->error);
}

/* Requests are small and wanted at once; a peer whose machine is gone is noticed some day. */
static void
set_options (int fd, int family)
{
  int yes = 1;

  if (family != AF_INET && family != AF_INET6)
    return;
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
}

static int BANYAN_COROUTINE
connect_to (const BanyanSocketPeer *peer, guint64 timeout_ns)
{
  const struct sockaddr *address = (const struct sockaddr *) &peer->address;
  int fd = socket (address->sa_family, BANYAN_SOCKET_FLAGS, 0);
  int result;

  if (fd < 0)
    return -errno;

  result = banyan_co_connect_within (fd, address, peer->length, timeout_ns);
  if (result < 0)
    {
      close (fd);
      return result;
    }
  set_options (fd, address->sa_family);
  return fd;
}

/* The first that answers; what is told of a failure is the last one's. */
static int BANYAN_COROUTINE
connect_to_any (const GArray *peers, guint64 timeout_ns)
{
  gint64 begun_ns = banyan_loop_now_ns (banyan_loop_current ());
  int result = -EADDRNOTAVAIL;

  for (guint i = 0; i < peers->len && result < 0 && result != -ECANCELED; i++)
    {
      guint64 spent_ns = banyan_loop_now_ns (banyan_loop_current ()) - begun_ns;

      if (i > 0 && spent_ns >= timeout_ns)
        return -ETIMEDOUT;
      result = connect_to (&g_array_index (peers, BanyanSocketPeer, i),
                           timeout_ns == G_MAXUINT64 ? timeout_ns : timeout_ns - spent_ns);
    }
  return result;
}

/**
 * banyan_co_socket_address_connect: (skip)
 * @self: an address
 * @timeout_ns: how long to wait for an answer at most; %G_MAXUINT64: no limit
 * @error: where to put the error, or NULL
 *
 * Connects to @self, to the first of the addresses that a host name stands for which answers. A
 * descriptor is taken to be connected.
 *
 * Returns: a socket that is the caller's, or -1 on error: %G_IO_ERROR_CANCELLED when the coroutine
 *   was cancelled
 */
int
banyan_co_socket_address_connect (BanyanSocketAddress *self, guint64 timeout_ns, GError **error)
{
  g_autoptr (GArray) peers = g_array_new (FALSE, FALSE, sizeof (BanyanSocketPeer));
  Search search = { .self = self, .peers = peers, .connected = -1 };
  g_autofree char *name = NULL;
  int result;

  if (!banyan_co_offload (find_peers, &search))
    {
      g_propagate_error (error, search.error);
      return -1;
    }

  result = search.connected >= 0 ? search.connected : connect_to_any (peers, timeout_ns);
  if (result >= 0)
    return result;

  name = banyan_socket_address_to_string (self);
  if (result == -ECANCELED)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "connecting to %s was cancelled", name);
  else
    banyan_throw_errno (error, result, "connecting to %s", name);
  return -1;
}

/**
 * banyan_socket_address_can_reconnect:
 * @self: an address
 *
 * Returns: whether there is another connection to be had at @self once the first is lost; there is
 *   none where the address is a descriptor
 */
gboolean
banyan_socket_address_can_reconnect (BanyanSocketAddress *self)
{
  return G_OBJECT_TYPE (self) != banyan_fd_address_get_type ();
}
