/* banyan-image-options.c - an image that is to be made, or measured: a struct of options
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"

#include <banyan/banyan-image-options.h>

#include <banyan/banyan-registry.h>

typedef struct
{
  guint64 size_bytes;
  BanyanSpec *given; /* (owned) (nullable) */
} BanyanImageOptionsPrivate;

enum
{
  PROP_0,
  PROP_SIZE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (BanyanImageOptions, banyan_image_options, BANYAN_TYPE_STRUCT)

GType
banyan_preallocation_get_type (void)
{
  static const GEnumValue values[] = {
    { BANYAN_PREALLOCATION_OFF, "BANYAN_PREALLOCATION_OFF", "off" },
    { BANYAN_PREALLOCATION_METADATA, "BANYAN_PREALLOCATION_METADATA", "metadata" },
    { BANYAN_PREALLOCATION_FALLOC, "BANYAN_PREALLOCATION_FALLOC", "falloc" },
    { BANYAN_PREALLOCATION_FULL, "BANYAN_PREALLOCATION_FULL", "full" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanPreallocation", values));
  return type;
}

static BanyanImageOptionsPrivate *
private_of (BanyanImageOptions *self)
{
  return banyan_image_options_get_instance_private (self);
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_SIZE)
    private_of (BANYAN_IMAGE_OPTIONS (object))->size_bytes = g_value_get_uint64 (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_SIZE)
    g_value_set_uint64 (value, private_of (BANYAN_IMAGE_OPTIONS (object))->size_bytes);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
finalize (GObject *object)
{
  g_clear_pointer (&private_of (BANYAN_IMAGE_OPTIONS (object))->given, banyan_spec_unref);
  G_OBJECT_CLASS (banyan_image_options_parent_class)->finalize (object);
}

static void
banyan_image_options_class_init (BanyanImageOptionsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = finalize;

  properties[PROP_SIZE]
      = banyan_param_uint64 ("size", "Size", "Length that a guest sees", BANYAN_UNIT_BYTES, 0,
                             G_MAXINT64, 0, BANYAN_NO_FIELD);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_image_options_init (BanyanImageOptions *self)
{
}

/**
 * banyan_image_options_new:
 * @driver: whose image
 * @options: (nullable): a map of options; %NULL: none
 * @error: where to put the error, or %NULL
 *
 * Reads what an image is to be like. Everything that is wrong with the options is in one error.
 *
 * Returns: (transfer full): the options, frozen; %NULL with @error
 */
BanyanImageOptions *
banyan_image_options_new (const char *driver, BanyanSpec *options, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) none = NULL;
  BanyanImageOptions *self;
  GType type;

  g_return_val_if_fail (driver != NULL, NULL);

  type = banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                           1u << BANYAN_PLUGIN_IMAGE, driver, error);
  if (type == G_TYPE_INVALID)
    return NULL;
  if (options == NULL)
    options = none = banyan_spec_builder_end (banyan_spec_builder_new_map ());

  self = (BanyanImageOptions *) banyan_struct_from_spec (type, options, driver, problems);
  if (self != NULL)
    private_of (self)->given = banyan_spec_ref (options);
  else
    banyan_problems_check (problems, error);
  return self;
}

/**
 * banyan_image_options_is_given:
 * @self: options
 * @property: one of them
 *
 * Returns: whether @property was written down, rather than left at its default
 */
gboolean
banyan_image_options_is_given (BanyanImageOptions *self, const char *property)
{
  GParamSpec *pspec;
  BanyanSpec *given;

  g_return_val_if_fail (BANYAN_IS_IMAGE_OPTIONS (self), FALSE);

  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (self), property);
  given = private_of (self)->given;
  g_return_val_if_fail (pspec != NULL, FALSE);

  for (guint i = 0; given != NULL && i < banyan_spec_get_length (given); i++)
    if (banyan_object_class_find_key (G_OBJECT_GET_CLASS (self), banyan_spec_get_key (given, i))
        == pspec)
      return TRUE;
  return FALSE;
}

/**
 * banyan_image_options_get_length:
 * @self: options
 *
 * Returns: the length that a guest sees, in bytes
 */
guint64
banyan_image_options_get_length (BanyanImageOptions *self)
{
  g_return_val_if_fail (BANYAN_IS_IMAGE_OPTIONS (self), 0);

  return private_of (self)->size_bytes;
}

static gboolean
refuse (BanyanImageOptions *self, const char *what, GError **error)
{
  return banyan_throw_errno (error, ENOTSUP, "%s: images cannot be %s", G_OBJECT_TYPE_NAME (self),
                             what);
}

/**
 * banyan_image_options_create: (skip)
 * @self: options
 * @file: (nullable): what the image goes into; its content is lost. %NULL for a protocol
 * @error: where to put the error, or %NULL
 *
 * Makes an image. In a coroutine, within a request of whoever holds @file.
 *
 * Returns: whether the image is there
 */
gboolean
banyan_image_options_create (BanyanImageOptions *self, BanyanChild *file, GError **error)
{
  BanyanImageOptionsClass *klass = BANYAN_IMAGE_OPTIONS_GET_CLASS (self);

  return klass->create != NULL ? klass->create (self, file, error)
                               : refuse (self, "created", error);
}

/**
 * banyan_image_options_measure: (skip)
 * @self: options
 * @source: (nullable): what the image is to hold; %NULL: nothing yet
 * @size: (out caller-allocates): what it would take
 * @error: where to put the error, or %NULL
 *
 * Tells how large an image would be, and makes none. In a coroutine, within a request of whoever
 * holds @source.
 *
 * Returns: whether @size is filled in
 */
gboolean
banyan_image_options_measure (BanyanImageOptions *self, BanyanChild *source, BanyanImageSize *size,
                              GError **error)
{
  BanyanImageOptionsClass *klass = BANYAN_IMAGE_OPTIONS_GET_CLASS (self);

  *size = (BanyanImageSize){ .size = sizeof *size };
  return klass->measure != NULL ? klass->measure (self, source, size, error)
                                : refuse (self, "measured", error);
}

/**
 * banyan_image_options_amend: (skip)
 * @self: options, of which those that were given count
 * @node: an open image
 * @error: where to put the error, or %NULL
 *
 * Changes an image as it lies. In a coroutine, within a request of the only user of @node.
 *
 * Returns: whether the image is as wanted
 */
gboolean
banyan_image_options_amend (BanyanImageOptions *self, BanyanNode *node, GError **error)
{
  BanyanImageOptionsClass *klass = BANYAN_IMAGE_OPTIONS_GET_CLASS (self);

  return klass->amend != NULL ? klass->amend (self, node, error) : refuse (self, "amended", error);
}
