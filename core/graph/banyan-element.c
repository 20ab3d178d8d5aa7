/* banyan-element.c - an object with edges: node, frontend, export, job
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A role that a class declares is an object property. Each single role has one edge from the
 * element's construction to its end, whether it leads somewhere or not, so that an edge can be
 * named before anything is on it; a MANY role has one for each member. An edge's target is what was
 * configured; its node is what requests reach, and is bound while the element is open. */

#include "banyan-element-private.h"

#include "banyan-frontend-private.h"
#include "banyan-param-private.h"

typedef struct
{
  GPtrArray *edges;   /* (owned) (element-type BanyanChild) */
  GPtrArray *implied; /* (owned) (element-type BanyanImplied): of banyan-implied.c */
  BanyanOrigin manager;
  guint used;
  guint shared;
  gboolean is_leaving; /* atomic */
} BanyanElementPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (BanyanElement, banyan_element, BANYAN_TYPE_OBJECT)

/* Marks the pspecs that are roles. */
static GQuark
role_quark (void)
{
  static GQuark quark;

  if (quark == 0)
    quark = g_quark_from_static_string ("banyan-element-role");

  return quark;
}

/* Roles have no field of the usual kind. Their ids are above those that classes give, and in the
 * order of declaration, since properties are listed by them. */
static guint last_role_id = 0x10000; /* atomic */

static BanyanElementPrivate *
private_of (BanyanElement *self)
{
  return banyan_element_get_instance_private (self);
}

/* -- Roles. -- */

const BanyanRole *
banyan_param_get_role (GParamSpec *pspec)
{
  return g_param_spec_get_qdata (pspec, role_quark ());
}

/* "file" is shown as "File". Classes live for ever, and so may this. */
static const char *
role_nick (const char *name)
{
  g_autofree char *nick = g_strdup (name);

  nick[0] = g_ascii_toupper (nick[0]);
  return g_intern_string (nick);
}

static GParamSpec *
declare_role (const char *name, guint role_flags, const char *blurb)
{
  GParamSpec *pspec;

  if (role_flags & BANYAN_CHILD_MANY)
    pspec = banyan_param_list (
        name, role_nick (name), blurb,
        banyan_param_link ("member", "Member", blurb, "BanyanNode", BANYAN_NO_FIELD),
        BANYAN_NO_FIELD);
  else
    pspec = banyan_param_link (name, role_nick (name), blurb, "BanyanNode", BANYAN_NO_FIELD);

  if (!(role_flags & BANYAN_CHILD_OPTIONAL))
    banyan_param_required (pspec);

  if (role_flags & BANYAN_CHILD_PRIMARY && !(role_flags & BANYAN_CHILD_MANY))
    banyan_param_completable (pspec);

  /* What others may read, too, is not written by accident; as in QEMU, where a backing file is
   * read-only unless someone says otherwise. Which file that is in, the image may say. */
  if (role_flags & BANYAN_CHILD_COW && !(role_flags & BANYAN_CHILD_MANY))
    {
      banyan_param_completing (pspec);
      banyan_param_inline_default (pspec, "read-only", "true");
      banyan_param_inline_default (pspec, "auto-read-only", "false");
    }

  return banyan_param_edge (banyan_param_mutable (pspec, BANYAN_MUTABLE_REOPEN));
}

static void
add_role (BanyanElementClass *klass, const char *name, guint role_flags, const char *blurb,
          guint offset, gboolean is_backend)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamSpec *pspec = declare_role (name, role_flags, blurb);
  BanyanRole *role = g_new0 (BanyanRole, 1);

  role->name = g_intern_string (name);
  role->flags = role_flags;
  role->offset = offset;
  role->is_backend = is_backend;
  g_param_spec_set_qdata_full (pspec, role_quark (), role, g_free);

  /* A class with no properties of its own may forget the accessors, which none inherits. */
  if (object_class->set_property == NULL)
    object_class->set_property = banyan_element_set_field;
  if (object_class->get_property == NULL)
    object_class->get_property = banyan_element_get_field;
  g_object_class_install_property (object_class,
                                   __atomic_add_fetch (&last_role_id, 1, __ATOMIC_RELAXED), pspec);
}

/**
 * banyan_element_class_add_child_role: (skip)
 * @klass: a class, in its class_init
 * @name: the role, and the property, "file"
 * @role_flags: #BanyanChildRole
 * @blurb: what the child is for
 * @offset: of a BanyanChild * in the instance, set while the element is open and the role is
 * filled; with %BANYAN_CHILD_MANY, of a GPtrArray * of them
 *
 * Declares that elements of this class have children.
 */
void
banyan_element_class_add_child_role (BanyanElementClass *klass, const char *name, guint role_flags,
                                     const char *blurb, guint offset)
{
  add_role (klass, name, role_flags, blurb, offset, FALSE);
}

/**
 * banyan_element_class_add_backend_role: (skip)
 * @klass: a class, in its class_init
 * @name: the role, and the property, "node"
 * @role_flags: #BanyanChildRole
 * @blurb: what the node is for
 * @offset: of a BanyanBackend * in the instance, set while the element is open and the role is
 *   filled; or %BANYAN_NO_FIELD
 *
 * Declares that elements of this class enter the graph.
 */
void
banyan_element_class_add_backend_role (BanyanElementClass *klass, const char *name,
                                       guint role_flags, const char *blurb, guint offset)
{
  g_return_if_fail (!(role_flags & BANYAN_CHILD_MANY));

  add_role (klass, name, role_flags, blurb, offset, TRUE);
}

/* "children.0" is an edge of "children". */
const BanyanRole *
banyan_element_class_find_role (BanyanElementClass *klass, const char *edge_name)
{
  g_autofree char *name = g_strndup (edge_name, strcspn (edge_name, "."));
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_CLASS (klass), name);

  return pspec != NULL ? banyan_param_get_role (pspec) : NULL;
}

/* What the browser and the pages show of a class: its roles, and what they mean. */
static BanyanSpec *
describe_role (GParamSpec *pspec)
{
  static const char *const names[]
      = { "data", "metadata", "filtered", "cow", "primary", "optional", "many" };
  const BanyanRole *role = banyan_param_get_role (pspec);
  g_autoptr (BanyanSpec) defaults = banyan_param_describe_inline_defaults (pspec);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *flags = banyan_spec_builder_new_list ();

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (role->flags & (1u << i))
      banyan_spec_builder_add_string (flags, NULL, names[i]);

  banyan_spec_builder_add_string (map, "name", role->name);
  banyan_spec_builder_add_string (map, "blurb", g_param_spec_get_blurb (pspec));
  banyan_spec_builder_take_built (map, "flags", flags);
  if (defaults != NULL)
    banyan_spec_builder_add (map, "inline-defaults", NULL, defaults);
  return banyan_spec_builder_end (map);
}

static void
describe_class (GObjectClass *klass, BanyanSpecBuilder *description)
{
  BanyanSpecBuilder *roles = banyan_spec_builder_new_list ();
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (klass, &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_get_role (pspecs[i]) != NULL)
      banyan_spec_builder_take (roles, NULL, describe_role (pspecs[i]));

  banyan_spec_builder_take_built (description, "roles", roles);
}

/* -- Edges. -- */

BanyanChild *
banyan_element_make_edge (BanyanElement *self, const char *name)
{
  const BanyanRole *role = banyan_element_class_find_role (BANYAN_ELEMENT_GET_CLASS (self), name);

  return banyan_child_new (self, name, role->flags);
}

void
banyan_element_adopt_edge (BanyanElement *self, BanyanChild *edge)
{
  g_ptr_array_add (private_of (self)->edges, edge);
}

void
banyan_element_drop_edge (BanyanElement *self, BanyanChild *edge)
{
  GPtrArray *edges = private_of (self)->edges;
  guint index;

  if (g_ptr_array_find (edges, edge, &index))
    g_ptr_array_steal_index (edges, index);
}

void
banyan_element_sort_edges (BanyanElement *self, GCompareDataFunc compare, gpointer data)
{
  g_ptr_array_sort_with_data (private_of (self)->edges, compare, data);
}

void
banyan_child_set_target (BanyanChild *edge, BanyanNode *node)
{
  BanyanNode *old = edge->target;

  if (old == node)
    return;

  edge->target = node != NULL ? g_object_ref (node) : NULL;
  if (edge->parent != NULL && node != NULL)
    banyan_object_add_user (BANYAN_OBJECT (node), BANYAN_OBJECT (edge->parent), edge->role);
  if (edge->parent != NULL && old != NULL)
    banyan_object_remove_user (BANYAN_OBJECT (old), BANYAN_OBJECT (edge->parent), edge->role);
  g_clear_object (&old);
}

GPtrArray *
banyan_element_get_edges (BanyanElement *self)
{
  return private_of (self)->edges;
}

void
banyan_element_free_edge (gpointer edge)
{
  banyan_child_set_target (edge, NULL);
  banyan_child_unref (edge);
}

GPtrArray *
banyan_element_get_implied (BanyanElement *self)
{
  return private_of (self)->implied;
}

static gboolean
is_edge_of (BanyanChild *edge, const BanyanRole *role)
{
  gsize length = strlen (role->name);

  return strncmp (edge->role, role->name, length) == 0
         && (edge->role[length] == '\0' || edge->role[length] == '.');
}

/* Iothreads read these fields inside requests; they are written while none can be inside. */
static void
bind_many (BanyanElement *self, const BanyanRole *role)
{
  GPtrArray **field = G_STRUCT_MEMBER_P (self, role->offset);
  GPtrArray *bound = g_ptr_array_new ();
  GPtrArray *edges = private_of (self)->edges;

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];

      if (edge->node != NULL && is_edge_of (edge, role))
        g_ptr_array_add (bound, edge);
    }

  g_clear_pointer (field, g_ptr_array_unref);
  if (bound->len > 0)
    *field = bound;
  else
    g_ptr_array_unref (bound);
}

static void
bind_role (BanyanElement *self, const BanyanRole *role)
{
  BanyanChild *edge;

  if (role->offset == BANYAN_NO_FIELD)
    return;
  if (role->flags & BANYAN_CHILD_MANY)
    {
      bind_many (self, role);
      return;
    }

  edge = banyan_element_get_child (self, role->name);
  if (role->is_backend)
    *(BanyanBackend **) G_STRUCT_MEMBER_P (self, role->offset)
        = edge->node != NULL ? edge->backend : NULL;
  else
    *(BanyanChild **) G_STRUCT_MEMBER_P (self, role->offset) = edge->node != NULL ? edge : NULL;
}

void
banyan_element_bind_fields (BanyanElement *self)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_get_role (pspecs[i]) != NULL)
      bind_role (self, banyan_param_get_role (pspecs[i]));
}

/**
 * banyan_element_get_child:
 * @self: an element
 * @role: "file", "children.0"
 *
 * Returns: (transfer none) (nullable): the edge of that name
 */
BanyanChild *
banyan_element_get_child (BanyanElement *self, const char *role)
{
  GPtrArray *edges;

  g_return_val_if_fail (BANYAN_IS_ELEMENT (self), NULL);
  g_return_val_if_fail (role != NULL, NULL);

  edges = private_of (self)->edges;
  for (guint i = 0; i < edges->len; i++)
    if (g_str_equal (((BanyanChild *) edges->pdata[i])->role, role))
      return edges->pdata[i];

  return NULL;
}

/**
 * banyan_element_list_children:
 * @self: an element
 *
 * Returns: (transfer container) (element-type BanyanChild): all edges, those that lead nowhere
 *   included, in the order of their declaration
 */
GPtrArray *
banyan_element_list_children (BanyanElement *self)
{
  GPtrArray *edges;

  g_return_val_if_fail (BANYAN_IS_ELEMENT (self), NULL);

  edges = g_ptr_array_new ();
  g_ptr_array_extend (edges, private_of (self)->edges, NULL, NULL);
  return edges;
}

/* -- Roles as properties. -- */

static void
set_members (BanyanElement *self, const BanyanRole *role, BanyanList *members)
{
  GPtrArray *edges = private_of (self)->edges;

  for (guint i = edges->len; i-- > 0;)
    if (is_edge_of (edges->pdata[i], role))
      banyan_element_free_edge (g_ptr_array_steal_index (edges, i));

  for (guint i = 0; i < banyan_list_get_length (members); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%u", role->name, i);
      BanyanChild *edge = banyan_child_new (self, name, role->flags);

      banyan_child_set_target (edge, banyan_list_get_object (members, i));
      g_ptr_array_add (edges, edge);
    }
}

static BanyanList *
list_members (BanyanElement *self, const BanyanRole *role)
{
  GPtrArray *edges = private_of (self)->edges;
  g_autofree GValue *values = g_new0 (GValue, edges->len + 1);
  BanyanList *list;
  guint n = 0;

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];

      if (!is_edge_of (edge, role) || edge->target == NULL)
        continue;
      g_value_init (&values[n], BANYAN_TYPE_OBJECT);
      g_value_set_object (&values[n++], edge->target);
    }

  list = banyan_list_new (BANYAN_TYPE_OBJECT, values, n);
  for (guint i = 0; i < n; i++)
    g_value_unset (&values[i]);

  return list;
}

/**
 * banyan_element_set_field: (skip)
 * @object: a #BanyanElement
 * @id: not used
 * @value: the new value
 * @pspec: the property
 *
 * Assigned to #GObjectClass.set_property, serves roles, and all properties that were declared with
 * a field.
 */
void
banyan_element_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  const BanyanRole *role = banyan_param_get_role (pspec);
  BanyanElement *self = BANYAN_ELEMENT (object);

  if (role == NULL)
    banyan_object_set_field (object, id, value, pspec);
  else if (!banyan_object_accept_set (BANYAN_OBJECT (self), value, pspec))
    return;
  else if (role->flags & BANYAN_CHILD_MANY)
    set_members (self, role, g_value_get_boxed (value));
  else
    banyan_child_set_target (banyan_element_get_child (self, role->name),
                             g_value_get_object (value));
}

/**
 * banyan_element_get_field: (skip)
 * @object: a #BanyanElement
 * @id: not used
 * @value: where to put the value
 * @pspec: the property
 *
 * Assigned to #GObjectClass.get_property, serves roles, and all properties that were declared with
 * a field.
 */
void
banyan_element_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  const BanyanRole *role = banyan_param_get_role (pspec);
  BanyanElement *self = BANYAN_ELEMENT (object);

  if (role == NULL)
    banyan_object_get_field (object, id, value, pspec);
  else if (role->flags & BANYAN_CHILD_MANY)
    g_value_take_boxed (value, list_members (self, role));
  else
    g_value_set_object (value, banyan_element_get_child (self, role->name)->target);
}

/* -- In force. -- */

void
banyan_element_set_in_force (BanyanElement *self, guint used, guint shared)
{
  private_of (self)->used = used;
  private_of (self)->shared = shared;
}

/**
 * banyan_element_get_used:
 * @self: an element
 *
 * Returns: the #BanyanPermissions that its users take together
 */
guint
banyan_element_get_used (BanyanElement *self)
{
  g_return_val_if_fail (BANYAN_IS_ELEMENT (self), 0);

  return private_of (self)->used;
}

/**
 * banyan_element_get_shared:
 * @self: an element
 *
 * Returns: the #BanyanPermissions that all of its users share
 */
guint
banyan_element_get_shared (BanyanElement *self)
{
  g_return_val_if_fail (BANYAN_IS_ELEMENT (self), 0);

  return private_of (self)->shared;
}

/* The main thread sets it between the phases, whose hooks read it elsewhere. */
void
banyan_element_set_leaving (BanyanElement *self, gboolean is_leaving)
{
  BANYAN_LIVE_SET (private_of (self)->is_leaving, is_leaving);
}

/**
 * banyan_element_is_leaving: (skip)
 * @self: an element
 *
 * What replaces @self in one and the same transaction is opened first, and may ask this to see
 * whether what @self still holds is about to be free. Within a phase of the transaction.
 *
 * Returns: whether the transaction under way will close it, unless it fails
 */
gboolean
banyan_element_is_leaving (BanyanElement *self)
{
  return BANYAN_LIVE (private_of (self)->is_leaving);
}

void
banyan_element_set_manager (BanyanElement *self, const BanyanOrigin *manager)
{
  private_of (self)->manager = *manager;
}

const BanyanOrigin *
banyan_element_get_manager (BanyanElement *self)
{
  return &private_of (self)->manager;
}

/* An export's home is its server's. */
BanyanLoop *
banyan_element_get_home (BanyanElement *self, BanyanGraph *graph)
{
  for (BanyanObject *object = BANYAN_OBJECT (self); object != NULL;
       object = banyan_object_get_parent (object))
    if (BANYAN_IS_FRONTEND (object))
      return banyan_frontend_find_loop (BANYAN_FRONTEND (object), graph);

  return banyan_graph_get_loop (graph);
}

/* -- Life: opening, closing and changing are transactions of one step. -- */

static void
commit_done (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (banyan_transaction_commit_finish (BANYAN_TRANSACTION (object), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static BanyanTransaction *
begin (BanyanObject *object, GTask *task)
{
  BanyanObject *root = banyan_object_get_root (object);

  if (root != NULL && BANYAN_IS_GRAPH (root))
    return banyan_transaction_new (BANYAN_GRAPH (root));

  g_task_return_new_error (task, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                           "%s is in no graph; add it to one with a transaction",
                           banyan_object_get_id (object));
  return NULL;
}

static void
commit (BanyanTransaction *transaction, GTask *task)
{
  banyan_transaction_commit_async (transaction, g_task_get_cancellable (task), commit_done,
                                   g_object_ref (task));
}

static void
banyan_element_open_async (BanyanObject *object, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (object, cancellable, callback, user_data);
  g_autoptr (BanyanTransaction) transaction = begin (object, task);

  if (transaction == NULL)
    return;

  banyan_transaction_add (transaction, object, banyan_object_get_parent (object));
  commit (transaction, task);
}

static void
banyan_element_close_async (BanyanObject *object, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (object, cancellable, callback, user_data);
  g_autoptr (BanyanTransaction) transaction = begin (object, task);

  if (transaction == NULL)
    return;

  banyan_transaction_remove (transaction, object);
  commit (transaction, task);
}

static void
banyan_element_change_async (BanyanObject *object, const char *key, BanyanSpec *value,
                             GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (object, cancellable, callback, user_data);
  g_autoptr (BanyanTransaction) transaction = begin (object, task);

  if (transaction == NULL)
    return;

  banyan_transaction_set (transaction, object, key, value);
  commit (transaction, task);
}

static gboolean
banyan_element_life_finish (BanyanObject *object, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
banyan_element_constructed (GObject *object)
{
  BanyanElement *self = BANYAN_ELEMENT (object);
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      const BanyanRole *role = banyan_param_get_role (pspecs[i]);

      /* Properties given to g_object_new() are set after this. */
      if (role != NULL && !(role->flags & BANYAN_CHILD_MANY))
        g_ptr_array_add (private_of (self)->edges,
                         banyan_child_new (self, role->name, role->flags));
    }

  G_OBJECT_CLASS (banyan_element_parent_class)->constructed (object);
}

static void
banyan_element_dispose (GObject *object)
{
  GPtrArray *edges = private_of (BANYAN_ELEMENT (object))->edges;

  for (guint i = 0; i < edges->len; i++)
    banyan_child_set_target (edges->pdata[i], NULL);

  G_OBJECT_CLASS (banyan_element_parent_class)->dispose (object);
}

static void
banyan_element_finalize (GObject *object)
{
  g_ptr_array_unref (private_of (BANYAN_ELEMENT (object))->edges);
  g_ptr_array_unref (private_of (BANYAN_ELEMENT (object))->implied);

  G_OBJECT_CLASS (banyan_element_parent_class)->finalize (object);
}

static void
banyan_element_class_init (BanyanElementClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanObjectClass *banyan_class = BANYAN_OBJECT_CLASS (klass);

  object_class->constructed = banyan_element_constructed;
  object_class->dispose = banyan_element_dispose;
  object_class->finalize = banyan_element_finalize;
  object_class->set_property = banyan_element_set_field;
  object_class->get_property = banyan_element_get_field;

  banyan_class->open_async = banyan_element_open_async;
  banyan_class->open_finish = banyan_element_life_finish;
  banyan_class->close_async = banyan_element_close_async;
  banyan_class->close_finish = banyan_element_life_finish;
  banyan_class->change_async = banyan_element_change_async;
  banyan_class->change_finish = banyan_element_life_finish;

  banyan_registry_add_describer (banyan_registry_get_default (), BANYAN_TYPE_ELEMENT,
                                 describe_class);
}

static void
banyan_element_init (BanyanElement *self)
{
  BanyanElementPrivate *private = private_of (self);

  private->edges = g_ptr_array_new_with_free_func (banyan_element_free_edge);
  private->implied = g_ptr_array_new_with_free_func (banyan_implied_free);
  private->shared = BANYAN_PERMISSIONS_ALL;
  private->manager.kind = BANYAN_ORIGIN_PROGRAM;
}
