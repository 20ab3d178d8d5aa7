/* encrypted.h - encrypted images for tests, and what is done with their passphrases
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "images.h"

G_BEGIN_DECLS

/* What all documents have: secrets "one", "two" and "three", whose passphrases are "secret-one" and
 * so on, and nodes: those in @NODES, in YAML's flow notation. */
#define ENCRYPTED(NODES) \
  "version: 1\n" \
  "objects:\n" \
  "  one: { type: secret, data: secret-one }\n" \
  "  two: { type: secret, data: secret-two }\n" \
  "  three: { type: secret, data: secret-three }\n" \
  "nodes: {" NODES "}\n"

/* Makes @name in the folder, an image of @driver's, as @json says. */
gboolean encrypted_try_make (Images *images, const char *driver, const char *name, const char *json,
                             GError **error);
void encrypted_must_make (Images *images, const char *driver, const char *name, const char *json);

/* Changes the image of @driver's that is open as the node "disk". */
gboolean encrypted_amend (Images *images, const char *driver, const char *json, gboolean is_forced,
                          GError **error);

G_END_DECLS
