/* quorum-vote.c - all children at once, and which of their answers counts
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quorum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one child's version may need of memory. Longer reads are voted on piece by piece. */
#define PIECE_MAX 262144

/* -- Rounds. -- */

static gboolean BANYAN_COROUTINE
run_branch (gpointer data, GError **error)
{
  QuorumBranch *self = data;

  switch (self->operation)
    {
    case QUORUM_READ:
      self->answer = banyan_child_pread (self->child, self->request->offset, self->memory,
                                         self->request->length, &self->error)
                         ? BANYAN_DONE
                         : BANYAN_FAILED;
      break;
    case QUORUM_WRITE:
      self->answer = banyan_child_write (self->child, self->request, &self->error) ? BANYAN_DONE
                                                                                   : BANYAN_FAILED;
      break;
    case QUORUM_WRITE_ZEROES:
      self->answer = banyan_child_write_zeroes (self->child, self->request, &self->error);
      break;
    case QUORUM_FLUSH:
      self->answer = banyan_child_flush (self->child, &self->error) ? BANYAN_DONE : BANYAN_FAILED;
      break;
    }
  return TRUE;
}

void
quorum_round_run (QuorumRound *round, BanyanQuorum *self, QuorumOperation operation,
                  const BanyanRequest *request, guint8 *memory)
{
  BanyanGather gather = BANYAN_GATHER_INIT;

  round->operation = operation;
  round->request = request;
  round->n_branches = self->children != NULL ? self->children->len : 0;
  for (guint i = 0; i < round->n_branches; i++)
    {
      QuorumBranch *branch = &round->branches[i];

      *branch = (QuorumBranch){ .child = self->children->pdata[i],
                                .request = request,
                                .operation = operation,
                                .memory = memory != NULL ? memory + i * request->length : NULL };
      banyan_gather_start (&gather, run_branch, branch);
    }

  banyan_co_gather (&gather, NULL);
}

static guint
count_like (const QuorumRound *round, const GError *error)
{
  guint n = 0;

  for (guint i = 0; i < round->n_branches; i++)
    if (round->branches[i].error != NULL
        && g_error_matches (round->branches[i].error, error->domain, error->code))
      n++;
  return n;
}

/* The error that most have; of several, the first child's. */
static GError *
elect_error (const QuorumRound *round)
{
  GError *elected = NULL;
  guint most = 0;

  for (guint i = 0; i < round->n_branches; i++)
    {
      GError *error = round->branches[i].error;
      guint n = error != NULL ? count_like (round, error) : 0;

      if (n > most)
        {
          most = n;
          elected = error;
        }
    }
  return elected;
}

gboolean
quorum_round_end (QuorumRound *round, BanyanQuorum *self, GError **error)
{
  const BanyanRequest *request = round->request;
  QuorumOperation operation = round->operation;
  guint threshold = BANYAN_LIVE (self->vote_threshold);
  guint n_failed = 0;

  for (guint i = 0; i < round->n_branches; i++)
    if (round->branches[i].answer == BANYAN_FAILED)
      {
        n_failed++;
        quorum_reports_add (self->reports, round->branches[i].child, operation, request->offset,
                            request->length, round->branches[i].error);
      }

  if (round->n_branches - n_failed < threshold)
    {
      GError *elected = elect_error (round);

      quorum_reports_add (self->reports, NULL, operation, request->offset, request->length, NULL);
      if (error != NULL && elected != NULL)
        *error = g_error_copy (elected);
      g_prefix_error (error, "%s: %u of %u children have failed: ",
                      banyan_object_get_id (BANYAN_OBJECT (self)), n_failed, round->n_branches);
    }
  for (guint i = 0; i < round->n_branches; i++)
    g_clear_error (&round->branches[i].error);

  return round->n_branches - n_failed >= threshold;
}

/* -- Versions. -- */

/* Which child's version each one's is equal to: the first that has it; -1 for those that failed. */
typedef struct
{
  int version[QUORUM_MAX_CHILDREN];
  guint votes[QUORUM_MAX_CHILDREN];
  guint n_versions;
  int winner;
} Vote;

static void
take_vote (Vote *vote, const QuorumRound *round, gsize length)
{
  *vote = (Vote){ .winner = -1 };
  for (guint i = 0; i < round->n_branches; i++)
    {
      guint j = 0;

      vote->version[i] = -1;
      if (round->branches[i].answer != BANYAN_DONE)
        continue;

      while (j < i
             && (vote->version[j] != (int) j
                 || memcmp (round->branches[j].memory, round->branches[i].memory, length) != 0))
        j++;
      vote->version[i] = (int) j;
      vote->n_versions += j == i ? 1 : 0;
      vote->votes[j]++;
      if (vote->winner < 0 || vote->votes[j] > vote->votes[vote->winner])
        vote->winner = (int) j;
    }
}

static guint64
find_difference (const guint8 *a, const guint8 *b, gsize length)
{
  gsize at = 0;

  while (at < length && a[at] == b[at])
    at++;
  return at;
}

static gboolean
throw_mismatch (BanyanQuorum *self, const QuorumRound *round, const BanyanRequest *request,
                GError **error)
{
  guint64 at
      = find_difference (round->branches[0].memory, round->branches[1].memory, request->length);

  return banyan_throw_errno (error, EIO, "%s: contents mismatch at offset %" G_GUINT64_FORMAT,
                             banyan_object_get_id (BANYAN_OBJECT (self)), request->offset + at);
}

static gboolean
throw_no_winner (BanyanQuorum *self, const Vote *vote, const BanyanRequest *request, GError **error)
{
  quorum_reports_add (self->reports, NULL, QUORUM_READ, request->offset, request->length, NULL);
  return banyan_throw_errno (error, EIO,
                             "%s: %u children agree about %" G_GUINT64_FORMAT
                             " bytes at %" G_GUINT64_FORMAT ", and vote-threshold is %u",
                             banyan_object_get_id (BANYAN_OBJECT (self)), vote->votes[vote->winner],
                             request->length, request->offset, BANYAN_LIVE (self->vote_threshold));
}

static gboolean
is_bad (const Vote *vote, guint index)
{
  return vote->version[index] >= 0 && vote->version[index] != vote->winner;
}

/* A child that cannot be written to is as bad as before, and was reported. */
static void BANYAN_COROUTINE
rewrite (BanyanQuorum *self, const QuorumRound *round, const Vote *vote,
         const BanyanRequest *request)
{
  const guint8 *right = round->branches[vote->winner].memory;

  for (guint i = 0; i < round->n_branches; i++)
    if (is_bad (vote, i)
        && banyan_child_pwrite (round->branches[i].child, request->offset, right, request->length,
                                0, NULL))
      quorum_reports_add_rewritten (self->reports);
}

/* A version that was outvoted is overwritten under a lock of one's own, and with what is there by
 * then: @may_rewrite. FALSE with @retry where that lock is needed. */
static gboolean BANYAN_COROUTINE
read_piece (BanyanQuorum *self, const BanyanRequest *request, guint8 *memory, gboolean may_rewrite,
            gboolean *retry, const guint8 **right, GError **error)
{
  QuorumRound round;
  Vote vote;

  *retry = FALSE;
  quorum_round_run (&round, self, QUORUM_READ, request, memory);
  take_vote (&vote, &round, request->length);
  if (vote.n_versions > 1 && self->rewrite_corrupted && !may_rewrite)
    {
      *retry = TRUE;
      for (guint i = 0; i < round.n_branches; i++)
        g_clear_error (&round.branches[i].error);
      return FALSE;
    }
  if (!quorum_round_end (&round, self, error))
    return FALSE;

  *right = round.branches[vote.winner].memory;
  if (vote.n_versions == 1 && vote.votes[vote.winner] >= BANYAN_LIVE (self->vote_threshold))
    return TRUE;
  if (BANYAN_LIVE (self->blkverify))
    return throw_mismatch (self, &round, request, error);
  if (vote.votes[vote.winner] < BANYAN_LIVE (self->vote_threshold))
    return throw_no_winner (self, &vote, request, error);

  for (guint i = 0; i < round.n_branches; i++)
    if (is_bad (&vote, i))
      quorum_reports_add (self->reports, round.branches[i].child, QUORUM_READ, request->offset,
                          request->length, NULL);
  if (may_rewrite)
    rewrite (self, &round, &vote, request);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
read_locked (BanyanQuorum *self, const BanyanRequest *request, guint8 *memory, gboolean exclusive,
             gboolean *retry, const guint8 **right, GError **error)
{
  BANYAN_HOLD_RANGE (&self->ranges, request->offset, request->length, exclusive);

  return read_piece (self, request, memory, exclusive, retry, right, error);
}

/* The caller's memory gets the version that won, and no other. */
static gboolean BANYAN_COROUTINE
vote_on_piece (BanyanQuorum *self, const BanyanRequest *request, guint64 start, guint64 length,
               GError **error)
{
  BanyanRequest piece = BANYAN_REQUEST (request->offset + start, length, NULL, 0);
  const guint8 *right = NULL;
  g_autoptr (BanyanBuffer) buffer = NULL;
  gboolean retry;
  gboolean done;

  if (self->children != NULL)
    buffer = banyan_buffer_new (self->children->len * length);
  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to compare what is read",
                               banyan_object_get_id (BANYAN_OBJECT (self)));

  done = read_locked (self, &piece, buffer->data, FALSE, &retry, &right, error);
  if (!done && retry)
    done = read_locked (self, &piece, buffer->data, TRUE, &retry, &right, error);
  if (done)
    banyan_request_copy_in (request, start, right, length);
  return done;
}

gboolean
quorum_read_by_vote (BanyanQuorum *self, const BanyanRequest *request, GError **error)
{
  guint64 length;

  for (guint64 done = 0; done < request->length; done += length)
    {
      length = MIN (request->length - done, PIECE_MAX);
      if (!vote_on_piece (self, request, done, length, error))
        return FALSE;
    }

  return TRUE;
}
