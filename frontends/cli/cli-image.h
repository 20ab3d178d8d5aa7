/* cli-image.h - a node that the command line names: of a document, or an image of its own
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* What is to be opened. */
typedef struct
{
  const char *argument; /* (nullable): a document, an image, or "-" */
  const char *node;     /* (nullable): of a document */
  const char *name;     /* (nullable): what a person calls it, if that is not @argument */
  const char *driver;   /* (nullable): @argument is an image */
  const char *dotted;   /* (nullable): an image's options in dotted keys */
  const char *cache;    /* (nullable): QEMU's word for several options */
  const char *discard;  /* (nullable) */
  const char *snapshot; /* (nullable): an image's, shown in place of the disk */
  const char *aio;      /* (nullable): how an image's file is read and written */
  BanyanSpec *spec;     /* (nullable): an image's options */
  BanyanSpec *objects;  /* (nullable): a map of what an image links to */
  BanyanSpec *options;  /* (nullable): a map of more options of an image */
  gboolean read_only;
  gboolean force_share;
  gboolean without_backing; /* of an image, whatever its header names */
  gboolean copies_on_read;  /* an image gets what is read from its backing */
} CliImageSource;

/* A cache mode of QEMU's. */
typedef struct
{
  const char *name;
  const char *direct;
  const char *no_flush;
  gboolean writes_through;
} CliCache;

const CliCache *cli_cache_find (const char *name); /* (nullable) */
gboolean cli_cache_writes_through (const char *name);

/* The map that --object amounts to; NULL with @status where none or wrong. */
BanyanSpec *cli_image_read_objects (char **texts, CliStatus *status);
/* What is wrong with @source, or NULL. */
const char *cli_image_find_fault (const CliImageSource *source);
/* Puts what @source says into the empty @graph, without frontends and jobs, and says on standard
 * error what is wrong. @node: (out) (transfer none): the one that is meant. */
CliStatus cli_image_open (BanyanGraph *graph, const CliImageSource *source, BanyanNode **node);

/* Whether @name is no file's, and QEMU's tools would look into it: "nbd:host:port". */
gboolean cli_name_is_for_qemu (const char *name);
/* What such a name means, as far as we see what. (transfer full) */
char *cli_name_to_dotted (const char *name, const char *format);
/* Closes it, and says no more than @error does. */
gboolean cli_image_close (BanyanGraph *graph, GError **error);
/* The image in @graph is called @name: the id of its node, unlike those of others. */
const char *cli_names_add (BanyanGraph *graph, const char *name);
/* The file that the image lies in; NULL: none. (transfer full) */
char *cli_node_dup_filename (BanyanNode *node);
/* Why nobody writes to the image, and what to do, where that is due to its format; NULL: it is not.
 * (transfer full) */
char *cli_node_explain_only_reads (BanyanNode *node);
/* What a format lies on. (nullable) */
BanyanNode *cli_node_get_below (BanyanNode *node);

/* A property of the driver's, where it has it and its value is a number. */
gboolean cli_node_get_number (BanyanNode *node, const char *property, guint64 *value);

G_END_DECLS
