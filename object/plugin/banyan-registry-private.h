/* banyan-registry-private.h - what the parts of the registry share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-plugin-private.h"

G_BEGIN_DECLS

/* What is known about one type, and about one file, as GVariants; the descriptions are JSON. */
#define BANYAN_TYPE_RECORD "(susasss)"
#define BANYAN_PLUGIN_RECORD "(aytxsbmsmsmsmsmsa" BANYAN_TYPE_RECORD ")"

/* Tells whether a file is still the one that was scanned. */
typedef struct
{
  guint64 size;
  gint64 mtime_ns;
  char *build_id; /* (owned) */
} BanyanFileKey;

/* @names: static: what @owner ("a driver of QEMU's") has under these names, of @kinds, and we have
 * not. */
void banyan_registry_set_foreign (BanyanRegistry *self, guint kinds, const char *const *names,
                                  const char *owner);

void banyan_file_key_read (BanyanFileKey *self, const char *path);
gboolean banyan_file_key_equal (const BanyanFileKey *self, const BanyanFileKey *other);
char *banyan_build_id_read (int fd);
const char *banyan_build_id_get_own (void);

struct _BanyanTypeInfo
{
  gatomicrefcount references;
  char *name; /* (owned) */
  BanyanPluginKind kind;
  char *summary;           /* (owned) */
  char **aliases;          /* (owned) */
  char *plugin_path;       /* (owned) (nullable) */
  char *class_name;        /* (owned): of the GType */
  GType type;              /* G_TYPE_INVALID until it is loaded */
  GVariant *stored;        /* (owned) (nullable): the description as JSON, "" if not known */
  BanyanSpec *description; /* (owned) (nullable): the same, once asked for */
};

struct _BanyanPluginInfo
{
  gatomicrefcount references;
  char *path;           /* (owned) */
  char *name;           /* (owned) */
  char *version;        /* (owned) (nullable) */
  char *licence;        /* (owned) (nullable) */
  char *summary;        /* (owned) (nullable) */
  char *broken;         /* (owned) (nullable): the file's own fault */
  char *conflict;       /* (owned) (nullable): another file's, so it is found anew each time */
  char *shadowed_by;    /* (owned) (nullable) */
  gboolean unscanned;   /* nothing is known, as there is no scanner; @broken says why */
  gboolean hung;        /* it is not scanned again before it changes */
  BanyanFileKey key;    /* (owned) */
  GPtrArray *types;     /* (owned) (element-type BanyanTypeInfo) */
  BanyanPlugin *plugin; /* (unowned) (nullable): once loaded */
};

BanyanTypeInfo *banyan_type_info_new (const char *name, BanyanPluginKind kind, const char *summary,
                                      const char *const *aliases, const char *plugin_path,
                                      const char *class_name);
gboolean banyan_type_info_is_called (BanyanTypeInfo *self, const char *name);
/* The name of @kind in descriptions and messages: "format". */
const char *banyan_plugin_kind_to_string (BanyanPluginKind kind);
/* Nodes share one, whatever their kind; frontends, jobs, images and other objects have their own.
 */
guint banyan_plugin_kind_get_name_space (BanyanPluginKind kind);

BanyanPluginInfo *banyan_plugin_info_new (const char *path);
/* Describes each type from its class, which must be loaded. */
void banyan_plugin_info_describe_types (BanyanPluginInfo *self);
/* Takes over what loading @plugin has told. */
void banyan_plugin_info_fill (BanyanPluginInfo *self, BanyanPlugin *plugin);
/* The type that the file's name promises: "qcow2" for banyan-qcow2.so. */
char *banyan_plugin_name_from_path (const char *path);

const char *banyan_type_info_get_description_text (BanyanTypeInfo *self);

GVariant *banyan_plugin_info_to_record (BanyanPluginInfo *self);
void banyan_plugin_info_take_record (BanyanPluginInfo *self, GVariant *record);
gboolean banyan_plugin_record_has_key (GVariant *record, const BanyanFileKey *key);

GPtrArray *banyan_search_path_get (void);
GPtrArray *banyan_search_path_list (void);

void banyan_registry_index_types (GPtrArray *types, GPtrArray *builtins, GPtrArray *plugins);
BanyanTypeInfo *banyan_registry_find_taker (GPtrArray *types, BanyanPluginKind kind,
                                            const char *name);

char *banyan_registry_cache_get_path (void);
GHashTable *banyan_registry_cache_load (const char *path);
void banyan_registry_cache_save (const char *path, GPtrArray *plugins);

/* Fills in each of @plugins (element-type BanyanPluginInfo), in processes of its own. */
void banyan_scanner_run (GPtrArray *plugins);

/* What the scanner is told on its command line, and tells. */
#define BANYAN_SCANNER_FD 3

typedef enum
{
  BANYAN_SCAN_STARTED,
  BANYAN_SCAN_FINISHED, /* followed by a BANYAN_PLUGIN_RECORD */
  BANYAN_SCAN_AGAIN,    /* it failed, which may be the doing of those before it */
} BanyanScanEvent;

typedef struct
{
  guint32 event;
  guint32 index; /* among the files on the command line */
  guint32 length;
} BanyanScanReport;

/* All that the helper program does. Exported for it alone. */
BANYAN_API
int banyan_plugin_scan_main (int argc, char **argv);
/* The scanner asks for nothing: it is what is asked. */
void banyan_registry_be_empty (BanyanRegistry *self);

G_END_DECLS
