/* file-handle.c - one open image file: descriptor, locks, and what was learnt about it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file-handle.h"

#include "file-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define MAX_ALIGNMENT 4096

/* Calls on one file that may wait at once. What the ring reads and writes directly on a disk waits
 * in the disk's queue and hardly ever in a thread. */
#define MAX_WAITS 64
#define MAX_DIRECT_WAITS 256

static void
close_descriptor (FileHandle *self, int fd)
{
  if (fd >= 0 && self->descriptors != NULL)
    banyan_descriptors_close (self->descriptors, fd);
  else if (fd >= 0)
    close (fd);
}

void
file_handle_free (FileHandle *self)
{
  g_clear_pointer (&self->lock, file_lock_free);
  close_descriptor (self, self->fd);
  close_descriptor (self, self->tail_fd);
  g_clear_object (&self->descriptors);
  g_clear_pointer (&self->folios, file_folios_free);
  g_free (self);
}

/* What to do about it. */
static const char *
advise (const FileOpen *how, int number)
{
  switch (number)
    {
    case EINVAL:
      return how->direct ? " (its file system may have no direct I/O; cache.direct: false)" : "";
    case ENOENT:
      return " (what is missing is not made; banyan img create makes an image)";
    case ENXIO:
      return " (it is a socket, or a device that is not there; an image is a regular file or a "
             "block device)";
    case EACCES:
    case EPERM:
    case EROFS:
    case ETXTBSY:
      return how->read_only ? "" : " (read-only: true would do without writing)";
    default:
      return "";
    }
}

/* In an empty root there is nothing. */
static gboolean
is_confined (const FileOpen *how, int number)
{
  return (number == EACCES || number == EPERM || number == ENOENT)
         && !banyan_descriptors_is_path (how->path)
         && banyan_descriptors_get_only (how->descriptors) != NULL;
}

static gboolean
throw_open_error (const FileOpen *how, int number, GError **error)
{
  g_autofree char *path = file_path_for_message (how->path);
  g_autofree char *user
      = number == EACCES ? g_strdup_printf (" as user %u", geteuid ()) : g_strdup ("");

  if (*how->path == '\0')
    g_set_error (error, BANYAN_ERRNO, number, "a file name is empty");
  else if (is_confined (how, number))
    g_set_error (error, BANYAN_ERRNO, number, "opening %s: %s (%s)", path, g_strerror (number),
                 banyan_descriptors_get_only (how->descriptors));
  else
    g_set_error (error, BANYAN_ERRNO, number, "opening %s%s: %s%s", path, user, g_strerror (number),
                 advise (how, number));
  return FALSE;
}

/* O_NONBLOCK: to open a FIFO or a tape must not hang; it means nothing to files and disks. */
static int
open_path (const FileOpen *how, int flags, GError **error)
{
  int fd;

  if (banyan_descriptors_is_path (how->path))
    return banyan_descriptors_open (how->descriptors, how->path, flags, error);

  fd = open (how->path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    throw_open_error (how, errno, error);
  return fd;
}

static gboolean
is_refusal (const GError *error)
{
  return g_error_matches (error, BANYAN_ERRNO, EACCES)
         || g_error_matches (error, BANYAN_ERRNO, EROFS)
         || g_error_matches (error, BANYAN_ERRNO, EPERM);
}

static gboolean
open_descriptor (FileHandle *self, const FileOpen *how, GError **error)
{
  int flags = how->direct ? O_DIRECT : 0;
  g_autoptr (GError) refused = NULL;

  self->read_only = how->read_only;
  self->fd = open_path (how, flags | (how->read_only ? O_RDONLY : O_RDWR), &refused);
  if (self->fd < 0 && !how->read_only && how->auto_read_only && is_refusal (refused))
    {
      g_clear_error (&refused);
      self->read_only = self->has_settled = TRUE;
      self->fd = open_path (how, flags | O_RDONLY, &refused);
    }
  if (self->fd < 0)
    {
      g_propagate_error (error, g_steal_pointer (&refused));
      return FALSE;
    }

  if (banyan_descriptors_is_path (how->path))
    self->descriptors = g_object_ref (how->descriptors);
  return TRUE;
}

static const char *
name_kind (mode_t mode)
{
  switch (mode & S_IFMT)
    {
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a pipe";
    case S_IFCHR:
      return "a character device";
    case S_IFSOCK:
      return "a socket";
    default:
      return "something else";
    }
}

static gboolean
throw_kind (const FileOpen *how, mode_t mode, GError **error)
{
  g_autofree char *path = file_path_for_message (how->path);

  return banyan_throw_errno (error, S_ISDIR (mode) ? EISDIR : EINVAL,
                             "%s is %s; an image is a regular file or a block device", path,
                             name_kind (mode));
}

static gboolean
learn_device (FileHandle *self, const FileOpen *how, GError **error)
{
  g_autofree char *path = file_path_for_message (how->path);
  int block_size;

  self->is_device = TRUE;
  if (ioctl (self->fd, BLKGETSIZE64, &self->length) != 0)
    return banyan_throw_errno (error, errno, "asking %s for its size", path);
  if (ioctl (self->fd, BLKSSZGET, &block_size) == 0 && block_size > 0)
    self->block_size = block_size;
  return TRUE;
}

static gboolean
learn_kind_and_length (FileHandle *self, const FileOpen *how, GError **error)
{
  g_autofree char *path = file_path_for_message (how->path);
  struct stat status;

  self->block_size = 1;
  if (fstat (self->fd, &status) < 0)
    return banyan_throw_errno (error, errno, "looking at %s", path);
  if (S_ISBLK (status.st_mode))
    return learn_device (self, how, error);
  if (!S_ISREG (status.st_mode))
    return throw_kind (how, status.st_mode, error);

  self->length = status.st_size;
  return TRUE;
}

static gboolean
asks_others (int fd)
{
  static const guint32 types[]
      = { FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC,  CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, CEPH_SUPER_MAGIC,
          V9FS_MAGIC,       CODA_SUPER_MAGIC, AFS_SUPER_MAGIC,  AFS_FS_MAGIC };
  struct statfs status;

  if (fstatfs (fd, &status) < 0)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if ((guint32) status.f_type == types[i])
      return TRUE;
  return FALSE;
}

gboolean
file_handle_update_length (FileHandle *self)
{
  struct stat status;

  if (self->is_device)
    return ioctl (self->fd, BLKGETSIZE64, &self->length) == 0;
  if (fstat (self->fd, &status) < 0)
    return FALSE;

  self->length = status.st_size;
  return TRUE;
}

/* Whether a direct read of @length bytes to an address that is a multiple of @memory and no more
 * goes through. A file system that buffers after all takes anything. */
static gboolean
direct_read_works (int fd, guint8 *buffer, gsize memory, gsize length)
{
  return TEMP_FAILURE_RETRY (pread (fd, buffer + memory, length, 0)) >= 0 || errno != EINVAL;
}

/* A device tells its block; nothing tells the alignment for files on every kernel, but trying does.
 * On an empty file all reads succeed, which proves nothing: then a page is safe. The end of a file
 * is none in its way. */
static void
probe_alignment (FileHandle *self)
{
  guint8 *buffer;

  self->request_alignment = self->memory_alignment = 1;
  if (!self->direct)
    return;

  self->request_alignment = self->memory_alignment = MAX_ALIGNMENT;
  buffer = aligned_alloc (MAX_ALIGNMENT, 2 * MAX_ALIGNMENT);
  if (buffer == NULL)
    return;

  if (self->length > 0)
    {
      for (guint alignment = MAX (512, self->block_size); alignment < MAX_ALIGNMENT; alignment *= 2)
        if (direct_read_works (self->fd, buffer, 0, alignment))
          {
            self->request_alignment = alignment;
            break;
          }
      for (guint alignment = 512; alignment < MAX_ALIGNMENT; alignment *= 2)
        if (direct_read_works (self->fd, buffer, alignment, self->request_alignment))
          {
            self->memory_alignment = alignment;
            break;
          }
    }
  free (buffer);
}

/* From the same set: a member without O_DIRECT, or the file opened anew. */
static gboolean
open_passed_tail (FileHandle *self, const FileOpen *how, int access, GError **error)
{
  self->tail_fd = banyan_descriptors_open (self->descriptors, how->path, access, error);
  if (self->tail_fd >= 0)
    return TRUE;

  g_prefix_error (error, "for the last piece of the file, which is not read directly: ");
  return FALSE;
}

/* The last piece of a file whose length is no multiple of the alignment cannot be read or written
 * past the page cache. The kernel keeps the two ways of the same bytes apart. A description of its
 * own, as O_DIRECT belongs to the description. */
static gboolean
open_tail (FileHandle *self, const FileOpen *how, GError **error)
{
  int access = self->read_only ? O_RDONLY : O_RDWR;
  g_autofree char *same = NULL;

  if (!self->direct || self->is_device)
    return TRUE;
  if (self->descriptors != NULL)
    return open_passed_tail (self, how, access, error);

  same = g_strdup_printf ("/proc/self/fd/%d", self->fd);
  self->tail_fd = open (same, O_CLOEXEC | access);
  if (self->tail_fd < 0)
    return throw_open_error (how, errno, error);
  return TRUE;
}

gboolean
file_handle_take_lock (FileHandle *self, const FileOpen *how, GError **error)
{
  g_autoptr (GError) refused = NULL;

  if (!how->lock)
    return TRUE;

  self->lock = file_lock_new (self->fd, how->path, how->node, how->used, how->shared, &refused);
  if (refused != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&refused));
      return FALSE;
    }
  if (self->lock == NULL && how->must_lock)
    return banyan_throw_errno (
        error, ENOLCK, "locking is on, but the file system of %s has no OFD locks", how->path);
  return TRUE;
}

gboolean
file_handle_is_same_file (const FileHandle *self, const FileHandle *other)
{
  struct stat mine, theirs;

  return fstat (self->fd, &mine) == 0 && fstat (other->fd, &theirs) == 0
         && mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

FileHandle *
file_handle_open (const FileOpen *how, GError **error)
{
  g_autoptr (FileHandle) self = g_new0 (FileHandle, 1);

  self->direct = how->direct;
  self->tail_fd = -1;
  self->use_threads = how->aio == FILE_AIO_THREADS;
  self->fd = -1;
  if (!open_descriptor (self, how, error))
    return NULL;
  if (!learn_kind_and_length (self, how, error) || !open_tail (self, how, error))
    return NULL;
  if (how->drop_cache && !how->direct
      && !file_cache_drop (self->fd, how->path, how->check_dropped, error))
    return NULL;
  probe_alignment (self);
  self->asks_others = !self->is_device && asks_others (self->fd);
  banyan_co_semaphore_init (&self->places, self->direct && !self->asks_others && !self->use_threads
                                               ? MAX_DIRECT_WAITS
                                               : MAX_WAITS);
  if (how->split_folios && !self->read_only && !self->direct && file_folios_can_split (self->fd))
    self->folios = file_folios_new ();
  self->n_splits = how->n_splits;
  return g_steal_pointer (&self);
}
