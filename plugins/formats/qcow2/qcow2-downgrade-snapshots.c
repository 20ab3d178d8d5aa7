/* qcow2-downgrade-snapshots.c - snapshots of an image that is to be one of version 2
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An entry for zeroes gets a cluster full of them, or leads nowhere, where nothing lies below. It
 * reads the same at every instant, so it is changed where it is, in a table that several snapshots
 * may have: once its new cluster is on storage with as many users as the table has, and before the
 * place that it had besides, which others may still have data in, loses those. */

#include "qcow2-check.h"
#include "qcow2-counts.h"
#include "qcow2-downgrade.h"
#include "qcow2-encryption.h"
#include "qcow2-refcount.h"
#include "qcow2-snapshot.h"
#include "qcow2-space.h"

#include <errno.h>
#include <string.h>

typedef struct
{
  Qcow2Image *image;
  Qcow2Counts users; /* of tables, which are clusters: snapshots that lead there */
  GHashTable *seen;  /* (owned): tables that are done */
  guint64 *l1;       /* (owned): of a snapshot */
  guint64 *words;    /* (owned): the entries of a table */
  guint64 n_users;   /* of that */
  GArray *old;       /* (owned) (element-type Qcow2Freed): places that its entries had */
} Expansion;

/* -- Entries. -- */

/* The key makes zeroes of what is there: it has to be written. */
static gboolean BANYAN_COROUTINE
encrypt_zeroes (Expansion *self, guint64 offset, guint64 host, GError **error)
{
  Qcow2Image *image = self->image;
  g_autoptr (BanyanBuffer) buffer = banyan_buffer_new (image->cluster_size);
  struct iovec iov = { buffer != NULL ? buffer->data : NULL, image->cluster_size };
  BanyanRequest zeroes = BANYAN_REQUEST (host, image->cluster_size, &iov, 1);

  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory for zeroes", image->name);

  memset (buffer->data, 0, image->cluster_size);
  return qcow2_encryption_write (image, &zeroes, offset, error);
}

/* @offset: the guest's; @host: where they are put. */
static gboolean BANYAN_COROUTINE
place_zeroes (Expansion *self, guint64 offset, guint64 *host, GError **error)
{
  Qcow2Image *image = self->image;
  guint64 count;
  gboolean is_fresh;
  BanyanRequest zeroes;

  if (!qcow2_space_allocate (image, 1, 1, host, &count, &is_fresh, error)
      || !qcow2_refcount_set (image, *host >> image->cluster_bits, self->n_users, error))
    return FALSE;

  if (image->encryption != NULL)
    return encrypt_zeroes (self, offset, *host, error);
  zeroes = BANYAN_REQUEST (*host, image->cluster_size, NULL, 0);
  return is_fresh || banyan_child_write_zeroes (image->file, &zeroes, error) == BANYAN_DONE;
}

/* @offset: the guest's, of what the entry stands for. */
static gboolean BANYAN_COROUTINE
expand_entry (Expansion *self, guint64 offset, guint64 *word, GError **error)
{
  Qcow2Image *image = self->image;
  guint64 entry = GUINT64_FROM_BE (*word);
  Qcow2Freed old = { entry & QCOW2_OFFSET_MASK, image->cluster_size, QCOW2_DISCARD_OTHER };
  guint64 below = image->backing != NULL ? banyan_child_get_length (image->backing) : 0;
  guint64 host = 0;

  if (offset < MIN (below, image->header.size) && !place_zeroes (self, offset, &host, error))
    return FALSE;

  *word = GUINT64_TO_BE (host);
  if (old.offset != 0)
    g_array_append_val (self->old, old);
  return TRUE;
}

static gboolean
is_zero_entry (guint64 word)
{
  guint64 entry = GUINT64_FROM_BE (word);

  return (entry & QCOW2_ZERO) && !(entry & QCOW2_COMPRESSED);
}

/* -- Tables. -- */

static gboolean BANYAN_COROUTINE
drop_old (Expansion *self, GError **error)
{
  for (guint i = 0; i < self->old->len; i++)
    {
      const Qcow2Freed *old = &g_array_index (self->old, Qcow2Freed, i);

      for (guint64 user = 0; user < self->n_users; user++)
        if (!qcow2_space_drop (self->image, old->offset, old->length, old->why, error))
          return FALSE;
    }
  g_array_set_size (self->old, 0);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
write_table (Expansion *self, guint64 table, GError **error)
{
  Qcow2Image *image = self->image;

  return qcow2_refcount_write (image, error) && banyan_child_flush (image->file, error)
         && qcow2_image_write_table (image, QCOW2_META_INACTIVE_L2, table, self->words,
                                     image->cluster_size, error)
         && banyan_child_flush (image->file, error) && drop_old (self, error);
}

/* @offset: the guest's, where the table begins. */
static gboolean BANYAN_COROUTINE
expand_table (Expansion *self, guint64 table, guint64 offset, GError **error)
{
  Qcow2Image *image = self->image;
  gboolean has_changed = FALSE;

  self->n_users = qcow2_counts_get (&self->users, table >> image->cluster_bits);
  if (!banyan_child_pread (image->file, table, self->words, image->cluster_size, error))
    return FALSE;

  for (gsize i = 0; i < image->cluster_size / sizeof *self->words; i++)
    if (is_zero_entry (self->words[i]))
      {
        if (!expand_entry (self, offset + ((guint64) i << image->cluster_bits), &self->words[i],
                           error))
          return FALSE;
        has_changed = TRUE;
      }
  return !has_changed || write_table (self, table, error);
}

static gboolean BANYAN_COROUTINE
expand_snapshot (Expansion *self, const Qcow2Snapshot *snapshot, GError **error)
{
  Qcow2Image *image = self->image;

  if (!qcow2_snapshots_read_l1 (image, snapshot, self->l1, error))
    return FALSE;
  for (guint i = 0; i < snapshot->l1_size; i++)
    {
      guint64 table = self->l1[i] & QCOW2_OFFSET_MASK;

      if (table == 0 || !g_hash_table_add (self->seen, GSIZE_TO_POINTER (table)))
        continue;
      if (!expand_table (self, table, (guint64) i << (image->cluster_bits + image->l2_bits), error))
        return FALSE;
    }
  return TRUE;
}

/* -- All of them. -- */

/* The disk's own tables have no entries for zeroes any more, so it is none of the users of those
 * that do. */
static gboolean BANYAN_COROUTINE
count_users (Expansion *self, GError **error)
{
  Qcow2Image *image = self->image;

  for (guint i = 0; i < image->snapshots->len; i++)
    {
      const Qcow2Snapshot *snapshot = &g_array_index (image->snapshots, Qcow2Snapshot, i);

      if (!qcow2_snapshots_read_l1 (image, snapshot, self->l1, error))
        return FALSE;
      for (guint j = 0; j < snapshot->l1_size; j++)
        qcow2_counts_add (&self->users, (self->l1[j] & QCOW2_OFFSET_MASK) >> image->cluster_bits);
    }
  return TRUE;
}

/* Tables lie where they can, and nothing is counted too low. */
static gboolean BANYAN_COROUTINE
check_image (Qcow2Image *image, GError **error)
{
  Qcow2CheckResult result = { 0 };

  if (!qcow2_check (image, QCOW2_FIX_NOTHING, &result, error))
    return FALSE;
  return result.corruptions == 0
         || banyan_throw_errno (error, EIO,
                                "%s: the image has %" G_GUINT64_FORMAT
                                " errors that have to be repaired before",
                                image->name, result.corruptions);
}

static gboolean BANYAN_COROUTINE
expand_all (Expansion *self, const Qcow2Progress *progress, GError **error)
{
  GArray *snapshots = self->image->snapshots;

  for (guint i = 0; i < snapshots->len; i++)
    {
      qcow2_progress_tell (progress, (double) i / snapshots->len);
      if (!expand_snapshot (self, &g_array_index (snapshots, Qcow2Snapshot, i), error))
        return FALSE;
    }
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_downgrade_snapshots (Qcow2Image *image, const Qcow2Progress *progress, GError **error)
{
  Expansion self = { .image = image };
  gboolean done;

  qcow2_counts_init (&self.users);
  self.seen = g_hash_table_new (NULL, NULL);
  self.l1 = g_new0 (guint64, QCOW2_MAX_L1_BYTES / 8);
  self.words = g_malloc (image->cluster_size);
  self.old = g_array_new (FALSE, FALSE, sizeof (Qcow2Freed));
  done = check_image (image, error) && count_users (&self, error)
         && expand_all (&self, progress, error);
  g_array_unref (self.old);
  g_free (self.words);
  g_free (self.l1);
  g_hash_table_unref (self.seen);
  qcow2_counts_clear (&self.users);
  return done;
}
