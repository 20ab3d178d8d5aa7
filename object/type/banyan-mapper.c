/* banyan-mapper.c - specs in, checked objects out
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-mapper-private.h"
#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-spec-private.h"

#include <string.h>

G_DEFINE_FINAL_TYPE (BanyanMapper, banyan_mapper, G_TYPE_OBJECT)

static void
setting_free (gpointer data)
{
  BanyanSetting *self = data;

  if (G_IS_VALUE (&self->value))
    g_value_unset (&self->value);
  g_clear_pointer (&self->link, banyan_link_value_free);
  banyan_spec_unref (self->spec);
  g_free (self);
}

static void
declaration_free (gpointer data)
{
  BanyanDeclaration *self = data;

  g_clear_object (&self->object);
  g_ptr_array_unref (self->links);
  g_ptr_array_unref (self->settings);
  g_type_class_unref (self->klass);
  banyan_spec_unref (self->spec);
  g_free (self->label);
  g_free (self->subject);
  g_free (self->id);
  g_free (self);
}

static void
banyan_mapper_finalize (GObject *object)
{
  BanyanMapper *self = BANYAN_MAPPER (object);

  /* Later ones may be linked to by earlier ones and the other way round; objects know what they
   * need, and go with the last reference. */
  g_ptr_array_unref (self->declarations);
  g_hash_table_unref (self->owners);
  g_hash_table_unref (self->taken);
  g_hash_table_unref (self->broken);
  banyan_problems_unref (self->problems);
  g_clear_object (&self->root);
  g_free (self->working_directory);
  g_free (self->directory);

  G_OBJECT_CLASS (banyan_mapper_parent_class)->finalize (object);
}

static void
banyan_mapper_class_init (BanyanMapperClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = banyan_mapper_finalize;
}

static void
banyan_mapper_init (BanyanMapper *self)
{
  self->declarations = g_ptr_array_new_with_free_func (declaration_free);
  self->owners = g_hash_table_new (NULL, NULL);
  self->taken = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_hash_table_unref);
  self->broken = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_hash_table_unref);
}

/**
 * banyan_mapper_new:
 * @root: (nullable): what links may lead to besides what is declared
 * @directory: (nullable): what relative paths are relative to; %NULL leaves them
 * @problems: where to report what is wrong
 *
 * Returns: (transfer full): a mapper for one set of declarations
 */
BanyanMapper *
banyan_mapper_new (BanyanRoot *root, const char *directory, BanyanProblems *problems)
{
  BanyanMapper *self;

  g_return_val_if_fail (!root || BANYAN_IS_ROOT (root), NULL);
  g_return_val_if_fail (problems != NULL, NULL);

  self = g_object_new (BANYAN_TYPE_MAPPER, NULL);
  self->root = root ? g_object_ref (root) : NULL;
  self->directory = g_strdup (directory);
  self->problems = banyan_problems_ref (problems);
  return self;
}

/**
 * banyan_mapper_set_replaces:
 * @self: a mapper
 * @replaces: whether objects in the tree give way
 *
 * Lets declarations have the ids of objects that are there, which the transaction that adds the new
 * ones is to remove. Links by such an id lead to what is declared.
 */
void
banyan_mapper_set_replaces (BanyanMapper *self, gboolean replaces)
{
  g_return_if_fail (BANYAN_IS_MAPPER (self));

  self->replaces = replaces;
}

void
banyan_mapper_set_completes (BanyanMapper *self, gboolean completes)
{
  self->completes = completes;
}

void
banyan_mapper_set_candidates (BanyanMapper *self, GHashTable *candidates)
{
  self->candidates = candidates;
}

/* -- Ids. -- */

BanyanDeclaration *
banyan_mapper_find (BanyanMapper *self, BanyanCollection *collection, const char *id)
{
  GHashTable *ids = g_hash_table_lookup (self->taken, collection);

  return ids ? g_hash_table_lookup (ids, id) : NULL;
}

BanyanObject *
banyan_mapper_find_existing (BanyanMapper *self, BanyanObject *parent, const char *id)
{
  g_autofree char *path = self->candidates ? banyan_object_dup_name (parent) : NULL;
  g_autofree char *key = path ? g_strdup_printf ("%s/%s", path + (*path == '/'), id) : NULL;
  gpointer candidate;

  if (key && g_hash_table_lookup_extended (self->candidates, key, NULL, &candidate))
    return candidate;

  return banyan_object_get_child (parent, id);
}

static void
take_id (BanyanMapper *self, BanyanDeclaration *declaration)
{
  GHashTable *ids = g_hash_table_lookup (self->taken, declaration->collection);

  if (!ids)
    {
      ids = g_hash_table_new (g_str_hash, g_str_equal);
      g_hash_table_insert (self->taken, declaration->collection, ids);
    }

  g_hash_table_insert (ids, declaration->id, declaration);
}

gboolean
banyan_mapper_is_broken (BanyanMapper *self, BanyanCollection *collection, const char *id)
{
  GHashTable *ids = g_hash_table_lookup (self->broken, collection);

  return ids && g_hash_table_contains (ids, id);
}

/* Whoever refers to it need not be told: it will be there once its own problem is solved. */
static void
note_broken (BanyanMapper *self, BanyanCollection *collection, const char *id)
{
  GHashTable *ids = g_hash_table_lookup (self->broken, collection);

  if (!ids)
    {
      ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_hash_table_insert (self->broken, collection, ids);
    }

  g_hash_table_add (ids, g_strdup (id));
}

static gboolean
check_id_form (BanyanMapper *self, const char *id, const BanyanOrigin *place, const char *subject)
{
  g_autofree char *quoted = NULL;

  if (banyan_id_is_well_formed (id))
    return TRUE;

  quoted = banyan_spec_quote (id);
  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_SYNTAX, place, subject,
                       "%s is not an id: a letter, then letters, digits, '-', '.' and '_'", quoted);
  return FALSE;
}

static gboolean
check_id_free (BanyanMapper *self, BanyanCollection *collection, const char *id, gboolean is_birth,
               const BanyanOrigin *place, const char *subject)
{
  const char *what = is_birth ? "would be born as" : "is called";
  BanyanDeclaration *taker = banyan_mapper_find (self, collection, id);
  BanyanObject *existing;
  g_autofree char *where = NULL;

  if (taker)
    {
      where = banyan_origin_to_string (&taker->place);
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_DUPLICATE, place, subject,
                           "%s \"%s\", which is taken at %s", what, id, where);
      return FALSE;
    }
  if (!self->replaces
      && (existing = banyan_mapper_find_existing (self, BANYAN_OBJECT (collection), id)))
    {
      where = banyan_object_dup_name (existing);
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_DUPLICATE, place, subject,
                           "%s \"%s\", which is taken by %s", what, id, where);
      return FALSE;
    }

  return TRUE;
}

static BanyanSpec *
find_written_id (BanyanSpec *spec)
{
  BanyanSpec *id = banyan_spec_lookup (spec, "id");

  return id ? id : banyan_spec_lookup (spec, "node-name");
}

/* For messages, before it is known whether the id, or the spec, is right. */
static const char *
find_written_name (BanyanSpec *spec)
{
  const char *id = banyan_spec_lookup_text (spec, "id");

  return id ? id : banyan_spec_lookup_text (spec, "node-name");
}

/* The id that the spec gives, @otherwise where it gives none, or NULL with a problem. */
static const char *
choose_id (BanyanMapper *self, BanyanSpec *spec, const char *otherwise, gboolean must_agree,
           const BanyanOrigin *place, const char *subject)
{
  BanyanSpec *written = find_written_id (spec);
  const char *text;

  if (!written && !otherwise && !banyan_spec_is_partial (spec))
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_MISSING, place, subject,
                         "needs a name: \"id\", or \"node-name\" of a node");
  if (!written)
    return otherwise;

  if (banyan_spec_get_kind (written) != BANYAN_SPEC_TEXT
      && banyan_spec_get_kind (written) != BANYAN_SPEC_STRING)
    {
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_TYPE,
                           banyan_spec_get_origin (written), subject,
                           "%s was given where an id is wanted",
                           banyan_param_name_of_kind (banyan_spec_get_kind (written)));
      return NULL;
    }

  text = banyan_spec_get_text (written);
  if (must_agree && otherwise && !g_str_equal (text, otherwise))
    {
      g_autofree char *quoted = banyan_spec_quote (text);

      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_CONFLICT,
                           banyan_spec_get_origin (written), subject,
                           "is declared as \"%s\" and called %s inside", otherwise, quoted);
      return NULL;
    }

  return text;
}

/* -- Types. -- */

/* The key that stands where @wanted was meant: nearly that, or the other one of the two that tell
 * what things are. */
static const char *
find_meant_key (BanyanSpec *spec, const char *wanted)
{
  const char *const wanted_only[] = { wanted, NULL };
  const char *other = g_str_equal (wanted, "driver") ? "type" : "driver";

  if (banyan_spec_lookup (spec, other))
    return other;
  for (guint i = 0; i < banyan_spec_get_length (spec); i++)
    if (banyan_did_you_mean (banyan_spec_get_key (spec, i), wanted_only))
      return banyan_spec_get_key (spec, i);

  return NULL;
}

static void
report_no_type (BanyanMapper *self, BanyanSpec *spec, const char *key, const BanyanOrigin *place,
                const char *subject)
{
  const char *meant = find_meant_key (spec, key);
  g_autofree char *quoted = meant ? banyan_spec_quote (meant) : NULL;

  if (quoted)
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_MISSING, place, subject,
                         "needs the key \"%s\", which tells what it is; was that meant by %s?", key,
                         quoted);
  else
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_MISSING, place, subject,
                         "needs the key \"%s\", which tells what it is", key);
}

static const char *
read_type_name (BanyanMapper *self, BanyanSpec *spec, const char *key, const BanyanOrigin *place,
                const char *subject, const BanyanOrigin **type_place)
{
  BanyanSpec *name = banyan_spec_lookup (spec, key);

  if (!name)
    {
      if (!banyan_spec_is_partial (spec))
        report_no_type (self, spec, key, place, subject);
      return NULL;
    }

  *type_place = banyan_spec_get_origin (name);
  if (banyan_spec_get_kind (name) == BANYAN_SPEC_TEXT
      || banyan_spec_get_kind (name) == BANYAN_SPEC_STRING)
    return banyan_spec_get_text (name);
  /* In YAML the name of the driver "null" is no string. */
  if (banyan_spec_get_kind (name) == BANYAN_SPEC_NULL)
    return "null";

  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_TYPE, *type_place, subject,
                       "%s was given where the name of a type is wanted",
                       banyan_param_name_of_kind (banyan_spec_get_kind (name)));
  return NULL;
}

static GType
find_type (BanyanMapper *self, guint kinds, GType base_type, const char *name,
           const BanyanOrigin *place, const char *subject)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *wanted = NULL;
  GType type
      = banyan_registry_get_type_by_name (banyan_registry_get_default (), kinds, name, &error);

  if (type == G_TYPE_INVALID)
    {
      banyan_problems_add (self->problems, error->code, place, subject, "%s", error->message);
      return G_TYPE_INVALID;
    }
  if (g_type_is_a (type, base_type) && !G_TYPE_IS_ABSTRACT (type))
    return type;

  wanted = banyan_param_name_of_type (g_type_name (base_type));
  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_TYPE, place, subject,
                       "%s is no %s that could be made here", name, wanted);
  return G_TYPE_INVALID;
}

/* -- Values. -- */

/* What stands on the command line is relative to where that was written, which is not where a
 * document lies. */
static const char *
directory_for (BanyanMapper *self, BanyanSpec *spec)
{
  if (!self->directory || banyan_spec_get_origin (spec)->kind != BANYAN_ORIGIN_COMMAND_LINE)
    return self->directory;
  if (!self->working_directory)
    self->working_directory = g_get_current_dir ();

  return self->working_directory;
}

void
banyan_mapper_add_setting (BanyanMapper *self, BanyanDeclaration *declaration, GParamSpec *pspec,
                           BanyanSpec *spec)
{
  BanyanSetting *setting = g_new0 (BanyanSetting, 1);
  g_autofree char *path = g_strconcat (declaration->subject, ".", pspec->name, NULL);

  setting->pspec = pspec;
  setting->spec = banyan_spec_ref (spec);
  if (banyan_param_has_links (pspec))
    setting->link = banyan_link_value_new (pspec, spec, path);
  else if (!banyan_param_convert (pspec, spec, directory_for (self, spec), path, &setting->value,
                                  self->problems))
    {
      declaration->is_wrong = TRUE;
      setting_free (setting);
      return;
    }

  g_ptr_array_add (declaration->settings, setting);
}

/* What its owner will find, as an image names the file of its backing: that is not known yet. */
static void
count_what_is_found (BanyanDeclaration *declaration, GPtrArray *given)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (declaration->klass, &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_completable (pspecs[i]) && !g_ptr_array_find (given, pspecs[i], NULL))
      g_ptr_array_add (given, pspecs[i]);
}

/* In an optional link, to declare nothing may mean what its owner finds elsewhere. Of that, no more
 * than what can be completed goes together with something declared. */
static void
report_missing (BanyanMapper *self, BanyanDeclaration *declaration, GPtrArray *given)
{
  guint n_problems = banyan_problems_get_length (self->problems);
  GParamSpec *link = declaration->link;

  if (banyan_spec_is_partial (declaration->spec))
    {
      declaration->is_wrong = TRUE;
      return;
    }
  if (self->completes || (link != NULL && banyan_param_is_completing (link)))
    count_what_is_found (declaration, given);
  banyan_param_report_missing (declaration->klass, declaration->label, given, &declaration->place,
                               declaration->subject, self->problems);
  if (banyan_problems_get_length (self->problems) > n_problems && link != NULL
      && link->owner_type != G_TYPE_INVALID && !banyan_param_is_required (link))
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_MISSING, &declaration->place,
                         declaration->subject,
                         "what is declared inline is not completed by what \"%s\" would be "
                         "otherwise: declare all of it, or leave \"%s\" out",
                         link->name, link->name);
}

static void
read_values (BanyanMapper *self, BanyanDeclaration *declaration, const char *type_key)
{
  const char *skip[] = { "id", "node-name", type_key, NULL };
  guint n_problems = banyan_problems_get_length (self->problems);
  g_autoptr (GPtrArray) given
      = banyan_param_match_keys (declaration->klass, declaration->label, declaration->spec, skip,
                                 declaration->subject, self->problems);
  guint n_written = given->len;

  for (guint i = 0; i < n_written; i++)
    if (given->pdata[i])
      banyan_mapper_add_setting (self, declaration, given->pdata[i],
                                 banyan_spec_get_item (declaration->spec, i));

  if (banyan_declaration_is_inline (declaration))
    banyan_mapper_inherit (self, declaration, given);
  report_missing (self, declaration, given);
  if (banyan_problems_get_length (self->problems) > n_problems)
    declaration->is_wrong = TRUE;
}

static BanyanDeclaration *
declaration_new (BanyanMapper *self, BanyanDeclaration *parent, const char *id, const char *subject,
                 const BanyanOrigin *place, BanyanSpec *spec, GType type, const char *label)
{
  BanyanDeclaration *declaration = g_new0 (BanyanDeclaration, 1);

  declaration->parent = parent;
  declaration->id = g_strdup (id);
  declaration->subject = g_strdup (subject);
  declaration->label = g_strdup (label);
  declaration->place = *place;
  declaration->klass = g_type_class_ref (type);
  declaration->spec = banyan_param_flatten_keys (declaration->klass, spec);
  declaration->settings = g_ptr_array_new_with_free_func (setting_free);
  declaration->links = g_ptr_array_new ();
  g_ptr_array_add (self->declarations, declaration);
  return declaration;
}

static gboolean
check_is_map (BanyanMapper *self, BanyanSpec *spec, const char *subject)
{
  if (banyan_spec_get_kind (spec) == BANYAN_SPEC_MAP)
    return TRUE;

  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_TYPE, banyan_spec_get_origin (spec),
                       subject, "%s was given where a map is wanted",
                       banyan_param_name_of_kind (banyan_spec_get_kind (spec)));
  return FALSE;
}

/* The id of a declaration; NULL where it is not right, which has been told. */
static const char *
find_id (BanyanMapper *self, BanyanCollection *collection, const BanyanBirth *birth,
         BanyanSpec *spec, const BanyanOrigin *place, const char *subject)
{
  gboolean is_inline = birth->parent || birth->owner;
  gboolean is_born = is_inline && !find_written_id (spec);
  const char *id;

  /* What is born in something without a name cannot help it. */
  if (is_born && birth->parent && birth->parent->id[0] == '\0')
    return NULL;

  id = choose_id (self, spec, birth->name, !is_inline, place, subject);
  if (id && check_id_form (self, id, place, subject)
      && check_id_free (self, collection, id, is_born, place, subject))
    return id;

  if (id)
    note_broken (self, collection, id);
  if (birth->name)
    note_broken (self, collection, birth->name);
  return NULL;
}

BanyanDeclaration *
banyan_mapper_add (BanyanMapper *self, BanyanCollection *collection, const BanyanBirth *birth,
                   const char *subject, const BanyanOrigin *place, BanyanSpec *spec)
{
  const char *key = banyan_collection_get_type_key (collection);
  const BanyanOrigin *type_place = NULL;
  BanyanDeclaration *declaration;
  const char *label;
  const char *id;
  GType type = G_TYPE_INVALID;

  if (!check_is_map (self, spec, subject))
    {
      if (birth->name)
        note_broken (self, collection, birth->name);
      return NULL;
    }

  /* What is wrong with the id is no reason not to tell what is wrong with the type. */
  id = find_id (self, collection, birth, spec, place, subject);
  label = read_type_name (self, spec, key, place, subject, &type_place);
  if (label)
    type = find_type (self, banyan_collection_get_kinds (collection),
                      banyan_collection_get_base_type (collection), label, type_place, subject);
  if (type == G_TYPE_INVALID)
    {
      if (id)
        note_broken (self, collection, id);
      return NULL;
    }

  declaration
      = declaration_new (self, birth->parent, id ? id : "", subject, place, spec, type, label);
  declaration->collection = collection;
  declaration->link = birth->link;
  declaration->owner = birth->owner;
  declaration->is_wrong = !id;
  if (id)
    take_id (self, declaration);
  read_values (self, declaration, key);
  return declaration;
}

BanyanDeclaration *
banyan_mapper_add_member (BanyanMapper *self, BanyanDeclaration *owner, const char *subject,
                          const char *id, const BanyanOrigin *place, BanyanSpec *spec,
                          GType member_type)
{
  g_autofree char *name = banyan_param_name_of_type (g_type_name (member_type));
  const BanyanOrigin *type_place = NULL;
  const char *label = name;
  const char *key = NULL;
  BanyanDeclaration *declaration;
  gboolean has_good_id;

  if (!check_is_map (self, spec, subject))
    return NULL;

  has_good_id = choose_id (self, spec, id, TRUE, place, subject)
                && check_id_form (self, id, place, subject);
  if (G_TYPE_IS_ABSTRACT (member_type))
    {
      key = "type";
      label = read_type_name (self, spec, key, place, subject, &type_place);
      if (label)
        member_type = find_type (self, G_MAXUINT, member_type, label, type_place, subject);
      if (!label || member_type == G_TYPE_INVALID)
        return NULL;
    }

  declaration = declaration_new (self, owner, id, subject, place, spec, member_type, label);
  declaration->is_member = TRUE;
  declaration->is_wrong = !has_good_id;
  read_values (self, declaration, key);
  return declaration;
}

/**
 * banyan_mapper_declare:
 * @self: a mapper
 * @collection: where the object is to live
 * @id: (nullable): its id; %NULL: the spec says "id" or "node-name"
 * @id_origin: (nullable): where the id comes from; %NULL: from where the spec does
 * @spec: a map with the key that tells the type, and properties
 *
 * Declares an object, and with it those that are declared inline in its links. What is wrong is
 * reported now or by banyan_mapper_build(), which sees all of it.
 */
void
banyan_mapper_declare (BanyanMapper *self, BanyanCollection *collection, const char *id,
                       const BanyanOrigin *id_origin, BanyanSpec *spec)
{
  BanyanBirth birth = { 0 };
  g_autofree char *subject = NULL;
  const BanyanOrigin *place;

  g_return_if_fail (BANYAN_IS_MAPPER (self));
  g_return_if_fail (BANYAN_IS_COLLECTION (collection));
  g_return_if_fail (spec != NULL);

  place = id_origin ? id_origin : banyan_spec_get_origin (spec);
  subject = g_strjoin (".", banyan_object_get_id (BANYAN_OBJECT (collection)),
                       id ? id : find_written_name (spec), NULL);
  birth.name = id;
  banyan_mapper_add (self, collection, &birth, subject, place, spec);
}

/* "extents.0" is a member of the list "extents". (nullable) */
static GParamSpec *
find_link (BanyanObject *owner, const char *property)
{
  g_autofree char *name = g_strndup (property, strcspn (property, "."));
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (owner), name);

  return pspec != NULL && strchr (property, '.') != NULL ? banyan_param_get_element (pspec) : pspec;
}

/**
 * banyan_mapper_declare_inline:
 * @self: a mapper
 * @owner: an object in the tree, or on its way there
 * @property: a link of it, or a member of a list of links: "children.0"
 * @spec: a map with the key that tells the type, and properties
 *
 * Declares an object as if it stood inline in a link of an object that exists: it is born with that
 * one's name, inherits from it, and is implicit. Making the link lead there is the caller's affair.
 */
void
banyan_mapper_declare_inline (BanyanMapper *self, BanyanObject *owner, const char *property,
                              BanyanSpec *spec)
{
  BanyanBirth birth = { .owner = owner };
  g_autofree char *subject = NULL;
  g_autofree char *path = NULL;
  g_autofree char *name = NULL;
  GType type;

  g_return_if_fail (BANYAN_IS_MAPPER (self) && self->root);
  g_return_if_fail (BANYAN_IS_OBJECT (owner));
  g_return_if_fail (property != NULL && spec != NULL);

  birth.link = find_link (owner, property);
  g_return_if_fail (birth.link != NULL && banyan_param_get_link_target (birth.link) != NULL);

  type = g_type_from_name (banyan_param_get_link_target (birth.link));
  subject = banyan_object_dup_subject (owner);
  path = g_strdup_printf ("%s.%s", subject, property);
  birth.name = name = g_strdup_printf ("%s.%s", banyan_object_get_id (owner), property);
  banyan_mapper_add (self, banyan_root_get_collection_for_type (self->root, type), &birth, path,
                     banyan_spec_get_origin (spec), spec);
}

/**
 * banyan_mapper_declare_member:
 * @self: a mapper
 * @owner: an object in the tree
 * @property: the property that has its members: "exports"
 * @id: the new member's id
 * @spec: a map of its properties
 *
 * Declares a part of an object that exists. What banyan_mapper_build() makes of it is to be added
 * to @owner by a transaction.
 */
void
banyan_mapper_declare_member (BanyanMapper *self, BanyanObject *owner, const char *property,
                              const char *id, BanyanSpec *spec)
{
  GParamSpec *pspec;
  g_autofree char *subject = NULL;
  g_autofree char *path = NULL;
  BanyanDeclaration *declaration;
  GType type;

  g_return_if_fail (BANYAN_IS_MAPPER (self));
  g_return_if_fail (BANYAN_IS_OBJECT (owner));
  g_return_if_fail (property != NULL && id != NULL && spec != NULL);

  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (owner), property);
  g_return_if_fail (pspec != NULL && banyan_param_has_members (pspec));

  type = g_type_from_name (banyan_param_get_link_target (banyan_param_get_element (pspec)));
  subject = banyan_object_dup_subject (owner);
  path = g_strdup_printf ("%s.%s.%s", subject, property, id);
  declaration
      = banyan_mapper_add_member (self, NULL, path, id, banyan_spec_get_origin (spec), spec, type);
  if (declaration)
    declaration->owner = owner;
  if (declaration && !self->replaces && banyan_mapper_find_existing (self, owner, id))
    {
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_DUPLICATE,
                           banyan_spec_get_origin (spec), path, "exists already");
      declaration->is_wrong = TRUE;
    }
}

/**
 * banyan_mapper_get_owner:
 * @self: a mapper
 * @object: one that banyan_mapper_build() has made
 *
 * Returns: (transfer none) (nullable): the object that exists already and that @object was declared
 *   to become a member of
 */
BanyanObject *
banyan_mapper_get_owner (BanyanMapper *self, BanyanObject *object)
{
  g_return_val_if_fail (BANYAN_IS_MAPPER (self), NULL);

  return g_hash_table_lookup (self->owners, object);
}
