/* blkdebug-config.c - a file of rules, as QEMU's blkdebug reads it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each section is one rule. The sections become the same option trees that a document's lists are
 * parsed into, so their keys and values are checked in one place. */

#include "blkdebug-config.h"

#include <string.h>

enum
{
  INJECT_ERROR,
  SET_STATE,
  N_KINDS
};

static const char *const kind_names[N_KINDS] = { "inject-error", "set-state" };

typedef struct
{
  BanyanOrigin place;
  BanyanSpecBuilder *lists[N_KINDS]; /* (owned) */
  BanyanSpecBuilder *section;        /* (owned) (nullable): under way, of @kind */
  guint kind;
} Parser;

static gboolean
throw_line (const Parser *self, const char *what, GError **error)
{
  g_autofree char *place = banyan_origin_to_string (&self->place);

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_SYNTAX, "%s: %s", place, what);
  return FALSE;
}

static void
end_section (Parser *self)
{
  g_autoptr (BanyanSpec) rule = NULL;

  if (self->section == NULL)
    return;

  rule = banyan_spec_builder_end (g_steal_pointer (&self->section));
  banyan_spec_builder_add (self->lists[self->kind], NULL, NULL, rule);
}

static gboolean
begin_section (Parser *self, char *line, GError **error)
{
  char *end = strchr (line, ']');

  end_section (self);
  if (end == NULL || end[1] != '\0')
    return throw_line (self, "a section begins with its name in brackets", error);

  *end = '\0';
  for (guint i = 0; i < N_KINDS; i++)
    if (strcmp (line + 1, kind_names[i]) == 0)
      {
        self->kind = i;
        self->section = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->place);
        return TRUE;
      }
  return throw_line (self, "the sections are [inject-error] and [set-state]", error);
}

static gboolean
add_key (Parser *self, char *line, GError **error)
{
  char *equals = strchr (line, '=');
  char *value = equals != NULL ? g_strstrip (equals + 1) : NULL;
  gsize length = value != NULL ? strlen (value) : 0;
  g_autoptr (BanyanSpec) spec = NULL;

  if (length < 2 || value[0] != '"' || strchr (value + 1, '"') != value + length - 1)
    return throw_line (self, "a line is key = \"value\"", error);
  if (self->section == NULL)
    return throw_line (self, "a key stands in a section", error);

  value[length - 1] = '\0';
  *equals = '\0';
  spec = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, value + 1, &self->place);
  return banyan_spec_builder_add (self->section, g_strchomp (line), &self->place, spec)
         || throw_line (self, "the section has this key already", error);
}

static gboolean
parse (Parser *self, char *text, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      char *line = g_strstrip (lines[i]);

      self->place.line = i + 1;
      if (line[0] == '\0' || line[0] == '#')
        continue;
      if (!(line[0] == '[' ? begin_section (self, line, error) : add_key (self, line, error)))
        return FALSE;
    }

  end_section (self);
  return TRUE;
}

static BanyanList *
convert (Parser *self, guint kind, GParamSpec *pspec, BanyanProblems *problems)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_builder_end (g_steal_pointer (&self->lists[kind]));
  g_auto (GValue) value = G_VALUE_INIT;

  if (!banyan_param_value_from_spec (pspec, spec, kind_names[kind], &value, problems))
    return NULL;
  return g_value_dup_boxed (&value);
}

gboolean
blkdebug_config_load (const char *path, GParamSpec *inject_pspec, GParamSpec *set_state_pspec,
                      BanyanList **inject, BanyanList **set_state, GError **error)
{
  Parser parser = { .place = { BANYAN_ORIGIN_DOCUMENT, g_intern_string (path), 0, 1 } };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autofree char *text = NULL;
  gboolean parsed;

  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;

  for (guint i = 0; i < N_KINDS; i++)
    parser.lists[i] = banyan_spec_builder_new (BANYAN_SPEC_LIST, &parser.place);
  parsed = parse (&parser, text, error);
  if (parsed)
    {
      *inject = convert (&parser, INJECT_ERROR, inject_pspec, problems);
      *set_state = convert (&parser, SET_STATE, set_state_pspec, problems);
    }

  g_clear_pointer (&parser.section, banyan_spec_builder_free);
  for (guint i = 0; i < N_KINDS; i++)
    g_clear_pointer (&parser.lists[i], banyan_spec_builder_free);
  return parsed && banyan_problems_check (problems, error);
}
