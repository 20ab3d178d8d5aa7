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
 * of what its nodes need; the nodes' conflicts among themselves are found in the table.
 *
 * In a transaction one node may take over what another gives up, in any order. So the union is that
 * of what each node has and what it will have, and never smaller in between; other processes are
 * asked about what is new at once, and other nodes when all of them have said what they will be. */

#include "file-lock.h"

#include "file-cache.h"
#include "file-holder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
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
  BanyanNode *node;  /* (unowned): it outlives its locks */
  const void *graph; /* (unowned): only compared */
  char *node_path;   /* (owned) */
  char *path;        /* (owned) */
  guint used;        /* by what is in force */
  guint unshared;
  guint next_used; /* by what will be, if the change that is under way succeeds */
  guint next_unshared;
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

/* -- Conflicts. -- */

static gboolean
throw_conflict (const FileLock *self, const char *holder, guint n, gboolean we_use, GError **error)
{
  if (we_use)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
                 "%s has %s open and does not share \"%s\", which is needed here; stop it, or "
                 "open the image read-only in one of the two",
                 holder, self->path, permission_names[n]);
  else
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
                 "%s has %s open with \"%s\", which is not shared from here; stop it, or open "
                 "the image read-only in one of the two (force-share: true, or -U of img and io, "
                 "reads it as it is)",
                 holder, self->path, permission_names[n]);
  return FALSE;
}

/* What @other will be, for one in the same change; for a stranger all that it may be. */
static void
foresee (const FileLock *self, const FileLock *other, guint *used, guint *unshared)
{
  *used = other->next_used;
  *unshared = other->next_unshared;

  if (other->graph != self->graph)
    {
      *used |= other->used;
      *unshared |= other->unshared;
    }
  else if (banyan_element_is_leaving (BANYAN_NODE_SELF (BanyanElement, other->node)))
    *used = *unshared = 0;
}

static gboolean
check_against (const FileLock *self, const FileLock *other, GError **error)
{
  guint used, unshared;

  foresee (self, other, &used, &unshared);
  for (guint n = 0; n < N_PERMISSIONS; n++)
    {
      if (self->next_used & unshared & (1u << n))
        return throw_conflict (self, other->node_path, n, TRUE, error);
      if (self->next_unshared & used & (1u << n))
        return throw_conflict (self, other->node_path, n, FALSE, error);
    }

  return TRUE;
}

static gboolean
check_other_processes (const FileLock *self, guint used, guint unshared, GError **error)
{
  int fd = self->identity->fd;

  for (guint n = 0; n < N_PERMISSIONS; n++)
    {
      gboolean we_use = (used & (1u << n)) && is_held_elsewhere (fd, UNSHARED_BASE + n);
      gboolean they_use = (unshared & (1u << n)) && is_held_elsewhere (fd, USED_BASE + n);
      g_autofree char *holder = NULL;

      if (!we_use && !they_use)
        continue;
      holder = file_holder_describe (fd, (we_use ? UNSHARED_BASE : USED_BASE) + n);
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

      *used |= node->used | node->next_used;
      *unshared |= node->unshared | node->next_unshared;
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

/* A program that locks the whole file for itself, or the like. */
static void
throw_refused_lock (const FileLock *self, int number, GError **error)
{
  g_autofree char *holder = NULL;

  if (number != -EAGAIN && number != -EACCES)
    {
      banyan_throw_errno (error, number, "locking %s", self->path);
      return;
    }

  holder = file_holder_describe (self->identity->fd, USED_BASE);
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
               "%s has locked %s for itself; stop it (locking: off does without)", holder,
               self->path);
}

/* Takes what is planned, beside what is held. */
static gboolean
grow_locked (FileLock *self, guint used, guint unshared, gboolean *unsupported, GError **error)
{
  guint new_used = used & ~self->used;
  guint new_unshared = unshared & ~self->unshared;
  int result = grow_to (self->identity, used, unshared);

  if (result == -ENOLCK || result == -EOPNOTSUPP || result == -EINVAL)
    *unsupported = TRUE;
  else if (result < 0)
    throw_refused_lock (self, result, error);
  else if (check_other_processes (self, new_used, new_unshared, error))
    {
      self->next_used = used;
      self->next_unshared = unshared;
      return TRUE;
    }

  shrink_to_union (self->identity);
  return FALSE;
}

/* -- Identities. -- */

/* (nullable) */
static Identity *
identity_find (const struct stat *status)
{
  for (guint i = 0; identities != NULL && i < identities->len; i++)
    {
      Identity *identity = g_ptr_array_index (identities, i);

      if (identity->device == status->st_dev && identity->inode == status->st_ino)
        return identity;
    }

  return NULL;
}

static Identity *
identity_get (int fd)
{
  struct stat status;
  Identity *identity;

  if (fstat (fd, &status) < 0)
    return NULL;
  identity = identity_find (&status);
  if (identity != NULL)
    return identity;

  if (identities == NULL)
    identities = g_ptr_array_new ();
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
  g_free (self->node_path);
  g_free (self->path);
  g_free (self);
}

static const void *
graph_of (BanyanNode *node)
{
  BanyanObject *object = BANYAN_OBJECT (node);

  while (banyan_object_get_parent (object) != NULL)
    object = banyan_object_get_parent (object);
  return object;
}

static FileLock *
file_lock_alloc (Identity *identity, const char *path, BanyanNode *node)
{
  FileLock *self = g_new0 (FileLock, 1);

  self->identity = identity;
  self->node = node;
  self->graph = graph_of (node);
  self->node_path = banyan_object_dup_path (BANYAN_OBJECT (node));
  self->path = file_path_for_message (path);
  g_ptr_array_add (identity->nodes, self);
  return self;
}

FileLock *
file_lock_new (int fd, const char *path, BanyanNode *node, guint used, guint shared, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);
  Identity *identity = identity_get (fd);
  gboolean unsupported = FALSE;
  FileLock *self;

  if (identity == NULL || identity->fd < 0)
    {
      banyan_throw_errno (error, errno, "locking %s", path);
      if (identity != NULL)
        identity_put (identity);
      return NULL;
    }

  self = file_lock_alloc (identity, path, node);
  if (!grow_locked (self, used, ~shared & BANYAN_PERMISSIONS_ALL, &unsupported, error))
    {
      file_lock_free_locked (self);
      return NULL;
    }

  self->used = self->next_used;
  self->unshared = self->next_unshared;
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
file_lock_plan_to_leave (FileLock *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);

  self->next_used = self->next_unshared = 0;
}

gboolean
file_lock_check (FileLock *self, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);
  GPtrArray *nodes = self->identity->nodes;

  for (guint i = 0; i < nodes->len; i++)
    if (nodes->pdata[i] != self && !check_against (self, nodes->pdata[i], error))
      return FALSE;
  return TRUE;
}

void
file_lock_shrink (FileLock *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);

  self->used = self->next_used;
  self->unshared = self->next_unshared;
  shrink_to_union (self->identity);
}

void
file_lock_restore (FileLock *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);

  self->next_used = self->used;
  self->next_unshared = self->unshared;
  shrink_to_union (self->identity);
}

/* The kernel would refuse it as well, but knows no node to name. */
static gboolean
check_own_nodes (const FileLock *self, guint used, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&identities_mutex);
  struct stat status;
  Identity *identity = fstat (self->identity->fd, &status) == 0 ? identity_find (&status) : NULL;

  for (guint i = 0; identity != NULL && i < identity->nodes->len; i++)
    {
      const FileLock *node = g_ptr_array_index (identity->nodes, i);

      for (guint n = 0; n < N_PERMISSIONS; n++)
        if (used & (node->used | node->unshared) & (1u << n))
          return throw_conflict (self, node->node_path, n, (node->unshared & (1u << n)) != 0,
                                 error);
    }

  return TRUE;
}

/* A description of its own, and so a stranger to those of this process, too. */
gboolean
file_lock_take_alone (int fd, const char *path, GError **error)
{
  const guint used = BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE;
  g_autofree char *name = file_path_for_message (path);
  Identity identity = { .fd = fd };
  FileLock self = { .identity = &identity, .path = name };
  int result;

  if (!check_own_nodes (&self, used, error))
    return FALSE;
  result = grow_to (&identity, used, used);
  if (result == -ENOLCK || result == -EOPNOTSUPP || result == -EINVAL)
    return TRUE;
  if (result < 0)
    {
      throw_refused_lock (&self, result, error);
      return FALSE;
    }

  return check_other_processes (&self, used, used, error);
}
