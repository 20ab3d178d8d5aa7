/* legacy.h - options as qemu-storage-daemon has them, and the document that they amount to
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The options of a command line are gathered in their order, read into option trees (JSON or dotted
 * keys), and translated into the tree that a YAML file would have given. Whoever loads that tree
 * sees no difference but the origins, which name the option. */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* -- legacy-options.c: gathering. -- */

/* One option as it stands on the command line. */
typedef struct
{
  char *name; /* (owned): "blockdev" */
  char *text; /* (owned): what it was given */
} LegacyWord;

/* For a command's table: the options are gathered while it is parsed. */
gboolean legacy_gather (const char *option, const char *value, gpointer data, GError **error);
#define LEGACY_ENTRY(name, argument, description) \
  { \
    name, 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, legacy_gather, description, argument \
  }
#define LEGACY_ENTRIES \
  LEGACY_ENTRY ("blockdev", "KEY=VALUE,...", "Add a node, as blockdev-add does; or JSON"), \
      LEGACY_ENTRY ("object", "TYPE,id=ID,...", "Add an object: an iothread, a throttle-group"), \
      LEGACY_ENTRY ("nbd-server", "addr.type=...", "Start an NBD server, for --export"), \
      LEGACY_ENTRY ("export", "nbd,id=ID,node-name=NODE,...", "Export a node by --nbd-server"), \
      LEGACY_ENTRY ("chardev", "socket,id=ID,...", "Name a socket or stdio, for --monitor"), \
      LEGACY_ENTRY ("monitor", "chardev=ID", "Let programs control the graph at that socket"), \
      LEGACY_ENTRY ("drive", "id=ID,file=NAME,...", \
                    "Add nodes as QEMU's old option does, for if=none")

/* (transfer full) (element-type LegacyWord): what was gathered since this was last called */
GPtrArray *legacy_take_gathered (void);

/* -- legacy-document.c: the whole. -- */

/* A client that is there already, or files that stand for one. */
typedef struct
{
  int input, output;       /* descriptors, without paths */
  const char *output_path; /* (nullable): what a monitor says goes there */
  const char *input_path;  /* (nullable): what it is asked; nothing without one */
  gboolean appends;
  gboolean is_pipe; /* two of them, named for the one path */
} LegacyClient;

/* Makes a socket that listens for that one client, and returns its number. (transfer full)
 * (nullable) */
typedef char *(*LegacyOpenClient) (const LegacyClient *client, GError **error);

/* (transfer full) (nullable): a document: @base, a document or NULL, and what the options add.
 * Where something is wrong it is in @problems. @open_client: (nullable): where the document is only
 * written down, such a client cannot be in it. */
BanyanSpec *legacy_to_document (GPtrArray *words, BanyanSpec *base, LegacyOpenClient open_client,
                                BanyanProblems *problems);

/* -- legacy-help.c -- */

/* Whether one of them asks what it can be given; then that has been answered. */
gboolean legacy_print_help (GPtrArray *words, CliStatus *status);

G_END_DECLS
