/* banyan-mapper-build.c - declarations become objects, all or none
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-mapper-private.h"
#include "banyan-object-private.h"
#include "banyan-param-private.h"

static void
expand_and_resolve (BanyanMapper *self)
{
  /* The list grows while inline declarations are found. */
  for (guint i = 0; i < self->declarations->len; i++)
    {
      BanyanDeclaration *declaration = self->declarations->pdata[i];

      for (guint j = 0; j < declaration->settings->len; j++)
        {
          BanyanSetting *setting = declaration->settings->pdata[j];
          g_autofree char *birth_name = NULL;

          if (!setting->link)
            continue;

          birth_name = g_strdup_printf ("%s.%s", declaration->id, setting->pspec->name);
          if (!banyan_mapper_expand_link (self, declaration, setting->link, birth_name))
            declaration->is_wrong = TRUE;
        }
    }

  for (guint i = 0; i < self->declarations->len; i++)
    {
      BanyanDeclaration *declaration = self->declarations->pdata[i];

      for (guint j = 0; j < declaration->settings->len; j++)
        {
          BanyanSetting *setting = declaration->settings->pdata[j];

          if (setting->link && !banyan_mapper_resolve_link (self, declaration, setting->link))
            declaration->is_wrong = TRUE;
          if (setting->link)
            banyan_link_value_collect (setting->link, declaration->links);
        }
    }
}

static gboolean
fetch_links (BanyanDeclaration *self)
{
  for (guint i = 0; i < self->settings->len; i++)
    {
      BanyanSetting *setting = self->settings->pdata[i];

      if (setting->link && !G_IS_VALUE (&setting->value)
          && !banyan_link_value_get (setting->link, &setting->value))
        return FALSE;
    }

  return TRUE;
}

static void
check_rules (BanyanMapper *self, BanyanDeclaration *declaration)
{
  g_autoptr (BanyanProposal) proposal = banyan_proposal_new (declaration->object);
  guint n_problems = banyan_problems_get_length (self->problems);

  banyan_proposal_set_subject (proposal, declaration->subject, &declaration->place);
  for (guint i = 0; i < declaration->settings->len; i++)
    {
      BanyanSetting *setting = declaration->settings->pdata[i];

      banyan_proposal_set (proposal, setting->pspec->name, &setting->value,
                           banyan_spec_get_origin (setting->spec));
    }

  banyan_object_check (declaration->object, proposal, self->problems);
  if (banyan_problems_get_length (self->problems) > n_problems)
    declaration->is_wrong = TRUE;
}

static BanyanSpec *
write_declaration (BanyanDeclaration *self)
{
  BanyanSpecBuilder *builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->place);

  for (guint i = 0; i < self->settings->len; i++)
    {
      BanyanSetting *setting = self->settings->pdata[i];
      const BanyanOrigin *origin = banyan_spec_get_origin (setting->spec);
      g_autoptr (BanyanSpec) spec = NULL;

      if (setting->link)
        spec = banyan_link_value_declare (setting->link);
      else if (banyan_param_is_secret (setting->pspec))
        spec = banyan_param_value_to_spec (setting->pspec, &setting->value, origin);
      else
        spec = banyan_spec_ref (setting->spec);
      banyan_spec_builder_add (builder, setting->pspec->name, origin, spec);
    }

  return banyan_spec_builder_end (builder);
}

static void
put_values (BanyanDeclaration *self)
{
  g_autoptr (BanyanSpec) declared = write_declaration (self);

  for (guint i = 0; i < self->settings->len; i++)
    {
      BanyanSetting *setting = self->settings->pdata[i];

      banyan_object_put (self->object, setting->pspec, &setting->value, NULL);
    }

  banyan_object_set_declaration (self->object, declared);
  banyan_object_set_implicit (self->object, banyan_declaration_is_inline (self));
}

/* A member that cannot be made has been reported. */
static void
adopt_members (BanyanMapper *self, BanyanDeclaration *owner)
{
  for (guint i = 0; i < owner->links->len; i++)
    {
      BanyanLinkValue *link = owner->links->pdata[i];
      g_autoptr (GError) error = NULL;

      if (!link->target->is_member || link->target->parent != owner || !link->target->object
          || banyan_object_get_parent (link->target->object))
        continue;

      if (!banyan_object_add_child (owner->object, link->target->object, &error))
        {
          banyan_problems_add (self->problems, error->code, &link->target->place,
                               link->target->subject, "%s", error->message);
          owner->is_wrong = TRUE;
        }
    }
}

static void
construct_whole (BanyanMapper *self, BanyanDeclaration *declaration)
{
  declaration->object
      = g_object_new (G_OBJECT_CLASS_TYPE (declaration->klass), "id", declaration->id, NULL);
  check_rules (self, declaration);
  if (!declaration->is_wrong)
    {
      put_values (declaration);
      adopt_members (self, declaration);
    }
  if (declaration->is_wrong)
    g_clear_object (&declaration->object);
}

/* Takes the place of what cannot be made, with those of its values that are right, so that the
 * rules of what links to it are checked all the same. The rules of an owner ask for more of its
 * members. */
static void
construct_stand_in (BanyanMapper *self, BanyanDeclaration *declaration)
{
  const char *id = banyan_id_is_well_formed (declaration->id) ? declaration->id : NULL;

  declaration->is_stand_in = TRUE;
  if (declaration->is_member)
    return;

  declaration->object = g_object_new (G_OBJECT_CLASS_TYPE (declaration->klass), "id", id, NULL);
  for (guint i = 0; i < declaration->settings->len; i++)
    {
      BanyanSetting *setting = declaration->settings->pdata[i];

      if (!setting->link)
        banyan_object_put (declaration->object, setting->pspec, &setting->value, NULL);
    }
  adopt_members (self, declaration);
}

/* The rules of its class are asked of an object when nothing else is wrong with it. When anything
 * is wrong anywhere, nothing is handed out. */
static void
construct (BanyanMapper *self, BanyanDeclaration *declaration)
{
  if (!declaration->is_wrong && fetch_links (declaration))
    construct_whole (self, declaration);
  if (!declaration->object)
    construct_stand_in (self, declaration);
}

/* What is inherited from a declaration that is wrong may be another value once that is right, and a
 * doubtful link may come to lead elsewhere. */
static gboolean
is_certain (BanyanDeclaration *self)
{
  if (self->is_stand_in
      || (banyan_declaration_is_inline (self) && self->parent && !is_certain (self->parent)))
    return FALSE;

  for (guint i = 0; i < self->settings->len; i++)
    {
      BanyanSetting *setting = self->settings->pdata[i];

      if (setting->link && banyan_link_value_is_doubtful (setting->link))
        return FALSE;
    }
  return TRUE;
}

GPtrArray *
banyan_mapper_build_part (BanyanMapper *self, GHashTable *stand_ins)
{
  GPtrArray *objects = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) order = NULL;

  expand_and_resolve (self);
  order = banyan_mapper_order (self);
  for (guint i = 0; i < order->len; i++)
    construct (self, order->pdata[i]);

  for (guint i = 0; i < order->len; i++)
    {
      BanyanDeclaration *declaration = order->pdata[i];

      if (!declaration->object)
        continue;
      g_ptr_array_add (objects, g_object_ref (declaration->object));
      if (declaration->owner)
        g_hash_table_insert (self->owners, declaration->object, declaration->owner);
      if (stand_ins && !is_certain (declaration))
        g_hash_table_add (stand_ins, declaration->object);
    }
  return objects;
}

/* At once, since they are users of what is in the tree. */
void
banyan_mapper_drop (BanyanMapper *self)
{
  g_hash_table_remove_all (self->owners);
  for (guint i = 0; i < self->declarations->len; i++)
    {
      BanyanDeclaration *declaration = self->declarations->pdata[i];

      g_ptr_array_set_size (declaration->links, 0);
      g_ptr_array_set_size (declaration->settings, 0);
      g_clear_object (&declaration->object);
    }
}

/**
 * banyan_mapper_build:
 * @self: a mapper
 *
 * Resolves all links, checks the rules of the classes, and constructs. Members of an object are its
 * children already; nothing else is in the tree. To be called once.
 *
 * Returns: (transfer container) (element-type BanyanObject) (nullable): the new objects, what is
 * linked to before what links to it; %NULL when there are problems
 */
GPtrArray *
banyan_mapper_build (BanyanMapper *self)
{
  g_autoptr (GPtrArray) objects = NULL;

  g_return_val_if_fail (BANYAN_IS_MAPPER (self), NULL);

  objects = banyan_mapper_build_part (self, NULL);
  if (banyan_problems_get_length (self->problems) == 0)
    return g_steal_pointer (&objects);

  g_clear_pointer (&objects, g_ptr_array_unref);
  banyan_mapper_drop (self);
  return NULL;
}
