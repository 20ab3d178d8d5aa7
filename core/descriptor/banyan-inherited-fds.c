/* banyan-inherited-fds.c - what a service manager handed to this process (sd_listen_fds(3))
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-descriptors-private.h"

#include <string.h>
#include <unistd.h>

static gboolean
read_number (const char *variable, guint64 maximum, guint64 *number)
{
  const char *text = g_getenv (variable);

  return text != NULL && g_ascii_string_to_unsigned (text, 10, 0, maximum, number, NULL);
}

/* What it said to another process, whose environment we have, is not for us. */
guint
banyan_inherited_count (void)
{
  guint64 pid, n_fds;

  if (!read_number ("LISTEN_PID", G_MAXINT, &pid) || pid != (guint64) getpid ()
      || !read_number ("LISTEN_FDS", G_MAXUINT32, &n_fds))
    return 0;
  return n_fds;
}

int
banyan_inherited_find (const char *name, int fd)
{
  const char *names = g_getenv ("LISTEN_FDNAMES");
  g_auto (GStrv) list = g_strsplit (names != NULL ? names : "", ":", -1);
  guint n_fds = MIN (banyan_inherited_count (), g_strv_length (list));
  guint first = fd < 0 ? 0 : fd - BANYAN_INHERITED_FIRST + 1;

  for (guint i = first; i < n_fds; i++)
    if (strcmp (list[i], name) == 0)
      return BANYAN_INHERITED_FIRST + i;
  return -1;
}
