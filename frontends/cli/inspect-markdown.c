/* inspect-markdown.c - banyan inspect --markdown: the tables in the plugins' pages
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "inspect.h"

/* A bar would end the cell, and angle brackets be taken for HTML. */
static char *
escape (const char *text)
{
  g_autofree char *printable = cli_make_printable (text != NULL ? text : "");
  GString *escaped = g_string_new (NULL);

  for (const char *p = printable; *p != '\0'; p++)
    {
      if (*p == '|' || *p == '<' || *p == '>')
        g_string_append_c (escaped, '\\');
      g_string_append_c (escaped, *p == '\n' ? ' ' : *p);
    }

  return g_string_free (escaped, FALSE);
}

static void
append_row (GString *text, const char *name, const char *cell_1, const char *cell_2,
            const char *cell_3, const char *meaning)
{
  g_autofree char *first = escape (cell_1);
  g_autofree char *second = escape (cell_2);
  g_autofree char *third = escape (cell_3);
  g_autofree char *last = escape (meaning);

  g_string_append_printf (text, "| `%s` | %s | %s | %s | %s |\n", name, first, second, third, last);
}

static gboolean
is_own (BanyanSpec *description, BanyanSpec *facts)
{
  return g_strcmp0 (banyan_spec_lookup_text (facts, "defined-by"),
                    banyan_spec_lookup_text (description, "gtype"))
         == 0;
}

static void
append_group (GString *text, BanyanSpec *description, InspectGroup group)
{
  g_autoptr (GPtrArray) list = inspect_list_properties (description, group);

  for (guint i = 0; i < list->len; i++)
    {
      InspectProperty *property = list->pdata[i];
      g_autofree char *value = inspect_describe_value (property->facts);
      g_autofree char *standard = inspect_describe_default (property->facts);
      g_autofree char *meaning = inspect_describe_meaning (property);
      const char *changes = inspect_describe_mutability (property);

      if (group != INSPECT_OWN && !is_own (description, property->facts))
        continue;
      append_row (text, property->name, value,
                  cli_spec_flag (property->facts, "required") ? "required" : standard,
                  changes != NULL || property->is_field
                      ? changes
                      : banyan_spec_lookup_text (property->facts, "kind"),
                  meaning);
    }
}

/* What every node has is told once, in the manual; a page tells what is special. */
static void
append_properties (GString *text, BanyanSpec *description)
{
  gsize before;

  g_string_append (text, "## Properties\n\n");
  before = text->len;
  append_group (text, description, INSPECT_OWN);
  append_group (text, description, INSPECT_STATE);
  append_group (text, description, INSPECT_STATISTIC);
  if (text->len == before)
    g_string_append (text, "None of its own.\n");
  else
    g_string_insert (text, before,
                     "| Property | Takes | Default | Changes | Meaning |\n"
                     "| --- | --- | --- | --- | --- |\n");
}

static void
append_children (GString *text, BanyanSpec *description)
{
  BanyanSpec *children = cli_spec_get (description, "roles");

  g_string_append (text, "\n## Children\n\n");
  if (cli_spec_count (children) == 0)
    {
      g_string_append (text, "None.\n");
      return;
    }

  g_string_append (text, "| Role | Kind | Meaning |\n| --- | --- | --- |\n");
  for (guint i = 0; i < cli_spec_count (children); i++)
    {
      BanyanSpec *role = banyan_spec_get_item (children, i);
      g_autofree char *kind = inspect_describe_role (role);
      g_autofree char *meaning = escape (banyan_spec_lookup_text (role, "blurb"));

      g_string_append_printf (text, "| `%s` | %s | %s |\n", banyan_spec_lookup_text (role, "name"),
                              kind, meaning);
    }
}

CliStatus
inspect_print_markdown (BanyanTypeInfo *type)
{
  g_autoptr (BanyanSpec) description = banyan_type_info_describe (type);
  g_autoptr (GString) text = g_string_new (NULL);

  append_properties (text, description);
  append_children (text, description);
  return cli_print (text->str);
}
