/* qcow2-header.h - the first cluster of an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-format.h"

#include <banyan/banyan-plugin.h>

/* An extension as it stands there, understood or not: whoever writes the header again keeps it. */
typedef struct
{
  guint32 type;
  GBytes *data; /* (owned) */
} Qcow2Extension;

typedef struct
{
  guint32 version;
  guint32 cluster_bits;
  guint64 size; /* bytes that the guest sees */
  guint32 crypt_method;
  guint32 l1_size; /* entries */
  guint64 l1_offset;
  guint64 reftable_offset;
  guint32 reftable_clusters;
  guint32 n_snapshots;
  guint64 snapshots_offset;
  guint64 incompatible;
  guint64 compatible;
  guint64 autoclear;
  guint32 refcount_order;
  guint32 length;
  guint8 compression;
  guint8 more[QCOW2_KNOWN_LENGTH - 105]; /* of the known part, what has no name yet */
  GBytes *unknown;                       /* (owned) (nullable): fields behind the known part */

  char *backing_file; /* (owned) (nullable) */
  guint64 backing_offset;
  GArray *extensions; /* (owned) (element-type Qcow2Extension) */

  char *backing_format; /* (owned) (nullable): from the extensions, as all below */
  char *data_file;      /* (owned) (nullable) */
  guint32 n_bitmaps;
  guint64 bitmaps_offset;
  guint64 bitmaps_bytes;
  guint64 crypto_offset; /* where a volume's header and key slots are */
  guint64 crypto_bytes;
} Qcow2Header;

/* What leads to everything but the refcounts, in the first sector. */
typedef struct
{
  guint64 size;
  guint64 l1_offset;
  guint32 l1_size;
  guint32 n_snapshots;
  guint64 snapshots_offset;
} Qcow2Roots;

Qcow2Roots qcow2_header_get_roots (const Qcow2Header *self);
void qcow2_header_set_roots (Qcow2Header *self, const Qcow2Roots *roots);

void qcow2_header_init (Qcow2Header *self);
void qcow2_header_clear (Qcow2Header *self);

/* Whether the bytes, of at least 8, begin as an image does. */
gboolean qcow2_header_is_magic (const guint8 *bytes, gsize length);

/* Reads and checks all of it; @name is for messages. Nothing is said about features that are
 * refused later on. */
gboolean BANYAN_COROUTINE qcow2_header_read (Qcow2Header *self, BanyanChild *file, const char *name,
                                             GError **error);
/* What stands in the way of using the image. */
gboolean qcow2_header_check_features (const Qcow2Header *self, const char *name, GError **error);

/* The fields without the extensions: one sector, written at once. */
gboolean BANYAN_COROUTINE qcow2_header_write_fields (const Qcow2Header *self, BanyanChild *file,
                                                     GError **error);
/* Everything, the backing file's name included. */
gboolean BANYAN_COROUTINE qcow2_header_write_all (Qcow2Header *self, BanyanChild *file,
                                                  const char *name, GError **error);

/* The same for a header that is there: whenever power fails, it is the old one or the new one. */
gboolean BANYAN_COROUTINE qcow2_header_replace (Qcow2Header *self, BanyanChild *file,
                                                const char *name, GError **error);

/* NULL takes it out. */
void qcow2_header_set_extension (Qcow2Header *self, guint32 type, gconstpointer data, gsize length);
/* The table of names that QEMU puts into images, so that older programs can say what they lack. */
void qcow2_header_add_feature_names (Qcow2Header *self);
