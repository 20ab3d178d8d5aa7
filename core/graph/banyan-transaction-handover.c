/* banyan-transaction-handover.c - those who wrote to a node that others get
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * With the gates closed, each of them puts what it still holds into the node, users first; those
 * that are removed are inactive from then on. If the change fails they are reactivated, in the
 * opposite order, when what was opened in their place is closed again. If it succeeds they are
 * closed without being asked to write anything more, and whatever entered the graph through them
 * finds nothing there. */

#include "banyan-node-private.h"
#include "banyan-transaction-private.h"

#include <banyan/banyan-node.h>

gboolean
banyan_node_has_flush (BanyanNode *self)
{
  return banyan_node_class_get_ops (BANYAN_NODE_GET_CLASS (self))->flush != NULL;
}

/* Who has no flush of its own has nothing of its own to write. */
static gboolean BANYAN_COROUTINE
flush (BanyanNode *node, GError **error)
{
  return !banyan_node_has_flush (node) || banyan_node_drops_flushes (node)
         || banyan_node_class_get_ops (BANYAN_NODE_GET_CLASS (node))->flush (node, error);
}

gboolean
banyan_element_put_back_here (BanyanElement *self, gboolean needs_flush, gboolean is_last,
                              GError **error)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (self);
  gpointer pass = banyan_co_swap_pass (banyan_pass_for_hurry ());
  gboolean done = !needs_flush || flush (BANYAN_NODE (self), error);

  if (done && is_last && klass->inactivate != NULL)
    done = klass->inactivate (self, error);
  banyan_co_swap_pass (pass);

  return done;
}

static gboolean
put_back_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanViewObject *object = data;

  return banyan_element_put_back_here (element, BANYAN_IS_NODE (element), object->is_removed,
                                       error);
}

gboolean
banyan_co_transaction_inactivate (BanyanTransaction *self, GError **error)
{
  for (guint i = 0; i < self->view->writers->len; i++)
    {
      BanyanViewObject *object = self->view->writers->pdata[i];
      g_autofree char *path = NULL;

      if (banyan_transaction_may_go_on (self, error)
          && banyan_co_transaction_hook (self, BANYAN_ELEMENT (object->object), put_back_hook,
                                         object, error))
        {
          object->is_inactive = object->is_removed;
          continue;
        }

      path = banyan_view_object_dup_path (object);
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }

  return TRUE;
}

static gboolean
reactivate_hook (BanyanElement *element, gpointer data, GError **error)
{
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (element);

  return klass->reactivate == NULL || klass->reactivate (element, error);
}

/* The first error is why; this one is what came of it. */
static void
append_error (BanyanViewObject *object, const GError *failure, GError **error)
{
  g_autofree char *path = banyan_view_object_dup_path (object);
  char *message;

  g_warning ("%s could not be reactivated: %s", path, failure->message);
  if (error == NULL || *error == NULL)
    return;

  message = g_strdup_printf ("%s; and %s could not be reactivated: %s", (*error)->message, path,
                             failure->message);
  g_free ((*error)->message);
  (*error)->message = message;
}

void
banyan_co_transaction_reactivate (BanyanTransaction *self, GError **error)
{
  for (guint i = self->view->writers->len; i-- > 0;)
    {
      BanyanViewObject *object = self->view->writers->pdata[i];
      g_autoptr (GError) failure = NULL;

      if (!object->is_inactive)
        continue;
      if (!banyan_co_transaction_hook (self, BANYAN_ELEMENT (object->object), reactivate_hook, NULL,
                                       &failure))
        append_error (object, failure, error);
      object->is_inactive = FALSE;
    }
}

/* Between the opening of the gates and their closing, clients of what is removed may still come:
 * nothing may get to an inactive node any more. */
void
banyan_transaction_cut_off (BanyanTransaction *self)
{
  for (guint i = 0; i < self->view->writers->len; i++)
    {
      BanyanViewObject *object = self->view->writers->pdata[i];
      GPtrArray *parents = object->is_inactive && BANYAN_IS_NODE (object->object)
                               ? banyan_node_get_parents (BANYAN_NODE (object->object))
                               : NULL;

      for (guint j = parents != NULL ? parents->len : 0; j-- > 0;)
        {
          BanyanChild *edge = parents->pdata[j];

          if (edge->backend != NULL)
            g_ptr_array_add (self->dropped, banyan_child_switch (edge, NULL));
        }
    }
}
