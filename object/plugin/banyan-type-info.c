/* banyan-type-info.c - what is known about a type, whether or not its plugin is loaded
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-describe-private.h"

G_DEFINE_BOXED_TYPE (BanyanTypeInfo, banyan_type_info, banyan_type_info_ref, banyan_type_info_unref)

const char *
banyan_plugin_kind_to_string (BanyanPluginKind kind)
{
  static const char *const names[] = {
    [BANYAN_PLUGIN_PROTOCOL] = "protocol", [BANYAN_PLUGIN_FORMAT] = "format",
    [BANYAN_PLUGIN_FILTER] = "filter",     [BANYAN_PLUGIN_FRONTEND] = "frontend",
    [BANYAN_PLUGIN_JOB] = "job",           [BANYAN_PLUGIN_OBJECT] = "object",
    [BANYAN_PLUGIN_COMMAND] = "command",   [BANYAN_PLUGIN_IMAGE] = "image",
  };

  return (guint) kind < G_N_ELEMENTS (names) ? names[kind] : "unknown";
}

/* Empty ones, as "a, b" gives when it is split at both, are left out. */
static char **
copy_aliases (const char *const *aliases)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; aliases != NULL && aliases[i] != NULL; i++)
    if (aliases[i][0] != '\0')
      g_strv_builder_add (builder, aliases[i]);

  return g_strv_builder_end (builder);
}

BanyanTypeInfo *
banyan_type_info_new (const char *name, BanyanPluginKind kind, const char *summary,
                      const char *const *aliases, const char *plugin_path, const char *class_name)
{
  BanyanTypeInfo *self = g_new0 (BanyanTypeInfo, 1);

  g_atomic_ref_count_init (&self->references);
  self->name = g_strdup (name);
  self->kind = kind;
  self->summary = g_strdup (summary);
  self->aliases = copy_aliases (aliases);
  self->plugin_path = g_strdup (plugin_path);
  self->class_name = g_strdup (class_name);
  return self;
}

gboolean
banyan_type_info_is_called (BanyanTypeInfo *self, const char *name)
{
  return g_str_equal (self->name, name)
         || g_strv_contains ((const char *const *) self->aliases, name);
}

/* As JSON, "" where it is not known. (transfer none): as long as @self. */
const char *
banyan_type_info_get_description_text (BanyanTypeInfo *self)
{
  if (self->stored == NULL && self->description != NULL)
    {
      g_autofree char *text = banyan_spec_to_json (self->description, FALSE);

      self->stored = g_variant_ref_sink (g_variant_new_string (text));
    }

  return self->stored != NULL ? g_variant_get_string (self->stored, NULL) : "";
}

/**
 * banyan_type_info_ref:
 * @self: a type
 *
 * Returns: (transfer full): @self, with one more reference
 */
BanyanTypeInfo *
banyan_type_info_ref (BanyanTypeInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->references);
  return self;
}

/**
 * banyan_type_info_unref:
 * @self: (transfer full): a type
 *
 * Gives a reference back.
 */
void
banyan_type_info_unref (BanyanTypeInfo *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->references))
    return;

  g_free (self->name);
  g_free (self->summary);
  g_strfreev (self->aliases);
  g_free (self->plugin_path);
  g_free (self->class_name);
  g_clear_pointer (&self->stored, g_variant_unref);
  g_clear_pointer (&self->description, banyan_spec_unref);
  g_free (self);
}

/**
 * banyan_type_info_get_name:
 * @self: a type
 *
 * Returns: (transfer none): its name in documents, for instance "qcow2"
 */
const char *
banyan_type_info_get_name (BanyanTypeInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->name;
}

/**
 * banyan_type_info_get_kind:
 * @self: a type
 *
 * Returns: what kind of object it makes
 */
BanyanPluginKind
banyan_type_info_get_kind (BanyanTypeInfo *self)
{
  g_return_val_if_fail (self != NULL, BANYAN_PLUGIN_OBJECT);

  return self->kind;
}

/**
 * banyan_type_info_get_summary:
 * @self: a type
 *
 * Returns: (transfer none): what it is for, in one line
 */
const char *
banyan_type_info_get_summary (BanyanTypeInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->summary;
}

/**
 * banyan_type_info_get_aliases:
 * @self: a type
 *
 * Returns: (transfer none) (array zero-terminated=1): other names that documents may use for it
 */
const char *const *
banyan_type_info_get_aliases (BanyanTypeInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return (const char *const *) self->aliases;
}

/**
 * banyan_type_info_get_plugin_path:
 * @self: a type
 *
 * Returns: (type filename) (transfer none) (nullable): the file that provides it, or %NULL if the
 * library itself does
 */
const char *
banyan_type_info_get_plugin_path (BanyanTypeInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->plugin_path;
}

static BanyanSpec *
parse_description (BanyanTypeInfo *self)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
  const char *text = banyan_type_info_get_description_text (self);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();

  return text[0] != '\0' ? banyan_spec_parse_json (text, -1, &origin, problems) : NULL;
}

/* The path is left out of what is stored: it is in the record already, and need not be UTF-8. */
static BanyanSpec *
with_plugin (BanyanTypeInfo *self)
{
  g_autofree char *path = g_filename_display_name (self->plugin_path);
  g_autoptr (BanyanSpec) text = banyan_spec_new_scalar (BANYAN_SPEC_STRING, path, NULL);

  return banyan_spec_with (self->description, "plugin", text);
}

/* All that is known without the class. */
static BanyanSpec *
make_empty_description (void)
{
  return banyan_spec_builder_end (banyan_spec_builder_new (BANYAN_SPEC_MAP, NULL));
}

/**
 * banyan_type_info_describe:
 * @self: a type
 *
 * Tells everything about a type, as `banyan inspect TYPE --json` prints it: its class and the
 * classes that is derived from, its properties with types, units, ranges, defaults, and when they
 * may change, its roles, its signals. What plugins have is in the registry's cache, so that none is
 * loaded for it.
 *
 * The keys are stable. One whose value would be false, empty or null is left out.
 *
 * Returns: (transfer full): a map
 */
BanyanSpec *
banyan_type_info_describe (BanyanTypeInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self->description == NULL)
    self->description = parse_description (self);
  if (self->description == NULL && self->type != G_TYPE_INVALID)
    self->description = banyan_describe_type (self);
  if (self->description == NULL)
    self->description = make_empty_description ();

  return self->plugin_path != NULL ? with_plugin (self) : banyan_spec_ref (self->description);
}
