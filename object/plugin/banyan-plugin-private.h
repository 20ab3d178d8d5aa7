/* banyan-plugin-private.h - one loaded plugin file
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-registry.h>

G_BEGIN_DECLS

/* One type that a plugin has, in words of documents. The names are interned. */
typedef struct
{
  const char *name;
  BanyanPluginKind kind;
  const char *summary;
  const char *aliases; /* (nullable) */
  GType type;          /* G_TYPE_INVALID until registered */
} BanyanPluginEntry;

/* A GTypeModule that stays: a plugin is never unloaded, since GObject keeps pointers into it. What
 * the descriptor says is filled in as far as loading came. */
#define BANYAN_TYPE_PLUGIN (banyan_plugin_get_type ())
G_DECLARE_FINAL_TYPE (BanyanPlugin, banyan_plugin, BANYAN, PLUGIN, GTypeModule)

struct _BanyanPlugin
{
  GTypeModule parent_instance;

  char *path;          /* (owned) */
  const char *name;    /* (nullable): interned */
  const char *version; /* (nullable) */
  const char *licence; /* (nullable) */
  const char *summary; /* (nullable) */
  GArray *entries;     /* (owned) (element-type BanyanPluginEntry) */
  guint n_done;        /* the entry that is being registered */
  GError *error;       /* (owned) (nullable): why it is not usable */
};

/* (transfer full): must not be freed once it is final. */
BanyanPlugin *banyan_plugin_new (const char *path);
gboolean banyan_plugin_load (BanyanPlugin *self, GError **error);
gboolean banyan_plugin_is_final (BanyanPlugin *self);

gboolean banyan_write_all (int fd, gconstpointer buffer, gsize length);

G_END_DECLS
