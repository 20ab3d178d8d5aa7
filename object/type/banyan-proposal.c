/* banyan-proposal.c - the complete values that an object would have
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-struct-private.h"

#include <banyan/banyan-registry.h>

/* Values that nobody proposed are fetched when someone asks, so a proposal of one change costs one
 * value whatever the class. */
typedef struct
{
  GValue value;
  BanyanOrigin origin;
  gboolean is_proposed;
  gboolean is_withdrawn;
} Entry;

struct _BanyanProposal
{
  BanyanObject *object; /* (owned) */
  GHashTable *entries;  /* (owned): name (interned) to Entry (owned) */
  char *subject;        /* (owned) (nullable) */
  BanyanOrigin place;
  gboolean has_place;
};

static void
entry_free (gpointer data)
{
  Entry *self = data;

  g_value_unset (&self->value);
  g_free (self);
}

/**
 * banyan_proposal_new: (skip)
 * @self: an object
 *
 * Returns: (transfer full): a proposal that changes nothing yet
 */
BanyanProposal *
banyan_proposal_new (BanyanObject *self)
{
  BanyanProposal *proposal;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);

  proposal = g_new0 (BanyanProposal, 1);
  proposal->object = g_object_ref (self);
  proposal->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  return proposal;
}

/**
 * banyan_proposal_free: (skip)
 * @self: (transfer full): a proposal
 *
 * Frees it.
 */
void
banyan_proposal_free (BanyanProposal *self)
{
  g_return_if_fail (self != NULL);

  g_hash_table_unref (self->entries);
  g_object_unref (self->object);
  g_free (self->subject);
  g_free (self);
}

void
banyan_proposal_set_subject (BanyanProposal *self, const char *subject, const BanyanOrigin *place)
{
  g_free (self->subject);
  self->subject = g_strdup (subject);
  self->has_place = place != NULL;
  if (place)
    self->place = *place;
}

static GParamSpec *
find_property (const BanyanProposal *self, const char *property)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (self->object), property);

  if (!pspec)
    g_critical ("%s has no property \"%s\"", G_OBJECT_TYPE_NAME (self->object), property);

  return pspec;
}

/**
 * banyan_proposal_set: (skip)
 * @self: a proposal
 * @property: the name of a property
 * @value: the value that it would have
 * @origin: (nullable): where the value comes from; %NULL: from where the object's came
 *
 * Proposes a value.
 */
void
banyan_proposal_set (BanyanProposal *self, const char *property, const GValue *value,
                     const BanyanOrigin *origin)
{
  GParamSpec *pspec;
  Entry *entry;

  g_return_if_fail (self != NULL);
  g_return_if_fail (G_IS_VALUE (value));

  pspec = find_property (self, property);
  if (!pspec)
    return;

  entry = g_new0 (Entry, 1);
  entry->is_proposed = TRUE;
  g_value_init (&entry->value, pspec->value_type);
  g_value_copy (value, &entry->value);
  if (origin)
    entry->origin = *origin;
  else
    banyan_object_get_origin (self->object, pspec->name, &entry->origin);
  g_hash_table_replace (self->entries, (gpointer) pspec->name, entry);
}

void
banyan_proposal_withdraw (BanyanProposal *self, const char *property)
{
  Entry *entry = g_hash_table_lookup (self->entries, property);

  if (entry)
    entry->is_withdrawn = TRUE;
}

/**
 * banyan_proposal_get: (skip)
 * @self: a proposal
 * @property: the name of a property
 *
 * Returns: (transfer none): the value that it would have
 */
const GValue *
banyan_proposal_get (const BanyanProposal *self, const char *property)
{
  GParamSpec *pspec;
  Entry *entry;

  g_return_val_if_fail (self != NULL, NULL);

  entry = g_hash_table_lookup (self->entries, property);
  if (entry)
    return &entry->value;

  pspec = find_property (self, property);
  if (!pspec)
    return NULL;

  entry = g_new0 (Entry, 1);
  banyan_param_read_value (pspec, self->object, &entry->value);
  banyan_object_get_origin (self->object, pspec->name, &entry->origin);
  g_hash_table_replace (self->entries, (gpointer) pspec->name, entry);
  return &entry->value;
}

/**
 * banyan_proposal_is_changed: (skip)
 * @self: a proposal
 * @property: the name of a property
 *
 * Returns: whether the property would have another value than it has
 */
gboolean
banyan_proposal_is_changed (const BanyanProposal *self, const char *property)
{
  g_auto (GValue) current = G_VALUE_INIT;
  GParamSpec *pspec;
  Entry *entry;

  g_return_val_if_fail (self != NULL, FALSE);

  entry = g_hash_table_lookup (self->entries, property);
  if (!entry || !entry->is_proposed)
    return FALSE;

  pspec = find_property (self, property);
  banyan_param_read_value (pspec, self->object, &current);
  return !banyan_value_equal (&entry->value, &current);
}

static char *
dup_subject (const BanyanProposal *self)
{
  return self->subject ? g_strdup (self->subject) : banyan_object_dup_subject (self->object);
}

static void
find_place (const BanyanProposal *self, const char *property, BanyanOrigin *place)
{
  Entry *entry = g_hash_table_lookup (self->entries, property);

  if (entry)
    *place = entry->origin;
  else
    banyan_object_get_origin (self->object, property, place);

  /* A default has no place in a document; the object that has it may. */
  if (place->kind == BANYAN_ORIGIN_DEFAULT && self->has_place)
    *place = self->place;
}

/**
 * banyan_proposal_problem: (skip)
 * @self: a proposal
 * @problems: where to report
 * @property: the name of the property that is wrong
 * @format: what is wrong
 * @...: its arguments
 *
 * Reports a problem at the place where the property's value comes from.
 */
void
banyan_proposal_problem (const BanyanProposal *self, BanyanProblems *problems, const char *property,
                         const char *format, ...)
{
  g_autofree char *subject = NULL;
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  BanyanOrigin place;
  va_list arguments;

  g_return_if_fail (self != NULL && problems != NULL && property != NULL);

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  subject = dup_subject (self);
  path = g_strconcat (subject, ".", property, NULL);
  find_place (self, property, &place);
  banyan_problems_add (problems, BANYAN_CONFIG_ERROR_CONFLICT,
                       place.kind == BANYAN_ORIGIN_DEFAULT ? NULL : &place, path, "%s", text);
}

/* -- What has to be given: the mapper asks this of documents before there is an object, and this
 * asks it of what was made in code. -- */

static gboolean
is_given (const BanyanProposal *self, GParamSpec *pspec)
{
  Entry *entry = g_hash_table_lookup (self->entries, pspec->name);
  BanyanSpec *declared;

  if (entry && entry->is_proposed && entry->is_withdrawn)
    return FALSE;
  if (!entry || !entry->is_proposed)
    {
      declared = banyan_spec_lookup (banyan_object_get_declaration (self->object), pspec->name);
      if (!declared || banyan_spec_get_kind (declared) == BANYAN_SPEC_NULL)
        return FALSE;
    }

  return !banyan_param_is_readable_field (pspec)
         || !banyan_value_is_null (banyan_proposal_get (self, pspec->name));
}

static void
report_missing (const BanyanProposal *self, GParamSpec *pspec, BanyanProblems *problems)
{
  GType type = G_OBJECT_TYPE (self->object);
  const char *label = banyan_registry_get_name_of_type (banyan_registry_get_default (), type);
  g_autofree char *fallback = banyan_param_name_of_type (g_type_name (type));
  g_autofree char *subject = dup_subject (self);

  banyan_param_report_lack (pspec, label ? label : fallback, self->has_place ? &self->place : NULL,
                            subject, problems);
}

static void
check_struct (const BanyanProposal *self, GParamSpec *pspec, BanyanProblems *problems)
{
  g_autofree char *subject = dup_subject (self);
  g_autofree char *path = g_strconcat (subject, ".", pspec->name, NULL);
  const GValue *value = banyan_proposal_get (self, pspec->name);
  BanyanOrigin place;

  find_place (self, pspec->name, &place);
  banyan_struct_check_value (value, place.kind == BANYAN_ORIGIN_DEFAULT ? NULL : &place, path,
                             problems);
}

/* Edges are the graph's to check: where they lead may be found when an image is opened. */
static void
check_given (const BanyanProposal *self, BanyanProblems *problems)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self->object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      if (!banyan_param_is_settable (pspecs[i]) || banyan_param_is_edge (pspecs[i]))
        continue;

      if (banyan_param_is_required (pspecs[i]) && !is_given (self, pspecs[i]))
        report_missing (self, pspecs[i], problems);
      else if (banyan_param_has_structs (pspecs[i]) && banyan_param_is_readable_field (pspecs[i]))
        check_struct (self, pspecs[i], problems);
    }
}

static void
check_class (BanyanObjectClass *klass, BanyanObject *self, const BanyanProposal *proposal,
             BanyanProblems *problems)
{
  BanyanObjectClass *parent;

  if (!klass->check)
    return;

  /* A class that has no rules of its own has its parent's function. */
  parent = g_type_class_peek_parent (klass);
  if (G_TYPE_FROM_CLASS (klass) != BANYAN_TYPE_OBJECT)
    check_class (parent, self, proposal, problems);
  if (G_TYPE_FROM_CLASS (klass) == BANYAN_TYPE_OBJECT || klass->check != parent->check)
    klass->check (self, proposal, problems);
}

/**
 * banyan_object_check: (skip)
 * @self: an object
 * @proposal: the values that it would have
 * @problems: where to report
 *
 * Tells what is required and lacks. Where nothing does, runs the rules across properties of all
 * classes of @self, the base's first.
 */
void
banyan_object_check (BanyanObject *self, const BanyanProposal *proposal, BanyanProblems *problems)
{
  guint n_problems;

  g_return_if_fail (BANYAN_IS_OBJECT (self));
  g_return_if_fail (proposal != NULL && problems != NULL);

  n_problems = banyan_problems_get_length (problems);
  check_given (proposal, problems);

  /* Rules may rely on what is required being there. */
  if (banyan_problems_get_length (problems) == n_problems)
    check_class (BANYAN_OBJECT_GET_CLASS (self), self, proposal, problems);
}
