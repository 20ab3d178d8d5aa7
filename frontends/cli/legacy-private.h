/* legacy-private.h - what the translations of the single options share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "legacy.h"

G_BEGIN_DECLS

/* An option that has been read. */
typedef struct
{
  const char *name;    /* (unowned): "blockdev" */
  BanyanSpec *spec;    /* (owned): a map */
  BanyanOrigin origin; /* "--blockdev", or "--blockdev #2" where there are several */
} LegacyOption;

/* A server, with the exports that options add to it. */
typedef struct
{
  char *id;            /* (owned) */
  BanyanSpec *spec;    /* (owned) (nullable): what --nbd-server says; NULL: it is in the base */
  BanyanOrigin origin; /* of what made it */
  BanyanSpecBuilder *exports; /* (owned) */
  GPtrArray *iothreads;       /* (owned): BanyanSpec */
} LegacyServer;

typedef struct
{
  BanyanSpec *base;             /* (nullable) */
  LegacyOpenClient open_client; /* (nullable) */
  BanyanProblems *problems;
  BanyanSpecBuilder *objects;
  BanyanSpecBuilder *nodes;
  BanyanSpecBuilder *frontends;
  GPtrArray *servers;   /* (owned): LegacyServer */
  GHashTable *chardevs; /* (owned): name to LegacyChardev */
  guint n_drives;       /* without a name */
} LegacyDocument;

/* -- legacy-document.c -- */

/* The text of a scalar, or NULL; anything else at that key is told. */
const char *legacy_text (LegacyDocument *self, LegacyOption *option, const char *key);
/* The same, told where it is missing. */
const char *legacy_require (LegacyDocument *self, LegacyOption *option, const char *key);
/* on, off, true, false, yes, no; @fallback where it is missing. */
gboolean legacy_flag (LegacyDocument *self, LegacyOption *option, const char *key,
                      gboolean fallback);
void legacy_refuse (LegacyDocument *self, LegacyOption *option, const char *key, const char *format,
                    ...) G_GNUC_PRINTF (4, 5);
/* All of @option's keys but those in @left_out, NULL-terminated. */
void legacy_copy (LegacyOption *option, BanyanSpecBuilder *to, const char *const *left_out);
void legacy_add_text (LegacyOption *option, BanyanSpecBuilder *to, const char *key,
                      const char *text);
/* Tells where @id is taken. Consumes @declaration. */
void legacy_declare (LegacyDocument *self, LegacyOption *option, BanyanSpecBuilder *section,
                     const char *id, BanyanSpecBuilder *declaration);

/* -- legacy-server.c: --nbd-server and --export. -- */

void legacy_add_server (LegacyDocument *self, LegacyOption *option);
void legacy_add_export (LegacyDocument *self, LegacyOption *option);
void legacy_server_free (LegacyServer *self);
/* Once all options are known: the servers as they will be declared. */
void legacy_declare_servers (LegacyDocument *self);

/* -- legacy-monitor.c: --chardev and --monitor. -- */

typedef struct _LegacyChardev LegacyChardev;
void legacy_chardev_free (LegacyChardev *self);
void legacy_add_chardev (LegacyDocument *self, LegacyOption *option);
/* Once all options are known. */
void legacy_tell_unused_chardevs (LegacyDocument *self);
void legacy_add_monitor (LegacyDocument *self, LegacyOption *option);

/* -- legacy-drive.c and legacy-filename.c: --drive. -- */

/* A file name and options of the file may stand side by side, "file=a,file.locking=off"; the name
 * is read as if it stood under this key. */
#define LEGACY_DRIVE_NAME_KEY "file="

void legacy_add_drive (LegacyDocument *self, LegacyOption *option);
/* What a file name with a prefix stands for, as options of the node that it names; NULL with a
 * problem. @is_whole: (out): whether that is the drive's own node, not the one below it. */
BanyanSpec *legacy_read_filename (LegacyDocument *self, LegacyOption *option, const char *name,
                                  gboolean *is_whole);

G_END_DECLS
