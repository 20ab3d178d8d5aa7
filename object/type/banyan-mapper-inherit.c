/* banyan-mapper-inherit.c - what an inline declaration has from the one that it stands in
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Of a struct each field is inherited by itself, as QEMU's cache.direct and cache.no-flush are. */

#include "banyan-mapper-private.h"
#include "banyan-object-private.h"
#include "banyan-param-private.h"

#include <banyan/banyan-struct.h>

static BanyanSpec *
spec_as_inherited (BanyanSpec *spec)
{
  BanyanOrigin origin = *banyan_spec_get_origin (spec);
  BanyanSpecKind kind = banyan_spec_get_kind (spec);
  BanyanSpecBuilder *builder;

  origin.kind = BANYAN_ORIGIN_INHERITED;
  if (kind == BANYAN_SPEC_NULL)
    return banyan_spec_new_null (&origin);
  if (kind != BANYAN_SPEC_LIST && kind != BANYAN_SPEC_MAP)
    return banyan_spec_new_scalar (kind, banyan_spec_get_text (spec), &origin);

  builder = banyan_spec_builder_new (kind, &origin);
  for (guint i = 0; i < banyan_spec_get_length (spec); i++)
    {
      gboolean is_map = kind == BANYAN_SPEC_MAP;

      banyan_spec_builder_add (builder, is_map ? banyan_spec_get_key (spec, i) : NULL,
                               is_map ? banyan_spec_get_key_origin (spec, i) : NULL,
                               banyan_spec_get_item (spec, i));
    }
  return banyan_spec_builder_end (builder);
}

/* What @own lacks, from @theirs; a key may be an alias on either side. (transfer full) */
static BanyanSpec *
merge_fields (GObjectClass *klass, BanyanSpec *own, BanyanSpec *theirs)
{
  g_autoptr (GPtrArray) given = g_ptr_array_new ();
  BanyanSpec *merged = banyan_spec_ref (own);

  for (guint i = 0; i < banyan_spec_get_length (own); i++)
    g_ptr_array_add (given, banyan_object_class_find_key (klass, banyan_spec_get_key (own, i)));

  for (guint i = 0; i < banyan_spec_get_length (theirs); i++)
    {
      const char *key = banyan_spec_get_key (theirs, i);
      g_autoptr (BanyanSpec) before = NULL;
      g_autoptr (BanyanSpec) field = NULL;

      if (g_ptr_array_find (given, banyan_object_class_find_key (klass, key), NULL))
        continue;
      before = merged;
      field = spec_as_inherited (banyan_spec_get_item (theirs, i));
      merged = banyan_spec_with (before, key, field);
    }

  return merged;
}

static BanyanSetting *
find_setting (BanyanDeclaration *declaration, GParamSpec *pspec)
{
  for (guint i = 0; i < declaration->settings->len; i++)
    {
      BanyanSetting *setting = declaration->settings->pdata[i];

      if (setting->pspec == pspec)
        return setting;
    }

  return NULL;
}

/* @own was given a struct, and @theirs has fields that it does not tell of. */
static void
inherit_fields (BanyanMapper *self, BanyanDeclaration *child, GParamSpec *own, BanyanSpec *theirs)
{
  BanyanSetting *setting = find_setting (child, own);
  g_autoptr (GTypeClass) klass = NULL;
  g_autoptr (BanyanSpec) merged = NULL;

  if (!setting || !banyan_param_is_struct (own)
      || banyan_spec_get_kind (setting->spec) != BANYAN_SPEC_MAP
      || banyan_spec_get_kind (theirs) != BANYAN_SPEC_MAP)
    return;

  klass = g_type_class_ref (own->value_type);
  if (banyan_struct_class_get_discriminator ((BanyanStructClass *) klass))
    return;

  merged = merge_fields ((GObjectClass *) klass, setting->spec, theirs);
  if (merged == setting->spec)
    return;

  g_ptr_array_remove (child->settings, setting);
  banyan_mapper_add_setting (self, child, own, merged);
}

static gboolean
may_give (GParamSpec *theirs, GParamSpec *own)
{
  return own && banyan_param_is_inherited (theirs) && banyan_param_is_settable (own);
}

static void
inherit_one (BanyanMapper *self, BanyanDeclaration *child, GPtrArray *given, GParamSpec *theirs,
             BanyanSpec *value)
{
  GParamSpec *own = g_object_class_find_property (child->klass, theirs->name);
  g_autoptr (BanyanSpec) spec = NULL;

  if (!may_give (theirs, own))
    return;
  if (g_ptr_array_find (given, own, NULL))
    {
      inherit_fields (self, child, own, value);
      return;
    }

  spec = spec_as_inherited (value);
  g_ptr_array_add (given, own);
  banyan_mapper_add_setting (self, child, own, spec);
}

/* What the link that it stands in has to say goes before what its parent has. */
static void
inherit_from_link (BanyanMapper *self, BanyanDeclaration *child, GPtrArray *given)
{
  g_autoptr (BanyanSpec) defaults = banyan_param_describe_inline_defaults (child->link);

  for (guint i = 0; defaults && i < banyan_spec_get_length (defaults); i++)
    {
      GParamSpec *own
          = g_object_class_find_property (child->klass, banyan_spec_get_key (defaults, i));

      if (!own || !banyan_param_is_settable (own) || g_ptr_array_find (given, own, NULL))
        continue;
      g_ptr_array_add (given, own);
      banyan_mapper_add_setting (self, child, own, banyan_spec_get_item (defaults, i));
    }
}

/* From what is declared of an object that exists. */
static void
inherit_from_object (BanyanMapper *self, BanyanDeclaration *child, GPtrArray *given)
{
  BanyanSpec *declared = banyan_object_get_declaration (child->owner);

  for (guint i = 0; i < banyan_spec_get_length (declared); i++)
    {
      GParamSpec *theirs = g_object_class_find_property (G_OBJECT_GET_CLASS (child->owner),
                                                         banyan_spec_get_key (declared, i));

      if (theirs && !banyan_param_has_links (theirs))
        inherit_one (self, child, given, theirs, banyan_spec_get_item (declared, i));
    }
}

void
banyan_mapper_inherit (BanyanMapper *self, BanyanDeclaration *child, GPtrArray *given)
{
  if (child->link)
    inherit_from_link (self, child, given);
  if (child->owner)
    inherit_from_object (self, child, given);

  for (guint i = 0; child->parent && i < child->parent->settings->len; i++)
    {
      BanyanSetting *theirs = child->parent->settings->pdata[i];

      if (!theirs->link)
        inherit_one (self, child, given, theirs->pspec, theirs->spec);
    }
}
