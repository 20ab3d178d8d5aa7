/* banyan-named-fds.c - descriptors that clients named with getfd
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A name belongs to the connection that gave it. What uses it, an address, does not know for whom
 * it is made, so of equal names the newest is taken. */

#include "banyan-descriptors-private.h"

#include <string.h>
#include <unistd.h>

typedef struct
{
  gpointer owner;
  char *name; /* (owned) */
  int fd;     /* (owned), -1 when it was taken */
} NamedFd;

static GMutex mutex;
static GQueue named; /* (element-type NamedFd), the newest first; under the mutex */

static void
named_fd_free (NamedFd *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->name);
  g_free (self);
}

/* @owner NULL: anybody's. @name NULL: any. */
static NamedFd *
detach (gpointer owner, const char *name)
{
  for (GList *link = named.head; link != NULL; link = link->next)
    {
      NamedFd *entry = link->data;

      if ((owner != NULL && entry->owner != owner)
          || (name != NULL && strcmp (entry->name, name) != 0))
        continue;
      g_queue_delete_link (&named, link);
      return entry;
    }
  return NULL;
}

void
banyan_named_fds_put (gpointer owner, const char *name, int fd)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  NamedFd *old = detach (owner, name);
  NamedFd *entry = g_new0 (NamedFd, 1);

  g_clear_pointer (&old, named_fd_free);
  entry->owner = owner;
  entry->name = g_strdup (name);
  entry->fd = fd;
  g_queue_push_head (&named, entry);
}

gboolean
banyan_named_fds_close (gpointer owner, const char *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  NamedFd *entry = detach (owner, name);

  if (entry == NULL)
    return FALSE;

  named_fd_free (entry);
  return TRUE;
}

void
banyan_named_fds_close_all (gpointer owner)
{
  while (banyan_named_fds_close (owner, NULL))
    ;
}

int
banyan_named_fds_take (const char *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  NamedFd *entry = detach (NULL, name);
  int fd = -1;

  if (entry == NULL)
    return -1;

  fd = entry->fd;
  entry->fd = -1;
  named_fd_free (entry);
  return fd;
}
