/* banyan-view-private.h - between the files that build a view
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-graph-view.h"

G_BEGIN_DECLS

BanyanViewEdge *banyan_view_edge_new (BanyanGraphView *view, BanyanViewObject *parent,
                                      BanyanChild *child);
BanyanViewObject *banyan_view_object_new (BanyanGraphView *view, BanyanObject *object,
                                          BanyanObject *parent);
void banyan_graph_view_apply_set (BanyanGraphView *self, BanyanStep *step);
void banyan_graph_view_add (BanyanGraphView *self, BanyanObject *object, BanyanObject *parent);
void banyan_graph_view_connect_edge (BanyanGraphView *self, BanyanViewEdge *edge);
/* Once it is connected: what is declared without the file that an open image names gets it. */
void banyan_graph_view_complete (BanyanGraphView *self);
void banyan_graph_view_permit_below (BanyanViewObject *object);
gboolean banyan_graph_view_check_depth (BanyanGraphView *self, BanyanViewObject *object);
/* Nobody else has its id afterwards, @names aside. */
gboolean banyan_graph_view_has_free_id (BanyanGraphView *self, BanyanViewObject *object);

G_END_DECLS
