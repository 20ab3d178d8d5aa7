/* banyan-bytes.h - numbers as they stand in an image or on a wire: at any address, in either order
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * banyan_get_ORDERBITS () reads a number, and banyan_put_ORDERBITS () writes one and returns where
 * to go on writing. "le" begins with the lowest byte, "be" with the highest. Whether the bytes are
 * there is for the caller to know. Inline, and a load or a store with at most a swap: bindings need
 * none of them. */

#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

static inline guint16
banyan_get_le16 (const void *from)
{
  guint16 value;

  memcpy (&value, from, sizeof value);
  return GUINT16_FROM_LE (value);
}

static inline guint32
banyan_get_le32 (const void *from)
{
  guint32 value;

  memcpy (&value, from, sizeof value);
  return GUINT32_FROM_LE (value);
}

static inline guint64
banyan_get_le64 (const void *from)
{
  guint64 value;

  memcpy (&value, from, sizeof value);
  return GUINT64_FROM_LE (value);
}

static inline guint16
banyan_get_be16 (const void *from)
{
  guint16 value;

  memcpy (&value, from, sizeof value);
  return GUINT16_FROM_BE (value);
}

static inline guint32
banyan_get_be32 (const void *from)
{
  guint32 value;

  memcpy (&value, from, sizeof value);
  return GUINT32_FROM_BE (value);
}

static inline guint64
banyan_get_be64 (const void *from)
{
  guint64 value;

  memcpy (&value, from, sizeof value);
  return GUINT64_FROM_BE (value);
}

static inline guint8 *
banyan_put_le16 (void *to, guint16 value)
{
  value = GUINT16_TO_LE (value);
  memcpy (to, &value, sizeof value);
  return (guint8 *) to + sizeof value;
}

static inline guint8 *
banyan_put_le32 (void *to, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (to, &value, sizeof value);
  return (guint8 *) to + sizeof value;
}

static inline guint8 *
banyan_put_le64 (void *to, guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (to, &value, sizeof value);
  return (guint8 *) to + sizeof value;
}

static inline guint8 *
banyan_put_be16 (void *to, guint16 value)
{
  value = GUINT16_TO_BE (value);
  memcpy (to, &value, sizeof value);
  return (guint8 *) to + sizeof value;
}

static inline guint8 *
banyan_put_be32 (void *to, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (to, &value, sizeof value);
  return (guint8 *) to + sizeof value;
}

static inline guint8 *
banyan_put_be64 (void *to, guint64 value)
{
  value = GUINT64_TO_BE (value);
  memcpy (to, &value, sizeof value);
  return (guint8 *) to + sizeof value;
}

G_END_DECLS
