/* fuzz-file-name.c - names with protocols before them, as images have them in their headers
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-file-name.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* The first byte is the flags. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_IMAGE };
  g_autofree char *name = NULL;
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (GError) error = NULL;

  if (size == 0 || !g_utf8_validate_len ((const char *) data + 1, size - 1, NULL))
    return 0;

  name = g_strndup ((const char *) data + 1, size - 1);
  spec = banyan_spec_from_file_name (name, &origin, data[0] & BANYAN_FILE_NAME_OF_IMAGE, &error);
  g_assert_true ((spec == NULL) == (error != NULL));
  if (spec != NULL)
    g_assert_nonnull (banyan_spec_lookup_text (spec, "driver"));
  banyan_file_name_has_prefix (name);
  return 0;
}
