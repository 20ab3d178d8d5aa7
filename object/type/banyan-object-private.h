/* banyan-object-private.h - what the parts of the object model share about objects
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-root.h>

G_BEGIN_DECLS

/* "/nodes/disk0", or the id where the object is in no tree: for messages. */
char *banyan_object_dup_name (BanyanObject *self);
/* "nodes.disk0": how the problems of a declaration call it. */
char *banyan_object_dup_subject (BanyanObject *self);

/* As banyan_object_add_child(), where another child may have the id until @child takes it. Until
 * then the other one is found by it, and from then on @child; both have the same path. */
gboolean banyan_object_add_successor (BanyanObject *self, BanyanObject *child, GError **error);
void banyan_object_take_id (BanyanObject *self);
/* Called otherwise from now on. Its parent finds it by no id until it takes its new one. */
void banyan_object_set_id (BanyanObject *self, const char *id);
/* The first that links to it, or NULL. */
BanyanObject *banyan_object_get_first_user (BanyanObject *self);
/* What those that link to @self declare has its id as it is now. */
void banyan_object_redeclare_users (BanyanObject *self);
/* Whether its parent finds @self by its id. */
gboolean banyan_object_has_id (BanyanObject *self);

void banyan_object_class_init_life (BanyanObjectClass *klass);
/* Depth of banyan_object_put(): setters ask nobody while it is above 0. */
guint *banyan_object_get_putting (BanyanObject *self);
void banyan_object_set_implicit (BanyanObject *self, gboolean implicit);
/* For the mapper: all that was written, once. */
void banyan_object_set_declaration (BanyanObject *self, BanyanSpec *declaration);
const BanyanOrigin *banyan_object_get_setter_origin (BanyanObject *self);

/* The property that a key of a document means, by name or alias; NULL for none. */
GParamSpec *banyan_object_class_find_key (GObjectClass *klass, const char *key);
/* Names of what a person may set, for did-you-mean. (transfer container): ends with NULL */
const char **banyan_object_class_list_keys (GObjectClass *klass);

/* How problems call the object, and its place, while it is not in the tree. */
void banyan_proposal_set_subject (BanyanProposal *self, const char *subject,
                                  const BanyanOrigin *place);
/* What was proposed for @property is nobody's word any more, but what it is without one. */
void banyan_proposal_withdraw (BanyanProposal *self, const char *property);

gboolean banyan_collection_accepts (BanyanCollection *self, BanyanObject *child, GError **error);

void banyan_object_clear_links (BanyanObject *self);

/* Notes a change for banyan_object_queue_notify(): the names that wait, and whether the object is
 * in the queue. Held under the queue's lock. */
typedef struct
{
  GPtrArray *waiting; /* (owned) (nullable): interned names */
  gboolean is_queued;
} BanyanNotifyQueue;

BanyanNotifyQueue *banyan_object_get_notify_queue (BanyanObject *self);

G_END_DECLS
