/* luks-image.c - encrypted images that are to be made, and their passphrases
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "luks.h"

#include "luks-options.h"

#include <errno.h>

typedef struct
{
  BanyanImageOptions parent_instance;

  LuksOptions luks;
  gint preallocation;
  gboolean detached_header;
} BanyanLuksImage;

enum
{
  PROP_0,
  PROP_PREALLOCATION,
  PROP_DETACHED_HEADER,
  PROP_FIRST_OF_LUKS,
};

BANYAN_DEFINE_IMAGE_OPTIONS (BanyanLuksImage, banyan_luks_image)

void
luks_image_register (GTypeModule *module)
{
  banyan_luks_image_register_type (module);
}

/* -- Making. -- */

static gboolean
throw_short (BanyanChild *file, guint64 length, GError **error)
{
  return banyan_throw_errno (
      error, ENOSPC, "%s has %" G_GUINT64_FORMAT " bytes, and %" G_GUINT64_FORMAT " are needed",
      banyan_object_get_id (BANYAN_OBJECT (banyan_child_get_node (file))),
      banyan_child_get_length (file), length);
}

/* Cut to nothing first: no old data stays behind. What cannot be resized has to be large enough. */
static gboolean BANYAN_COROUTINE
make_space (BanyanLuksImage *self, BanyanChild *file, guint64 length, GError **error)
{
  BanyanResize resize = { .size = sizeof resize };

  if (banyan_child_resize (file, &resize, NULL) != BANYAN_DONE)
    return banyan_child_get_length (file) >= length || throw_short (file, length, error);

  resize.length = length;
  resize.exact = TRUE;
  resize.preallocation = self->preallocation != BANYAN_PREALLOCATION_METADATA
                             ? self->preallocation
                             : BANYAN_PREALLOCATION_OFF;
  return banyan_child_resize (file, &resize, error) == BANYAN_DONE;
}

static gboolean BANYAN_COROUTINE
banyan_luks_image_create (BanyanImageOptions *options, BanyanChild *file, GError **error)
{
  BanyanLuksImage *self = (BanyanLuksImage *) options;
  guint64 length = self->detached_header ? 0 : banyan_image_options_get_length (options);
  g_autoptr (EncryptionSectors) sectors = NULL;
  LuksVolume volume = { .name = "the image", .file = file, .is_detached = self->detached_header };
  LuksCreation creation;

  if (!encryption_init (error)
      || !luks_options_read_creation (&self->luks, options, "", &creation, error)
      || !encryption_scheme_check (&creation.scheme, error))
    return FALSE;

  volume.space = luks_header_measure (&creation.scheme);
  length += -length % ENCRYPTION_SECTOR;
  if (length > G_MAXINT64 - volume.space)
    return banyan_throw_errno (error, EFBIG, "a disk of %" G_GUINT64_FORMAT " bytes", length);
  if (!make_space (self, file, volume.space + length, error))
    return FALSE;

  sectors = luks_volume_create (&volume, &creation, error);
  return sectors != NULL;
}

static gboolean BANYAN_COROUTINE
banyan_luks_image_measure (BanyanImageOptions *options, BanyanChild *source, BanyanImageSize *size,
                           GError **error)
{
  BanyanLuksImage *self = (BanyanLuksImage *) options;
  EncryptionScheme scheme = luks_options_get_scheme (&self->luks);
  guint64 length = source != NULL ? banyan_child_get_length (source)
                                  : banyan_image_options_get_length (options);

  if (!encryption_scheme_check (&scheme, error))
    return FALSE;

  length += -length % ENCRYPTION_SECTOR;
  size->required = luks_header_measure (&scheme) + (self->detached_header ? 0 : length);
  size->fully_allocated = size->required;
  return TRUE;
}

/* -- Key slots. -- */

static gboolean BANYAN_COROUTINE
banyan_luks_image_amend (BanyanImageOptions *options, BanyanNode *node, BanyanAmend *amend,
                         GError **error)
{
  static const char *const fixed[] = { "size", "preallocation", "detached-header" };
  BanyanLuksImage *self = (BanyanLuksImage *) options;
  LuksVolume *volume = luks_node_get_volume (node);
  LuksAmendment amendment;

  for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
    if (banyan_image_options_is_given (options, fixed[i]))
      return banyan_throw_errno (error, ENOTSUP, "%s: %s cannot be changed in this way%s",
                                 volume->name, fixed[i], i == 0 ? "; see banyan img resize" : "");
  return luks_options_read_amendment (&self->luks, options, "", volume->name, &amendment, error)
         && luks_volume_amend (volume, luks_node_get_sectors (node), &amendment, error);
}

/* -- The class. -- */

static void
banyan_luks_image_class_init (BanyanLuksImageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  klass->create = banyan_luks_image_create;
  klass->measure = banyan_luks_image_measure;
  klass->amend = banyan_luks_image_amend;

  g_object_class_install_property (
      object_class, PROP_PREALLOCATION,
      banyan_param_enum ("preallocation", "Preallocation",
                         "Whether space is taken at once: off, falloc (reserved) or full (written)",
                         BANYAN_TYPE_PREALLOCATION, BANYAN_PREALLOCATION_OFF,
                         G_STRUCT_OFFSET (BanyanLuksImage, preallocation)));
  g_object_class_install_property (
      object_class, PROP_DETACHED_HEADER,
      banyan_param_boolean ("detached-header", "Detached header",
                            "Whether to make a header only, for a disk that is in another file",
                            FALSE, G_STRUCT_OFFSET (BanyanLuksImage, detached_header)));
  luks_options_install (object_class, PROP_FIRST_OF_LUKS, "",
                        G_STRUCT_OFFSET (BanyanLuksImage, luks));
}

static void
banyan_luks_image_init (BanyanLuksImage *self)
{
  luks_options_init (&self->luks);
}
