/* banyan-mapper-links.c - a string refers, a map declares, null detaches
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-mapper-private.h"
#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-spec-private.h"

#define MAX_CANDIDATES 8

/* Who has that many problems needs no more help, and looking for it must not take for ever. */
#define MAX_HELPED 100

/* "backing=" is null in QEMU's dotted keys, which have no other word for it, and in its JSON; of
 * other links it is a mistake, such as a variable that is not set. Quotes in a document are meant
 * as they stand: it has null itself. */
static gboolean
means_null (GParamSpec *pspec, BanyanSpec *spec)
{
  BanyanSpecKind kind = banyan_spec_get_kind (spec);
  gboolean is_quoted
      = kind == BANYAN_SPEC_STRING && banyan_spec_get_origin (spec)->kind == BANYAN_ORIGIN_DOCUMENT;

  return (kind == BANYAN_SPEC_TEXT || kind == BANYAN_SPEC_STRING) && !is_quoted
         && *banyan_spec_get_text (spec) == '\0' && banyan_param_is_completing (pspec);
}

BanyanLinkValue *
banyan_link_value_new (GParamSpec *pspec, BanyanSpec *spec, const char *path)
{
  BanyanLinkValue *self = g_new0 (BanyanLinkValue, 1);

  self->pspec = pspec;
  self->spec = means_null (pspec, spec) ? banyan_spec_new_null (banyan_spec_get_origin (spec))
                                        : banyan_spec_ref (spec);
  self->path = g_strdup (path);
  return self;
}

void
banyan_link_value_free (BanyanLinkValue *self)
{
  g_clear_pointer (&self->items, g_ptr_array_unref);
  g_clear_object (&self->existing);
  banyan_spec_unref (self->spec);
  g_free (self->path);
  g_free (self);
}

static const char *
target_of (BanyanLinkValue *self)
{
  GParamSpec *pspec = self->pspec;

  while (banyan_param_get_element (pspec))
    pspec = banyan_param_get_element (pspec);

  return banyan_param_get_link_target (pspec);
}

static gboolean complain (BanyanMapper *mapper, BanyanLinkValue *self, BanyanConfigError code,
                          const char *format, ...) G_GNUC_PRINTF (4, 5);

static gboolean
complain (BanyanMapper *mapper, BanyanLinkValue *self, BanyanConfigError code, const char *format,
          ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  banyan_problems_add (mapper->problems, code, banyan_spec_get_origin (self->spec), self->path,
                       "%s", text);
  self->is_wrong = TRUE;
  return FALSE;
}

/* -- Expanding. -- */

static gboolean
declare_member (BanyanMapper *mapper, BanyanDeclaration *owner, BanyanLinkValue *self,
                const char *id, const BanyanOrigin *place)
{
  GType type = g_type_from_name (target_of (self));

  if (type == G_TYPE_INVALID)
    return complain (mapper, self, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                     "there is no type %s, of which a member would be made", target_of (self));

  self->target = banyan_mapper_add_member (mapper, owner, self->path, id, place, self->spec, type);
  self->is_wrong = !self->target;
  return self->target != NULL;
}

static gboolean
declare_inline (BanyanMapper *mapper, BanyanDeclaration *owner, BanyanLinkValue *self,
                const char *birth_name)
{
  const BanyanBirth birth = { .parent = owner, .link = self->pspec, .name = birth_name };
  g_autofree char *name = banyan_param_name_of_type (target_of (self));
  BanyanCollection *collection = NULL;
  GType type = g_type_from_name (target_of (self));

  if (!owner)
    return complain (mapper, self, BANYAN_CONFIG_ERROR_TYPE,
                     "a map was given where the id of %s %s is wanted; add the object first",
                     banyan_param_article (name), name);

  if (type != G_TYPE_INVALID && mapper->root)
    collection = banyan_root_get_collection_for_type (mapper->root, type);
  if (!collection)
    return complain (mapper, self, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
                     "%s %s cannot be declared inline; declare it by itself and refer to it",
                     banyan_param_article (name), name);

  self->target = banyan_mapper_add (mapper, collection, &birth, self->path,
                                    banyan_spec_get_origin (self->spec), self->spec);
  return self->target != NULL;
}

static gboolean
expand_items (BanyanMapper *mapper, BanyanDeclaration *owner, BanyanLinkValue *self,
              const char *birth_name)
{
  gboolean is_map = banyan_spec_get_kind (self->spec) == BANYAN_SPEC_MAP;
  gboolean expanded = TRUE;

  self->items = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_link_value_free);
  for (guint i = 0; i < banyan_spec_get_length (self->spec); i++)
    {
      g_autofree char *number = g_strdup_printf ("%u", i);
      const char *key = is_map ? banyan_spec_get_key (self->spec, i) : number;
      g_autofree char *path = g_strconcat (self->path, ".", key, NULL);
      g_autofree char *name = g_strconcat (birth_name, ".", key, NULL);
      BanyanLinkValue *item = banyan_link_value_new (banyan_param_get_element (self->pspec),
                                                     banyan_spec_get_item (self->spec, i), path);

      g_ptr_array_add (self->items, item);
      if (banyan_param_has_members (self->pspec) && owner)
        expanded &= declare_member (mapper, owner, item, key,
                                    banyan_spec_get_key_origin (self->spec, i));
      else
        expanded &= banyan_mapper_expand_link (mapper, owner, item, name);
    }

  return expanded;
}

static gboolean
complain_of_kind (BanyanMapper *mapper, BanyanLinkValue *self, const char *wanted)
{
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);
  g_autofree char *quoted = NULL;

  if (kind == BANYAN_SPEC_NULL || kind == BANYAN_SPEC_LIST || kind == BANYAN_SPEC_MAP)
    return complain (mapper, self, BANYAN_CONFIG_ERROR_TYPE, "%s was given where %s is wanted",
                     banyan_param_name_of_kind (kind), wanted);

  quoted = banyan_spec_quote (banyan_spec_get_text (self->spec));
  return complain (mapper, self, BANYAN_CONFIG_ERROR_TYPE, "%s is %s where %s is wanted", quoted,
                   banyan_param_name_of_kind (kind), wanted);
}

static gboolean
complain_of_link (BanyanMapper *mapper, BanyanLinkValue *self)
{
  g_autofree char *name = banyan_param_name_of_type (target_of (self));
  g_autofree char *wanted
      = g_strconcat ("the id of ", banyan_param_article (name), " ", name, NULL);

  return complain_of_kind (mapper, self, wanted);
}

gboolean
banyan_mapper_expand_link (BanyanMapper *mapper, BanyanDeclaration *owner, BanyanLinkValue *self,
                           const char *birth_name)
{
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);

  if (kind == BANYAN_SPEC_NULL)
    return !banyan_param_is_required (self->pspec) || complain_of_link (mapper, self);

  if (banyan_param_get_element (self->pspec))
    {
      gboolean is_map = banyan_param_is_map (self->pspec);

      if (kind != (is_map ? BANYAN_SPEC_MAP : BANYAN_SPEC_LIST))
        return complain_of_kind (mapper, self, is_map ? "a map" : "a list");
      return expand_items (mapper, owner, self, birth_name);
    }

  if (kind == BANYAN_SPEC_MAP)
    return declare_inline (mapper, owner, self, birth_name);
  if (kind != BANYAN_SPEC_TEXT && kind != BANYAN_SPEC_STRING)
    return complain_of_link (mapper, self);

  return TRUE;
}

/* -- Resolving. -- */

/* @owner, or what it is declared inside. */
static gboolean
is_around (BanyanDeclaration *declaration, BanyanDeclaration *owner)
{
  while (owner && owner != declaration)
    owner = owner->parent;

  return owner != NULL;
}

/* What was declared, then what is there already; but not what would be below itself, nor what was
 * born inline, which nobody has given a name. */
static GPtrArray *
list_candidates (BanyanMapper *mapper, BanyanDeclaration *owner, BanyanCollection *collection,
                 GType type)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (BANYAN_OBJECT (collection));
  GPtrArray *ids = g_ptr_array_new ();

  for (guint i = 0; i < mapper->declarations->len; i++)
    {
      BanyanDeclaration *declaration = mapper->declarations->pdata[i];

      if (!is_around (declaration, owner) && declaration->collection == collection
          && !declaration->parent && *declaration->id
          && g_type_is_a (G_OBJECT_CLASS_TYPE (declaration->klass), type))
        g_ptr_array_add (ids, declaration->id);
    }
  for (guint i = 0; i < children->len; i++)
    if (!banyan_object_is_implicit (children->pdata[i])
        && !banyan_mapper_find (mapper, collection, banyan_object_get_id (children->pdata[i]))
        && g_type_is_a (G_OBJECT_TYPE (children->pdata[i]), type))
      g_ptr_array_add (ids, (gpointer) banyan_object_get_id (children->pdata[i]));

  return ids;
}

/* The one of @ids that was meant, or else the first of them, and what a path (nullable) is. */
static char *
advise (const char *written, GPtrArray *ids, const char *path_advice)
{
  g_autoptr (GString) list = NULL;
  const char *nearest;

  if (ids->len == 0)
    return g_strdup (path_advice ? path_advice : "there are none");

  g_ptr_array_add (ids, NULL);
  nearest = banyan_did_you_mean (written, (const char *const *) ids->pdata);
  g_ptr_array_set_size (ids, ids->len - 1);
  if (nearest)
    return g_strdup_printf ("did you mean \"%s\"?", nearest);

  list = g_string_new ("there are: ");
  for (guint i = 0; i < ids->len && i < MAX_CANDIDATES; i++)
    g_string_append_printf (list, "%s%s", i == 0 ? "" : ", ", (char *) ids->pdata[i]);
  if (ids->len > MAX_CANDIDATES)
    g_string_append (list, ", ...");
  if (path_advice)
    g_string_append_printf (list, "; %s", path_advice);

  return g_string_free (g_steal_pointer (&list), FALSE);
}

static gboolean
complain_of_reference (BanyanMapper *mapper, BanyanDeclaration *owner, BanyanLinkValue *self,
                       BanyanCollection *collection, GType type)
{
  const char *written = banyan_spec_get_text (self->spec);
  g_autofree char *name = banyan_param_name_of_type (target_of (self));
  g_autofree char *quoted = banyan_spec_quote (written);
  g_autoptr (GPtrArray) ids = NULL;
  g_autofree char *path_advice = NULL;
  g_autofree char *advice = NULL;

  if (banyan_problems_get_length (mapper->problems) >= MAX_HELPED)
    return complain (mapper, self, BANYAN_CONFIG_ERROR_REFERENCE, "no %s is called %s", name,
                     quoted);

  ids = collection ? list_candidates (mapper, owner, collection, type) : g_ptr_array_new ();
  path_advice = owner && collection ? banyan_collection_advise_on_path (collection, written) : NULL;
  advice = advise (written, ids, path_advice);
  return complain (mapper, self, BANYAN_CONFIG_ERROR_REFERENCE, "no %s is called %s; %s", name,
                   quoted, advice);
}

static gboolean
complain_of_type (BanyanMapper *mapper, BanyanLinkValue *self, GType found)
{
  g_autofree char *name = banyan_param_name_of_type (target_of (self));
  g_autofree char *quoted = banyan_spec_quote (banyan_spec_get_text (self->spec));
  const char *what = banyan_registry_get_name_of_type (banyan_registry_get_default (), found);
  g_autofree char *fallback = banyan_param_name_of_type (g_type_name (found));

  if (!what)
    what = fallback;
  return complain (mapper, self, BANYAN_CONFIG_ERROR_REFERENCE, "%s is %s %s where %s %s is wanted",
                   quoted, banyan_param_article (what), what, banyan_param_article (name), name);
}

static gboolean
resolve_reference (BanyanMapper *mapper, BanyanDeclaration *owner, BanyanLinkValue *self)
{
  const char *id = banyan_spec_get_text (self->spec);
  GType type = g_type_from_name (target_of (self));
  BanyanCollection *collection = NULL;
  BanyanDeclaration *declared = NULL;
  BanyanObject *existing = NULL;

  if (mapper->root && type != G_TYPE_INVALID)
    collection = banyan_root_get_collection_for_type (mapper->root, type);
  if (collection)
    declared = banyan_mapper_find (mapper, collection, id);
  if (collection && !declared)
    existing = banyan_mapper_find_existing (mapper, BANYAN_OBJECT (collection), id);
  if (!declared && !existing && collection && banyan_mapper_is_broken (mapper, collection, id))
    return FALSE;
  if (!declared && !existing)
    return complain_of_reference (mapper, owner, self, collection, type);

  if (declared && !g_type_is_a (G_OBJECT_CLASS_TYPE (declared->klass), type))
    return complain_of_type (mapper, self, G_OBJECT_CLASS_TYPE (declared->klass));
  if (existing && !g_type_is_a (G_OBJECT_TYPE (existing), type))
    return complain_of_type (mapper, self, G_OBJECT_TYPE (existing));

  self->target = declared;
  g_set_object (&self->existing, existing);
  self->is_doubtful = banyan_mapper_is_broken (mapper, collection, id);
  return TRUE;
}

static gboolean
check_declared_type (BanyanMapper *mapper, BanyanLinkValue *self)
{
  GType wanted = g_type_from_name (target_of (self));
  GType found = G_OBJECT_CLASS_TYPE (self->target->klass);
  g_autofree char *name = NULL;

  if (g_type_is_a (found, wanted))
    return TRUE;

  name = banyan_param_name_of_type (target_of (self));
  return complain (mapper, self, BANYAN_CONFIG_ERROR_TYPE, "%s is no %s, which is wanted here",
                   self->target->label, name);
}

gboolean
banyan_mapper_resolve_link (BanyanMapper *mapper, BanyanDeclaration *owner, BanyanLinkValue *self)
{
  BanyanSpecKind kind = banyan_spec_get_kind (self->spec);
  gboolean resolved = TRUE;

  for (guint i = 0; self->items && i < self->items->len; i++)
    resolved &= banyan_mapper_resolve_link (mapper, owner, self->items->pdata[i]);

  if (self->target)
    return check_declared_type (mapper, self);
  if (!banyan_param_get_element (self->pspec) && !self->is_wrong
      && (kind == BANYAN_SPEC_TEXT || kind == BANYAN_SPEC_STRING))
    return resolve_reference (mapper, owner, self);

  return resolved;
}

gboolean
banyan_link_value_is_doubtful (BanyanLinkValue *self)
{
  for (guint i = 0; self->items && i < self->items->len; i++)
    if (banyan_link_value_is_doubtful (self->items->pdata[i]))
      return TRUE;

  return self->is_doubtful;
}

void
banyan_link_value_collect (BanyanLinkValue *self, GPtrArray *links)
{
  if (self->target)
    g_ptr_array_add (links, self);
  for (guint i = 0; self->items && i < self->items->len; i++)
    banyan_link_value_collect (self->items->pdata[i], links);
}

/* -- As values and specs. -- */

static gboolean
get_items (BanyanLinkValue *self, GArray *values, GPtrArray *keys)
{
  for (guint i = 0; i < self->items->len; i++)
    {
      g_array_set_size (values, values->len + 1);
      if (!banyan_link_value_get (self->items->pdata[i],
                                  &g_array_index (values, GValue, values->len - 1)))
        {
          g_array_set_size (values, values->len - 1);
          return FALSE;
        }
      if (banyan_spec_get_kind (self->spec) == BANYAN_SPEC_MAP)
        g_ptr_array_add (keys, (gpointer) banyan_spec_get_key (self->spec, i));
    }

  return TRUE;
}

static gboolean
get_container (BanyanLinkValue *self, GValue *value)
{
  GType type = banyan_param_get_element (self->pspec)->value_type;
  g_autoptr (GArray) values = g_array_new (FALSE, TRUE, sizeof (GValue));
  g_autoptr (GPtrArray) keys = g_ptr_array_new ();

  g_array_set_clear_func (values, (GDestroyNotify) g_value_unset);
  if (!get_items (self, values, keys))
    return FALSE;

  g_value_init (value, self->pspec->value_type);
  if (banyan_spec_get_kind (self->spec) == BANYAN_SPEC_MAP)
    g_value_take_boxed (value, banyan_map_new (type, (const char *const *) keys->pdata,
                                               (GValue *) values->data, values->len));
  else
    g_value_take_boxed (value, banyan_list_new (type, (GValue *) values->data, values->len));
  return TRUE;
}

gboolean
banyan_link_value_get (BanyanLinkValue *self, GValue *value)
{
  BanyanObject *object = self->existing;

  if (self->items)
    return get_container (self, value);
  if (self->target && !self->target->object)
    return FALSE;
  if (self->target)
    object = self->target->object;

  g_value_init (value, self->pspec->value_type);
  if (object)
    g_value_set_object (value, object);
  return TRUE;
}

BanyanSpec *
banyan_link_value_declare (BanyanLinkValue *self)
{
  const BanyanOrigin *origin = banyan_spec_get_origin (self->spec);
  gboolean is_map = banyan_spec_get_kind (self->spec) == BANYAN_SPEC_MAP;
  BanyanSpecBuilder *builder;

  if (self->target)
    return banyan_spec_new_scalar (BANYAN_SPEC_STRING, self->target->id, origin);
  if (!self->items)
    return banyan_spec_ref (self->spec);

  builder = banyan_spec_builder_new (is_map ? BANYAN_SPEC_MAP : BANYAN_SPEC_LIST, origin);
  for (guint i = 0; i < self->items->len; i++)
    {
      g_autoptr (BanyanSpec) item = banyan_link_value_declare (self->items->pdata[i]);

      banyan_spec_builder_add (builder, is_map ? banyan_spec_get_key (self->spec, i) : NULL,
                               is_map ? banyan_spec_get_key_origin (self->spec, i) : NULL, item);
    }
  return banyan_spec_builder_end (builder);
}
