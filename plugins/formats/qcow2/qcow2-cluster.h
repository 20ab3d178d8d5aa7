/* qcow2-cluster.h - where the guest's clusters are, and what leads there
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

typedef enum
{
  QCOW2_UNALLOCATED,    /* what the backing has there */
  QCOW2_ZERO_PLAIN,     /* zeroes */
  QCOW2_ZERO_ALLOCATED, /* zeroes, and a place for data */
  QCOW2_PLACED,         /* what the backing has there, and a place for data: subclusters only */
  QCOW2_DATA,
  QCOW2_PACKED, /* compressed */
  QCOW2_BAD,
} Qcow2Kind;

/* An L2 entry as it is. */
typedef struct
{
  guint64 entry;
  guint64 bitmap; /* of subclusters; 0 where there are none */
} Qcow2Entry;

/* What is to be found from an offset on. */
typedef struct
{
  Qcow2Kind kind;
  gboolean is_ours; /* nobody else uses the cluster: it can be written to */
  guint64 host;     /* where the first byte lies; PACKED: where the compressed data begins */
  guint64 length;   /* of how many bytes that is true */
  Qcow2Entry first; /* the entry of the first byte's cluster */
} Qcow2Mapping;

/* Looks @offset up, as far as the same is true, up to @length bytes. */
gboolean BANYAN_COROUTINE qcow2_map (Qcow2Image *image, guint64 offset, guint64 length,
                                     Qcow2Mapping *mapping, GError **error);
/* The same, without waiting. FALSE: it would have to. */
gboolean qcow2_map_at_once (Qcow2Image *image, guint64 offset, guint64 length,
                            Qcow2Mapping *mapping);

Qcow2Kind qcow2_entry_kind (Qcow2Image *image, const Qcow2Entry *entry, guint subcluster);
/* Where an entry leads to in file, and how far: nowhere, a cluster, or compressed data. */
guint64 qcow2_entry_place (Qcow2Image *image, const Qcow2Entry *entry, guint64 *length);
Qcow2Entry qcow2_entry_packed (Qcow2Image *image, guint64 offset, guint64 length);

/* -- Changing. The caller holds the clusters' range exclusively. -- */

/* Computes the new entry of the cluster that begins at @offset. */
typedef Qcow2Entry (*Qcow2Change) (Qcow2Image *image, guint64 offset, const Qcow2Entry *old,
                                   gconstpointer data);

/* Exchanges the entries of @n clusters. What the old ones led to, and the new ones do not, is free
 * once storage has that, and no request is there any more. */
gboolean BANYAN_COROUTINE qcow2_link (Qcow2Image *image, guint64 offset, guint64 n,
                                      Qcow2Change change, gconstpointer data, Qcow2Discard why,
                                      GError **error);

/* How many clusters from @offset on have their entries in the same slice. */
guint64 qcow2_clusters_to_slice_end (Qcow2Image *image, guint64 offset);

/* For the cache. */
guint64 qcow2_cluster_locate (Qcow2Image *image, guint64 key);
gboolean BANYAN_COROUTINE qcow2_cluster_check_slice (Qcow2Image *image, guint64 key,
                                                     const guint64 *words, GError **error);
