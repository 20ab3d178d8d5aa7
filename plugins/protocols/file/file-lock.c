/* file-lock.c - image locks that QEMU understands
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * QEMU marks its use of an image with shared OFD locks on single bytes: byte 100 + n is held by who
 * takes permission n, byte 200 + n by who does not share it, with the permissions numbered as ours
 * (docs/devel in QEMU's tree; util/osdep.c and block/file-posix.c set the rule). Who wants
 * permission n first takes its own byte, then looks whether another holds 200 + n, and the other
 * way around; so of two that come at once at least one sees the other.
 *
 * OFD locks belong to an open file description, so two descriptions in one process would be in
 * each other's way. Here one identity (device and inode) has one description that holds the union
 * of what its nodes need; the nodes' conflicts among themselves are found in the table. */

#include "file-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define USED_BASE 100
#define UNSHARED_BASE 200
#define N_PERMISSIONS 4

static const char *const permission_names[N_PERMISSIONS]
    = { "consistent-read", "write", "write-unchanged", "resize" };

typedef struct
{
  dev_t device;
  ino_t inode;
  int fd;          /* (owned): the description that holds the locks */
  guint held_used; /* bytes held in the kernel */
  guint held_unshared;
  GPtrArray *nodes; /* (element-type FileLock) (unowned) */
} Identity;

struct _FileLock
{
  Identity *identity;
  char *path;  /* (owned) */
  char *owner; /* (owned) */
  guint used;  /* by what is in force */
  guint unshared;
  guint grown_used; /* by that, and by a change that may still fail */
  guint grown_unshared;
};

static GMutex identities_mutex;
static GPtrArray *identities; /* (element-type Identity), under the mutex */

static int
set_lock (int fd, int type, guint byte)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

  return TEMP_FAILURE_RETRY (fcntl (fd, F_OFD_SETLK, &lock)) < 0 ? -errno : 0;
}

/* Whether another description holds @byte. */
static gboolean
is_held_elsewhere (int fd, guint byte)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

  return fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* -- Who holds it: the kernel does not say for OFD locks, but each process's fdinfo does. -- */

static gboolean
fdinfo_has_lock (const char *text, const char *device_inode, guint byte)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) words = NULL;
      guint n;

      if (!g_str_has_prefix (lines[i], "lock:") || strstr (lines[i], device_inode) == NULL)
        continue;
      words = g_strsplit_set (g_strchomp (lines[i]), " ", -1);
      n = g_strv_length (words);
      if (n >= 2 && g_ascii_strtoull (words[n - 2], NULL, 10) <= byte
          && (strcmp (words[n - 1], "EOF") == 0
              || g_ascii_strtoull (words[n - 1], NULL, 10) >= byte))
        return TRUE;
    }

  return FALSE;
}

static gboolean
process_holds (const char *pid, const char *device_inode, guint byte)
{
  g_autofree char *folder = g_build_filename ("/proc", pid, "fdinfo", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (folder, name, NULL);
      g_autofree char *text = NULL;

      if (g_file_get_contents (file, &text, NULL, NULL)
          && fdinfo_has_lock (text, device_inode, byte))
        return TRUE;
    }

  return FALSE;
}

/* "qemu-img (pid 4711)", or words for somebody whom /proc does not show. */
static char *
describe_holder (const Identity *identity, guint byte)
{
  g_autofree char *device_inode
      = g_strdup_printf (" %02x:%02x:%" G_GUINT64_FORMAT " ", major (identity->device),
                         minor (identity->device), (guint64) identity->inode);
  g_autoptr (GDir) proc = g_dir_open ("/proc", 0, NULL);
  g_autofree char *self = g_strdup_printf ("%d", getpid ());
  const char *pid;

  while (proc != NULL && (pid = g_dir_read_name (proc)) != NULL)
    {
      g_autofree char *file = NULL;
      g_autofree char *command = NULL;

      if (!g_ascii_isdigit (pid[0]) || strcmp (pid, self) == 0
          || !process_holds (pid, device_inode, byte))
        continue;
      file = g_build_filename ("/proc", pid, "comm", NULL);
      if (!g_file_get_contents (file, &command, NULL, NULL))
        command = g_strdup ("a process");
      return g_strdup_printf ("%s (pid %s)", g_strchomp (command), pid);
    }

  return g_strdup ("a process that /proc does not show");
}

/* -- Conflicts. -- */

static gboolean
throw_conflict (const FileLock *self, const char *holder, guint n, gboolean we_use, GError **error)
{
  if (we_use)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
                 "%s: %s has %s open and does not share \"%s\", which is needed here; stop it, or "
                 "open the image read-only in one of the two",
                 self->owner, holder, self->path, permission_names[n]);
  else
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
                 "%s: %s has %s open with \"%s\", which is not shared from here; stop it, or open "
                 "the image read-only in one of the two (force-share: true reads it as it is)",
                 self->owner, holder, self->path, permission_names[n]);
  return FALSE;
}

static gboolean
check_own_process (const FileLock *self, guint used, guint unshared, GError **error)
{
  for (guint i = 0; i < self->identity->nodes->len; i++)
    {
      const FileLock *other = g_ptr_array_index (self->identity->nodes, i);

      if (other == self)
        continue;
      for (guint n = 0; n < N_PERMISSIONS; n++)
        {
          if (used & other->grown_unshared & (1u << n))
            return throw_conflict (self, other->owner, n, TRUE, error);
          if (unshared & other->grown_used & (1u << n))
            return throw_conflict (self, other->owner, n, FALSE, error);
        }
    }

  return TRUE;
}

static gboolean
check_other_processes (const FileLock *self, guint used, guint unshared, GError **error)
{
  const Identity *identity = self->identity;

  for (guint n = 0; n < N_PERMISSIONS; n++)
    {
      gboolean we_use = (used & (1u << n)) && is_held_elsewhere (identity->fd, UNSHARED_BASE + n);
      gboolean they_use = (unshared & (1u << n)) && is_held_elsewhere (identity->fd, USED_BASE + n);
      g_autofree char *holder = NULL;

      if (!we_use && !they_use)
        continue;
      holder = describe_holder (identity, (we_use ? UNSHARED_BASE : USED_BASE) + n);
      return throw_conflict (self, holder, n, we_use, error);
    }

  return TRUE;
}

/* -- The kernel's locks follow the union of the nodes'. -- */

static void
union_of_nodes (const Identity *identity, guint *used, guint *unshared)
{
  *used = *unshared = 0;
  for (guint i = 0; i < identity->nodes->len; i++)
    {
      const FileLock *node = g_ptr_array_index (identity->nodes, i);

      *used |= node->grown_used;
      *unshared |= node->grown_unshared;
    }
}

static int
lock_bytes (int fd, guint base, guint wanted, guint *held)
{
  for (guint n = 0; n < N_PERMISSIONS; n++)
    {
      int result;

      if (!(wanted & ~*held & (1u << n)))
        continue;
      result = set_lock (fd, F_RDLCK, base + n);
      if (result < 0)
        return result;
      *held |= 1u << n;
    }

  return 0;
}

static void
unlock_bytes (int fd, guint base, guint wanted, guint *held)
{
  for (guint n = 0; n < N_PERMISSIONS; n++)
    if (*held & ~wanted & (1u << n))
      set_lock (fd, F_UNLCK, base + n);
  *held &= wanted;
}

static void
shrink_to_union (Identity *identity)
{
  guint used, unshared;

  union_of_nodes (identity, &used, &unshared);
  unlock_bytes (identity->fd, USED_BASE, used, &identity->held_used);
  unlock_bytes (identity->fd, UNSHARED_BASE, unshared, &identity->held_unshared);
}

static int
grow_to (Identity *identity, guint used, guint unshared)
{
  int result = lock_bytes (identity->fd, USED_BASE, used, &identity->held_used);

  if (result == 0)
    result = lock_bytes (identity->fd, UNSHARED_BASE, unshared, &identity->held_unshared);
  return result;
}

static gboolean
grow_locked (FileLock *self, guint used, guint unshared, gboolean *unsupported, GError **error)
{
  int result;

  if (!check_own_process (self, used, unshared, error))
    return FALSE;

  result = grow_to (self->identity, used, unshared);
  if (result == -ENOLCK || result == -EOPNOTSUPP || result == -EINVAL)
    *unsupported = TRUE;
  else if (result < 0)
    banyan_throw_errno (error, result, "%s: locking %s", self->owner, self->path);
  else if (check_other_processes (self, used & ~self->grown_used, unshared & ~self->grown_unshared,
                                  error))
    {
      self->grown_used |= used;
      self->grown_unshared |= unshared;
      return TRUE;
    }

  shrink_to_union (self->identity);
  return FALSE;
}

/* -- Identities. -- */

static Identity *
identity_get (int fd)
{
  struct stat status;
  Identity *identity;

  if (fstat (fd, &status) < 0)
    return NULL;
  if (identities == NULL)
    identities = g_ptr_array_new ();
  for (guint i = 0; i < identities->len; i++)
    {
      identity = g_ptr_array_index (identities, i);
      if (identity->device == status.st_dev && identity->inode == status.st_ino)
        return identity;
    }

  identity = g_new0 (Identity, 1);
  identity->device = status.st_dev;
  identity->inode = status.st_ino;
  /* A duplicate shares the description, and keeps it alive when the first node has gone. */
  identity->fd = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  identity->nodes = g_ptr_array_new ();
  g_ptr_array_add (identities, identity);
  return identity;
}

static void
identity_put (Identity *identity)
{
  if (identity->nodes->len > 0)
    return;

  g_ptr_array_remove_fast (identities, identity);
  if (identities->len == 0)
    g_clear_pointer (&identities, g_ptr_array_unref);
  g_ptr_array_unref (identity->nodes);
  close (identity->fd);
  g_free (identity);
}

static void
file_lock_free_locked (FileLock *self)
{
  g_ptr_array_remove_fast (self->identity->nodes, self);
  shrink_to_union (self->identity);
  identity_put (self->identity);
  g_free (self->path);
  g_free (self->owner);
  g_free (self);
}

FileLock *
file_lock_new (int fd, const char *path, const char *owner, guint used, guint shared,
               GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);
  Identity *identity = identity_get (fd);
  gboolean unsupported = FALSE;
  FileLock *self;

  if (identity == NULL || identity->fd < 0)
    {
      banyan_throw_errno (error, errno, "%s: locking %s", owner, path);
      if (identity != NULL)
        identity_put (identity);
      return NULL;
    }

  self = g_new0 (FileLock, 1);
  self->identity = identity;
  self->path = g_strdup (path);
  self->owner = g_strdup (owner);
  g_ptr_array_add (identity->nodes, self);

  if (!grow_locked (self, used, ~shared & BANYAN_PERMISSIONS_ALL, &unsupported, error))
    {
      file_lock_free_locked (self);
      return NULL;
    }

  self->used = self->grown_used;
  self->unshared = self->grown_unshared;
  return self;
}

void
file_lock_free (FileLock *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);

  file_lock_free_locked (self);
}

gboolean
file_lock_grow (FileLock *self, guint used, guint shared, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);
  gboolean unsupported = FALSE;

  return grow_locked (self, used, ~shared & BANYAN_PERMISSIONS_ALL, &unsupported, error)
         || unsupported;
}

void
file_lock_shrink (FileLock *self, guint used, guint shared)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);

  self->used = self->grown_used = used;
  self->unshared = self->grown_unshared = ~shared & BANYAN_PERMISSIONS_ALL;
  shrink_to_union (self->identity);
}

void
file_lock_restore (FileLock *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);

  self->grown_used = self->used;
  self->grown_unshared = self->unshared;
  shrink_to_union (self->identity);
}
