/* banyan-node-options.c - types of the properties that every node has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-node-options.h"

GType
banyan_discard_mode_get_type (void)
{
  static const GEnumValue values[] = {
    { BANYAN_DISCARD_IGNORE, "BANYAN_DISCARD_IGNORE", "ignore" },
    { BANYAN_DISCARD_UNMAP, "BANYAN_DISCARD_UNMAP", "unmap" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanDiscardMode", values));
  return type;
}

GType
banyan_detect_zeroes_get_type (void)
{
  static const GEnumValue values[] = {
    { BANYAN_DETECT_ZEROES_OFF, "BANYAN_DETECT_ZEROES_OFF", "off" },
    { BANYAN_DETECT_ZEROES_ON, "BANYAN_DETECT_ZEROES_ON", "on" },
    { BANYAN_DETECT_ZEROES_UNMAP, "BANYAN_DETECT_ZEROES_UNMAP", "unmap" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanDetectZeroes", values));
  return type;
}

struct _BanyanCache
{
  BanyanStruct parent_instance;

  gboolean direct;
  gboolean no_flush;
};

enum
{
  PROP_0,
  PROP_DIRECT,
  PROP_NO_FLUSH,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (BanyanCache, banyan_cache, BANYAN_TYPE_STRUCT)

/**
 * banyan_cache_get_direct:
 * @self: a cache setting
 *
 * Returns: whether data goes past the host's page cache
 */
gboolean
banyan_cache_get_direct (BanyanCache *self)
{
  g_return_val_if_fail (BANYAN_IS_CACHE (self), FALSE);

  return self->direct;
}

/**
 * banyan_cache_get_no_flush:
 * @self: a cache setting
 *
 * Returns: whether flushes are left out
 */
gboolean
banyan_cache_get_no_flush (BanyanCache *self)
{
  g_return_val_if_fail (BANYAN_IS_CACHE (self), FALSE);

  return self->no_flush;
}

static void
banyan_cache_class_init (BanyanCacheClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;

  properties[PROP_DIRECT]
      = banyan_param_boolean ("direct", "Direct", "Keep data out of the host's page cache", FALSE,
                              G_STRUCT_OFFSET (BanyanCache, direct));
  properties[PROP_NO_FLUSH] = banyan_param_boolean (
      "no-flush", "No flush", "Leave out flushes: faster, and a power cut may destroy everything",
      FALSE, G_STRUCT_OFFSET (BanyanCache, no_flush));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_cache_init (BanyanCache *self)
{
}
