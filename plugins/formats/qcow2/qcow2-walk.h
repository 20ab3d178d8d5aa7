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
  guint64 unusual;     /* bits that entries of most images do not have */
  gboolean is_counted; /* the refcounts of all clusters are what was counted */
  guint64 next_host;   /* where the guest's next cluster would lie, were it not fragmented */
} Qcow2Walk;

void qcow2_walk_init (Qcow2Walk *self, Qcow2Image *image, Qcow2CheckResult *result);
void qcow2_walk_clear (Qcow2Walk *self);

/* Counts what the guest, snapshots and bitmaps lead to, the header included: as storage has it. */
gboolean BANYAN_COROUTINE qcow2_walk_all (Qcow2Walk *self, GError **error);
/* The same of a disk and snapshots that there may be later, but for where the tables of L1 entries,
 * and of snapshots, are to lie. */
gboolean BANYAN_COROUTINE qcow2_walk_trees (Qcow2Walk *self, const guint64 *l1, guint n,
                                            GArray *snapshots, GError **error);
/* Counts what a tree leads to once more, as a second one is to lead there. */
gboolean BANYAN_COROUTINE qcow2_walk_again (Qcow2Walk *self, const guint64 *l1, guint n,
                                            GError **error);
/* Counts the refcount table and its blocks. @is_sound: each lies where it can, no two are
 * one, and the table says nothing else. */
gboolean qcow2_walk_refcounts (Qcow2Walk *self, gboolean *is_sound);

/* Makes the bits of the active tables that say whether a cluster is used once only say so. */
gboolean BANYAN_COROUTINE qcow2_walk_check_copied (Qcow2Walk *self, gboolean fix, GError **error);
