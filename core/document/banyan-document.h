/* banyan-document.h - a graph as a YAML file
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-graph.h>

G_BEGIN_DECLS

/* Parses, maps and checks @text (version, plugins, objects, nodes, frontends, jobs) as additions to
 * @graph; opens them in one transaction. All problems in one go; nothing stays unless all is right.
 * @name is for messages; @directory is what relative paths are relative to. */
BANYAN_API
void banyan_graph_load_async (BanyanGraph *self, const char *text, gssize length, const char *name,
                              const char *directory, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
/* A document that the caller has read, or put together. */
BANYAN_API
void banyan_graph_load_spec_async (BanyanGraph *self, BanyanSpec *document, const char *name,
                                   const char *directory, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data);
BANYAN_API
gboolean banyan_graph_load_finish (BanyanGraph *self, GAsyncResult *result, GError **error);
BANYAN_API
gboolean banyan_graph_load (BanyanGraph *self, const char *text, gssize length, const char *name,
                            const char *directory, GError **error);
BANYAN_API
gboolean banyan_graph_load_file (BanyanGraph *self, const char *path, GError **error);
/* Only checks: no I/O but reading the file, nothing opened; permissions and cycles included. */
BANYAN_API
gboolean banyan_graph_check (BanyanGraph *self, const char *text, gssize length, const char *name,
                             const char *directory, BanyanProblems *problems);
BANYAN_API
gboolean banyan_graph_check_spec (BanyanGraph *self, BanyanSpec *document, const char *directory,
                                  BanyanProblems *problems);
/* Parses and maps without opening: what `banyan graph FILE` draws. (transfer full)
 * (element-type BanyanObject) */
BANYAN_API
GPtrArray *banyan_graph_map (BanyanGraph *self, const char *text, gssize length, const char *name,
                             const char *directory, BanyanProblems *problems);

G_END_DECLS
