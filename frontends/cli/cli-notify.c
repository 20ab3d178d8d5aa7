/* cli-notify.c - telling a service manager how far we are
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The protocol of sd_notify(3): one datagram of NAME=VALUE lines to the socket that NOTIFY_SOCKET
 * names. A few lines spare us a library. */

#include "cli.h"

#include "cli-notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* '@' stands for the abstract name space. FALSE: not an address that we can use. */
static gboolean
make_address (const char *name, struct sockaddr_un *address, socklen_t *length)
{
  gsize n = strlen (name);

  if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof address->sun_path)
    return FALSE;

  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  memcpy (address->sun_path, name, n);
  if (name[0] == '@')
    address->sun_path[0] = '\0';
  *length = G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + n;
  return TRUE;
}

/* Nobody is helped if a server stops because its manager does not listen. */
void
cli_notify (const char *state)
{
  const char *name = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address;
  socklen_t length;
  int descriptor;

  if (name == NULL || !make_address (name, &address, &length))
    return;

  descriptor = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return;
  if (sendto (descriptor, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *) &address, length)
      < 0)
    g_debug ("cannot notify %s", name);
  close (descriptor);
}
