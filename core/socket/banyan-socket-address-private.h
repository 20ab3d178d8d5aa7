/* banyan-socket-address-private.h - what the kinds of addresses share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-socket-address.h>

#include <sys/socket.h>

G_BEGIN_DECLS

#define BANYAN_SOCKET_FLAGS (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

GType banyan_unix_address_get_type (void);
GType banyan_inet_address_get_type (void);
GType banyan_vsock_address_get_type (void);
GType banyan_fd_address_get_type (void);

/* Appends a socket that listens at @address, which people know as @name. */
gboolean banyan_socket_listen_at (const struct sockaddr *address, socklen_t length,
                                  const char *name, GArray *fds, GError **error);
/* Where a client connects. */
typedef struct
{
  struct sockaddr_storage address;
  socklen_t length;
} BanyanSocketPeer;

/* Each appends where to connect to @peers (element-type BanyanSocketPeer), or gives a socket that
 * is connected already in @connected. They may wait, as listening does. */
typedef gboolean (*BanyanFindPeersFunc) (BanyanSocketAddress *self, GArray *peers, int *connected,
                                         GError **error);
gboolean banyan_unix_address_find_peers (BanyanSocketAddress *self, GArray *peers, int *connected,
                                         GError **error);
gboolean banyan_inet_address_find_peers (BanyanSocketAddress *self, GArray *peers, int *connected,
                                         GError **error);
gboolean banyan_vsock_address_find_peers (BanyanSocketAddress *self, GArray *peers, int *connected,
                                          GError **error);
gboolean banyan_fd_address_find_peers (BanyanSocketAddress *self, GArray *peers, int *connected,
                                       GError **error);
void banyan_socket_add_peer (GArray *peers, const struct sockaddr *address, socklen_t length);
/* Whether the one who listens at @address has died: the kernel may still be at taking its sockets
 * away when the next comes. Waits for that, or for a sign of life, for a moment. */
gboolean banyan_socket_is_abandoned (const struct sockaddr *address, socklen_t length);
/* Closes those from @first on, and takes them out. */
void banyan_socket_close_from (GArray *fds, guint first);

/* FALSE: @text is no number that fits. */
gboolean banyan_socket_parse_number (const char *text, guint *number);
gboolean banyan_socket_looks_like_number (const char *text);
void banyan_socket_check_number (const char *what, const char *text, guint64 maximum,
                                 const BanyanOrigin *origin, const char *path,
                                 BanyanProblems *problems);

G_END_DECLS
