/* banyan-transaction-imply.c - children that storage names join the transaction that opens it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * When a part has been opened, the driver may have said who a child of it is. If nobody declared
 * that role, the nodes are added to the view, and parts of their own are put before the one that
 * needs them; they are opened next, and may name more. So what is open stays open, and a chain of
 * any length is opened once. Then it is the part's turn again, to be bound to them. */

#include "banyan-transaction-private.h"

#include <banyan/banyan-node.h>
#include <string.h>

static gboolean
is_declared (BanyanObject *object, const char *role)
{
  return banyan_spec_lookup (banyan_object_get_declaration (object), role) != NULL;
}

/* Of a role that takes many, there is no edge yet. */
static gboolean
is_free (BanyanTransaction *self, BanyanElement *element, const char *role)
{
  BanyanChild *child = banyan_element_get_child (element, role);
  g_autofree char *base = g_strndup (role, strcspn (role, "."));

  g_return_val_if_fail (child != NULL || strchr (role, '.') != NULL, FALSE);

  return (child == NULL || banyan_graph_view_find_edge (self->view, child)->node == NULL)
         && !is_declared (BANYAN_OBJECT (element), base);
}

static gboolean
imply_role (BanyanTransaction *self, BanyanPart *part, guint index, const char *role, guint *n_new,
            GError **error)
{
  g_autoptr (GPtrArray) news = NULL;

  if (!is_free (self, BANYAN_ELEMENT (part->object->object), role))
    return TRUE;

  news = banyan_graph_view_grow (self->view, part->object, role);
  if (news == NULL)
    return banyan_problems_check (self->view->problems, error);

  for (guint i = 0; i < news->len; i++)
    g_ptr_array_insert (self->parts, index + *n_new + i, banyan_part_new (news->pdata[i]));
  *n_new += news->len;
  return TRUE;
}

/* (nullable) */
static BanyanViewObject *
find_below (BanyanTransaction *self, BanyanViewEdge *edge)
{
  return edge->node != NULL ? banyan_graph_view_find (self->view, edge->node) : NULL;
}

gboolean
banyan_transaction_is_partial (BanyanTransaction *self, BanyanViewEdge *edge)
{
  BanyanViewObject *below = find_below (self, edge);

  return below != NULL && below->is_partial;
}

/* Its file, and then itself. */
static gboolean
complete_child (BanyanTransaction *self, BanyanViewObject *child, guint index, guint *n_new,
                GError **error)
{
  g_autoptr (GPtrArray) news = banyan_graph_view_complete_late (self->view, child);

  if (news == NULL)
    return banyan_problems_check (self->view->problems, error);

  g_ptr_array_add (news, child);
  for (guint i = 0; i < news->len; i++)
    g_ptr_array_insert (self->parts, index + *n_new + i, banyan_part_new (news->pdata[i]));
  *n_new += news->len;
  return TRUE;
}

static gboolean
complete_children (BanyanTransaction *self, BanyanPart *part, guint index, guint *n_new,
                   GError **error)
{
  GPtrArray *edges = part->object->edges;

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanViewObject *child = find_below (self, edges->pdata[i]);

      if (child != NULL && child->is_partial && child->completed_by == part->object
          && !complete_child (self, child, index, n_new, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
banyan_transaction_imply (BanyanTransaction *self, guint index, guint *n_new, GError **error)
{
  BanyanPart *part = self->parts->pdata[index];
  g_autoptr (GPtrArray) roles = NULL;

  *n_new = 0;
  if (!part->is_open || !BANYAN_IS_ELEMENT (part->object->object))
    return TRUE;
  if (part->has_implied)
    {
      banyan_transaction_bind_implied (self, part);
      return TRUE;
    }

  part->has_implied = TRUE;
  roles = banyan_element_list_implied (BANYAN_ELEMENT (part->object->object));
  for (guint i = 0; i < roles->len; i++)
    if (!imply_role (self, part, index, roles->pdata[i], n_new, error))
      return FALSE;
  return complete_children (self, part, index, n_new, error);
}

/* What was declared, with one more at the end of the list. (transfer full) */
static BanyanSpec *
with_member (BanyanSpec *declaration, const char *base, BanyanSpec *member)
{
  const BanyanOrigin *origin = banyan_spec_get_origin (member);
  BanyanSpec *before = banyan_spec_lookup (declaration, base);
  BanyanSpecBuilder *builder = banyan_spec_builder_new (BANYAN_SPEC_LIST, origin);
  g_autoptr (BanyanSpec) list = NULL;

  for (guint i = 0; before != NULL && i < banyan_spec_get_length (before); i++)
    banyan_spec_builder_add (builder, NULL, origin, banyan_spec_get_item (before, i));
  banyan_spec_builder_add (builder, NULL, origin, member);
  list = banyan_spec_builder_end (builder);
  return banyan_spec_with (declaration, base, list);
}

void
banyan_transaction_declare_implied (BanyanPart *part, BanyanViewEdge *edge)
{
  BanyanObject *object = part->object->object;
  const char *role = edge->child->role;
  BanyanSpec *before = banyan_object_get_declaration (object);
  g_autofree char *base = g_strndup (role, strcspn (role, "."));
  g_autoptr (BanyanSpec) declared = strchr (role, '.') != NULL
                                        ? with_member (before, base, edge->implied)
                                        : banyan_spec_with (before, role, edge->implied);

  banyan_object_set_declaration (object, declared);
}

/* Nobody uses it yet, so its edges need no gates. */
void
banyan_transaction_bind_implied (BanyanTransaction *self, BanyanPart *part)
{
  BanyanObject *object = part->object->object;

  for (guint i = 0; i < part->object->edges->len; i++)
    {
      BanyanViewEdge *edge = part->object->edges->pdata[i];

      if (edge->child->node == edge->node)
        continue;
      if (edge->implied == NULL)
        {
          banyan_transaction_bind_edge (self, part, edge);
          continue;
        }
      banyan_transaction_switch_edge (self, edge);
      banyan_child_update_route (edge->child);
      banyan_transaction_declare_implied (part, edge);
    }
  banyan_element_bind_fields (BANYAN_ELEMENT (object));
  if (BANYAN_IS_NODE (object))
    banyan_node_update_limits (BANYAN_NODE (object));
}

void
banyan_part_forget_implied (BanyanPart *part)
{
  BanyanObject *object = part->object->object;

  for (guint i = 0; i < part->object->edges->len; i++)
    {
      BanyanViewEdge *edge = part->object->edges->pdata[i];
      g_autoptr (BanyanSpec) declared = NULL;
      g_autofree char *base = NULL;

      if (edge->implied == NULL)
        continue;
      base = g_strndup (edge->child->role, strcspn (edge->child->role, "."));
      banyan_child_set_target (edge->child, NULL);
      declared = banyan_spec_with (banyan_object_get_declaration (object), base, NULL);
      banyan_object_set_declaration (object, declared);
    }
  g_ptr_array_set_size (banyan_element_get_implied (BANYAN_ELEMENT (object)), 0);
}

/* Who wanted it may be known to nobody: it stands in an image. */
void
banyan_part_blame (BanyanPart *part, GError **error)
{
  BanyanViewObject *parent = part->object->implied_by;
  const char *role = part->object->implied_role;
  g_autofree char *path = NULL;
  g_autofree char *image = NULL;
  g_autofree char *name = NULL;
  char *text;

  if (parent == NULL || error == NULL || *error == NULL)
    return;
  if (parent->completed_by != NULL)
    {
      role = parent->completed_role;
      parent = parent->completed_by;
    }

  path = banyan_view_object_dup_path (parent);
  image = banyan_element_dup_image_name (BANYAN_ELEMENT (parent->object));
  name = banyan_element_dup_implied_name (BANYAN_ELEMENT (parent->object), role);
  text
      = g_strdup_printf ("%s; the image %s names %s%s%s as the %s of %s: declare another there, by "
                         "a descriptor for instance, or make it null",
                         (*error)->message, image, name != NULL ? "\"" : "",
                         name != NULL ? name : "it", name != NULL ? "\"" : "", role, path);
  g_free ((*error)->message);
  (*error)->message = text;
}
