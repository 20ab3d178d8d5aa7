/* qcow2-image.h - an open image: what all parts of the driver share
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who may touch what. Requests come from several iothreads at once; those that only read, or write
 * where the image has a place already, take no lock at all: see qcow2-cache.h. The others hold, in
 * this order, never the other way round:
 *
 *   ranges       guest clusters that get another place: exclusively, by cluster
 *   l1_mutex     L2 tables are added and replaced
 *   order_mutex  one write-back at a time
 *   links        L2 and L1 entries change: shared; exclusively by a write-back
 *   refs_mutex   refcounts change, clusters are given out
 *   grow_mutex   the file grows
 *
 * What is on storage is an image in order at every instant, since it gets there in this order:
 *
 *   1. refcounts that went up, and the data of new clusters; a flush
 *   2. entries of L2 and L1 tables that lead there; a flush
 *   3. refcounts that went down, and what else becomes of those clusters
 *
 * So a cut between any two leaves clusters that nobody uses, and never one that two think theirs.
 * Clusters that were given up wait for the flush, and for all requests that may still read them.
 */

#pragma once

#include "qcow2-cache.h"
#include "qcow2-header.h"
#include "qcow2-overlap.h"
#include "qcow2-sweeper.h"

/* Of a table, in bytes: so much is read at once. */
#define QCOW2_DEFAULT_SLICE 4096

/* Of a request, in pieces of memory: more are cut on the way in. */
#define QCOW2_MAX_VECTORS 62

typedef enum
{
  QCOW2_DISCARD_NEVER,
  QCOW2_DISCARD_REQUEST,
  QCOW2_DISCARD_SNAPSHOT,
  QCOW2_DISCARD_OTHER,
  QCOW2_N_DISCARDS
} Qcow2Discard;

/* Host clusters that nothing leads to any more. */
typedef struct
{
  guint64 offset;
  guint64 length;
  Qcow2Discard why;
} Qcow2Freed;

/* Requests that are inside, counted by the thread that they run on: in one of two columns, so that
 * those from before a moment can be waited for while others come. */
typedef struct
{
  gint column; /* atomic: which one newcomers are counted in */
  struct
  {
    gint inside[2]; /* atomic: written by one thread only */
    /* To the next cache line. GObject's instances are aligned to 16 bytes only. */
    guint8 apart[64 - 2 * sizeof (gint)];
  } threads[BANYAN_LOOP_MAX];
} Qcow2Presence;

typedef struct
{
  gint column;
  guint thread;
} Qcow2Visit;

/* What is done to an image. */
typedef enum
{
  QCOW2_READS,
  QCOW2_EDITS,  /* the image's own tables change */
  QCOW2_WRITES, /* what the guest sees changes, too */
} Qcow2Writing;

typedef struct _Qcow2Image Qcow2Image;
typedef struct _Qcow2Codecs Qcow2Codecs;
typedef struct _Qcow2Encryption Qcow2Encryption;

struct _Qcow2Image
{
  const char *name; /* (unowned): in messages */
  BanyanChild *file;
  BanyanChild *backing;   /* (nullable) */
  BanyanChild *data_file; /* (nullable) */

  /* Properties, live. */
  gboolean lazy_refcounts;
  gboolean pass_discard[QCOW2_N_DISCARDS];
  gboolean keep_discarded; /* discard-no-unref */
  guint overlap_check;

  Qcow2Header header; /* changes under header_mutex */
  BanyanCoMutex header_mutex;

  /* From the header, for life. */
  guint cluster_bits;
  guint64 cluster_size;
  guint entry_words; /* of an L2 entry: 1, or 2 with subclusters */
  guint l2_bits;     /* entries in an L2 table, as a power of 2 */
  guint subcluster_bits;
  guint refcount_order;
  gboolean has_data_file;
  gboolean is_watched; /* somebody below the image listens to what is announced */

  guint64 *l1; /* (owned): host order; entries are atomic; room for the largest table */
  guint l1_size;
  Qcow2Cache l2;
  guint l2_slice_bits; /* entries in a slice, as a power of 2 */
  guint l1_dirty_from; /* entries that storage does not have yet; under links */
  guint l1_dirty_to;

  guint64 *reftable; /* (owned): host order; entries are atomic; room for the largest table */
  guint reftable_size;
  Qcow2Cache refs;
  guint refs_slice_bits;
  gint reftable_is_dirty; /* atomic: storage lacks entries, those from */
  guint reftable_dirty_from;
  guint reftable_dirty_to;
  guint64 first_free; /* no cluster before it is free */
  guint64 high_water; /* no cluster from here on was ever used: they read as zeroes */
  guint64 packing;    /* where the next compressed data may go; 0: nowhere */

  Qcow2Overlap overlap;
  char *crossed;       /* (owned) (nullable): two tables that lie in one cluster, in words */
  guint crossed_kinds; /* a mask of what they are */

  BanyanRangeLock ranges;
  BanyanCoMutex l1_mutex;
  BanyanCoMutex order_mutex;
  BanyanCoRwlock links;
  BanyanCoMutex refs_mutex;
  BanyanCoMutex grow_mutex;

  Qcow2Sweeper sweeper;

  guint64 changes; /* atomic: how often an entry that leads somewhere has changed */
  guint64 stable;  /* atomic: up to which of them storage has all */

  GMutex freed_mutex; /* never held across a suspension */
  GArray *freed;      /* (owned) (element-type Qcow2Freed): storage may still lead there */
  GArray *cooling;    /* (owned) (element-type Qcow2Freed): requests may still be there */
  GArray *spare;      /* (owned): memory for the next of those */
  gint cooling_column;
  Qcow2Presence presence;

  guint writing;    /* atomic: Qcow2Writing: what has to be said before, has been */
  gint is_dirty;    /* atomic: the dirty bit is set, and refcounts need not be right */
  gint is_corrupt;  /* atomic: nothing is written any more */
  gboolean is_past; /* a snapshot is shown: nothing is written */

  GArray *snapshots;           /* (owned) (element-type Qcow2Snapshot) */
  GArray *bitmaps;             /* (owned) (element-type Qcow2Bitmap) */
  Qcow2Codecs *codecs;         /* (owned) */
  Qcow2Encryption *encryption; /* (owned) (nullable): data is not encrypted */
};

/* What the caches may take, in bytes; 0: by what the image needs. */
typedef struct
{
  guint64 total;
  guint64 l2;
  guint64 l2_entry;
  guint64 refcounts;
} Qcow2CacheSizes;

/* Both, with how they are divided, to be exchanged. */
typedef struct
{
  Qcow2Cache l2;
  Qcow2Cache refs;
  guint l2_slice_bits;
} Qcow2Caches;

gboolean qcow2_caches_init (Qcow2Caches *self, Qcow2Image *image, const Qcow2CacheSizes *sizes,
                            GError **error);
void qcow2_caches_clear (Qcow2Caches *self);
/* Nobody is inside. */
void qcow2_caches_exchange (Qcow2Caches *self, Qcow2Image *image);

void qcow2_image_init (Qcow2Image *self);
void qcow2_image_clear (Qcow2Image *self);

/* Reads and checks; writes nothing. The children are there. */
gboolean BANYAN_COROUTINE qcow2_image_open (Qcow2Image *self, const Qcow2CacheSizes *sizes,
                                            GError **error);
void BANYAN_COROUTINE qcow2_image_close (Qcow2Image *self);

/* Before the first change: repairs what a crash left, and clears the bits of what will not be kept
 * up to date. */
gboolean BANYAN_COROUTINE qcow2_image_begin_writing (Qcow2Image *self, GError **error);
/* The same before a change that the guest does not see: bitmaps that record stay right. */
gboolean BANYAN_COROUTINE qcow2_image_begin_editing (Qcow2Image *self, GError **error);
/* Everything is written, and the image in order. Nobody else is inside. */
gboolean BANYAN_COROUTINE qcow2_image_finish_writing (Qcow2Image *self, GError **error);

/* TRUE: the disk is shown as it is. */
gboolean qcow2_image_throw_if_past (Qcow2Image *self, GError **error);
/* Throws EIO; remembers it in the image, if that may be written to. */
gboolean BANYAN_COROUTINE qcow2_image_throw_corrupt (Qcow2Image *self, GError **error,
                                                     const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Under header_mutex, which holds the old header again, after a new one could not be written, or
 * not be flushed: storage may have it, though. The old one is put back, or nothing is written any
 * more, since nobody knows what it would do. */
void BANYAN_COROUTINE qcow2_image_put_back_header (Qcow2Image *self);

/* While opening: @n clusters from @offset on hold a table. Whoever writes one of two tables in one
 * cluster destroys the other, so nothing is written then; reading does no harm. */
void qcow2_image_claim (Qcow2Image *self, guint64 offset, guint64 n, Qcow2Meta kind);

/* All tables are written by these two, at a place that nothing else has, as far as overlap-check
 * asks: otherwise nothing is written, and the image is damaged. Not under header_mutex. The header
 * itself lies where it must. */
gboolean BANYAN_COROUTINE qcow2_image_write_table (Qcow2Image *self, Qcow2Meta kind, guint64 offset,
                                                   gconstpointer bytes, gsize length,
                                                   GError **error);
gboolean BANYAN_COROUTINE qcow2_image_zero_table (Qcow2Image *self, Qcow2Meta kind, guint64 offset,
                                                  guint64 length, GError **error);

/* How many L1 entries @size bytes take. */
guint64 qcow2_image_l1_entries (Qcow2Image *self, guint64 size);

/* Makes the child at least so long. */
gboolean BANYAN_COROUTINE qcow2_image_grow_child (Qcow2Image *self, BanyanChild *child,
                                                  guint64 length, GError **error);
gboolean BANYAN_COROUTINE qcow2_image_flush_children (Qcow2Image *self, GError **error);

/* -- Whoever reads what an entry leads to, without a lock, is inside from before it looked. -- */

static inline Qcow2Visit
qcow2_presence_enter (Qcow2Presence *self)
{
  Qcow2Visit visit = { .thread = banyan_loop_get_index (banyan_loop_current ()) };
  gint *inside;

  visit.column = __atomic_load_n (&self->column, __ATOMIC_RELAXED);
  inside = &self->threads[visit.thread].inside[visit.column];
  /* Seen by all before what follows is read. */
  __atomic_exchange_n (inside, __atomic_load_n (inside, __ATOMIC_RELAXED) + 1, __ATOMIC_SEQ_CST);
  return visit;
}

static inline void
qcow2_presence_leave (Qcow2Presence *self, const Qcow2Visit *visit)
{
  gint *inside = &self->threads[visit->thread].inside[visit->column];

  __atomic_store_n (inside, __atomic_load_n (inside, __ATOMIC_RELAXED) - 1, __ATOMIC_RELEASE);
}

/* -- Arithmetic. -- */

static inline guint64
qcow2_round_down (guint64 value, guint64 unit)
{
  return value & ~(unit - 1);
}

static inline guint64
qcow2_round_up (guint64 value, guint64 unit)
{
  return (value + unit - 1) & ~(unit - 1);
}

static inline void
qcow2_image_watch (Qcow2Image *self)
{
  self->is_watched = banyan_child_has_listener (self->file);
}

/* QEMU's events, at the places where QEMU has them. */
static inline void BANYAN_COROUTINE
qcow2_image_announce (Qcow2Image *self, BanyanDebugEvent event)
{
  if (G_UNLIKELY (self->is_watched))
    banyan_child_announce (self->file, event);
}

/* Clusters that a refcount block counts, as a power of 2. */
static inline guint
qcow2_image_block_bits (const Qcow2Image *self)
{
  return self->cluster_bits + 3 - self->refcount_order;
}

static inline BanyanChild *
qcow2_image_data (Qcow2Image *self)
{
  return self->has_data_file ? self->data_file : self->file;
}

static inline guint
qcow2_image_l1_index (Qcow2Image *self, guint64 offset)
{
  return offset >> (self->cluster_bits + self->l2_bits);
}

static inline guint64
qcow2_image_l1_entry (Qcow2Image *self, guint index)
{
  return index < __atomic_load_n (&self->l1_size, __ATOMIC_ACQUIRE)
             ? __atomic_load_n (&self->l1[index], __ATOMIC_ACQUIRE)
             : 0;
}
