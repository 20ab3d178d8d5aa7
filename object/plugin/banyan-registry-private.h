/* banyan-registry-private.h - what the parts of the registry share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-plugin-private.h"

G_BEGIN_DECLS

struct _BanyanTypeInfo
{
  gatomicrefcount references;
  char *name; /* (owned) */
  BanyanPluginKind kind;
  char *summary;     /* (owned) */
  char **aliases;    /* (owned) */
  char *plugin_path; /* (owned) (nullable) */
  char *class_name;  /* (owned): of the GType */
  GType type;        /* G_TYPE_INVALID until it is loaded */
};

struct _BanyanPluginInfo
{
  gatomicrefcount references;
  char *path;           /* (owned) */
  char *name;           /* (owned) */
  char *version;        /* (owned) */
  char *licence;        /* (owned) */
  char *summary;        /* (owned) */
  char *broken;         /* (owned) (nullable): the file's own fault */
  char *conflict;       /* (owned) (nullable): another file's, so it is found anew each time */
  char *shadowed_by;    /* (owned) (nullable) */
  GPtrArray *types;     /* (owned) (element-type BanyanTypeInfo) */
  BanyanPlugin *plugin; /* (unowned) (nullable): once loaded */
};

BanyanTypeInfo *banyan_type_info_new (const char *name, BanyanPluginKind kind, const char *summary,
                                      const char *const *aliases, const char *plugin_path,
                                      const char *class_name);
gboolean banyan_type_info_is_called (BanyanTypeInfo *self, const char *name);
/* The name of @kind in descriptions and messages: "format". */
const char *banyan_plugin_kind_to_string (BanyanPluginKind kind);

BanyanPluginInfo *banyan_plugin_info_new (const char *path);
/* Takes over what loading @plugin has told. */
void banyan_plugin_info_fill (BanyanPluginInfo *self, BanyanPlugin *plugin);
/* The type that the file's name promises: "qcow2" for banyan-qcow2.so. */
char *banyan_plugin_name_from_path (const char *path);

GPtrArray *banyan_search_path_get (void);
GPtrArray *banyan_search_path_list (void);

G_END_DECLS
