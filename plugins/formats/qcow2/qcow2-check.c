/* qcow2-check.c - whether all clusters are counted as they are used
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-check.h"

#include <errno.h>

gboolean BANYAN_COROUTINE
qcow2_check_repair_refcounts (Qcow2Image *image, GError **error)
{
  return banyan_throw_errno (error, ENOTSUP,
                             "%s: the image was not closed, and its refcounts may be wrong; "
                             "qemu-img check -r all makes them right",
                             image->name);
}
