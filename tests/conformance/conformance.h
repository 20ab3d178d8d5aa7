/* conformance.h - what the walks over the registry share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "../plugins/made.h"

G_BEGIN_DECLS

/* Odd, so that every disk has a last block that is no whole one. */
#define DISK_SIZE (256 * 1024 + 123)

/* What cannot be guessed about a type, or another way to use it: recipes.c has the list. */
typedef struct
{
  const char *type;
  const char *variant; /* (nullable): names this way */
  const char *options; /* (nullable): ", key: value"; %s is a path, see Stage */
  gboolean forgets;    /* a driver that reads as zeroes, whatever was written */
  void (*make_image) (const char *path, guint64 size); /* (nullable): what is to be at %s */
  const char *server; /* (nullable): a node of DISK_SIZE that an NBD server shows at %s as "disk" */
  gboolean has_sectors; /* a driver whose disk is whole ones */
  gboolean only_reads;  /* a driver that nobody writes to: its image has what made_fill() says */
} Recipe;

/* Empty images, as small as can be. */
void make_qcow2_v2 (const char *path, guint64 size);
void make_qcow2_small (const char *path, guint64 size);
void make_qcow2_extended (const char *path, guint64 size);
void make_qcow2_lazy (const char *path, guint64 size);

/* What its node has, and what a user may take of that. */
guint64 recipe_get_length (const Recipe *self);
guint recipe_get_used (const Recipe *self);

/* A type, and one way to use it. */
typedef struct
{
  const char *type;
  BanyanPluginKind kind;
  const Recipe *recipe;
} Case;

/* A case in a folder of its own. What the walk cannot guess needs a recipe; what can be guessed is:
 * a required child is a disk in memory, and a property "size" is the disk's. For drivers, %s is a
 * file of DISK_SIZE zeroes, or a server's socket; for frontends, a name that is free. */
typedef struct
{
  const Case *the_case;
  char *folder;        /* (owned) */
  char *path;          /* (owned): in the folder */
  BanyanGraph *server; /* (owned) (nullable) */
} Stage;

void stage_init (Stage *stage, const Case *the_case);
/* Asserts that the folder holds nothing but what the stage put there. */
void stage_clear (Stage *stage);

/* A declaration of the type, for `top: { ... }`. */
char *stage_dup_declaration (Stage *stage);
/* A document with two iothreads, io0 and io1, and the driver as the node "top"; @more is put among
 * its nodes. */
char *stage_dup_document (Stage *stage, const char *more);
/* What goes wrong fails the test, with what to do about it. */
BanyanTestGraph *stage_load (Stage *stage, const char *document);

/* Adds a test for each way to use each type of one of @kinds, a mask: "/conformance/TYPE/CLAIM", or
 * "/conformance/TYPE-VARIANT/CLAIM". @func gets a Case. */
void conformance_add (guint kinds, const char *claim, void (*func) (const Case *the_case));

#define DRIVER_KINDS \
  (1u << BANYAN_PLUGIN_PROTOCOL | 1u << BANYAN_PLUGIN_FORMAT | 1u << BANYAN_PLUGIN_FILTER)

/* How many descriptors the process has open, once the stage's server has let go of its clients. */
guint stage_count_descriptors (Stage *stage);

G_END_DECLS
