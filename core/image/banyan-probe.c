/* banyan-probe.c - which format an image has, by how it begins
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-probe.h>

#include <banyan/banyan-registry.h>

/* 0: it is none of its images, or the driver does not probe. */
static guint
ask (const char *name, const guint8 *head, gsize length)
{
  GType type = banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                                 1u << BANYAN_PLUGIN_FORMAT, name, NULL);
  BanyanFormatClass *klass;
  guint confidence;

  if (type == G_TYPE_INVALID || !g_type_is_a (type, BANYAN_TYPE_FORMAT))
    return 0;

  klass = g_type_class_ref (type);
  confidence = klass->probe != NULL ? klass->probe (head, length) : 0;
  g_type_class_unref (klass);
  return MIN (confidence, 100);
}

/**
 * banyan_format_probe: (skip)
 * @head: how the image begins: %BANYAN_PROBE_BYTES of it, or all there are
 * @length: how many
 * @confidence: (out): how sure the driver is, 1 to 100
 *
 * Asks all formats. What a guest may have written tells nothing for certain: a caller who means to
 * trust the answer says so where the format was %BANYAN_PROBE_ANYTHING.
 *
 * Returns: (transfer none) (nullable): the driver's name
 */
const char *
banyan_format_probe (const guint8 *head, gsize length, guint *confidence)
{
  BanyanTypeInfo **types = banyan_registry_list_types (banyan_registry_get_default ());
  const char *best = NULL;

  *confidence = 0;
  for (guint i = 0; types[i] != NULL; i++)
    {
      const char *name = banyan_type_info_get_name (types[i]);
      guint here = banyan_type_info_get_kind (types[i]) == BANYAN_PLUGIN_FORMAT
                       ? ask (name, head, length)
                       : 0;

      if (here > *confidence)
        {
          *confidence = here;
          best = g_intern_string (name);
        }
      banyan_type_info_unref (types[i]);
    }

  g_free (types);
  return best;
}
