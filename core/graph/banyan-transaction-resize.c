/* banyan-transaction-resize.c - nodes that get another length
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * To grow can be undone, and is done as each node settles, lower ones first. What lies behind the
 * end of a node that shrinks is lost: so that is the very last thing that may fail. Where several
 * shrink, only storage itself can still fail half way; those that have shrunk by then get their
 * length again, and the error says that they read as zeroes there.
 *
 * What passes a resize on has its property for a length, where there is one, further below. */

#include "banyan-node-private.h"
#include "banyan-transaction-private.h"

#include <banyan/banyan-node.h>

#include <errno.h>

static gboolean
resize_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanNode *node = BANYAN_NODE (element);
  const BanyanNodeOps *ops = banyan_node_class_get_ops (BANYAN_NODE_GET_CLASS (node));
  BanyanResize wanted = { .size = sizeof wanted, .length = *(guint64 *) data, .exact = TRUE };
  BanyanChild *filtered = banyan_node_get_filtered (node);
  BanyanAnswer answer = BANYAN_UNSUPPORTED;

  if (ops->resize != NULL)
    answer = ops->resize (node, &wanted, error);
  else if (filtered != NULL)
    answer = banyan_child_resize (filtered, &wanted, error);

  if (answer == BANYAN_UNSUPPORTED)
    g_set_error_literal (error, BANYAN_ERRNO, ENOTSUP, "its driver cannot change its length");
  return answer == BANYAN_DONE;
}

static gboolean
resize (BanyanTransaction *self, BanyanPart *part, guint64 length, GError **error)
{
  g_autofree char *path = NULL;

  if (banyan_co_transaction_hook (self, BANYAN_ELEMENT (part->object->object), resize_hook, &length,
                                  error))
    return TRUE;

  path = banyan_view_object_dup_path (part->object);
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

/* Nothing is in flight, so the length is what it is. */
static gboolean
is_to_shrink (BanyanPart *part)
{
  return part->object->resize_to < banyan_node_get_length (BANYAN_NODE (part->object->object));
}

gboolean
banyan_co_part_grow (BanyanTransaction *self, BanyanPart *part, GError **error)
{
  guint64 before;

  if (part->object->resize_to == G_MAXUINT64 || is_to_shrink (part))
    return TRUE;

  before = banyan_node_get_length (BANYAN_NODE (part->object->object));
  if (!banyan_transaction_may_go_on (self, error)
      || !resize (self, part, part->object->resize_to, error))
    return FALSE;

  part->grown_from = before;
  return TRUE;
}

void
banyan_co_part_ungrow (BanyanTransaction *self, BanyanPart *part)
{
  g_autoptr (GError) error = NULL;

  if (part->grown_from != G_MAXUINT64 && !resize (self, part, part->grown_from, &error))
    g_warning ("A change failed, and what it made longer stays so: %s", error->message);
  part->grown_from = G_MAXUINT64;
}

static gboolean
wants_to_shrink (BanyanPart *part)
{
  return part->object->resize_to != G_MAXUINT64 && is_to_shrink (part);
}

static gboolean
shrink_one (BanyanTransaction *self, BanyanPart *part, GError **error)
{
  guint64 before = banyan_node_get_length (BANYAN_NODE (part->object->object));

  if (!resize (self, part, part->object->resize_to, error))
    return FALSE;

  part->shrunk_from = before;
  return TRUE;
}

/* As long as before, at least. */
static void
unshrink (BanyanTransaction *self, BanyanPart *part, GError **error)
{
  g_autofree char *path = banyan_view_object_dup_path (part->object);
  g_autoptr (GError) failure = NULL;

  if (resize (self, part, part->shrunk_from, &failure))
    g_prefix_error (error,
                    "%s had been shortened to %" G_GUINT64_FORMAT
                    " bytes already: it has its length again, and zeroes behind that, as ",
                    path, part->object->resize_to);
  else
    g_prefix_error (
        error, "%s has been shortened to %" G_GUINT64_FORMAT " bytes, and stays so (%s), although ",
        path, part->object->resize_to, failure->message);
  part->shrunk_from = G_MAXUINT64;
}

gboolean
banyan_co_transaction_shrink (BanyanTransaction *self, GError **error)
{
  for (guint i = 0; i < self->parts->len; i++)
    if (wants_to_shrink (self->parts->pdata[i]) && !banyan_transaction_may_go_on (self, error))
      return FALSE;

  for (guint i = 0; i < self->parts->len; i++)
    {
      if (!wants_to_shrink (self->parts->pdata[i])
          || shrink_one (self, self->parts->pdata[i], error))
        continue;

      while (i-- > 0)
        if (((BanyanPart *) self->parts->pdata[i])->shrunk_from != G_MAXUINT64)
          unshrink (self, self->parts->pdata[i], error);
      return FALSE;
    }

  return TRUE;
}

/* -- Properties that tell a length. -- */

void
banyan_node_note_length (BanyanNode *self, const BanyanOrigin *origin)
{
  GParamSpec *pspec = banyan_node_find_length_property (BANYAN_OBJECT (self));
  guint64 length = banyan_node_get_length (self);
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (BanyanSpec) spec = NULL;

  if (pspec == NULL)
    return;

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (self), pspec->name, &value);
  if (g_value_get_uint64 (&value) == length)
    return;

  g_value_set_uint64 (&value, length);
  spec = banyan_param_value_to_spec (pspec, &value, origin);
  banyan_object_put (BANYAN_OBJECT (self), pspec, &value, spec);
}

static void
note_below (BanyanTransaction *self, BanyanViewObject *object, GHashTable *seen)
{
  if (object == NULL || !g_hash_table_add (seen, object) || !BANYAN_IS_NODE (object->object))
    return;

  if (!object->is_added && !object->is_removed)
    banyan_node_note_length (BANYAN_NODE (object->object), &self->manager);
  for (guint i = 0; i < object->edges->len; i++)
    {
      BanyanNode *below = ((BanyanViewEdge *) object->edges->pdata[i])->node;

      if (below != NULL)
        note_below (self, banyan_graph_view_find (self->view, below), seen);
    }
}

void
banyan_transaction_note_lengths (BanyanTransaction *self)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < self->parts->len; i++)
    {
      BanyanViewObject *object = ((BanyanPart *) self->parts->pdata[i])->object;

      if (object->resize_to != G_MAXUINT64)
        note_below (self, object, seen);
    }
}
