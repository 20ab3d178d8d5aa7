/* banyan-image-options.c - an image that is to be made, or measured: a struct of options
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"
#include "banyan-param-private.h"

#include <banyan/banyan-image-options.h>

#include <banyan/banyan-registry.h>

typedef struct
{
  guint64 size_bytes;
  BanyanSpec *given;   /* (owned) (nullable): aliases with a dot are one key */
  GHashTable *objects; /* (owned) (nullable): by the property, which is not owned */
  gboolean is_forced;
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
  BanyanImageOptionsPrivate *private = private_of (BANYAN_IMAGE_OPTIONS (object));

  g_clear_pointer (&private->given, banyan_spec_unref);
  g_clear_pointer (&private->objects, g_hash_table_unref);
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
  g_autoptr (BanyanSpec) flat = NULL;
  g_autoptr (GTypeClass) klass = NULL;
  BanyanImageOptions *self;
  GType type;

  g_return_val_if_fail (driver != NULL, NULL);

  type = banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                           1u << BANYAN_PLUGIN_IMAGE, driver, error);
  if (type == G_TYPE_INVALID)
    return NULL;
  if (options == NULL)
    options = none = banyan_spec_builder_end (banyan_spec_builder_new_map ());

  klass = g_type_class_ref (type);
  flat = banyan_param_flatten_keys ((GObjectClass *) klass, options);
  self = (BanyanImageOptions *) banyan_struct_from_spec (type, flat, driver, problems);
  if (self != NULL)
    private_of (self)->given = g_steal_pointer (&flat);
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
 * banyan_image_options_set_forced:
 * @self: options
 * @is_forced: whether what loses data is meant
 *
 * Without it, an amendment that would leave an image without what it needs is refused.
 */
void
banyan_image_options_set_forced (BanyanImageOptions *self, gboolean is_forced)
{
  g_return_if_fail (BANYAN_IS_IMAGE_OPTIONS (self));

  private_of (self)->is_forced = is_forced;
}

/**
 * banyan_image_options_is_forced:
 * @self: options
 *
 * Returns: what banyan_image_options_set_forced() said last; %FALSE before
 */
gboolean
banyan_image_options_is_forced (BanyanImageOptions *self)
{
  g_return_val_if_fail (BANYAN_IS_IMAGE_OPTIONS (self), FALSE);

  return private_of (self)->is_forced;
}

/* -- Objects. -- */

static GQuark
object_quark (void)
{
  return g_quark_from_static_string ("banyan-image-options-object");
}

/**
 * banyan_image_options_param_object: (skip)
 * @pspec: a string property of image options
 * @type: a #BanyanObject class
 *
 * Says that @pspec is the id of an object of @type, which banyan_image_options_bind() finds.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_image_options_param_object (GParamSpec *pspec, GType type)
{
  g_param_spec_set_qdata (pspec, object_quark (), GSIZE_TO_POINTER (type));
  return pspec;
}

static gboolean
refuse_object (BanyanCollection *objects, GParamSpec *pspec, GType type, const char *id,
               GError **error)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (BANYAN_OBJECT (objects));
  g_autoptr (GPtrArray) ids = g_ptr_array_new ();
  g_autofree char *name = banyan_param_name_of_type (g_type_name (type));
  const char *near;

  for (guint i = 0; i < children->len; i++)
    if (g_type_is_a (G_OBJECT_TYPE (children->pdata[i]), type))
      g_ptr_array_add (ids, (gpointer) banyan_object_get_id (children->pdata[i]));
  g_ptr_array_add (ids, NULL);

  near = banyan_did_you_mean (id, (const char *const *) ids->pdata);
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
               "%s: no %s is called \"%s\"%s%s%s", pspec->name, name, id,
               near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
               near != NULL ? "\"?" : "");
  return FALSE;
}

static gboolean
bind_object (BanyanImageOptions *self, BanyanCollection *objects, GParamSpec *pspec, GType type,
             GError **error)
{
  BanyanObject *object;
  g_autofree char *id = NULL;

  g_object_get (self, pspec->name, &id, NULL);
  if (id == NULL)
    return TRUE;

  object = banyan_object_get_child (BANYAN_OBJECT (objects), id);
  if (object == NULL || !g_type_is_a (G_OBJECT_TYPE (object), type))
    return refuse_object (objects, pspec, type, id, error);

  g_hash_table_insert (private_of (self)->objects, pspec, g_object_ref (object));
  return TRUE;
}

/**
 * banyan_image_options_bind:
 * @self: options
 * @graph: where the objects are that options name
 * @error: where to put the error, or %NULL
 *
 * Finds the objects that options are ids of, and holds them. Main thread.
 *
 * Returns: whether they are all there
 */
gboolean
banyan_image_options_bind (BanyanImageOptions *self, BanyanGraph *graph, GError **error)
{
  BanyanObject *objects;
  guint n;
  g_autofree GParamSpec **pspecs = NULL;

  g_return_val_if_fail (BANYAN_IS_IMAGE_OPTIONS (self), FALSE);
  g_return_val_if_fail (BANYAN_IS_GRAPH (graph), FALSE);

  objects = banyan_object_get_child (BANYAN_OBJECT (graph), "objects");
  g_clear_pointer (&private_of (self)->objects, g_hash_table_unref);
  private_of (self)->objects = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n);
  for (guint i = 0; i < n; i++)
    {
      GType type = GPOINTER_TO_SIZE (g_param_spec_get_qdata (pspecs[i], object_quark ()));

      if (type != G_TYPE_INVALID
          && !bind_object (self, BANYAN_COLLECTION (objects), pspecs[i], type, error))
        return FALSE;
    }
  return TRUE;
}

/**
 * banyan_image_options_get_object: (skip)
 * @self: options
 * @property: one declared with banyan_image_options_param_object()
 *
 * Returns: (transfer none) (nullable): the object, if @property names one and
 *   banyan_image_options_bind() was called
 */
gpointer
banyan_image_options_get_object (BanyanImageOptions *self, const char *property)
{
  GParamSpec *pspec;

  g_return_val_if_fail (BANYAN_IS_IMAGE_OPTIONS (self), NULL);

  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (self), property);
  g_return_val_if_fail (pspec != NULL, NULL);

  return private_of (self)->objects != NULL
             ? g_hash_table_lookup (private_of (self)->objects, pspec)
             : NULL;
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
 * banyan_amend_tell_progress: (skip)
 * @self: an amendment
 * @fraction: how much of it is done, from 0 to 1
 *
 * For drivers: whoever wants to know is told.
 */
void
banyan_amend_tell_progress (BanyanAmend *self, double fraction)
{
  if (self->progress != NULL)
    self->progress (self, fraction);
}

/**
 * banyan_image_options_amend: (skip)
 * @self: options, of which those that were given count
 * @node: an open image
 * @amend: (nullable): who wants to know how far it has come
 * @error: where to put the error, or %NULL
 *
 * Changes an image as it lies. In a coroutine, within a request of the only user of @node.
 *
 * Returns: whether the image is as wanted
 */
gboolean
banyan_image_options_amend (BanyanImageOptions *self, BanyanNode *node, BanyanAmend *amend,
                            GError **error)
{
  BanyanImageOptionsClass *klass = BANYAN_IMAGE_OPTIONS_GET_CLASS (self);
  BanyanAmend nobody = BANYAN_AMEND_INIT;

  return klass->amend != NULL ? klass->amend (self, node, amend != NULL ? amend : &nobody, error)
                              : refuse (self, "amended", error);
}
