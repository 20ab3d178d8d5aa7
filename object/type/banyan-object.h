/* banyan-object.h - an instance with an id, properties, links, a parent and a path
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-param.h>

G_BEGIN_DECLS

/* Objects live on the main thread; iothreads read live fields of theirs only. */
typedef enum
{
  BANYAN_OBJECT_CONSTRUCTED, /* properties may be set */
  BANYAN_OBJECT_CONFIGURED,  /* checked, part of a tree; a transaction is opening it */
  BANYAN_OBJECT_OPEN,        /* resources acquired */
  BANYAN_OBJECT_CLOSED,      /* resources given back; stays so */
} BanyanObjectState;

#define BANYAN_TYPE_OBJECT_STATE (banyan_object_state_get_type ())
BANYAN_API
GType banyan_object_state_get_type (void);

#define BANYAN_TYPE_OBJECT (banyan_object_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanObject, banyan_object, BANYAN, OBJECT, GObject)

/* The complete proposed values of one object: what is declared or in force, with the changes. */
typedef struct _BanyanProposal BanyanProposal;

struct _BanyanObjectClass
{
  GObjectClass parent_class;

  /* Rules across properties. Does no I/O, may be called at any time, reports by property. The rules
   * of all classes are run, the base's first: no chaining up. */
  void (*check) (BanyanObject *self, const BanyanProposal *proposal, BanyanProblems *problems);

  /* Opening and closing as seen by callers on the main thread; core's base classes implement them
   * by transactions, so that subclasses write straight-line code. */
  void (*open_async) (BanyanObject *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data);
  gboolean (*open_finish) (BanyanObject *self, GAsyncResult *result, GError **error);
  void (*close_async) (BanyanObject *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer user_data);
  gboolean (*close_finish) (BanyanObject *self, GAsyncResult *result, GError **error);

  /* A change of an open object: one key, as a transaction of one step. */
  void (*change_async) (BanyanObject *self, const char *key, BanyanSpec *value,
                        GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data);
  gboolean (*change_finish) (BanyanObject *self, GAsyncResult *result, GError **error);

  BANYAN_RESERVED (8);
};

BANYAN_API
const char *banyan_object_get_id (BanyanObject *self);
/* (transfer none) (nullable) */
BANYAN_API
BanyanObject *banyan_object_get_parent (BanyanObject *self);
/* "/nodes/disk0"; "/" for a root; NULL while it has no root. */
BANYAN_API
char *banyan_object_dup_path (BanyanObject *self);
/* The topmost object: a BanyanRoot or NULL. */
BANYAN_API
BanyanObject *banyan_object_get_root (BanyanObject *self);
BANYAN_API
BanyanObjectState banyan_object_get_state (BanyanObject *self);
/* Born inline: dies with its last user unless adopted. */
BANYAN_API
gboolean banyan_object_is_implicit (BanyanObject *self);
BANYAN_API
void banyan_object_adopt (BanyanObject *self);

/* Composition. The parent owns its children. FALSE where the id is bad or taken. */
BANYAN_API
gboolean banyan_object_add_child (BanyanObject *self, BanyanObject *child, GError **error);
BANYAN_API
void banyan_object_remove_child (BanyanObject *self, BanyanObject *child);
BANYAN_API
BanyanObject *banyan_object_get_child (BanyanObject *self, const char *id);
BANYAN_API
guint banyan_object_get_n_children (BanyanObject *self);
/* (transfer container) (element-type BanyanObject): in the order added; the array has references of
 * its own and gives them back when it is freed. */
BANYAN_API
GPtrArray *banyan_object_list_children (BanyanObject *self);
/* From @self downwards: "/nodes/disk0", or a partial path ("disk0") where it is unique; an
 * ambiguous one is an error that lists the candidates. Edges ("/nodes/disk0:file") are resolved by
 * core. */
BANYAN_API
BanyanObject *banyan_object_resolve (BanyanObject *self, const char *path, GError **error);
/* QEMU's rule: a letter, then letters, digits, '-', '.', '_'. */
BANYAN_API
gboolean banyan_id_is_well_formed (const char *id);

/* -- Declared and in force. -- */

/* What was declared: a map of keys, each with its origin. (transfer none) */
BANYAN_API
BanyanSpec *banyan_object_get_declaration (BanyanObject *self);
/* Where the value in force of @property comes from. */
BANYAN_API
void banyan_object_get_origin (BanyanObject *self, const char *property, BanyanOrigin *origin);
BANYAN_API
void banyan_object_set_origin_for_setters (BanyanObject *self, const BanyanOrigin *origin);

/* Opening, closing, changing. The blocking forms iterate the default main context and refuse, with
 * G_IO_ERROR_WOULD_BLOCK, to run inside a running main loop. */
BANYAN_API
void banyan_object_open_async (BanyanObject *self, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
BANYAN_API
gboolean banyan_object_open_finish (BanyanObject *self, GAsyncResult *result, GError **error);
BANYAN_API
gboolean banyan_object_open (BanyanObject *self, GError **error);
BANYAN_API
void banyan_object_close_async (BanyanObject *self, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
BANYAN_API
gboolean banyan_object_close_finish (BanyanObject *self, GAsyncResult *result, GError **error);
BANYAN_API
gboolean banyan_object_close (BanyanObject *self, GError **error);
/* @key may be dotted ("cache.direct"): copies the struct, changes, sets. */
BANYAN_API
void banyan_object_set_async (BanyanObject *self, const char *key, BanyanSpec *value,
                              GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data);
BANYAN_API
gboolean banyan_object_set_finish (BanyanObject *self, GAsyncResult *result, GError **error);
BANYAN_API
gboolean banyan_object_set (BanyanObject *self, const char *key, const char *value, GError **error);

/* Users of a link target, so that refusals can name them: "/nodes/disk0 (throttle-group)". */
BANYAN_API
void banyan_object_add_user (BanyanObject *self, BanyanObject *user, const char *property);
BANYAN_API
void banyan_object_remove_user (BanyanObject *self, BanyanObject *user, const char *property);
BANYAN_API
guint banyan_object_get_n_users (BanyanObject *self);
/* (transfer full): NULL-terminated */
BANYAN_API
char **banyan_object_describe_users (BanyanObject *self);

/* Assign to object_class->set_property and get_property: they serve all properties declared with a
 * field. */
BANYAN_API
void banyan_object_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec);
BANYAN_API
void banyan_object_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec);
/* What a setter of one's own asks first: FALSE (with a critical that names the right call) if the
 * object's state does not allow it; else the declaration has been filled. */
BANYAN_API
gboolean banyan_object_accept_set (BanyanObject *self, const GValue *value, GParamSpec *pspec);

/* Emits notify for @property on the main thread, soon; any thread; coalesced. @property: interned.
 */
BANYAN_API
void banyan_object_queue_notify (BanyanObject *self, const char *property);

/* -- For core (a transaction's phases), not for users. -- */
BANYAN_API
void banyan_object_set_state (BanyanObject *self, BanyanObjectState state);
/* What the declaration says for the property that @key ("cache.direct") begins with once @value is
 * set:
 * @value itself, or what it says now with the rest of the key replaced. */
BANYAN_API
BanyanSpec *banyan_object_declare_nested (BanyanObject *self, const char *key, BanyanSpec *value);
/* Puts a value in force without asking, and @spec into the declaration (NULL: leaves it). */
BANYAN_API
void banyan_object_put (BanyanObject *self, GParamSpec *pspec, const GValue *value,
                        BanyanSpec *spec);

/* -- Proposals. Values by property name; G_TYPE_INVALID never happens: defaults fill in. -- */
BANYAN_API
BanyanProposal *banyan_proposal_new (BanyanObject *self);
BANYAN_API
void banyan_proposal_free (BanyanProposal *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanProposal, banyan_proposal_free)
BANYAN_API
void banyan_proposal_set (BanyanProposal *self, const char *property, const GValue *value,
                          const BanyanOrigin *origin);
BANYAN_API
const GValue *banyan_proposal_get (const BanyanProposal *self, const char *property);
BANYAN_API
gboolean banyan_proposal_is_changed (const BanyanProposal *self, const char *property);
/* Reports at the property's origin, as "nodes.disk0.offset: ...". */
BANYAN_API
void banyan_proposal_problem (const BanyanProposal *self, BanyanProblems *problems,
                              const char *property, const char *format, ...) G_GNUC_PRINTF (4, 5);

/* Runs the rules of all classes of @self. */
BANYAN_API
void banyan_object_check (BanyanObject *self, const BanyanProposal *proposal,
                          BanyanProblems *problems);

/* -- Classes. Registration refuses a class with an undocumented or shadowing property. -- */
BANYAN_API
gboolean banyan_object_class_check (GType type, GError **error);

G_END_DECLS
