/* vhdx-parent.c - what a differencing image says of the one that it lies on
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keys with values, in UTF-16, at any place behind a table of them ("VHDX Format Specification",
 * section 2.6.2.6). */

#include "vhdx-parent.h"

#include <banyan/banyan-bytes.h>

#define LOCATOR_COUNT 18
#define LOCATOR_FIRST 20
#define ENTRY_SIZE 12
#define ENTRY_VALUE 4
#define ENTRY_KEY_LENGTH 8
#define ENTRY_VALUE_LENGTH 10

static char *
dup_text (const guint8 *locator, gsize length, guint32 offset, guint16 size)
{
  g_autofree gunichar2 *text = NULL;

  if (offset > length || size > length - offset || size % 2 != 0)
    return NULL;

  text = g_new (gunichar2, size / 2 + 1);
  for (gsize i = 0; i < size / 2; i++)
    text[i] = banyan_get_le16 (locator + offset + 2 * i);
  return g_utf16_to_utf8 (text, size / 2, NULL, NULL, NULL);
}

static char *
dup_value (const guint8 *locator, gsize length, const char *wanted)
{
  for (guint i = 0; i < banyan_get_le16 (locator + LOCATOR_COUNT); i++)
    {
      const guint8 *entry = locator + LOCATOR_FIRST + i * ENTRY_SIZE;
      g_autofree char *key = NULL;

      if ((gsize) (entry - locator) + ENTRY_SIZE > length)
        return NULL;
      key = dup_text (locator, length, banyan_get_le32 (entry),
                      banyan_get_le16 (entry + ENTRY_KEY_LENGTH));
      if (g_strcmp0 (key, wanted) == 0)
        return dup_text (locator, length, banyan_get_le32 (entry + ENTRY_VALUE),
                         banyan_get_le16 (entry + ENTRY_VALUE_LENGTH));
    }
  return NULL;
}

char *
vhdx_parent_dup_name (const guint8 *locator, gsize length)
{
  static const char *const keys[] = { "relative_path", "absolute_win32_path", "volume_path" };

  if (length < LOCATOR_FIRST)
    return NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      char *name = dup_value (locator, length, keys[i]);

      if (name != NULL && *name != '\0')
        return name;
      g_free (name);
    }
  return NULL;
}
