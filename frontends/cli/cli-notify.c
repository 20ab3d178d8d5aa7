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

static int manager = -1;

/* Once: what serves in a sandbox finds no path any more. */
static int
connect_to_manager (void)
{
  const char *name = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address;
  socklen_t length;

  if (manager >= 0 || name == NULL || !make_address (name, &address, &length))
    return manager;

  manager = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (manager >= 0 && connect (manager, (struct sockaddr *) &address, length) < 0)
    {
      close (manager);
      manager = -1;
    }
  return manager;
}

void
cli_notify_prepare (void)
{
  connect_to_manager ();
}

/* Nobody is helped if a server stops because its manager does not listen. */
void
cli_notify (const char *state)
{
  int descriptor = connect_to_manager ();

  if (descriptor >= 0 && send (descriptor, state, strlen (state), MSG_NOSIGNAL) < 0)
    g_debug ("cannot notify the service manager");
}
