/* banyan-probe.c - which format an image has, by how it begins or ends
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-probe.h>

#include <banyan/banyan-registry.h>

/* What is known of an image: its beginning, or its end. */
typedef struct
{
  const guint8 *bytes;
  gsize length;
  gboolean is_end;
  guint64 image_length; /* bytes: of the end */
} Sample;

static guint
ask_class (BanyanFormatClass *klass, const Sample *sample)
{
  if (sample->is_end)
    return klass->probe_end == NULL
               ? 0
               : MIN (klass->probe_end (sample->bytes, sample->length, sample->image_length),
                      BANYAN_PROBE_END);
  return klass->probe == NULL ? 0 : MIN (klass->probe (sample->bytes, sample->length), 100);
}

/* 0: it is none of its images, or the driver does not probe. */
static guint
ask (const char *name, const Sample *sample)
{
  GType type = banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                                 1u << BANYAN_PLUGIN_FORMAT, name, NULL);
  BanyanFormatClass *klass;
  guint confidence;

  if (type == G_TYPE_INVALID || !g_type_is_a (type, BANYAN_TYPE_FORMAT))
    return 0;

  klass = g_type_class_ref (type);
  confidence = ask_class (klass, sample);
  g_type_class_unref (klass);
  return confidence;
}

static const char *
ask_all (const Sample *sample, guint *confidence)
{
  BanyanTypeInfo **types = banyan_registry_list_types (banyan_registry_get_default ());
  const char *best = NULL;

  *confidence = 0;
  for (guint i = 0; types[i] != NULL; i++)
    {
      const char *name = banyan_type_info_get_name (types[i]);
      guint here
          = banyan_type_info_get_kind (types[i]) == BANYAN_PLUGIN_FORMAT ? ask (name, sample) : 0;

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
  const Sample sample = { .bytes = head, .length = length };

  return ask_all (&sample, confidence);
}

/**
 * banyan_format_probe_end: (skip)
 * @tail: how the image ends: %BANYAN_PROBE_END_BYTES of it, or all there are
 * @length: how many
 * @image_length: how many the image has
 * @confidence: (out): how sure the driver is, 1 to %BANYAN_PROBE_END
 *
 * Asks the formats that have something at the end, for an image that by its beginning is
 * %BANYAN_PROBE_ANYTHING. It may still be a raw one, whose guest has written that: a caller tells
 * people what it took the image for, and how to say what it is.
 *
 * Returns: (transfer none) (nullable): the driver's name
 */
const char *
banyan_format_probe_end (const guint8 *tail, gsize length, guint64 image_length, guint *confidence)
{
  const Sample sample
      = { .bytes = tail, .length = length, .is_end = TRUE, .image_length = image_length };

  return ask_all (&sample, confidence);
}
