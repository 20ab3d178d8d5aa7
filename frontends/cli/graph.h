/* graph.h - the parts of `banyan graph`
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* One object of banyan_transaction_describe_graph()'s list. */
typedef struct
{
  BanyanSpec *facts;  /* (unowned) */
  const char *path;   /* (unowned) */
  const char *parent; /* (unowned) (nullable): of a member, its owner's path */
  gboolean is_node;
  gboolean is_used;  /* an edge leads here */
  gboolean is_drawn; /* the tree has shown it */
} GraphObject;

typedef struct
{
  GPtrArray *objects;  /* (owned) (element-type GraphObject): in the document's order */
  GHashTable *by_path; /* (owned): path to GraphObject (unowned) */
} GraphModel;

GraphModel *graph_model_new (BanyanSpec *description);
void graph_model_free (GraphModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GraphModel, graph_model_free)

GraphObject *graph_model_find (GraphModel *self, const char *path);
/* "disk (memory, size 64MiB)" without the id: "memory, size=64MiB". */
char *graph_object_describe (const GraphObject *self, const char *separator);
/* "size=64MiB" */
char *graph_object_list_values (const GraphObject *self, const char *separator);
/* "consistent-read, write" */
char *graph_edge_describe (BanyanSpec *edge);

/* A line of a tree below another: where an edge leads, or a member. */
typedef struct
{
  GraphObject *object;
  BanyanSpec *edge; /* (unowned) (nullable): NULL, a member of what stands above, or its owner */
} GraphBranch;

/* What an object stands on, then its members; inverse: who uses it, then whose member it is.
 * (element-type GraphBranch) */
GArray *graph_model_list_branches (GraphModel *self, GraphObject *object, gboolean is_inverse);
/* Where a tree begins: @path alone, or, NULL, what nobody uses; inverse: what uses nobody.
 * (transfer container) (element-type GraphObject) */
GPtrArray *graph_model_list_roots (GraphModel *self, const char *path, gboolean is_inverse);

/* graph-text.c, graph-dot.c. @root: the path to begin at; NULL: the whole graph */
char *graph_draw_text (GraphModel *model, const char *root, gboolean is_inverse);
char *graph_draw_dot (GraphModel *model);

G_END_DECLS
