/* qcow2-walk.h - goes through everything that an image leads to
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-check.h"
#include "qcow2-counts.h"

/* What leads somewhere: for messages. */
typedef enum
{
  QCOW2_FROM_HEADER,
  QCOW2_FROM_L1,
  QCOW2_FROM_L2,
  QCOW2_FROM_BITMAPS,
  QCOW2_FROM_REFCOUNTS,
} Qcow2From;

typedef struct
{
  Qcow2From kind;
  guint64 index;        /* of an entry; FROM_L2: which of the guest's bytes that is */
  const char *snapshot; /* (unowned) (nullable): the disk's own */
} Qcow2Origin;

typedef struct
{
  Qcow2Image *image;
  Qcow2Origin origin;
  Qcow2Counts counts;
  Qcow2CheckResult *result;
  guint64 end;         /* clusters in the file */
  gboolean is_shared;  /* somebody else is to use all that the disk uses */
  gboolean is_counted; /* the refcounts of all clusters are what was counted */
  guint64 next_host;   /* where the guest's next cluster would lie, were it not fragmented */
} Qcow2Walk;

void qcow2_walk_init (Qcow2Walk *self, Qcow2Image *image, Qcow2CheckResult *result);
void qcow2_walk_clear (Qcow2Walk *self);

/* Counts what the guest, snapshots and bitmaps lead to, the header included: as storage has it. */
gboolean BANYAN_COROUTINE qcow2_walk_all (Qcow2Walk *self, GError **error);
/* Counts the refcount table and its blocks. @is_sound: each lies where it can, and no two are
 * one. */
gboolean qcow2_walk_refcounts (Qcow2Walk *self, gboolean *is_sound);

/* Makes the bits of the active tables that say whether a cluster is used once only say so. */
gboolean BANYAN_COROUTINE qcow2_walk_check_copied (Qcow2Walk *self, gboolean fix, GError **error);
/* Makes none of those bits say so, before counts go up: that is never wrong. */
gboolean BANYAN_COROUTINE qcow2_walk_share_all (Qcow2Image *image, GError **error);
