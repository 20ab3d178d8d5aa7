/* banyan-element.h - an object that takes part in the graph: node, frontend, export, job
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-loop.h>
#include <banyan/banyan-object.h>

G_BEGIN_DECLS

/**
 * BanyanPermissions:
 * @BANYAN_PERMISSION_CONSISTENT_READ: data read is what was written
 * @BANYAN_PERMISSION_WRITE: change the visible data
 * @BANYAN_PERMISSION_WRITE_UNCHANGED: write what does not change the visible data
 * @BANYAN_PERMISSION_RESIZE: change the length
 *
 * What a user of a node takes for itself, and what it shares with the others.
 */
typedef enum
{
  BANYAN_PERMISSION_CONSISTENT_READ = 1 << 0,
  BANYAN_PERMISSION_WRITE = 1 << 1,
  BANYAN_PERMISSION_WRITE_UNCHANGED = 1 << 2,
  BANYAN_PERMISSION_RESIZE = 1 << 3,
} BanyanPermissions;

#define BANYAN_PERMISSIONS_ALL 0xf

/* A list of names: consistent-read, write, ... (transfer full) */
BANYAN_API
BanyanSpec *banyan_permissions_to_spec (guint permissions);

/**
 * BanyanChildRole:
 * @BANYAN_CHILD_DATA: the child holds guest data
 * @BANYAN_CHILD_METADATA: the child holds the format's own data
 * @BANYAN_CHILD_FILTERED: the node shows the child's data unchanged
 * @BANYAN_CHILD_COW: what is not allocated above is read from it
 * @BANYAN_CHILD_PRIMARY: the child that a plain image is in
 * @BANYAN_CHILD_OPTIONAL: may be absent or null
 * @BANYAN_CHILD_MANY: a list or map of children
 */
typedef enum
{
  BANYAN_CHILD_DATA = 1 << 0,
  BANYAN_CHILD_METADATA = 1 << 1,
  BANYAN_CHILD_FILTERED = 1 << 2,
  BANYAN_CHILD_COW = 1 << 3,
  BANYAN_CHILD_PRIMARY = 1 << 4,
  BANYAN_CHILD_OPTIONAL = 1 << 5,
  BANYAN_CHILD_MANY = 1 << 6,
} BanyanChildRole;

typedef struct _BanyanNode BanyanNode;
typedef struct _BanyanChild BanyanChild;
typedef struct _BanyanChange BanyanChange;
typedef struct _BanyanBackend BanyanBackend;

#define BANYAN_TYPE_ELEMENT (banyan_element_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanElement, banyan_element, BANYAN, ELEMENT, BanyanObject)

/* All of these but check run in a coroutine on the graph's own iothread, except commit and abort,
 * which run on the main thread with the gates closed and may not wait, allocate or fail. */
struct _BanyanElementClass
{
  BanyanObjectClass parent_class;

  /* Acquire resources; the children are open. A failed open leaves nothing behind. From a child
   * that was in the graph before, open only reads: what it must write before its first request, it
   * writes in settle, which is called on what the same transaction opened, too (without a prepare).
   * Requests go on meanwhile, unless the transaction takes the child from someone who writes to it:
   * then this is called when that one is inactive, with the gates closed, and finds there all that
   * was written. A frontend binds its socket here, and begins to serve in start. */
  gboolean (*open) (BanyanElement *self, GError **error);
  /* Release resources, and write nothing: that is over when flush and inactivate have been called.
   */
  void (*close) (BanyanElement *self);
  /* The transaction that opened this element has succeeded, and the gates are open: begin to serve,
   * to work. */
  void (*start) (BanyanElement *self);

  /* A change of an open element: properties that need reopening, permissions, children.
   * prepare: gates open, I/O allowed, may fail. settle: gates closed, I/O allowed, may fail, can be
   * undone. commit ("switch"): pointers only. abort undoes prepare and settle. finish: gates open,
   * the old is let go. */
  gboolean (*prepare) (BanyanElement *self, BanyanChange *change, GError **error);
  gboolean (*settle) (BanyanElement *self, BanyanChange *change, GError **error);
  void (*commit) (BanyanElement *self, BanyanChange *change);
  void (*abort) (BanyanElement *self, BanyanChange *change);
  void (*finish) (BanyanElement *self, BanyanChange *change);

  /* What this element needs of the child in @role, and lets others have, given the proposed values
   * and what its own users take (@used) and let others have (@shared). NULL: the default for the
   * role's flags. */
  void (*child_permissions) (BanyanElement *self, const char *role, guint role_flags,
                             const BanyanProposal *proposal, guint used, guint shared,
                             guint *child_used, guint *child_shared);

  /* Main thread, after the gates above have closed and before they open: let go whoever waits for
   * something that is not the graph's work. Waiters are on iothreads: wake them. */
  void (*drain_begin) (BanyanElement *self);
  void (*drain_end) (BanyanElement *self);

  /* Before an element that was open is closed, or leaves a child to others: with the gates closed,
   * flushed just now, inactivate writes what is to be found there (that the image is in order), and
   * holds nothing back; a failure leaves the element active. After it comes either close, or, if
   * the transaction fails, reactivate, which reads again what others may have changed. */
  gboolean (*inactivate) (BanyanElement *self, GError **error);
  gboolean (*reactivate) (BanyanElement *self, GError **error);

  BANYAN_RESERVED (5);
};

/* Class set-up. @offset: a BanyanChild *, bound while the element is open (MANY: a GPtrArray * of
 * them, exchanged whole in a commit). The role is an object property of the class. */
BANYAN_API
void banyan_element_class_add_child_role (BanyanElementClass *klass, const char *name,
                                          guint role_flags, const char *blurb, guint offset);
/* The same for whoever enters the graph: a frontend, a job. @offset: a BanyanBackend *. */
BANYAN_API
void banyan_element_class_add_backend_role (BanyanElementClass *klass, const char *name,
                                            guint role_flags, const char *blurb, guint offset);

/* As banyan_object_set_field(), child roles included. */
BANYAN_API
void banyan_element_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec);
BANYAN_API
void banyan_element_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec);

/* -- A change, as an element's phases see it. -- */
BANYAN_API
const BanyanProposal *banyan_change_get_proposal (BanyanChange *self);
BANYAN_API
gboolean banyan_change_touches (BanyanChange *self, const char *property);
/* Of a node: what its users take together and what all of them share, after the change. */
BANYAN_API
guint banyan_change_get_used (BanyanChange *self);
BANYAN_API
guint banyan_change_get_shared (BanyanChange *self);
/* The phases' own state; @destroy is called after finish or abort. */
BANYAN_API
void banyan_change_set_data (BanyanChange *self, gpointer data, GDestroyNotify destroy);
BANYAN_API
gpointer banyan_change_get_data (BanyanChange *self);

/* What the users of a node take together and what all of them share, as in force; in open, what
 * will be. Main thread, or within one of the element's own phases. */
BANYAN_API
guint banyan_element_get_used (BanyanElement *self);
BANYAN_API
guint banyan_element_get_shared (BanyanElement *self);
/* The driver, in open or when that changes: what storage itself says its child in @role is; a map
 * as a document would declare it inline, NULL: nothing. It counts where nobody declared the role:
 * then the child is opened when open has returned, and there when settle is called. */
BANYAN_API
void banyan_element_imply_child (BanyanElement *self, const char *role, BanyanSpec *spec);
/* Whether the child in @role is there because storage says so. Main thread. */
BANYAN_API
gboolean banyan_element_is_implied (BanyanElement *self, const char *role);
/* Whether the transaction under way closes it. */
BANYAN_API
gboolean banyan_element_is_leaving (BanyanElement *self);

/* -- Edges. -- */
BANYAN_API
BanyanElement *banyan_child_get_parent (BanyanChild *self); /* (transfer none) */
BANYAN_API
BanyanNode *
banyan_child_get_node (BanyanChild *self); /* (transfer none); iothreads: within a request */
BANYAN_API
const char *banyan_child_get_role (BanyanChild *self); /* "file", "children.0" */
BANYAN_API
guint banyan_child_get_role_flags (BanyanChild *self);
BANYAN_API
guint banyan_child_get_used (BanyanChild *self);
BANYAN_API
guint banyan_child_get_shared (BanyanChild *self);
BANYAN_API
char *banyan_child_dup_path (BanyanChild *self); /* "/nodes/disk0:file" */
/* (transfer container) (element-type BanyanChild): by role */
BANYAN_API
GPtrArray *banyan_element_list_children (BanyanElement *self);
BANYAN_API
BanyanChild *banyan_element_get_child (BanyanElement *self, const char *role);

G_END_DECLS
