/* banyan-transaction-resize.c - nodes that get another length
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * To grow can be undone, and is done as each node settles, lower ones first. What lies behind the
 * end of a node that shrinks is lost: so that is the very last thing that may fail, and a
 * transaction shrinks one node at most. */

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

gboolean
banyan_co_transaction_shrink (BanyanTransaction *self, GError **error)
{
  for (guint i = 0; i < self->parts->len; i++)
    {
      BanyanPart *part = self->parts->pdata[i];

      if (part->object->resize_to != G_MAXUINT64 && is_to_shrink (part)
          && (!banyan_transaction_may_go_on (self, error)
              || !resize (self, part, part->object->resize_to, error)))
        return FALSE;
    }

  return TRUE;
}
