/* file-image.c - regular files that are to be made
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file-image.h"

#include "file-cache.h"
#include "file-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  BanyanImageOptions parent_instance;

  char *filename; /* (owned) */
  BanyanPreallocation preallocation;
  gboolean nocow;
  guint extent_size_hint; /* bytes */
} BanyanFileImage;

enum
{
  PROP_0,
  PROP_FILENAME,
  PROP_PREALLOCATION,
  PROP_NOCOW,
  PROP_EXTENT_SIZE_HINT,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_IMAGE_OPTIONS (BanyanFileImage, banyan_file_image)

void
file_image_register (GTypeModule *module)
{
  banyan_file_image_register_type (module);
}

/* -- On a thread of the pool, as all of it may wait for storage. -- */

/* Both only matter to some file systems, and only before there is data. */
static void
set_hints (const BanyanFileImage *self, int fd)
{
  struct fsxattr attributes;
  int flags;

  if (self->nocow && ioctl (fd, FS_IOC_GETFLAGS, &flags) == 0)
    {
      flags |= FS_NOCOW_FL;
      ioctl (fd, FS_IOC_SETFLAGS, &flags);
    }

  if (self->extent_size_hint > 0 && ioctl (fd, FS_IOC_FSGETXATTR, &attributes) == 0)
    {
      attributes.fsx_xflags |= FS_XFLAG_EXTSIZE;
      attributes.fsx_extsize = self->extent_size_hint;
      ioctl (fd, FS_IOC_FSSETXATTR, &attributes);
    }
}

static int
write_zeroes (int fd, guint64 length)
{
  static const guint8 zeroes[64 * 1024];

  for (guint64 at = 0; at < length;)
    {
      gssize written
          = TEMP_FAILURE_RETRY (pwrite (fd, zeroes, MIN (sizeof zeroes, length - at), at));

      if (written < 0)
        return errno;
      at += written;
    }
  return fsync (fd) < 0 ? errno : 0;
}

static int
allocate (const BanyanFileImage *self, int fd, guint64 length)
{
  if (length == 0 || self->preallocation == BANYAN_PREALLOCATION_OFF)
    return 0;

  return self->preallocation == BANYAN_PREALLOCATION_FALLOC ? posix_fallocate (fd, 0, length)
                                                            : write_zeroes (fd, length);
}

/* A device has the size that it has, and there is nothing to be made. */
static gboolean
fill (const BanyanFileImage *self, int fd, guint64 length, GError **error)
{
  g_autofree char *name = file_path_for_message (self->filename);
  struct stat status;
  int number;

  if (fstat (fd, &status) == 0 && !S_ISREG (status.st_mode))
    return S_ISBLK (status.st_mode)
           || banyan_throw_errno (error, EINVAL, "%s is no regular file", name);
  if (!file_lock_take_alone (fd, self->filename, error))
    return FALSE;
  if (ftruncate (fd, 0) < 0)
    return banyan_throw_errno (error, errno, "emptying %s", name);

  set_hints (self, fd);
  if (ftruncate (fd, length) < 0)
    return banyan_throw_errno (error, errno, "making %s %" G_GUINT64_FORMAT " bytes long", name,
                               length);
  number = allocate (self, fd, length);
  return number == 0
         || banyan_throw_errno (error, number, "taking %" G_GUINT64_FORMAT " bytes for %s", length,
                                name);
}

static void
throw_open_error (const BanyanFileImage *self, int number, GError **error)
{
  g_autofree char *name = file_path_for_message (self->filename);

  if (*self->filename == '\0')
    g_set_error (error, BANYAN_ERRNO, number, "a file name is empty");
  else if (number == ENXIO)
    banyan_throw_errno (error, number, "%s is no regular file", name);
  else
    banyan_throw_errno (error, number, "making %s", name);
}

/* What was there before stays, whatever fails; its content is what the caller gave up. */
static int
open_file (const BanyanFileImage *self, gboolean *is_new, GError **error)
{
  const int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  int fd = open (self->filename, flags | O_CREAT | O_EXCL, 0644);

  *is_new = fd >= 0;
  if (fd < 0 && errno == EEXIST)
    fd = open (self->filename, flags | O_CREAT, 0644);
  if (fd < 0)
    throw_open_error (self, errno, error);
  return fd;
}

typedef struct
{
  const BanyanFileImage *options;
  guint64 length;
  GError *error;
} Make;

static gssize
run_make (gpointer data)
{
  Make *make = data;
  gboolean is_new;
  int fd = open_file (make->options, &is_new, &make->error);

  if (fd < 0)
    return -1;
  if (!fill (make->options, fd, make->length, &make->error) && is_new)
    unlink (make->options->filename);
  close (fd);
  return 0;
}

static gboolean BANYAN_COROUTINE
banyan_file_image_create (BanyanImageOptions *options, BanyanChild *file, GError **error)
{
  Make make = { (BanyanFileImage *) options, banyan_image_options_get_length (options), NULL };

  banyan_co_offload (run_make, &make);
  if (make.error == NULL)
    return TRUE;

  g_propagate_error (error, make.error);
  return FALSE;
}

static void
banyan_file_image_check (BanyanStruct *value, const BanyanOrigin *origin, const char *path,
                         BanyanProblems *problems)
{
  if (((BanyanFileImage *) value)->preallocation == BANYAN_PREALLOCATION_METADATA)
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_RANGE, origin, path,
                         "preallocation cannot be metadata: there is none; off, falloc or full");
}

static void
banyan_file_image_class_init (BanyanFileImageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  BANYAN_STRUCT_CLASS (klass)->check = banyan_file_image_check;
  klass->create = banyan_file_image_create;

  properties[PROP_FILENAME] = banyan_param_required (banyan_param_path (banyan_param_string (
      "filename", "File name", "The file: made, or emptied where nobody uses it", NULL,
      G_STRUCT_OFFSET (BanyanFileImage, filename))));
  properties[PROP_PREALLOCATION] = banyan_param_enum (
      "preallocation", "Preallocation",
      "Whether space is taken at once: off, falloc (reserved) or full (zeroes written)",
      BANYAN_TYPE_PREALLOCATION, BANYAN_PREALLOCATION_OFF,
      G_STRUCT_OFFSET (BanyanFileImage, preallocation));
  properties[PROP_NOCOW]
      = banyan_param_boolean ("nocow", "No copy-on-write",
                              "Whether the file system overwrites in place what it could write "
                              "elsewhere; for btrfs",
                              FALSE, G_STRUCT_OFFSET (BanyanFileImage, nocow));
  properties[PROP_EXTENT_SIZE_HINT] = banyan_param_uint (
      "extent-size-hint", "Extent size hint",
      "In what pieces the file system should take space, which keeps the file in one piece; for "
      "XFS; 0: as it likes",
      BANYAN_UNIT_BYTES, 0, G_MAXUINT, 1024 * 1024,
      G_STRUCT_OFFSET (BanyanFileImage, extent_size_hint));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_file_image_init (BanyanFileImage *self)
{
}
