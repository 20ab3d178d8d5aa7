/* qcow2.c - empty qcow2 images, made without anybody's help
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Four clusters: the header, the refcount table, its only block, the L1 table. */

#include "conformance.h"

#include <string.h>

enum
{
  HEADER,
  REFCOUNT_TABLE,
  REFCOUNT_BLOCK,
  L1_TABLE,
  N_CLUSTERS
};

static void
put (guint8 *bytes, gsize offset, guint width, guint64 value)
{
  for (guint i = 0; i < width; i++)
    bytes[offset + i] = (value >> (8 * (width - 1 - i))) & 0xff;
}

static void
put_header (guint8 *bytes, guint version, guint cluster_bits, guint64 size, guint64 incompatible)
{
  guint64 table_covers = (guint64) 1 << (cluster_bits * 2 - ((incompatible & 1 << 4) != 0 ? 4 : 3));

  put (bytes, 0, 4, 0x514649fb);
  put (bytes, 4, 4, version);
  put (bytes, 20, 4, cluster_bits);
  put (bytes, 24, 8, size);
  put (bytes, 36, 4, (size + table_covers - 1) / table_covers);
  put (bytes, 40, 8, (guint64) L1_TABLE << cluster_bits);
  put (bytes, 48, 8, (guint64) REFCOUNT_TABLE << cluster_bits);
  put (bytes, 56, 4, 1);
  if (version == 2)
    return;

  put (bytes, 72, 8, incompatible);
  put (bytes, 96, 4, 4);
  put (bytes, 100, 4, 104);
}

static void
make (const char *path, guint version, guint cluster_bits, guint64 size, guint64 incompatible,
      guint64 compatible)
{
  gsize length = (gsize) N_CLUSTERS << cluster_bits;
  g_autofree guint8 *bytes = g_malloc0 (length);
  g_autoptr (GError) error = NULL;

  put_header (bytes, version, cluster_bits, size, incompatible);
  if (version > 2)
    put (bytes, 80, 8, compatible);
  put (bytes, (gsize) REFCOUNT_TABLE << cluster_bits, 8, (guint64) REFCOUNT_BLOCK << cluster_bits);
  for (guint i = 0; i < N_CLUSTERS; i++)
    put (bytes, ((gsize) REFCOUNT_BLOCK << cluster_bits) + 2 * i, 2, 1);
  g_file_set_contents (path, (const char *) bytes, length, &error);
  g_assert_no_error (error);
}

void
make_qcow2_v2 (const char *path, guint64 size)
{
  make (path, 2, 16, size, 0, 0);
}

void
make_qcow2_small (const char *path, guint64 size)
{
  make (path, 3, 9, size, 0, 0);
}

void
make_qcow2_extended (const char *path, guint64 size)
{
  make (path, 3, 14, size, 1 << 4, 0);
}

void
make_qcow2_lazy (const char *path, guint64 size)
{
  make (path, 3, 12, size, 0, 1);
}
