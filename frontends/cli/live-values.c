/* live-values.c - banyan inspect --connect: get and set
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "inspect.h"
#include "live.h"

CliStatus
live_run_get (LiveSession *session, char **arguments)
{
  CliStatus status;
  const char *property;
  GraphObject *object = live_find_property (session, arguments[0], &property, &status);
  g_autoptr (BanyanSpec) value = NULL;
  g_autofree char *text = NULL, *line = NULL;

  if (object == NULL)
    return status;
  value = live_call_property (session, "qom-get", object->path, property, NULL, &status);
  if (value == NULL)
    return status;
  if (session->options->as_json)
    return cli_print_json (value);

  text = cli_spec_to_line (value);
  line = g_strconcat (text, "\n", NULL);
  return cli_print (line);
}

static CliStatus
print_change (LiveSession *session, const char *path, const char *property, BanyanSpec *before,
              BanyanSpec *after)
{
  g_autofree char *old = cli_spec_to_line (before);
  g_autofree char *new = cli_spec_to_line (after);
  g_autofree char *line = NULL;
  g_autoptr (BanyanSpec) change = NULL;
  BanyanSpecBuilder *map;

  if (!session->options->as_json)
    {
      line = g_strdup_printf ("%s.%s: %s -> %s\n", path, property, old, new);
      return cli_print (line);
    }

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "property", property);
  cli_add (map, "from", before);
  cli_add (map, "to", after);
  change = banyan_spec_builder_end (map);
  return cli_print_json (change);
}

/* The unit of a property, as its type says. NULL: none, or the type is not known here.
 * (transfer full) */
static char *
find_unit (GraphObject *object, const char *property)
{
  const char *name = banyan_spec_lookup_text (object->facts, "type");
  g_autoptr (BanyanTypeInfo) type
      = name != NULL ? banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, name)
                     : NULL;
  g_autoptr (BanyanSpec) description = type != NULL ? banyan_type_info_describe (type) : NULL;
  g_autoptr (InspectProperty) found
      = description != NULL ? inspect_find_property (description, property) : NULL;

  return found != NULL ? g_strdup (banyan_spec_lookup_text (found->facts, "unit")) : NULL;
}

static gboolean
parse_in_unit (const char *text, const char *unit, guint64 *number)
{
  static const struct
  {
    const char *unit;
    guint64 ns;
  } durations[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };

  if (g_str_has_prefix (unit, "bytes"))
    return banyan_scalar_parse_size (text, number, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (durations); i++)
    if (g_str_equal (unit, durations[i].unit))
      return banyan_scalar_parse_duration (text, durations[i].ns, number, NULL);

  return FALSE;
}

/* JSON, which goes over the wire, has no "2M" and no "10ms" but as strings, which are no numbers
 * there. */
BanyanSpec *
live_read_value (GraphObject *object, const char *property, const char *text)
{
  g_autofree char *unit = find_unit (object, property);
  g_autofree char *digits = NULL;
  guint64 number;

  if (unit == NULL || !parse_in_unit (text, unit, &number))
    return cli_read_value (text);

  digits = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
  return cli_read_value (digits);
}

/* What it was and is is asked for, as "2M" is set and 2097152 is in force. */
CliStatus
live_run_set (LiveSession *session, char **arguments)
{
  CliStatus status;
  const char *property;
  GraphObject *object = live_find_property (session, arguments[0], &property, &status);
  g_autoptr (BanyanSpec) before = NULL, wanted = NULL, done = NULL, after = NULL;

  if (object == NULL)
    return status;
  before = live_call_property (session, "qom-get", object->path, property, NULL, &status);
  if (before == NULL)
    return status;
  wanted = live_read_value (object, property, arguments[1]);
  done = live_call_property (session, "qom-set", object->path, property, wanted, &status);
  if (done == NULL)
    return status;
  after = live_call_property (session, "qom-get", object->path, property, NULL, &status);
  return after != NULL ? print_change (session, object->path, property, before, after) : status;
}
