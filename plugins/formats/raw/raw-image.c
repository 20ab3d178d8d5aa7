/* raw-image.c - raw images that are to be made
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "raw-image.h"

#include <errno.h>

typedef struct
{
  BanyanImageOptions parent_instance;

  BanyanPreallocation preallocation;
} BanyanRawImage;

enum
{
  PROP_0,
  PROP_PREALLOCATION,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_IMAGE_OPTIONS (BanyanRawImage, banyan_raw_image)

void
raw_image_register (GTypeModule *module)
{
  banyan_raw_image_register_type (module);
}

/* Cut to nothing first: what was there would show otherwise. */
static gboolean BANYAN_COROUTINE
resize (BanyanRawImage *self, BanyanChild *file, guint64 length, GError **error)
{
  BanyanResize wanted = {
    .size = sizeof wanted,
    .preallocation = length > 0 ? self->preallocation : BANYAN_PREALLOCATION_OFF,
    .length = length,
    .exact = length > 0,
  };
  BanyanAnswer answer = banyan_child_resize (file, &wanted, error);

  if (answer == BANYAN_UNSUPPORTED)
    banyan_throw_errno (error, ENOTSUP, "%s cannot be resized",
                        banyan_object_get_id (BANYAN_OBJECT (banyan_child_get_node (file))));
  return answer == BANYAN_DONE;
}

static gboolean BANYAN_COROUTINE
banyan_raw_image_create (BanyanImageOptions *options, BanyanChild *file, GError **error)
{
  BanyanRawImage *self = (BanyanRawImage *) options;

  return (banyan_child_get_length (file) == 0 || resize (self, file, 0, error))
         && resize (self, file, banyan_image_options_get_length (options), error);
}

/* Holes take no space in a file that has them; but nobody knows that of where the image goes. */
static gboolean BANYAN_COROUTINE
banyan_raw_image_measure (BanyanImageOptions *options, BanyanChild *source, BanyanImageSize *size,
                          GError **error)
{
  size->required = size->fully_allocated = source != NULL
                                               ? banyan_child_get_length (source)
                                               : banyan_image_options_get_length (options);
  return TRUE;
}

static void
banyan_raw_image_check (BanyanStruct *value, const BanyanOrigin *origin, const char *path,
                        BanyanProblems *problems)
{
  if (((BanyanRawImage *) value)->preallocation == BANYAN_PREALLOCATION_METADATA)
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_RANGE, origin, path,
                         "preallocation cannot be metadata: there is none; off, falloc or full");
}

static void
banyan_raw_image_class_init (BanyanRawImageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  BANYAN_STRUCT_CLASS (klass)->check = banyan_raw_image_check;
  klass->create = banyan_raw_image_create;
  klass->measure = banyan_raw_image_measure;

  properties[PROP_PREALLOCATION] = banyan_param_enum (
      "preallocation", "Preallocation",
      "Whether space is taken at once: off, falloc (reserved) or full (zeroes written)",
      BANYAN_TYPE_PREALLOCATION, BANYAN_PREALLOCATION_OFF,
      G_STRUCT_OFFSET (BanyanRawImage, preallocation));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_raw_image_init (BanyanRawImage *self)
{
}
