/* cli-spec.c - reading and building option trees
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

#include <string.h>

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };

BanyanSpec *
cli_spec_get (BanyanSpec *map, const char *key)
{
  return map != NULL && banyan_spec_get_kind (map) == BANYAN_SPEC_MAP
             ? banyan_spec_lookup (map, key)
             : NULL;
}

gboolean
cli_spec_flag (BanyanSpec *map, const char *key)
{
  return g_strcmp0 (banyan_spec_lookup_text (map, key), "true") == 0;
}

guint
cli_spec_count (BanyanSpec *list)
{
  return list != NULL && banyan_spec_get_kind (list) >= BANYAN_SPEC_LIST
             ? banyan_spec_get_length (list)
             : 0;
}

char *
cli_spec_join (BanyanSpec *list, const char *separator)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < cli_spec_count (list); i++)
    g_string_append_printf (text, "%s%s", i > 0 ? separator : "",
                            banyan_spec_get_text (banyan_spec_get_item (list, i)));

  return g_string_free (text, FALSE);
}

BanyanSpec *
cli_read_value (const char *text)
{
  const BanyanOrigin written = { .kind = BANYAN_ORIGIN_COMMAND_LINE };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  BanyanSpec *value = NULL;

  if (*text != '\0')
    value = banyan_spec_parse_json (text, -1, &written, problems);
  if (value != NULL && banyan_problems_get_length (problems) == 0)
    return value;

  g_clear_pointer (&value, banyan_spec_unref);
  return banyan_spec_new_scalar (BANYAN_SPEC_STRING, text, &written);
}

BanyanSpec *
cli_read_arguments (char **words)
{
  BanyanSpec *arguments = banyan_spec_builder_end (banyan_spec_builder_new_map ());

  for (guint i = 0; words[i] != NULL; i++)
    {
      const char *equals = strchr (words[i], '=');
      g_autofree char *key
          = equals != NULL ? g_strndup (words[i], equals - words[i]) : g_strdup (words[i]);
      g_autoptr (BanyanSpec) value = cli_read_value (equals != NULL ? equals + 1 : "true");
      g_autoptr (BanyanSpec) old = arguments;

      /* What leads into a list stays as it is written: the server tells what is wrong. */
      arguments = banyan_spec_with_nested (old, key, value);
      if (arguments == NULL)
        arguments = banyan_spec_with (old, key, value);
    }
  return arguments;
}

char *
cli_spec_to_line (BanyanSpec *value)
{
  if (value == NULL)
    return g_strdup ("nothing");
  if (banyan_spec_get_kind (value) == BANYAN_SPEC_NULL)
    return g_strdup ("null");
  if (banyan_spec_get_kind (value) < BANYAN_SPEC_LIST)
    return cli_make_line (banyan_spec_get_text (value));

  return g_strchomp (banyan_spec_to_json (value, FALSE));
}

void
cli_add (BanyanSpecBuilder *self, const char *key, BanyanSpec *value)
{
  banyan_spec_builder_take (self, key, banyan_spec_ref (value));
}

void
cli_add_number (BanyanSpecBuilder *self, const char *key, const char *text)
{
  if (text != NULL)
    banyan_spec_builder_take (self, key,
                              banyan_spec_new_scalar (BANYAN_SPEC_NUMBER, text, &origin));
}

void
cli_add_null (BanyanSpecBuilder *self, const char *key)
{
  banyan_spec_builder_take (self, key, banyan_spec_new_null (&origin));
}
