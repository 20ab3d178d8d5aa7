/* banyan-view-permissions.c - permissions of the graph as it would be, and who is in whose way
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-view-private.h"

#include "banyan-node-private.h"

/* -- From the top down. -- */

static void
permit_edge (BanyanViewObject *parent, BanyanViewEdge *edge)
{
  BanyanElement *element = BANYAN_ELEMENT (parent->object);
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (element);
  guint flags = edge->child->role_flags;

  if (klass->child_permissions != NULL)
    klass->child_permissions (element, edge->child->role, flags,
                              banyan_view_object_get_proposal (parent), parent->used,
                              parent->shared, &edge->used, &edge->shared);
  else if (BANYAN_IS_NODE (element))
    banyan_permissions_for_role (flags, banyan_view_object_is_read_only (parent), parent->used,
                                 parent->shared, &edge->used, &edge->shared);
  else
    edge->used = BANYAN_PERMISSION_CONSISTENT_READ, edge->shared = BANYAN_PERMISSIONS_ALL;
}

void
banyan_graph_view_permit_below (BanyanViewObject *object)
{
  object->used = 0;
  object->shared = BANYAN_PERMISSIONS_ALL;
  for (guint i = 0; i < object->users->len; i++)
    {
      BanyanViewEdge *user = object->users->pdata[i];

      object->used |= user->used;
      object->shared &= user->shared;
    }

  for (guint i = 0; i < object->edges->len; i++)
    permit_edge (object, object->edges->pdata[i]);
}

/* -- Refusals: both parties, the permission, why, and what would help. -- */

/* The edge at the top from which @edge has its wish for @permission. */
static BanyanViewEdge *
find_wanter (BanyanViewEdge *edge, guint permission)
{
  guint wishes = permission & BANYAN_PERMISSIONS_WRITING ? BANYAN_PERMISSIONS_WRITING : permission;

again:
  for (guint i = 0; edge->parent != NULL && i < edge->parent->users->len; i++)
    {
      BanyanViewEdge *user = edge->parent->users->pdata[i];

      if (!(user->used & wishes))
        continue;
      edge = user;
      goto again;
    }

  return edge;
}

/* The edge at the top that keeps others from having @permission. An overlay's users do not bear
 * that its base is resized if they do not bear writes. */
static BanyanViewEdge *
find_holder (BanyanViewEdge *edge, guint permission)
{
again:
  for (guint i = 0;
       edge->parent != NULL && edge->child->role_flags & (BANYAN_CHILD_FILTERED | BANYAN_CHILD_COW)
       && i < edge->parent->users->len;
       i++)
    {
      BanyanViewEdge *user = edge->parent->users->pdata[i];
      guint asked
          = edge->child->role_flags & BANYAN_CHILD_COW ? BANYAN_PERMISSION_WRITE : permission;

      if (user->shared & asked)
        continue;
      edge = user;
      goto again;
    }

  return edge;
}

static char *
explain_wanter (BanyanViewEdge *edge, BanyanViewEdge *top)
{
  g_autofree char *path = edge != top ? banyan_view_edge_dup_path (top) : NULL;

  return path != NULL ? g_strdup_printf (" for %s", path) : g_strdup ("");
}

static char *
explain_holder (BanyanViewEdge *edge, BanyanViewEdge *top)
{
  g_autofree char *parent = edge->parent ? banyan_view_object_dup_path (edge->parent) : NULL;
  g_autofree char *path = banyan_view_edge_dup_path (top);
  guint flags = edge->child->role_flags;

  if (edge != top)
    return g_strdup_printf (" because of %s", path);
  if (parent != NULL && BANYAN_IS_NODE (edge->parent->object) && flags & BANYAN_CHILD_COW)
    return g_strdup_printf (" since %s shows what lies there where it has no data of its own",
                            parent);
  if (parent != NULL && BANYAN_IS_NODE (edge->parent->object) && flags & BANYAN_CHILD_METADATA)
    return g_strdup_printf (" since the image of %s is there", parent);

  return g_strdup ("");
}

static char *
dup_owner (BanyanViewEdge *edge)
{
  return edge->parent != NULL ? banyan_view_object_dup_path (edge->parent)
                              : banyan_view_edge_dup_path (edge);
}

/* How that is said of who has no "read-only". */
static const char *
say_how (BanyanViewEdge *edge)
{
  GObjectClass *klass = edge->parent != NULL ? G_OBJECT_GET_CLASS (edge->parent->object) : NULL;

  return klass != NULL && g_object_class_find_property (klass, "writable") != NULL
             ? " (writable: false)"
             : "";
}

static char *
suggest (BanyanViewEdge *wanter, BanyanViewEdge *holder, guint permission)
{
  g_autofree char *first = dup_owner (wanter);
  g_autofree char *second = dup_owner (holder);

  if (!(permission & BANYAN_PERMISSIONS_WRITING))
    return g_strdup_printf ("detach %s or %s", first, second);
  if (wanter->used & BANYAN_PERMISSIONS_WRITING && holder->used & BANYAN_PERMISSIONS_WRITING)
    return g_strdup ("make one of them read-only, or detach it");

  return g_strdup_printf ("make %s read-only%s, or detach %s", first, say_how (wanter), second);
}

/* What the change says of @edge, or else what was declared for it. */
static BanyanOrigin
find_place (BanyanViewEdge *edge)
{
  BanyanOrigin place = { .kind = BANYAN_ORIGIN_DEFAULT };
  g_autofree char *property = g_strndup (edge->child->role, strcspn (edge->child->role, "."));
  GPtrArray *settings = edge->parent != NULL ? edge->parent->settings : NULL;

  for (guint i = 0; settings != NULL && i < settings->len; i++)
    {
      BanyanViewSetting *setting = settings->pdata[i];

      if (g_str_equal (setting->pspec->name, property))
        return *banyan_spec_get_origin (setting->spec);
    }

  if (edge->parent != NULL)
    banyan_object_get_origin (edge->parent->object, property, &place);
  return place;
}

/* Only a document has places that help to find what is wrong. */
static void
refuse (BanyanGraphView *self, BanyanViewEdge *edge, const char *text)
{
  BanyanOrigin place = find_place (edge);

  banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_CONFLICT,
                       place.kind == BANYAN_ORIGIN_DOCUMENT ? &place : NULL, NULL, "%s", text);
}

static void
refuse_pair (BanyanGraphView *self, BanyanViewObject *node, BanyanViewEdge *wanter,
             BanyanViewEdge *holder)
{
  guint permission = wanter->used & ~holder->shared;
  BanyanViewEdge *top_wanter = find_wanter (wanter, permission);
  BanyanViewEdge *top_holder = find_holder (holder, permission);
  g_autofree char *names = banyan_permissions_to_string (permission);
  g_autofree char *path = banyan_view_object_dup_path (node);
  g_autofree char *first = banyan_view_edge_dup_path (wanter);
  g_autofree char *second = banyan_view_edge_dup_path (holder);
  g_autofree char *because = explain_wanter (wanter, top_wanter);
  g_autofree char *since = explain_holder (holder, top_holder);
  g_autofree char *advice = suggest (top_wanter, top_holder, permission);
  g_autofree char *text = g_strdup_printf ("%s wants %s on %s%s, which %s does not share%s; %s",
                                           first, names, path, because, second, since, advice);

  refuse (self, wanter, text);
}

static gboolean
is_refused_by (BanyanViewEdge *wanter, BanyanViewEdge *holder)
{
  return (wanter->used & ~holder->shared) != 0;
}

/* One refusal for each edge that does not get what it wants; of two that refuse each other, it is
 * the one that comes second. */
static void
check_sharing (BanyanGraphView *self, BanyanViewObject *node)
{
  for (guint i = 0; node->used & ~node->shared && i < node->users->len; i++)
    for (guint j = 0; j < node->users->len; j++)
      {
        BanyanViewEdge *wanter = node->users->pdata[i];
        BanyanViewEdge *holder = node->users->pdata[j];

        if (i == j || !is_refused_by (wanter, holder) || (i < j && is_refused_by (holder, wanter)))
          continue;

        refuse_pair (self, node, wanter, holder);
        break;
      }
}

static void
refuse_writer (BanyanGraphView *self, BanyanViewObject *node, BanyanViewEdge *user,
               const char *remedy)
{
  guint wishes = user->used & BANYAN_PERMISSIONS_WRITING;
  BanyanViewEdge *top = find_wanter (user, wishes);
  g_autofree char *names = banyan_permissions_to_string (wishes);
  g_autofree char *path = banyan_view_object_dup_path (node);
  g_autofree char *first = banyan_view_edge_dup_path (user);
  g_autofree char *because = explain_wanter (user, top);
  g_autofree char *owner = dup_owner (top);
  g_autofree char *text
      = g_strdup_printf ("%s wants %s on %s%s, which is read-only%s make %s read-only%s", first,
                         names, path, because, remedy, owner, say_how (top));

  refuse (self, user, text);
}

static void
check_read_only (BanyanGraphView *self, BanyanViewObject *node)
{
  if (!(node->used & BANYAN_PERMISSIONS_WRITING) || !banyan_view_object_is_read_only (node))
    return;

  for (guint i = 0; i < node->users->len; i++)
    {
      BanyanViewEdge *user = node->users->pdata[i];

      if (user->used & BANYAN_PERMISSIONS_WRITING)
        refuse_writer (self, node, user, "; set read-only to false there, or");
    }
}

/* Who writes already, when storage stops taking writes, is told by each of them that fails. */
static gboolean
begins_to_write (BanyanViewEdge *user)
{
  gboolean does_so = user->child->node == user->node && user->child->used & BANYAN_PERMISSION_WRITE;

  return user->used & BANYAN_PERMISSION_WRITE && !does_so;
}

/* NULL: it may be written to, as far as its driver knows. What changes the node itself may make
 * another thing of what was found out about its storage. */
static char *
explain_read_only (BanyanViewObject *node)
{
  const char *why
      = BANYAN_IS_FORMAT (node->object) ? BANYAN_FORMAT_GET_CLASS (node->object)->only_reads : NULL;

  if (why != NULL)
    return g_strdup_printf (", as %s;", why);
  if (banyan_node_found_read_only (BANYAN_NODE (node->object)) && node->settings->len == 0)
    return g_strdup (", as its storage takes no writes;");
  return NULL;
}

void
banyan_graph_view_check_found_read_only (BanyanGraphView *self, BanyanViewObject *node)
{
  g_autofree char *why = BANYAN_IS_NODE (node->object) ? explain_read_only (node) : NULL;

  for (guint i = 0; why != NULL && i < node->users->len; i++)
    if (begins_to_write (node->users->pdata[i]))
      refuse_writer (self, node, node->users->pdata[i], why);
}

/* With nothing in flight, that is: who serves a node goes on with the length that it told its
 * clients, and a filter, or who is told of its children's lengths, is as long as they are. */
static gboolean
bears_growth (BanyanViewEdge *edge, GHashTable *seen)
{
  BanyanViewObject *parent = edge->parent;

  if (edge->shared & BANYAN_PERMISSION_RESIZE)
    return TRUE;
  if (parent == NULL)
    return FALSE;
  if (!BANYAN_IS_NODE (parent->object))
    return edge->child->backend != NULL;
  if (!(edge->child->role_flags & BANYAN_CHILD_FILTERED)
      && BANYAN_NODE_GET_CLASS (parent->object)->child_length_changed == NULL)
    return FALSE;

  if (!g_hash_table_add (seen, parent))
    return TRUE;

  for (guint i = 0; i < parent->users->len; i++)
    if (!bears_growth (parent->users->pdata[i], seen))
      return FALSE;
  return TRUE;
}

static gboolean
shrinks (BanyanViewObject *node)
{
  return node->resize_to != G_MAXUINT64 && banyan_view_object_is_kept (node)
         && node->resize_to < banyan_node_get_length (BANYAN_NODE (node->object));
}

/* Growing would have been right with most of those that shrinking is not. */
static void
refuse_resize (BanyanGraphView *self, BanyanViewObject *node, BanyanViewEdge *user)
{
  g_autofree char *path = banyan_view_object_dup_path (node);
  g_autofree char *name = banyan_view_edge_dup_path (user);

  if (shrinks (node))
    banyan_problems_add (
        self->problems, BANYAN_CONFIG_ERROR_CONFLICT, NULL, NULL,
        "%s cannot be made shorter, %" G_GUINT64_FORMAT " bytes instead of %" G_GUINT64_FORMAT
        ", as %s counts on its length; detach that first",
        path, node->resize_to, banyan_node_get_length (BANYAN_NODE (node->object)), name);
  else
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_CONFLICT, NULL, NULL,
                         "%s cannot be resized, as %s counts on its length; detach that first",
                         path, name);
}

/* A node's end moves only where nobody counts on it. */
static void
check_resize (BanyanGraphView *self, BanyanViewObject *node)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint i = 0; node->resize_to != G_MAXUINT64 && i < node->users->len; i++)
    {
      BanyanViewEdge *user = node->users->pdata[i];

      if (shrinks (node) ? !(user->shared & BANYAN_PERMISSION_RESIZE) : !bears_growth (user, seen))
        refuse_resize (self, node, user);
    }
}

/* -- What is closed at the end of a change still needs what it has until then. -- */

static void
add_lingering (BanyanGraphView *self, BanyanViewObject *removed, GHashTable *lingering)
{
  for (guint i = 0; i < removed->edges->len; i++)
    {
      BanyanViewEdge *edge = removed->edges->pdata[i];
      BanyanViewObject *target
          = edge->child->node != NULL ? banyan_graph_view_find (self, edge->child->node) : NULL;

      if (target == NULL || target->is_removed)
        continue;

      edge->used = edge->child->used;
      edge->shared = edge->child->shared;
      g_ptr_array_add (target->users, edge);
      g_hash_table_add (lingering, edge);
    }
}

static void
drop_lingering (BanyanViewObject *object, GHashTable *lingering)
{
  for (guint i = object->users->len; i-- > 0;)
    if (g_hash_table_contains (lingering, object->users->pdata[i]))
      g_ptr_array_remove_index (object->users, i);
}

static void
permit_all (BanyanGraphView *self)
{
  for (guint i = 0; i < self->order->len; i++)
    banyan_graph_view_permit_below (self->order->pdata[i]);
}

static void
let_linger (BanyanGraphView *self)
{
  g_autoptr (GHashTable) lingering = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < self->objects->len; i++)
    if (((BanyanViewObject *) self->objects->pdata[i])->is_removed)
      add_lingering (self, self->objects->pdata[i], lingering);

  self->has_lingering = g_hash_table_size (lingering) > 0;
  if (!self->has_lingering)
    return;

  permit_all (self);
  for (guint i = 0; i < self->order->len; i++)
    drop_lingering (self->order->pdata[i], lingering);
}

/* Conflicts are looked for in the final graph only; what is put in force includes what those that
 * are about to close still hold. */
void
banyan_graph_view_permit (BanyanGraphView *self)
{
  permit_all (self);

  for (guint i = 0; i < self->order->len; i++)
    {
      BanyanViewObject *object = self->order->pdata[i];

      check_sharing (self, object);
      if (object->is_stand_in)
        continue;
      check_read_only (self, object);
      banyan_graph_view_check_found_read_only (self, object);
      check_resize (self, object);
    }

  if (banyan_graph_view_is_right (self))
    let_linger (self);
}
