/* banyan-test.h - graphs for tests: loaded from YAML, driven on a virtual clock, gone at the end
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan.h>

G_BEGIN_DECLS

/* As g_test_init(), and whatever all tests of graphs need. */
void banyan_test_init (int *argc, char ***argv);

typedef struct _BanyanTestGraph BanyanTestGraph;

/* @nodes is what a document has under `nodes:`; for more than that, begin it with "version: 1". The
 * clock of the graph's loop is virtual, and stands at 0 when the graph has been loaded. */
BanyanTestGraph *banyan_test_graph_new (const char *nodes, GError **error);
/* What goes wrong fails the test. */
BanyanTestGraph *banyan_test_graph_must_load (const char *nodes);
/* Closes the graph, and asserts that all of its nodes are gone. */
void banyan_test_graph_free (BanyanTestGraph *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanTestGraph, banyan_test_graph_free)

/* (transfer none) */
BanyanGraph *banyan_test_graph_get (BanyanTestGraph *self);
BanyanNode *banyan_test_get_node (BanyanTestGraph *self, const char *id);
/* An edge by its path: "disk0:file". */
BanyanChild *banyan_test_get_edge (BanyanTestGraph *self, const char *path);

/* Each of these enters the graph at @node as a program would, and leaves it again. */
gboolean banyan_test_read (BanyanTestGraph *self, const char *node, guint64 offset, gpointer buffer,
                           gsize length, GError **error);
gboolean banyan_test_write (BanyanTestGraph *self, const char *node, guint64 offset,
                            gconstpointer buffer, gsize length, GError **error);
gboolean banyan_test_write_flags (BanyanTestGraph *self, const char *node, guint64 offset,
                                  gconstpointer buffer, gsize length, guint flags, GError **error);
gboolean banyan_test_flush (BanyanTestGraph *self, const char *node, GError **error);
BanyanAnswer banyan_test_discard (BanyanTestGraph *self, const char *node, guint64 offset,
                                  guint64 length, GError **error);
BanyanAnswer banyan_test_zeroes (BanyanTestGraph *self, const char *node, guint64 offset,
                                 guint64 length, guint flags, GError **error);
BanyanAnswer banyan_test_block_status (BanyanTestGraph *self, const char *node, guint64 offset,
                                       guint64 length, BanyanBlockStatus *status, GError **error);
BanyanAnswer banyan_test_resize (BanyanTestGraph *self, const char *node, guint64 length,
                                 GError **error);
/* To a socket, as banyan_channel_send(). */
BanyanAnswer banyan_test_send (BanyanTestGraph *self, const char *node, guint64 offset,
                               gsize length, int socket, gsize *sent);
/* @func is a coroutine on the graph's loop, with a channel of its own that may write. */
gboolean banyan_test_run (BanyanTestGraph *self, const char *node, BanyanChannelFunc func,
                          gpointer data, GError **error);
/* Likewise, with a channel that may do what @used says: #BanyanPermissions. */
gboolean banyan_test_run_as (BanyanTestGraph *self, const char *node, guint used,
                             BanyanChannelFunc func, gpointer data, GError **error);

/* Since the graph was loaded. */
gint64 banyan_test_elapsed_ms (BanyanTestGraph *self);

/* @length bytes that tell their place: a test that reads them elsewhere sees it. */
void banyan_test_fill (gpointer buffer, guint64 offset, gsize length, guint seed);
void banyan_test_assert_filled (gconstpointer buffer, guint64 offset, gsize length, guint seed);

G_END_DECLS
