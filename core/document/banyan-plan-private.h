/* banyan-plan-private.h - between the files of a plan
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The document is mapped to objects that are never opened, the twins, as if nothing were there
 * yet: so it is checked whole, and every twin has its values. It is found out which running object
 * each twin is (banyan-plan-match.c). They are compared (banyan-plan-compare.c), which gives
 * differences and the steps of one transaction; what is to be new is mapped once more, with links
 * to what stays (banyan-plan-steps.c). Three states decide about each value: what the last applied
 * document said, what is declared now, and what the document says; who changed it outside the
 * document keeps it, unless the plan overrides that. */

#pragma once

#include "banyan-document-private.h"

#include "banyan-element-private.h"

#include <banyan/banyan-plan.h>

G_BEGIN_DECLS

typedef enum
{
  BANYAN_DIFFERENCE_ADD,
  BANYAN_DIFFERENCE_REMOVE,
  BANYAN_DIFFERENCE_REPLACE,
  BANYAN_DIFFERENCE_SET,
  BANYAN_DIFFERENCE_RENAME,
  BANYAN_DIFFERENCE_DRIFT,
} BanyanDifferenceKind;

typedef struct
{
  BanyanDifferenceKind kind;
  char *path;           /* (owned): of the object */
  const char *property; /* (nullable): interned */
  BanyanSpec *from;     /* (owned) (nullable) */
  BanyanSpec *to;       /* (owned) (nullable) */
  const char *how;      /* "live", "reopen", or why it is replaced */
} BanyanDifference;

/* A twin that is to be made in earnest. */
typedef struct
{
  BanyanObject *twin;     /* (unowned) */
  BanyanObject *owner;    /* (unowned) (nullable): that runs, and whose member it becomes */
  const char *property;   /* (nullable): of the owner */
  BanyanObject *replaced; /* (unowned) (nullable) */
} BanyanAddition;

typedef struct
{
  BanyanObject *object; /* (owned) */
  const char *key;      /* interned */
  BanyanSpec *value;    /* (owned) (nullable): declared no more */
} BanyanPlanSetting;

typedef struct _BanyanBirths BanyanBirths;

struct _BanyanPlan
{
  GObject parent_instance;

  BanyanGraph *graph; /* (owned) */
  char *directory;    /* (owned) (nullable) */
  guint flags;
  BanyanOrigin manager;
  GPtrArray *twins;               /* (owned) (nullable) (element-type BanyanObject) */
  BanyanBirths *births;           /* (owned) (nullable): of twins */
  GHashTable *objects;            /* (owned): a twin to the running object that it is */
  GHashTable *twins_of;           /* (owned): the other way */
  GHashTable *twin_ids;           /* (owned): of twins */
  GHashTable *replaced;           /* (owned): objects that give their place to a twin */
  GPtrArray *renamings;           /* (owned) (element-type BanyanObject): twins of those */
  GPtrArray *differences;         /* (owned) (element-type BanyanDifference) */
  GArray *additions;              /* (owned) (element-type BanyanAddition) */
  GArray *settings;               /* (owned) (element-type BanyanPlanSetting) */
  GArray *words;                  /* (owned) (element-type BanyanPlanSetting): the same values */
  GPtrArray *removals;            /* (owned) (element-type BanyanObject) */
  BanyanTransaction *transaction; /* (owned) */
  char **drained;                 /* (owned) (nullable) */
  BanyanSpec *applied;            /* (owned) (nullable): afterwards */
  guint64 n_visits;               /* to objects, for tests */
  gboolean is_used;
  gboolean is_applied;
};

void banyan_plan_note (BanyanPlan *self, BanyanDifferenceKind kind, const char *path,
                       const char *property, BanyanSpec *from, BanyanSpec *to, const char *how);
/* Fills objects and twins_of, and gives the twins the names that they will have. */
void banyan_plan_match (BanyanPlan *self);
/* Fills differences, additions, renamings, settings and removals. */
void banyan_plan_compare (BanyanPlan *self);
/* Makes the additions, and adds them to the transaction. */
void banyan_plan_add_new (BanyanPlan *self, BanyanProblems *problems);

/* The running object of @id that a link of @pspec would lead to. (transfer none) (nullable) */
BanyanObject *banyan_plan_find_target (BanyanPlan *self, GParamSpec *pspec, const char *id);

/* -- What was born in a list (banyan-births.c). -- */

/* Of the twins of @plan. */
BanyanBirths *banyan_births_new (BanyanPlan *plan);
void banyan_births_free (BanyanBirths *self);
/* Whether its name, or that of what it was born in, is a place in a list. */
gboolean banyan_births_is_in_list (BanyanBirths *self, BanyanObject *object);
/* Twins that have been found are called as what runs from now on. */
void banyan_births_keep_names (BanyanBirths *self);
/* The number in "q.children.7" behind "q" and ".children"; -1: it is called otherwise. */
gint64 banyan_births_get_number (const char *id, const char *base, const char *rest);
/* @declaration with other @names. (transfer full) */
BanyanSpec *banyan_births_rename_links (GObjectClass *klass, BanyanSpec *declaration,
                                        GHashTable *names);

/* -- What was applied (banyan-applied.c). -- */

/* @twin's declaration with those of its members inside. (transfer full) */
BanyanSpec *banyan_object_declare_whole (BanyanObject *object);
/* Adds what @objects declare to @applied (nullable), by path. (transfer full) */
BanyanSpec *banyan_applied_with (BanyanSpec *applied, BanyanGraph *graph, GPtrArray *objects);
/* The path that @object has, or would have in the tree of @graph. */
char *banyan_applied_path_of (BanyanGraph *graph, BanyanObject *object);
/* What the last document said of @path. (transfer none) (nullable) */
BanyanSpec *banyan_applied_lookup (BanyanGraph *graph, const char *path);

/* -- What a restart knows (banyan-state.c), for the next document that is loaded. -- */

/* Nobody has changed what the last document declared, neither now nor before the restart. */
gboolean banyan_state_is_as_declared (BanyanGraph *graph);
/* Takes from @objects what was taken away before the restart, and stays so. */
void banyan_state_leave_away (BanyanGraph *graph, GPtrArray *objects);
/* Sets what was changed before the restart. */
void banyan_state_restore (BanyanGraph *graph, GPtrArray *objects, BanyanTransaction *transaction);

G_END_DECLS
