/* banyan-change.c - what one element's phases know about a change
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-element-private.h"

struct _BanyanChange
{
  const BanyanProposal *proposal; /* (unowned): the view's */
  GPtrArray *touched;             /* (owned): interned names */
  guint used;
  guint shared;
  gpointer data;
  GDestroyNotify destroy;
};

BanyanChange *
banyan_change_new (const BanyanProposal *proposal, guint used, guint shared)
{
  BanyanChange *self = g_new0 (BanyanChange, 1);

  self->proposal = proposal;
  self->touched = g_ptr_array_new ();
  self->used = used;
  self->shared = shared;
  return self;
}

void
banyan_change_clear_data (BanyanChange *self)
{
  gpointer data = g_steal_pointer (&self->data);

  if (data != NULL && self->destroy != NULL)
    self->destroy (data);
}

void
banyan_change_free (BanyanChange *self)
{
  banyan_change_clear_data (self);
  g_ptr_array_unref (self->touched);
  g_free (self);
}

void
banyan_change_touch (BanyanChange *self, const char *property)
{
  g_ptr_array_add (self->touched, (gpointer) property);
}

/**
 * banyan_change_get_proposal: (skip)
 * @self: a change
 *
 * Returns: (transfer none): the element's values as they will be
 */
const BanyanProposal *
banyan_change_get_proposal (BanyanChange *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->proposal;
}

/**
 * banyan_change_touches: (skip)
 * @self: a change
 * @property: (not nullable): a property or a role
 *
 * Returns: whether the change sets @property, or makes an edge of that role lead elsewhere
 */
gboolean
banyan_change_touches (BanyanChange *self, const char *property)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return g_ptr_array_find (self->touched, g_intern_string (property), NULL);
}

/**
 * banyan_change_get_used: (skip)
 * @self: a change
 *
 * Returns: the #BanyanPermissions that the element's users take together, after the change
 */
guint
banyan_change_get_used (BanyanChange *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->used;
}

/**
 * banyan_change_get_shared: (skip)
 * @self: a change
 *
 * Returns: the #BanyanPermissions that all of the element's users share, after the change
 */
guint
banyan_change_get_shared (BanyanChange *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->shared;
}

/**
 * banyan_change_set_data: (skip)
 * @self: a change
 * @data: (nullable): what later phases need
 * @destroy: (nullable): called with @data after finish or abort
 *
 * Keeps what one phase prepared for the next. It replaces what was kept before.
 */
void
banyan_change_set_data (BanyanChange *self, gpointer data, GDestroyNotify destroy)
{
  g_return_if_fail (self != NULL);

  banyan_change_clear_data (self);
  self->data = data;
  self->destroy = destroy;
}

/**
 * banyan_change_get_data: (skip)
 * @self: a change
 *
 * Returns: (nullable): what an earlier phase kept
 */
gpointer
banyan_change_get_data (BanyanChange *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->data;
}
