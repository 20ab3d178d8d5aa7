/* banyan-object.c - an instance with an id, a parent and children, a state and users
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Objects form a tree of ownership: a parent holds a reference to each child. Links between objects
 * are no part of it; whoever has one holds a reference and is recorded at its target as a user.
 * Everything here is the main thread's. What the classes add lies in fields that their properties
 * name; see banyan-object-values.c. */

#include "banyan-object-private.h"
#include "banyan-param-private.h"

#include <string.h>

typedef struct
{
  BanyanObject *user;   /* (unowned): takes itself off before it goes */
  const char *property; /* interned */
} User;

typedef struct
{
  char *id;                /* (owned) (nullable): a root has none */
  GSList *former_ids;      /* (owned): messages on other threads may be about to say them */
  BanyanObject *parent;    /* (unowned) (nullable) */
  GPtrArray *children;     /* (owned): in the order added */
  GHashTable *child_index; /* (owned): id (unowned) to child (unowned) */
  GArray *users;           /* (owned): of User */
  BanyanObjectState state;
  gboolean is_implicit;
  BanyanSpec *declaration; /* (owned): a map */
  BanyanOrigin setter_origin;
  guint putting; /* depth of banyan_object_put() */
  BanyanNotifyQueue notify_queue;
} BanyanObjectPrivate;

enum
{
  PROP_0,
  PROP_ID,
  PROP_STATE,
  PROP_IMPLICIT,
  N_PROPS
};

enum
{
  CHILD_ADDED,
  CHILD_REMOVED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (BanyanObject, banyan_object, G_TYPE_OBJECT)

static BanyanObjectPrivate *
private_of (BanyanObject *self)
{
  return banyan_object_get_instance_private (self);
}

GType
banyan_object_state_get_type (void)
{
  static const GEnumValue values[] = {
    { BANYAN_OBJECT_CONSTRUCTED, "BANYAN_OBJECT_CONSTRUCTED", "constructed" },
    { BANYAN_OBJECT_CONFIGURED, "BANYAN_OBJECT_CONFIGURED", "configured" },
    { BANYAN_OBJECT_OPEN, "BANYAN_OBJECT_OPEN", "open" },
    { BANYAN_OBJECT_CLOSED, "BANYAN_OBJECT_CLOSED", "closed" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanObjectState", values));

  return type;
}

static void
banyan_object_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  BanyanObjectPrivate *private = private_of (BANYAN_OBJECT (object));

  switch (id)
    {
    case PROP_ID:
      private
      ->id = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
banyan_object_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanObjectPrivate *private = private_of (BANYAN_OBJECT (object));

  switch (id)
    {
    case PROP_ID:
      g_value_set_string (value, private->id);
      break;
    case PROP_STATE:
      g_value_set_enum (value, private->state);
      break;
    case PROP_IMPLICIT:
      g_value_set_boolean (value, private->is_implicit);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
banyan_object_constructed (GObject *object)
{
  banyan_param_init_fields (object);

  G_OBJECT_CLASS (banyan_object_parent_class)->constructed (object);
}

static void
drop_child (gpointer data)
{
  BanyanObject *child = data;

  private_of (child)->parent = NULL;
  g_object_unref (child);
}

static void
banyan_object_dispose (GObject *object)
{
  BanyanObject *self = BANYAN_OBJECT (object);
  BanyanObjectPrivate *private = private_of (self);

  banyan_object_clear_links (self);
  g_hash_table_remove_all (private->child_index);
  g_ptr_array_set_size (private->children, 0);

  G_OBJECT_CLASS (banyan_object_parent_class)->dispose (object);
}

static void
banyan_object_finalize (GObject *object)
{
  BanyanObjectPrivate *private = private_of (BANYAN_OBJECT (object));

  banyan_param_clear_fields (object);
  g_hash_table_unref (private->child_index);
  g_ptr_array_unref (private->children);
  g_array_unref (private->users);
  g_clear_pointer (&private->notify_queue.waiting, g_ptr_array_unref);
  banyan_spec_unref (private->declaration);
  g_slist_free_full (private->former_ids, g_free);
  g_free (private->id);

  G_OBJECT_CLASS (banyan_object_parent_class)->finalize (object);
}

static void
banyan_object_class_init (BanyanObjectClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_object_set_property;
  object_class->get_property = banyan_object_get_property;
  object_class->constructed = banyan_object_constructed;
  object_class->dispose = banyan_object_dispose;
  object_class->finalize = banyan_object_finalize;

  banyan_object_class_init_life (klass);

  properties[PROP_ID] = g_param_spec_string (
      "id", "Id", "What documents and other objects call this object by", NULL,
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_STATE] = banyan_param_state (
      banyan_param_enum ("state", "State", "How far the object is on its way from made to closed",
                         BANYAN_TYPE_OBJECT_STATE, BANYAN_OBJECT_CONSTRUCTED, BANYAN_NO_FIELD));
  properties[PROP_IMPLICIT] = banyan_param_state (banyan_param_boolean (
      "implicit", "Implicit", "Whether it was declared inline and goes with its last user", FALSE,
      BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * BanyanObject::child-added:
   * @self: the parent
   * @child: the new child
   *
   * An object has become a part of @self. Emitted on the main thread.
   */
  signals[CHILD_ADDED] = g_signal_new ("child-added", BANYAN_TYPE_OBJECT, G_SIGNAL_RUN_LAST, 0,
                                       NULL, NULL, NULL, G_TYPE_NONE, 1, BANYAN_TYPE_OBJECT);

  /**
   * BanyanObject::child-removed:
   * @self: the parent
   * @child: what was its child
   *
   * An object is no part of @self any more. Emitted on the main thread.
   */
  signals[CHILD_REMOVED] = g_signal_new ("child-removed", BANYAN_TYPE_OBJECT, G_SIGNAL_RUN_LAST, 0,
                                         NULL, NULL, NULL, G_TYPE_NONE, 1, BANYAN_TYPE_OBJECT);
}

static void
banyan_object_init (BanyanObject *self)
{
  BanyanObjectPrivate *private = private_of (self);

  private->children = g_ptr_array_new_with_free_func (drop_child);
  private->child_index = g_hash_table_new (g_str_hash, g_str_equal);
  private->users = g_array_new (FALSE, FALSE, sizeof (User));
  private->setter_origin.kind = BANYAN_ORIGIN_PROGRAM;
  private->declaration = banyan_spec_builder_end (
      banyan_spec_builder_new (BANYAN_SPEC_MAP, &private->setter_origin));
}

/**
 * banyan_object_get_id:
 * @self: an object
 *
 * Returns: (nullable): what it is called in its collection; %NULL for a root
 */
const char *
banyan_object_get_id (BanyanObject *self)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);

  return private_of (self)->id;
}

/**
 * banyan_object_get_parent:
 * @self: an object
 *
 * Returns: (transfer none) (nullable): the object that owns it
 */
BanyanObject *
banyan_object_get_parent (BanyanObject *self)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);

  return private_of (self)->parent;
}

/**
 * banyan_object_get_state:
 * @self: an object
 *
 * Returns: how far it is on its way from made to closed
 */
BanyanObjectState
banyan_object_get_state (BanyanObject *self)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), BANYAN_OBJECT_CLOSED);

  return private_of (self)->state;
}

/**
 * banyan_object_set_state: (skip)
 * @self: an object
 * @state: where it now is
 *
 * For whoever opens and closes objects. A closed object uses nobody: its links are cleared.
 */
void
banyan_object_set_state (BanyanObject *self, BanyanObjectState state)
{
  BanyanObjectPrivate *private;

  g_return_if_fail (BANYAN_IS_OBJECT (self));

  private = private_of (self);
  if (private->state == state)
    return;

  private->state = state;
  if (state == BANYAN_OBJECT_CLOSED)
    banyan_object_clear_links (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
}

/**
 * banyan_object_is_implicit:
 * @self: an object
 *
 * Returns: whether it was declared inline, so that it goes with its last user
 */
gboolean
banyan_object_is_implicit (BanyanObject *self)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);

  return private_of (self)->is_implicit;
}

void
banyan_object_set_implicit (BanyanObject *self, gboolean implicit)
{
  BanyanObjectPrivate *private = private_of (self);

  if (private->is_implicit == !!implicit)
    return;

  private->is_implicit = !!implicit;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_IMPLICIT]);
}

/**
 * banyan_object_adopt:
 * @self: an object
 *
 * Makes an object that was declared inline stay when its last user goes.
 */
void
banyan_object_adopt (BanyanObject *self)
{
  g_return_if_fail (BANYAN_IS_OBJECT (self));

  banyan_object_set_implicit (self, FALSE);
}

/* -- Composition. -- */

/**
 * banyan_id_is_well_formed:
 * @id: (nullable): what someone wants to call an object
 *
 * Ids follow QEMU's rule: a letter, then letters, digits, `-`, `.` and `_`; ASCII only.
 *
 * Returns: whether @id may be an id
 */
gboolean
banyan_id_is_well_formed (const char *id)
{
  if (!id || !g_ascii_isalpha (id[0]))
    return FALSE;

  for (const char *p = id + 1; *p; p++)
    if (!g_ascii_isalnum (*p) && *p != '-' && *p != '.' && *p != '_')
      return FALSE;

  return TRUE;
}

static gboolean
is_below (BanyanObject *self, BanyanObject *ancestor)
{
  for (; self; self = private_of (self)->parent)
    if (self == ancestor)
      return TRUE;

  return FALSE;
}

static gboolean
has_free_id (BanyanObject *self, BanyanObject *child, GError **error)
{
  const char *id = private_of (child)->id;
  g_autofree char *name = NULL;

  if (id == NULL || !g_hash_table_contains (private_of (self)->child_index, id))
    return TRUE;

  name = banyan_object_dup_name (self);
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_DUPLICATE, "%s has a \"%s\" already",
               name, id);
  return FALSE;
}

static gboolean
may_be_child (BanyanObject *self, BanyanObject *child, GError **error)
{
  const char *id = private_of (child)->id;

  if (!banyan_id_is_well_formed (id))
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_SYNTAX,
                   "\"%s\" is not an id: a letter, then letters, digits, '-', '.' and '_'",
                   id ? id : "");
      return FALSE;
    }

  return !BANYAN_IS_COLLECTION (self)
         || banyan_collection_accepts (BANYAN_COLLECTION (self), child, error);
}

/**
 * banyan_object_add_child:
 * @self: an object
 * @child: one that has no parent yet
 * @error: where to put the error, or %NULL
 *
 * Makes @child a part of @self, which takes a reference of its own to it.
 *
 * Returns: whether it did; not where the child's id is malformed or taken, or where a collection
 * does not take what it is
 */
gboolean
banyan_object_add_child (BanyanObject *self, BanyanObject *child, GError **error)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);
  g_return_val_if_fail (BANYAN_IS_OBJECT (child), FALSE);
  g_return_val_if_fail (!private_of (child)->parent, FALSE);
  g_return_val_if_fail (!is_below (self, child), FALSE);

  return has_free_id (self, child, error) && banyan_object_add_successor (self, child, error);
}

gboolean
banyan_object_add_successor (BanyanObject *self, BanyanObject *child, GError **error)
{
  BanyanObjectPrivate *private = private_of (self);

  if (!may_be_child (self, child, error))
    return FALSE;

  g_ptr_array_add (private->children, g_object_ref (child));
  private_of (child)->parent = self;
  if (!g_hash_table_contains (private->child_index, private_of (child)->id))
    banyan_object_take_id (child);
  g_signal_emit (self, signals[CHILD_ADDED], 0, child);
  return TRUE;
}

void
banyan_object_set_id (BanyanObject *self, const char *id)
{
  BanyanObjectPrivate *private = private_of (self);

  if (private->parent != NULL && banyan_object_has_id (self))
    g_hash_table_remove (private_of (private->parent)->child_index, private->id);
  private->former_ids = g_slist_prepend (private->former_ids, private->id);
  private->id = g_strdup (id);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ID]);
}

/* The key is the string of who has the id, so it goes with the old one. */
void
banyan_object_take_id (BanyanObject *self)
{
  g_hash_table_replace (private_of (private_of (self)->parent)->child_index, private_of (self)->id,
                        self);
}

gboolean
banyan_object_has_id (BanyanObject *self)
{
  return banyan_object_get_child (private_of (self)->parent, private_of (self)->id) == self;
}

/**
 * banyan_object_remove_child:
 * @self: an object
 * @child: a child of it
 *
 * Takes @child out of @self, which gives its reference back.
 */
void
banyan_object_remove_child (BanyanObject *self, BanyanObject *child)
{
  g_autoptr (BanyanObject) kept = NULL;
  BanyanObjectPrivate *private;

  g_return_if_fail (BANYAN_IS_OBJECT (self));
  g_return_if_fail (BANYAN_IS_OBJECT (child));
  g_return_if_fail (private_of (child)->parent == self);

  kept = g_object_ref (child);
  private = private_of (self);
  if (banyan_object_has_id (child))
    g_hash_table_remove (private->child_index, private_of (child)->id);
  g_ptr_array_remove (private->children, child);
  g_signal_emit (self, signals[CHILD_REMOVED], 0, child);
}

/**
 * banyan_object_get_child:
 * @self: an object
 * @id: an id
 *
 * Returns: (transfer none) (nullable): the child of that id
 */
BanyanObject *
banyan_object_get_child (BanyanObject *self, const char *id)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);
  g_return_val_if_fail (id != NULL, NULL);

  return g_hash_table_lookup (private_of (self)->child_index, id);
}

/**
 * banyan_object_get_n_children:
 * @self: an object
 *
 * Returns: how many children it has
 */
guint
banyan_object_get_n_children (BanyanObject *self)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), 0);

  return private_of (self)->children->len;
}

/**
 * banyan_object_list_children:
 * @self: an object
 *
 * Lists the children as they are now. The list keeps them alive until it is freed.
 *
 * Returns: (transfer container) (element-type BanyanObject): the children in the order added
 */
GPtrArray *
banyan_object_list_children (BanyanObject *self)
{
  BanyanObjectPrivate *private;
  GPtrArray *children;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);

  private = private_of (self);
  children = g_ptr_array_new_full (private->children->len, g_object_unref);
  for (guint i = 0; i < private->children->len; i++)
    g_ptr_array_add (children, g_object_ref (private->children->pdata[i]));

  return children;
}

/* -- Users. -- */

/**
 * banyan_object_add_user:
 * @self: what is linked to
 * @user: what links to it
 * @property: (not nullable): by which property
 *
 * Records a use, so that a refusal can name it. Setting a link that has a field does this by
 * itself; a class that keeps its links elsewhere calls it.
 */
void
banyan_object_add_user (BanyanObject *self, BanyanObject *user, const char *property)
{
  User entry = { user, g_intern_string (property) };

  g_return_if_fail (BANYAN_IS_OBJECT (self));
  g_return_if_fail (BANYAN_IS_OBJECT (user));

  g_array_append_val (private_of (self)->users, entry);
}

/**
 * banyan_object_remove_user:
 * @self: what was linked to
 * @user: what linked to it
 * @property: (not nullable): by which property
 *
 * Takes the record of one use back.
 */
void
banyan_object_remove_user (BanyanObject *self, BanyanObject *user, const char *property)
{
  const char *interned = g_intern_string (property);
  GArray *users;

  g_return_if_fail (BANYAN_IS_OBJECT (self));

  users = private_of (self)->users;
  for (guint i = 0; i < users->len; i++)
    {
      User *entry = &g_array_index (users, User, i);

      if (entry->user != user || entry->property != interned)
        continue;

      g_array_remove_index (users, i);
      return;
    }

  g_critical ("%s: not recorded as a user by %s", G_STRFUNC, property);
}

BanyanObject *
banyan_object_get_first_user (BanyanObject *self)
{
  GArray *users = private_of (self)->users;

  return users->len > 0 ? g_array_index (users, User, 0).user : NULL;
}

/* By a property, or by a member of one: "children.0". */
static GParamSpec *
find_property (BanyanObject *user, const char *name)
{
  g_autofree char *first = g_strndup (name, strcspn (name, "."));
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (user), name);

  return pspec != NULL ? pspec : g_object_class_find_property (G_OBJECT_GET_CLASS (user), first);
}

static void
redeclare (BanyanObject *user, GParamSpec *pspec)
{
  BanyanSpec *declared = banyan_spec_lookup (private_of (user)->declaration, pspec->name);
  g_autoptr (BanyanSpec) declaration = NULL;
  g_autoptr (BanyanSpec) spec = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  if (declared == NULL)
    return;

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (user), pspec->name, &value);
  spec = banyan_param_value_to_spec (pspec, &value, banyan_spec_get_origin (declared));
  declaration = banyan_spec_with (private_of (user)->declaration, pspec->name, spec);
  banyan_object_set_declaration (user, declaration);
  g_object_notify_by_pspec (G_OBJECT (user), pspec);
}

void
banyan_object_redeclare_users (BanyanObject *self)
{
  GArray *users = private_of (self)->users;

  for (guint i = 0; i < users->len; i++)
    {
      User *user = &g_array_index (users, User, i);
      GParamSpec *pspec = find_property (user->user, user->property);

      if (pspec != NULL)
        redeclare (user->user, pspec);
    }
}

/**
 * banyan_object_get_n_users:
 * @self: an object
 *
 * Returns: how many links lead to it
 */
guint
banyan_object_get_n_users (BanyanObject *self)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), 0);

  return private_of (self)->users->len;
}

/**
 * banyan_object_describe_users:
 * @self: an object
 *
 * Names who links to it: "/nodes/disk0 (throttle-group)".
 *
 * Returns: (transfer full) (array zero-terminated=1): one string a use
 */
char **
banyan_object_describe_users (BanyanObject *self)
{
  GArray *users;
  char **names;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);

  users = private_of (self)->users;
  names = g_new0 (char *, users->len + 1);
  for (guint i = 0; i < users->len; i++)
    {
      User *entry = &g_array_index (users, User, i);
      g_autofree char *name = banyan_object_dup_name (entry->user);

      names[i] = g_strdup_printf ("%s (%s)", name, entry->property);
    }

  return names;
}

/* -- What other files of the object model keep here. -- */

/**
 * banyan_object_get_declaration:
 * @self: an object
 *
 * Gives what was declared for @self: a map by property, each value with its origin. A key that is
 * absent was not declared; null was declared as nothing. A link is the id of its target. Secrets
 * are not in it.
 *
 * Returns: (transfer none): the declaration as it is now
 */
BanyanSpec *
banyan_object_get_declaration (BanyanObject *self)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);

  return private_of (self)->declaration;
}

void
banyan_object_set_declaration (BanyanObject *self, BanyanSpec *declaration)
{
  BanyanObjectPrivate *private = private_of (self);
  BanyanSpec *old = private->declaration;

  private->declaration = banyan_spec_ref (declaration);
  banyan_spec_unref (old);
}

/**
 * banyan_object_set_origin_for_setters:
 * @self: an object
 * @origin: (nullable): where values come from that are set from now on; %NULL: the program
 *
 * Tells what g_object_set() and banyan_object_set() note as the origin of a value.
 */
void
banyan_object_set_origin_for_setters (BanyanObject *self, const BanyanOrigin *origin)
{
  g_return_if_fail (BANYAN_IS_OBJECT (self));

  private_of (self)->setter_origin
      = origin ? *origin : (BanyanOrigin){ .kind = BANYAN_ORIGIN_PROGRAM };
}

const BanyanOrigin *
banyan_object_get_setter_origin (BanyanObject *self)
{
  return &private_of (self)->setter_origin;
}

guint *
banyan_object_get_putting (BanyanObject *self)
{
  return &private_of (self)->putting;
}

BanyanNotifyQueue *
banyan_object_get_notify_queue (BanyanObject *self)
{
  return &private_of (self)->notify_queue;
}
