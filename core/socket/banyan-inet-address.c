/* banyan-inet-address.c - a host and a port
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-socket-address-private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

G_DECLARE_FINAL_TYPE (BanyanInetAddress, banyan_inet_address, BANYAN, INET_ADDRESS,
                      BanyanSocketAddress)

struct _BanyanInetAddress
{
  BanyanSocketAddress parent_instance;

  char *host; /* (owned) */
  char *port; /* (owned) */
  gboolean ipv4;
  gboolean ipv6;
};

G_DEFINE_FINAL_TYPE (BanyanInetAddress, banyan_inet_address, BANYAN_TYPE_SOCKET_ADDRESS)

static char *
banyan_inet_address_describe (BanyanSocketAddress *address)
{
  BanyanInetAddress *self = BANYAN_INET_ADDRESS (address);
  const char *host = self->host != NULL && self->host[0] != '\0' ? self->host : "*";

  return g_strdup_printf (strchr (host, ':') != NULL ? "[%s]:%s" : "%s:%s", host,
                          self->port != NULL ? self->port : "");
}

static int
inet_family (const BanyanInetAddress *self)
{
  return self->ipv4 == self->ipv6 ? AF_UNSPEC : self->ipv4 ? AF_INET : AF_INET6;
}

/* Port 0 is any free one for the first address of a name, and the same one for the others. */
static void
take_port (struct sockaddr *address, const GArray *fds, guint first)
{
  struct sockaddr_storage found = { 0 };
  socklen_t length = sizeof found;
  struct sockaddr_in *v4 = (struct sockaddr_in *) address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) address;
  in_port_t *port = address->sa_family == AF_INET ? &v4->sin_port : &v6->sin6_port;

  if (*port != 0 || fds->len == first)
    return;
  if (getsockname (g_array_index (fds, int, first), (struct sockaddr *) &found, &length) == 0)
    *port = found.ss_family == AF_INET ? ((struct sockaddr_in *) &found)->sin_port
                                       : ((struct sockaddr_in6 *) &found)->sin6_port;
}

/* NULL with @error; to be freed by freeaddrinfo(). */
static struct addrinfo *
look_up (const BanyanInetAddress *self, const char *host, int flags, const char *name,
         GError **error)
{
  struct addrinfo hints
      = { .ai_family = inet_family (self), .ai_socktype = SOCK_STREAM, .ai_flags = flags };
  struct addrinfo *found = NULL;
  int code = getaddrinfo (host, self->port, &hints, &found);

  if (code != 0)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE, "looking up %s: %s",
                 name, gai_strerror (code));
  return code == 0 ? found : NULL;
}

/* All addresses of the name, or none. A machine without IPv6 is no error where the name stands for
 * both. */
static gboolean
banyan_inet_address_listen (BanyanSocketAddress *address, GArray *fds, GError **error)
{
  BanyanInetAddress *self = BANYAN_INET_ADDRESS (address);
  g_autofree char *name = banyan_inet_address_describe (address);
  const char *host = self->host != NULL && self->host[0] != '\0' ? self->host : NULL;
  struct addrinfo *found = look_up (self, host, AI_PASSIVE, name, error);
  g_autoptr (GError) failed = NULL;
  guint before = fds->len;

  if (found == NULL)
    return FALSE;

  for (struct addrinfo *each = found; each != NULL && failed == NULL; each = each->ai_next)
    {
      take_port (each->ai_addr, fds, before);
      if (!banyan_socket_listen_at (each->ai_addr, each->ai_addrlen, name, fds, &failed)
          && g_error_matches (failed, BANYAN_ERRNO, EADDRINUSE)
          && banyan_socket_is_abandoned (each->ai_addr, each->ai_addrlen))
        {
          g_clear_error (&failed);
          banyan_socket_listen_at (each->ai_addr, each->ai_addrlen, name, fds, &failed);
        }
      if (g_error_matches (failed, BANYAN_ERRNO, EAFNOSUPPORT)
          || g_error_matches (failed, BANYAN_ERRNO, EADDRNOTAVAIL))
        if (each->ai_next != NULL || fds->len > before)
          g_clear_error (&failed);
    }
  freeaddrinfo (found);

  if (failed == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failed));
  return FALSE;
}

/* Nobody is "every address" but this machine. */
gboolean
banyan_inet_address_find_peers (BanyanSocketAddress *address, GArray *peers, int *connected,
                                GError **error)
{
  BanyanInetAddress *self = BANYAN_INET_ADDRESS (address);
  g_autofree char *name = banyan_inet_address_describe (address);
  const char *host = self->host != NULL && self->host[0] != '\0' ? self->host : "localhost";
  struct addrinfo *found = look_up (self, host, 0, name, error);

  if (found == NULL)
    return FALSE;
  for (struct addrinfo *each = found; each != NULL; each = each->ai_next)
    banyan_socket_add_peer (peers, each->ai_addr, each->ai_addrlen);
  freeaddrinfo (found);
  return TRUE;
}

/* A service's name is looked up when it is listened to. */
static void
banyan_inet_address_check (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                           BanyanProblems *problems)
{
  const char *port = BANYAN_INET_ADDRESS (self)->port;

  if (port == NULL || port[0] == '\0' || banyan_socket_looks_like_number (port))
    banyan_socket_check_number ("port", port, G_MAXUINT16, origin, path, problems);
}

static void
banyan_inet_address_class_init (BanyanInetAddressClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanSocketAddressClass *address_class = BANYAN_SOCKET_ADDRESS_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  address_class->listen = banyan_inet_address_listen;
  address_class->describe = banyan_inet_address_describe;
  BANYAN_STRUCT_CLASS (klass)->check = banyan_inet_address_check;
  banyan_struct_class_set_name (BANYAN_STRUCT_CLASS (klass), "inet");

  g_object_class_install_property (
      object_class, 1,
      banyan_param_required (banyan_param_string (
          "host", "Host", "Name or address to listen on or connect to; empty: every address", NULL,
          G_STRUCT_OFFSET (BanyanInetAddress, host))));
  g_object_class_install_property (
      object_class, 2,
      banyan_param_required (banyan_param_string (
          "port", "Port", "Number of the port or name of the service; 0 takes any free one", NULL,
          G_STRUCT_OFFSET (BanyanInetAddress, port))));
  g_object_class_install_property (
      object_class, 3,
      banyan_param_boolean ("ipv4", "IPv4", "Whether to use IPv4 alone, where ipv6 is off", FALSE,
                            G_STRUCT_OFFSET (BanyanInetAddress, ipv4)));
  g_object_class_install_property (
      object_class, 4,
      banyan_param_boolean ("ipv6", "IPv6", "Whether to use IPv6 alone, where ipv4 is off", FALSE,
                            G_STRUCT_OFFSET (BanyanInetAddress, ipv6)));
}

static void
banyan_inet_address_init (BanyanInetAddress *self)
{
}
