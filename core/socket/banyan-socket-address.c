/* banyan-socket-address.c - where a server listens or a client connects, as a value
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-socket-address-private.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* -- The abstract class. -- */

G_DEFINE_ABSTRACT_TYPE (BanyanSocketAddress, banyan_socket_address, BANYAN_TYPE_STRUCT)

/* Whoever asks for the variants finds all of them. */
static void
banyan_socket_address_class_init (BanyanSocketAddressClass *klass)
{
  g_type_ensure (banyan_unix_address_get_type ());
  g_type_ensure (banyan_inet_address_get_type ());
  g_type_ensure (banyan_vsock_address_get_type ());
  g_type_ensure (banyan_fd_address_get_type ());
  banyan_struct_class_set_discriminator (BANYAN_STRUCT_CLASS (klass), "type");
}

static void
banyan_socket_address_init (BanyanSocketAddress *self)
{
}

void
banyan_socket_close_from (GArray *fds, guint first)
{
  for (guint i = first; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  g_array_set_size (fds, first);
}

/**
 * banyan_socket_address_listen: (skip)
 * @self: an address
 * @fds: (element-type int): where to add the sockets
 * @error: where to put the error, or NULL
 *
 * Listens at @self: at each of the addresses that a host name stands for.
 *
 * Returns: FALSE on error, and then nothing has been added
 */
gboolean
banyan_socket_address_listen (BanyanSocketAddress *self, GArray *fds, GError **error)
{
  guint before = fds->len;

  g_return_val_if_fail (BANYAN_IS_SOCKET_ADDRESS (self), FALSE);

  if (BANYAN_SOCKET_ADDRESS_GET_CLASS (self)->listen (self, fds, error))
    return TRUE;

  banyan_socket_close_from (fds, before);
  return FALSE;
}

/**
 * banyan_socket_address_to_string:
 * @self: an address
 *
 * Returns: (transfer full): the address in a form for people
 */
char *
banyan_socket_address_to_string (BanyanSocketAddress *self)
{
  g_return_val_if_fail (BANYAN_IS_SOCKET_ADDRESS (self), NULL);

  return BANYAN_SOCKET_ADDRESS_GET_CLASS (self)->describe (self);
}

/**
 * banyan_socket_address_forget:
 * @self: an address whose sockets have been closed
 *
 * Removes the file of a unix socket; does nothing for other addresses.
 */
void
banyan_socket_address_forget (BanyanSocketAddress *self)
{
  BanyanSocketAddressClass *klass = BANYAN_SOCKET_ADDRESS_GET_CLASS (self);

  if (klass->forget != NULL)
    klass->forget (self);
}

gboolean
banyan_socket_parse_number (const char *text, guint *number)
{
  guint64 value;

  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &value, NULL))
    return FALSE;
  *number = value;
  return TRUE;
}

/* A word that begins like a number is one: getaddrinfo() takes 70000 for 4464. */
gboolean
banyan_socket_looks_like_number (const char *text)
{
  return g_ascii_isdigit (text[0]) || (text[0] == '-' && g_ascii_isdigit (text[1]));
}

void
banyan_socket_check_number (const char *what, const char *text, guint64 maximum,
                            const BanyanOrigin *origin, const char *path, BanyanProblems *problems)
{
  guint64 value;

  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 0, maximum, &value, NULL))
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_RANGE, origin, path,
                         "%s is \"%s\"; it is a number from 0 to %" G_GUINT64_FORMAT, what,
                         text != NULL ? text : "", maximum);
}

gboolean
banyan_socket_listen_at (const struct sockaddr *address, socklen_t length, const char *name,
                         GArray *fds, GError **error)
{
  int fd = socket (address->sa_family, BANYAN_SOCKET_FLAGS, 0);
  int yes = 1;

  if (fd < 0)
    return banyan_throw_errno (error, errno, "making a socket for %s", name);

  if (address->sa_family == AF_INET || address->sa_family == AF_INET6)
    setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  /* Else [::] would take 0.0.0.0's port, which has a socket of its own. */
  if (address->sa_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);

  if (bind (fd, address, length) < 0 || listen (fd, BACKLOG) < 0)
    {
      int number = errno;

      close (fd);
      return banyan_throw_errno (error, number, "listening on %s%s", name,
                                 number == EADDRINUSE
                                     ? ", which is taken (end who listens there, or choose another)"
                                     : "");
    }

  g_array_append_val (fds, fd);
  return TRUE;
}

void
banyan_socket_add_peer (GArray *peers, const struct sockaddr *address, socklen_t length)
{
  BanyanSocketPeer peer = { .length = MIN (length, sizeof peer.address) };

  memcpy (&peer.address, address, peer.length);
  g_array_append_val (peers, peer);
}

/* Who calls a dead one is hung up on, or refused; a server greets, or is silent. */
static gboolean
call (const struct sockaddr *address, socklen_t length, gboolean *refused)
{
  struct timeval moment = { 0, 250000 };
  int fd = socket (address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  gboolean connected;
  gssize n = -1;
  guint8 byte;

  if (fd < 0)
    return FALSE;
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof moment);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
  connected = connect (fd, address, length) == 0;
  *refused = !connected && errno == ECONNREFUSED;
  if (connected)
    n = recv (fd, &byte, 1, 0);
  connected &= n > 0 || (n < 0 && errno != ECONNRESET);
  close (fd);
  return connected;
}

gboolean
banyan_socket_is_abandoned (const struct sockaddr *address, socklen_t length)
{
  gboolean refused = FALSE;

  if (call (address, length, &refused))
    return FALSE;
  return refused || (!call (address, length, &refused) && refused);
}

/* -- What a socket is bound to. -- */

static char *
describe_inet (const struct sockaddr *address, socklen_t length)
{
  char host[NI_MAXHOST], port[NI_MAXSERV];

  if (getnameinfo (address, length, host, sizeof host, port, sizeof port,
                   NI_NUMERICHOST | NI_NUMERICSERV)
      != 0)
    return g_strdup ("");
  return g_strdup_printf (strchr (host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

static char *
describe_unix (const struct sockaddr_un *address, socklen_t length)
{
  gsize n = length - MIN (length, offsetof (struct sockaddr_un, sun_path));

  if (n == 0)
    return g_strdup ("");
  if (address->sun_path[0] != '\0')
    return g_strndup (address->sun_path, n);
  return g_strdup_printf ("@%.*s", (int) n - 1, address->sun_path + 1);
}

/**
 * banyan_socket_get_name:
 * @fd: a socket that listens
 *
 * Tells also what was left open when it was bound, such as port 0.
 *
 * Returns: (transfer full): where it can be reached: host and port, a path, or "@" and an abstract
 *   name; empty if that cannot be said
 */
char *
banyan_socket_get_name (int fd)
{
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;

  if (getsockname (fd, (struct sockaddr *) &address, &length) < 0)
    return g_strdup ("");

  if (address.ss_family == AF_UNIX)
    return describe_unix ((const struct sockaddr_un *) &address, length);
  if (address.ss_family == AF_VSOCK)
    {
      const struct sockaddr_vm *vm = (const struct sockaddr_vm *) &address;

      return g_strdup_printf ("vsock:%u:%u", vm->svm_cid, vm->svm_port);
    }
  return describe_inet ((const struct sockaddr *) &address, length);
}
