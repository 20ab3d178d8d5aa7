/* banyan-origin.c - where a value came from
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-spec.h>

G_DEFINE_BOXED_TYPE (BanyanOrigin, banyan_origin, banyan_origin_copy, banyan_origin_free)

#define ENUM_VALUE(value, nick) \
  { \
    value, #value, nick \
  }

GType
banyan_origin_kind_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    ENUM_VALUE (BANYAN_ORIGIN_DEFAULT, "default"),
    ENUM_VALUE (BANYAN_ORIGIN_DOCUMENT, "document"),
    ENUM_VALUE (BANYAN_ORIGIN_COMMAND_LINE, "command-line"),
    ENUM_VALUE (BANYAN_ORIGIN_CLIENT, "client"),
    ENUM_VALUE (BANYAN_ORIGIN_PROGRAM, "program"),
    ENUM_VALUE (BANYAN_ORIGIN_JOB, "job"),
    ENUM_VALUE (BANYAN_ORIGIN_IMAGE, "image"),
    ENUM_VALUE (BANYAN_ORIGIN_INHERITED, "inherited"),
    { 0 },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanOriginKind", values));

  return type;
}

/**
 * banyan_origin_new:
 * @kind: what kind of place it is
 * @name: (nullable): the file, client or job
 * @line: the line, from 1, or 0 for none
 * @column: the column in characters, from 1
 *
 * Code in C fills the structure on its stack instead, with an interned name.
 *
 * Returns: (transfer full): an origin; free it with banyan_origin_free()
 */
BanyanOrigin *
banyan_origin_new (BanyanOriginKind kind, const char *name, guint line, guint column)
{
  BanyanOrigin origin = { kind, g_intern_string (name), line, column };

  return banyan_origin_copy (&origin);
}

/**
 * banyan_origin_copy:
 * @origin: an origin
 *
 * Returns: (transfer full): a copy
 */
BanyanOrigin *
banyan_origin_copy (const BanyanOrigin *origin)
{
  g_return_val_if_fail (origin != NULL, NULL);

  return g_memdup2 (origin, sizeof *origin);
}

/**
 * banyan_origin_free:
 * @origin: (transfer full): an origin of one's own
 *
 * Frees what banyan_origin_new() or banyan_origin_copy() gave.
 */
void
banyan_origin_free (BanyanOrigin *origin)
{
  g_free (origin);
}

static char *
origin_subject (const BanyanOrigin *origin)
{
  const char *name = origin->name;

  switch (origin->kind)
    {
    case BANYAN_ORIGIN_DEFAULT:
      return g_strdup ("default");
    case BANYAN_ORIGIN_DOCUMENT:
      return g_strdup (name ? name : "document");
    case BANYAN_ORIGIN_COMMAND_LINE:
      return g_strdup (name ? name : "command line");
    case BANYAN_ORIGIN_CLIENT:
      return g_strconcat ("client", name ? " " : "", name, NULL);
    case BANYAN_ORIGIN_JOB:
      return g_strconcat ("job", name ? " " : "", name, NULL);
    case BANYAN_ORIGIN_IMAGE:
      return g_strconcat ("image", name ? " " : "", name, NULL);
    case BANYAN_ORIGIN_INHERITED:
      return name ? g_strconcat ("inherited from ", name, NULL) : g_strdup ("inherited");
    case BANYAN_ORIGIN_PROGRAM:
    default:
      return g_strdup (name ? name : "program");
    }
}

/**
 * banyan_origin_to_string:
 * @origin: where something came from
 *
 * Says it as messages do: "disk.yaml:14:7", "command line:1:8", "client qmp0". The line and
 * column stand there when the origin has a line.
 *
 * Returns: (transfer full): a new string
 */
char *
banyan_origin_to_string (const BanyanOrigin *origin)
{
  g_autofree char *subject = NULL;

  g_return_val_if_fail (origin != NULL, NULL);

  subject = origin_subject (origin);

  if (origin->line == 0)
    return g_steal_pointer (&subject);

  return g_strdup_printf ("%s:%u:%u", subject, origin->line, origin->column);
}
