/* banyan-socket-address.h - where a server listens or a client connects, as a value
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-struct.h>

G_BEGIN_DECLS

/* Abstract; `type` says which: inet (host, port), unix (path), vsock (cid, port) or fd (str). Names
 * as in QEMU's SocketAddress. */
#define BANYAN_TYPE_SOCKET_ADDRESS (banyan_socket_address_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanSocketAddress, banyan_socket_address, BANYAN, SOCKET_ADDRESS,
                          BanyanStruct)

struct _BanyanSocketAddressClass
{
  BanyanStructClass parent_class;

  /* Appends listening sockets to @fds (element-type int). */
  gboolean (*listen) (BanyanSocketAddress *self, GArray *fds, GError **error);
  char *(*describe) (BanyanSocketAddress *self);
  /* After the last socket has been closed. */
  void (*forget) (BanyanSocketAddress *self);

  BANYAN_RESERVED (4);
};

/* May wait for a name server: not on an iothread's own stack but in banyan_co_offload(). What was
 * appended before an error has been closed. The sockets do not block and are closed on exec. */
BANYAN_API
gboolean banyan_socket_address_listen (BanyanSocketAddress *self, GArray *fds, GError **error);
/* "unix:/run/disk0.sock", "[::1]:10809", ... (transfer full) */
BANYAN_API
char *banyan_socket_address_to_string (BanyanSocketAddress *self);
/* Removes what listening left behind: a socket's file. */
BANYAN_API
void banyan_socket_address_forget (BanyanSocketAddress *self);

/* Appends duplicates of the sockets that systemd handed to this process (LISTEN_FDS). */
BANYAN_API
gboolean banyan_socket_activation_listen (GArray *fds, GError **error);

/* Where a listening socket can be reached: "[::1]:10809", a path, "@name", "vsock:2:10809". */
BANYAN_API
char *banyan_socket_get_name (int fd);

G_END_DECLS
