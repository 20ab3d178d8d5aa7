/* quorum.h - what the parts of the driver share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "quorum-reports.h"

G_BEGIN_DECLS

#define QUORUM_MAX_CHILDREN 32

typedef enum
{
  QUORUM_READ_QUORUM,
  QUORUM_READ_FIFO,
} QuorumReadPattern;

G_DECLARE_FINAL_TYPE (BanyanQuorum, banyan_quorum, BANYAN, QUORUM, BanyanFormat)

struct _BanyanQuorum
{
  BanyanFormat parent_instance;

  GPtrArray *children;  /* (owned) (nullable) (element-type BanyanChild): bound while open */
  guint vote_threshold; /* live */
  QuorumReadPattern read_pattern; /* live */
  gboolean blkverify;             /* live */
  gboolean rewrite_corrupted;     /* changed with the gates closed */

  /* Writes hold their range exclusively: each child gets those of one place in the same order, and
   * a read that compares never sees one that only some children have. */
  BanyanRangeLock ranges;
  QuorumReports *reports; /* (owned): as long as the object */
};

/* One child's part of a request. */
typedef struct
{
  BanyanChild *child; /* (unowned) */
  const BanyanRequest *request;
  QuorumOperation operation;
  guint8 *memory; /* (unowned) (nullable): where a read goes */
  BanyanAnswer answer;
  GError *error; /* (owned) (nullable) */
} QuorumBranch;

typedef struct
{
  const BanyanRequest *request;
  QuorumOperation operation;
  guint n_branches;
  QuorumBranch branches[QUORUM_MAX_CHILDREN];
} QuorumRound;

/* Lets all children do @operation at once, and waits for them. @memory: of each child's read, as
 * many bytes as the request has. */
void BANYAN_COROUTINE quorum_round_run (QuorumRound *round, BanyanQuorum *self,
                                        QuorumOperation operation, const BanyanRequest *request,
                                        guint8 *memory);
/* Reports the children that failed. FALSE, with the error that most of them had, when fewer than
 * the threshold have succeeded. */
gboolean quorum_round_end (QuorumRound *round, BanyanQuorum *self, GError **error);

/* Reads by vote. */
gboolean BANYAN_COROUTINE quorum_read_by_vote (BanyanQuorum *self, const BanyanRequest *request,
                                               GError **error);

G_END_DECLS
