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

G_END_DECLS
