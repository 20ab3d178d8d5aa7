/* banyan-document-private.h - what loading a document and comparing with one share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-document.h>

G_BEGIN_DECLS

typedef enum
{
  BANYAN_MAP_REPLACES = 1 << 0, /* as if what has an id that is declared were not there */
  BANYAN_MAP_CHECKS = 1 << 1, /* where something is wrong, what is not is looked at for conflicts */
} BanyanMapFlags;

/* As banyan_graph_map(). */
GPtrArray *banyan_document_map (BanyanGraph *graph, const char *text, gssize length,
                                const char *name, const char *directory, guint flags,
                                BanyanProblems *problems);

/* @spec as QEMU reads what it finds in an image: "file.filename" is the filename of file, a number
 * in quotes a number, and no node has a name; all of it from @origin. (transfer full) */
BanyanSpec *banyan_spec_loosen (BanyanSpec *spec, const BanyanOrigin *origin);

G_END_DECLS
