/* qcow2-overlap.c - which clusters hold the image's own tables
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Open addressing: looking for a cluster that holds data, which is the usual question, mostly ends
 * at the first slot. */

#include "qcow2-overlap.h"

/* A key is the number of a cluster, and which kinds are there. */
#define KIND_BITS QCOW2_N_METAS
#define KINDS ((1u << KIND_BITS) - 1)
#define LEFT G_MAXUINT64 /* somebody was here: go on looking */
#define FIRST_SIZE 1024

void
qcow2_overlap_init (Qcow2Overlap *self)
{
  g_mutex_init (&self->mutex);
  self->size = FIRST_SIZE;
  self->used = 0;
  self->keys = g_new0 (guint64, self->size);
}

void
qcow2_overlap_clear (Qcow2Overlap *self)
{
  g_clear_pointer (&self->keys, g_free);
  g_mutex_clear (&self->mutex);
}

static guint
slot_of (const Qcow2Overlap *self, guint64 cluster)
{
  return (cluster * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> 32) & (self->size - 1);
}

/* Where the cluster is, or the empty slot that ends the search. */
static guint
find_slot (const Qcow2Overlap *self, guint64 cluster)
{
  guint slot = slot_of (self, cluster);

  while (self->keys[slot] != 0
         && (self->keys[slot] == LEFT || self->keys[slot] >> KIND_BITS != cluster))
    slot = (slot + 1) & (self->size - 1);
  return slot;
}

static void
insert (Qcow2Overlap *self, guint64 key)
{
  guint slot = find_slot (self, key >> KIND_BITS);

  self->used += self->keys[slot] == 0;
  self->keys[slot] |= key;
}

static void
make_room (Qcow2Overlap *self)
{
  guint64 *old = self->keys;
  guint old_size = self->size;

  self->size *= 2;
  self->used = 0;
  self->keys = g_new0 (guint64, self->size);
  for (guint i = 0; i < old_size; i++)
    if (old[i] != 0 && old[i] != LEFT)
      insert (self, old[i]);
  g_free (old);
}

void
qcow2_overlap_add (Qcow2Overlap *self, guint64 cluster, guint64 count, Qcow2Meta kind)
{
  g_mutex_lock (&self->mutex);
  for (guint64 i = 0; i < count; i++)
    {
      if (self->used >= self->size / 2)
        make_room (self);
      insert (self, (cluster + i) << KIND_BITS | 1u << kind);
    }
  g_mutex_unlock (&self->mutex);
}

gboolean
qcow2_overlap_claim (Qcow2Overlap *self, guint64 cluster, guint64 count, Qcow2Meta kind,
                     Qcow2Meta *found)
{
  gboolean is_free = TRUE;

  for (guint64 i = 0; i < count && is_free; i++)
    is_free = !qcow2_overlap_find (self, cluster + i, 1, qcow2_meta_others (kind), found);
  qcow2_overlap_add (self, cluster, count, kind);
  return is_free;
}

void
qcow2_overlap_remove (Qcow2Overlap *self, guint64 cluster, guint64 count)
{
  g_mutex_lock (&self->mutex);
  for (guint64 i = 0; i < count; i++)
    {
      guint slot = find_slot (self, cluster + i);

      if (self->keys[slot] != 0)
        self->keys[slot] = LEFT;
    }
  g_mutex_unlock (&self->mutex);
}

void
qcow2_overlap_remove_kinds (Qcow2Overlap *self, guint kinds)
{
  g_mutex_lock (&self->mutex);
  for (guint slot = 0; slot < self->size; slot++)
    if (self->keys[slot] != 0 && self->keys[slot] != LEFT)
      {
        self->keys[slot] &= ~(guint64) (kinds & KINDS);
        if ((self->keys[slot] & KINDS) == 0)
          self->keys[slot] = LEFT;
      }
  g_mutex_unlock (&self->mutex);
}

/* Under the mutex. */
static gboolean
is_one_of (const Qcow2Overlap *self, guint64 cluster, guint kinds, Qcow2Meta *found)
{
  guint there = self->keys[find_slot (self, cluster)] & KINDS & kinds;

  if (there == 0)
    return FALSE;

  *found = g_bit_nth_lsf (there, -1);
  return TRUE;
}

gboolean
qcow2_overlap_find (Qcow2Overlap *self, guint64 cluster, guint64 count, guint kinds,
                    Qcow2Meta *found)
{
  gboolean is_there = FALSE;

  g_mutex_lock (&self->mutex);
  for (guint64 i = 0; i < count && !is_there; i++)
    is_there = is_one_of (self, cluster + i, kinds, found);
  g_mutex_unlock (&self->mutex);
  return is_there;
}

gboolean
qcow2_overlap_find_any (Qcow2Overlap *self, const guint64 *clusters, guint n, guint kinds,
                        Qcow2Meta *found)
{
  gboolean is_there = FALSE;

  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < n && !is_there; i++)
    is_there = is_one_of (self, clusters[i], kinds, found);
  g_mutex_unlock (&self->mutex);
  return is_there;
}

guint
qcow2_meta_others (Qcow2Meta kind)
{
  guint own = 1u << kind;

  if (kind == QCOW2_META_INACTIVE_L2)
    own |= 1u << QCOW2_META_ACTIVE_L2;
  return ~own;
}

const char *
qcow2_meta_to_string (Qcow2Meta kind)
{
  static const char *const names[QCOW2_N_METAS + 1] = { "the header",
                                                        "the L1 table",
                                                        "an L2 table",
                                                        "a refcount block",
                                                        "the refcount table",
                                                        "the snapshot table",
                                                        "a snapshot's L1 table",
                                                        "a snapshot's L2 table",
                                                        "the bitmap directory",
                                                        "a bitmap" };

  return names[kind];
}
