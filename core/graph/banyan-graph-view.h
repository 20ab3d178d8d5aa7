/* banyan-graph-view.h - the graph as a transaction would leave it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A view is an overlay over the present graph: what is added, removed and set, and where each edge
 * would lead. Everything that a change must not break is checked on it, and what has to be drained
 * is read off it. Building and asking touch nothing. It is made in five steps, one file each: the
 * present graph and the transaction's steps (banyan-view-steps.c), rules (banyan-view-check.c),
 * permissions (banyan-view-permissions.c), who hands over what (banyan-view-handover.c), the
 * drained set (banyan-view-drain.c). */

#pragma once

#include "banyan-element-private.h"

G_BEGIN_DECLS

typedef struct _BanyanViewObject BanyanViewObject;
typedef struct _BanyanGraphView BanyanGraphView;

typedef struct
{
  BanyanChild *child;       /* (unowned), or (owned) while @is_new */
  BanyanViewObject *parent; /* (unowned) (nullable): none for a program's edge */
  BanyanNode *node;         /* (unowned) (nullable): where it leads, afterwards */
  guint used;
  guint shared;
  gboolean is_new;       /* made for this change, of a MANY role */
  gboolean is_removed;   /* a MANY role loses it */
  gboolean is_moved;     /* leads elsewhere than now */
  gboolean is_recounted; /* @statistics take the place of its own */
  BanyanSpec
      *implied; /* (owned) (nullable): where it leads, as storage says, for the declaration */
  BanyanStatistics *statistics; /* (owned) (nullable) */
} BanyanViewEdge;

/* A property that the change sets. */
typedef struct
{
  GParamSpec *pspec;
  GValue value;
  BanyanSpec *spec; /* (owned): for the declaration */
} BanyanViewSetting;

struct _BanyanViewObject
{
  BanyanGraphView *view;    /* (unowned) */
  BanyanObject *object;     /* (owned) */
  BanyanObject *parent;     /* (unowned): in the tree of ownership, afterwards */
  char *new_id;             /* (owned) (nullable): it is called otherwise, afterwards */
  GPtrArray *edges;         /* (owned) (element-type BanyanViewEdge) */
  GPtrArray *users;         /* (owned) (element-type BanyanViewEdge): that lead here, afterwards */
  GPtrArray *parts;         /* (owned) (element-type BanyanViewObject): whose parent it is */
  GPtrArray *settings;      /* (owned) (element-type BanyanViewSetting) */
  GPtrArray *resets;        /* (owned) (element-type utf8): interned; declared no more */
  BanyanProposal *proposal; /* (owned) (nullable): until someone asks for it */
  BanyanViewObject *implied_by;   /* (unowned) (nullable): whose storage says that it is there */
  const char *implied_role;       /* interned */
  BanyanViewObject *completed_by; /* (unowned) (nullable): whose storage names its file */
  const char *completed_role;     /* interned: of that, which leads here */
  char *identity;                 /* (owned) (nullable): of what it opens; "" where it has none */
  guint used;
  guint shared;
  guint64 resize_to; /* bytes; G_MAXUINT64: no */
  guint depth;       /* nodes on the longest way from the top to it, itself included */
  guint mark;        /* of the walk that is under way */
  guint n_users;     /* of @users, those that stay, while orphans are looked for */
  gboolean is_added;
  gboolean is_removed;
  gboolean is_stand_in;       /* something that cannot be made: only who uses it is known */
  gboolean is_partial;        /* its file is not known until what is above it has been opened */
  gboolean is_implicit;       /* afterwards: it goes with its last user */
  gboolean is_reordered;      /* its edges come in the order that they have here */
  gboolean is_refreshed;      /* its limits are others */
  gboolean is_told_length;    /* of a node below that is resized */
  gboolean is_changed;        /* goes through the phases of a change */
  gboolean has_newcomers;     /* something that is added is above it */
  gboolean is_handed_over;    /* its writer goes, others come */
  gboolean is_above_handover; /* in the graph as it will be: opening it waits */
  gboolean is_flushed;        /* by the flush of one that was closed above it */
  gboolean is_written;        /* someone above it was closed without that */
  gboolean ended_well;        /* nothing that it had to write before it was closed is missing */
  gboolean is_inactive;       /* it has been told that it is the last to write */
  gboolean is_drained;        /* nothing may be in flight in it while the change is put in force */
};

struct _BanyanGraphView
{
  BanyanGraph *graph;       /* (unowned) */
  BanyanProblems *problems; /* (owned) */
  guint n_problems_before;
  GPtrArray *objects;       /* (owned) (element-type BanyanViewObject): in the order seen */
  GHashTable *by_object;    /* (owned): BanyanObject to BanyanViewObject (unowned) */
  GHashTable *names;        /* (owned) (nullable): what ids mean that are new, until one goes */
  guint n_named;            /* of @objects, those that are in it */
  GHashTable *by_child;     /* (owned): BanyanChild to BanyanViewEdge (unowned) */
  GPtrArray *program_edges; /* (owned) (element-type BanyanViewEdge) */
  GPtrArray *order;    /* (owned) (element-type BanyanViewObject): users before what they use */
  GPtrArray *backends; /* (owned) (element-type BanyanBackend): to close */
  GPtrArray *drained;  /* (owned) (element-type BanyanElement): to be told, top down */
  GPtrArray
      *writers;     /* (owned) (element-type BanyanViewObject): of what is handed over, top down */
  gboolean is_part; /* what edges lead to may be missing, so they are left out */
  gboolean has_lingering; /* what is removed holds permissions until it is closed */
  guint n_cycles;         /* that were found */
  guint64 n_visits;       /* tests: how often an object was looked at to find what goes */
};

typedef enum
{
  BANYAN_STEP_ADD,
  BANYAN_STEP_REMOVE,
  BANYAN_STEP_RENAME,
  BANYAN_STEP_REPLACE_CHILD,
  BANYAN_STEP_INSERT_ON_EDGE,
  BANYAN_STEP_INSERT_ABOVE,
  BANYAN_STEP_REMOVE_FILTER,
  BANYAN_STEP_SET,
  BANYAN_STEP_ADD_CHILD,
  BANYAN_STEP_REMOVE_CHILD,
  BANYAN_STEP_RESIZE,
  BANYAN_STEP_REFRESH,
  BANYAN_STEP_COUNT,
} BanyanStepKind;

typedef struct
{
  BanyanStepKind kind;
  BanyanObject *object; /* (owned) (nullable): what the step is about; of an edge, its parent */
  BanyanObject *other;  /* (owned) (nullable): new parent, or node */
  BanyanChild *edge;    /* (owned) (nullable) */
  char *key;            /* (owned) (nullable) */
  BanyanSpec *value;    /* (owned) (nullable) */
  guint64 length;       /* bytes */
  gboolean is_on;       /* counting; a property is declared no more; what is renamed is implicit */
} BanyanStep;

/* The present graph, on which steps are done one by one; it is never checked. */
BanyanGraphView *banyan_graph_view_new_draft (BanyanGraph *graph, BanyanProblems *problems);
/* The present graph with @steps (element-type BanyanStep) done, checked, and its drained set. */
BanyanGraphView *banyan_graph_view_new (BanyanGraph *graph, GPtrArray *steps,
                                        BanyanProblems *problems);
/* The present graph, or none where @is_alone, with those of @objects (element-type BanyanObject)
 * that could be made of something that is wrong in itself. It is checked for conflicts, cycles and
 * depth among what is there: what is missing, and the edges of @stand_ins, could only add to them.
 */
BanyanGraphView *banyan_graph_view_new_part (BanyanGraph *graph, GPtrArray *objects,
                                             GHashTable *stand_ins, gboolean is_alone,
                                             BanyanProblems *problems);
/* Nothing has been found to be wrong with it. */
gboolean banyan_graph_view_is_right (BanyanGraphView *self);
void banyan_graph_view_free (BanyanGraphView *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanGraphView, banyan_graph_view_free)

BanyanViewObject *banyan_graph_view_find (BanyanGraphView *self, gpointer object);
BanyanViewEdge *banyan_graph_view_find_edge (BanyanGraphView *self, BanyanChild *child);
BanyanProposal *banyan_view_object_get_proposal (BanyanViewObject *self);
/* The parent's way to it, or its own path once it is in the tree. */
char *banyan_view_object_dup_path (BanyanViewObject *self);
char *banyan_view_edge_dup_path (BanyanViewEdge *self);
gboolean banyan_view_object_is_read_only (BanyanViewObject *self);
/* In the graph before and after. */
gboolean banyan_view_object_is_kept (BanyanViewObject *self);
/* Opened in settle rather than in prepare. */
gboolean banyan_view_object_waits (BanyanViewObject *self);

/* What it is called afterwards. */
const char *banyan_view_object_get_id (BanyanViewObject *self);
/* Its path afterwards. */
char *banyan_view_object_dup_new_path (BanyanViewObject *self);
/* (transfer none): "nodes/disk0" to what has not been found by that until now; to NULL where
 * nothing is to be found by it any more. */
GHashTable *banyan_graph_view_get_names (BanyanGraphView *self);

void banyan_graph_view_reverse (GPtrArray *objects);

/* Adds what the storage of @object says that its child in @role is (banyan-view-imply.c). (transfer
 * container) (element-type BanyanViewObject): lower ones first; NULL with problems */
GPtrArray *banyan_graph_view_imply (BanyanGraphView *self, BanyanViewObject *object,
                                    const char *role);
/* The same in a view that was complete, and is again. */
GPtrArray *banyan_graph_view_grow (BanyanGraphView *self, BanyanViewObject *object,
                                   const char *role);
/* Likewise the file that @object lacks, now that what it is completed by is open. */
GPtrArray *banyan_graph_view_complete_late (BanyanGraphView *self, BanyanViewObject *object);

/* Steps of building. */
void banyan_graph_view_load (BanyanGraphView *self);
void banyan_graph_view_apply (BanyanGraphView *self, BanyanStep *step);
void banyan_graph_view_drop_orphans (BanyanGraphView *self);
void banyan_graph_view_connect (BanyanGraphView *self);
void banyan_graph_view_check_ids (BanyanGraphView *self);
void banyan_graph_view_check (BanyanGraphView *self);
gboolean banyan_graph_view_sort (BanyanGraphView *self);
void banyan_graph_view_permit (BanyanGraphView *self);
/* Again, once @node is open. */
void banyan_graph_view_check_found_read_only (BanyanGraphView *self, BanyanViewObject *node);
void banyan_graph_view_hand_over (BanyanGraphView *self);
void banyan_graph_view_find_changes (BanyanGraphView *self);

G_END_DECLS
