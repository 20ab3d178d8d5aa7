/* qmp-schema-notation.c - types of results and events, from the notation they are declared in
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A word is a builtin type, or an enumeration of words with bars between; a list of one is a list;
 * a map is an object, whose optional members have a star. */

#include "qmp-schema.h"

#include <string.h>

static const char *describe (QmpSchema *self, const char *name, BanyanSpec *notation);

static const char *
describe_word (QmpSchema *self, const char *name, const char *word)
{
  const char *builtin = qmp_schema_builtin (self, word);
  g_auto (GStrv) words = NULL;
  g_autoptr (GPtrArray) values = NULL;

  if (builtin != NULL)
    return builtin;

  words = g_strsplit (word, "|", -1);
  values = g_ptr_array_new ();
  for (guint i = 0; words[i] != NULL; i++)
    g_ptr_array_add (values, words[i]);
  return qmp_schema_enum (self, name, values);
}

static void
describe_member (QmpSchema *self, BanyanSpecBuilder *members, const char *owner, const char *key,
                 BanyanSpec *notation)
{
  gboolean is_optional = key[0] == '*';
  g_autofree char *name = g_strdup_printf ("%s.%s", owner, key + is_optional);
  BanyanSpecBuilder *member = banyan_spec_builder_new_map ();
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };

  banyan_spec_builder_add_string (member, "name", key + is_optional);
  banyan_spec_builder_add_string (member, "type", describe (self, name, notation));
  if (is_optional)
    banyan_spec_builder_take (member, "default", banyan_spec_new_null (&origin));
  banyan_spec_builder_take_built (members, NULL, member);
}

static const char *
describe_object (QmpSchema *self, const char *name, BanyanSpec *notation)
{
  BanyanSpecBuilder *entry, *members;

  if (!qmp_schema_begin (self, name))
    return g_intern_string (name);

  members = banyan_spec_builder_new_list ();
  for (guint i = 0; i < banyan_spec_get_length (notation); i++)
    describe_member (self, members, name, banyan_spec_get_key (notation, i),
                     banyan_spec_get_item (notation, i));
  entry = qmp_schema_new_entry (name, "object");
  banyan_spec_builder_take_built (entry, "members", members);
  qmp_schema_add (self, entry);
  return g_intern_string (name);
}

/* Nothing has one name, wherever it stands. */
static const char *
describe (QmpSchema *self, const char *name, BanyanSpec *notation)
{
  switch (banyan_spec_get_kind (notation))
    {
    case BANYAN_SPEC_LIST:
      return qmp_schema_array (self, describe (self, name, banyan_spec_get_item (notation, 0)));
    case BANYAN_SPEC_MAP:
      return describe_object (self, banyan_spec_get_length (notation) > 0 ? name : "empty",
                              notation);
    default:
      return describe_word (self, name, banyan_spec_get_text (notation));
    }
}

const char *
qmp_schema_notation (QmpSchema *self, const char *name, const char *text)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) notation = banyan_spec_parse_yaml (text, -1, name, problems);

  if (notation != NULL && banyan_problems_get_length (problems) == 0)
    return describe (self, name, notation);

  g_critical ("The type of %s cannot be read: %s", name, text);
  return qmp_schema_builtin (self, "any");
}
