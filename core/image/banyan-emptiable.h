/* banyan-emptiable.h - drivers whose images can give up all that they have of their own
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-node.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_EMPTIABLE (banyan_emptiable_get_type ())
BANYAN_API
G_DECLARE_INTERFACE (BanyanEmptiable, banyan_emptiable, BANYAN, EMPTIABLE, BanyanNode)

struct _BanyanEmptiableInterface
{
  GTypeInterface parent_iface;

  /* In a coroutine, within a request, with nobody else writing. */
  gboolean (*make_empty) (BanyanEmptiable *self, GError **error);

  BANYAN_RESERVED (4);
};

BANYAN_API
gboolean BANYAN_COROUTINE banyan_emptiable_make_empty (BanyanEmptiable *self, GError **error);

G_END_DECLS
