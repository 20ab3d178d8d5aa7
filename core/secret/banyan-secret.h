/* banyan-secret.h - something that is told to the program and by nobody else
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-object.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_SECRET (banyan_secret_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanSecret, banyan_secret, BANYAN, SECRET, BanyanObject)

/* NULL unless open. Nothing that shows objects calls this. */
BANYAN_API
const guint8 *banyan_secret_peek (BanyanSecret *self, gsize *length);

G_END_DECLS
