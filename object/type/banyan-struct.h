/* banyan-struct.h - a value with fields: properties, but no id, path or life cycle
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-param.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_STRUCT (banyan_struct_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanStruct, banyan_struct, BANYAN, STRUCT, GObject)

struct _BanyanStructClass
{
  GObjectClass parent_class;

  /* Rules across fields. */
  void (*check) (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                 BanyanProblems *problems);
  /* Whether @property, declared with banyan_param_path(), is a file's name here, so that a relative
   * one is the document's folder's. NULL: always. All other fields are set. */
  gboolean (*is_file_name) (BanyanStruct *self, const char *property);

  BANYAN_RESERVED (3);
};

/* On an abstract class: the key that says which subclass is meant ("type" in a socket address), and
 * on each subclass the value that means it. */
BANYAN_API
void banyan_struct_class_set_discriminator (BanyanStructClass *klass, const char *key);
BANYAN_API
void banyan_struct_class_set_name (BanyanStructClass *klass, const char *name);
/* A scalar where the struct is expected sets this property and no other (QEMU's alternates). */
BANYAN_API
void banyan_struct_class_set_short_form (BanyanStructClass *klass, const char *property);

BANYAN_API
const char *banyan_struct_class_get_discriminator (BanyanStructClass *klass);
BANYAN_API
const char *banyan_struct_class_get_name (BanyanStructClass *klass);
BANYAN_API
const char *banyan_struct_class_get_short_form (BanyanStructClass *klass);

/* The concrete subclasses of @type, itself included, that have a name. (transfer full) */
BANYAN_API
GType *banyan_struct_list_variants (GType type, guint *n_variants);

BANYAN_API
void banyan_struct_freeze (BanyanStruct *self);
BANYAN_API
gboolean banyan_struct_is_frozen (BanyanStruct *self);
/* An unfrozen copy. */
BANYAN_API
BanyanStruct *banyan_struct_copy (BanyanStruct *self);
BANYAN_API
gboolean banyan_struct_equal (BanyanStruct *self, BanyanStruct *other);

BANYAN_API
BanyanStruct *banyan_struct_from_spec (GType type, BanyanSpec *spec, const char *path,
                                       BanyanProblems *problems);
BANYAN_API
BanyanSpec *banyan_struct_to_spec (BanyanStruct *self, const BanyanOrigin *origin);

/* As banyan_object_set_field(). */
BANYAN_API
void banyan_struct_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec);
BANYAN_API
void banyan_struct_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec);

G_END_DECLS
