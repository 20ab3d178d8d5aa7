/* banyan-element-private.h - what the control path knows about elements
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-graph-private.h"

#include "banyan-object-private.h"

G_BEGIN_DECLS

/* A role as a class declared it. Lives as long as the class. */
typedef struct
{
  const char *name; /* interned */
  guint flags;
  guint offset; /* of the BanyanChild *, BanyanBackend * or GPtrArray * in the instance */
  gboolean is_backend;
} BanyanRole;

/* NULL where @pspec is no role. */
const BanyanRole *banyan_param_get_role (GParamSpec *pspec);
/* The role that @edge_name ("file", "children.0") belongs to. */
const BanyanRole *banyan_element_class_find_role (BanyanElementClass *klass, const char *edge_name);

/* One more edge of a MANY role, or a free one of a single role; not yet among the element's. */
BanyanChild *banyan_element_make_edge (BanyanElement *self, const char *role);
void banyan_element_adopt_edge (BanyanElement *self, BanyanChild *edge);
/* Takes @edge out of the element; the caller frees it. */
void banyan_element_drop_edge (BanyanElement *self, BanyanChild *edge);
void banyan_element_sort_edges (BanyanElement *self, GCompareDataFunc compare, gpointer data);
/* A GDestroyNotify. */
void banyan_element_free_edge (gpointer edge);

/* What @edge is to lead to once its element is open, or leads to. */
void banyan_child_set_target (BanyanChild *edge, BanyanNode *node);
/* Makes the instance's fields tell which edges lead somewhere. */
void banyan_element_bind_fields (BanyanElement *self);

void banyan_element_set_in_force (BanyanElement *self, guint used, guint shared);
void banyan_element_set_leaving (BanyanElement *self, gboolean is_leaving);
void banyan_element_set_manager (BanyanElement *self, const BanyanOrigin *manager);
const BanyanOrigin *banyan_element_get_manager (BanyanElement *self);

/* Where requests of its edges start: an iothread's loop, or the graph's. */
BanyanLoop *banyan_element_get_home (BanyanElement *self, BanyanGraph *graph);

/* @member has become a part of @owner, which is open, or is none any more (banyan-members.c). */
void banyan_object_note_member (BanyanObject *owner, BanyanObject *member, gboolean is_there);
GPtrArray *banyan_object_list_members (BanyanObject *owner);

/* -- What storage says that children are (banyan-implied.c). -- */

typedef struct
{
  const char *role; /* interned */
  BanyanSpec *spec; /* (owned) (nullable): as a document would declare it, or */
  char *name;       /* (owned) (nullable): what a header calls it, and */
  char *format;     /* (owned) (nullable): what that is */
  gboolean is_text; /* what the header has is UTF-8; else they are near it, for people */
} BanyanImplied;

void banyan_implied_free (gpointer implied);
/* (owned by @self) (element-type BanyanImplied): under the lock of banyan-implied.c */
GPtrArray *banyan_element_get_implied (BanyanElement *self);
/* The roles, interned, for which storage names a child. (transfer container) */
GPtrArray *banyan_element_list_implied (BanyanElement *self);
gboolean banyan_element_implies (BanyanElement *self, const char *role);
/* The declaration of the child in @role. NULL with @error: it cannot be told. */
BanyanSpec *banyan_element_declare_implied (BanyanElement *self, const char *role, GError **error);
/* The same of the file of a child in @role that is declared to be of @child's type, and lacks it.
 * NULL without @error: storage names none. */
BanyanSpec *banyan_element_declare_implied_file (BanyanElement *self, const char *role,
                                                 BanyanElement *child, GError **error);
/* Where relative names are found: the directory of the image. (nullable) */
char *banyan_element_dup_image_directory (BanyanElement *self);
/* The same of what it is said to have in @role. (nullable) */
char *banyan_element_dup_implied_directory (BanyanElement *self, const char *role);
/* The file that it is in, or its id. */
char *banyan_element_dup_image_name (BanyanElement *self);
/* "base.qcow2", for messages. (nullable) */
char *banyan_element_dup_implied_name (BanyanElement *self, const char *role);

/* -- Permissions (banyan-permissions.c). -- */

#define BANYAN_PERMISSIONS_WRITING \
  (BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_WRITE_UNCHANGED | BANYAN_PERMISSION_RESIZE)

void banyan_permissions_for_role (guint role_flags, gboolean read_only, guint used, guint shared,
                                  guint *child_used, guint *child_shared);
/* "write and resize" */
char *banyan_permissions_to_string (guint permissions);

/* -- Changes (banyan-change.c). -- */

BanyanChange *banyan_change_new (const BanyanProposal *proposal, guint used, guint shared);
void banyan_change_free (BanyanChange *self);
/* @property: interned */
void banyan_change_touch (BanyanChange *self, const char *property);
/* Calls the state's destroy function. */
void banyan_change_clear_data (BanyanChange *self);

G_END_DECLS
