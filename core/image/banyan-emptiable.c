/* banyan-emptiable.c - drivers whose images can give up all that they have of their own
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-emptiable.h>

G_DEFINE_INTERFACE (BanyanEmptiable, banyan_emptiable, BANYAN_TYPE_NODE)

static void
banyan_emptiable_default_init (BanyanEmptiableInterface *iface)
{
}

/**
 * banyan_emptiable_make_empty: (skip)
 * @self: an image
 * @error: where to put the error, or %NULL
 *
 * Gives up what was written to the image: its backing shows through everywhere, or zeroes where
 * there is none. Unlike a discard, which makes zeroes of what it throws away.
 *
 * Returns: whether all of it was given up; on failure, some of it may be
 */
gboolean
banyan_emptiable_make_empty (BanyanEmptiable *self, GError **error)
{
  return BANYAN_EMPTIABLE_GET_IFACE (self)->make_empty (self, error);
}
