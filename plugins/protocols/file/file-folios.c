/* file-folios.c - large folios of the page cache that small writes suffer from
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file-folios.h"

#include "file-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The largest folio, where pages have 4 KiB. */
#define REGION_SIZE (2 << 20)
/* Regions 64 GiB apart share what is known of them. */
#define N_REGIONS (32 * 1024)

/* What such writes take goes by the folio; what larger ones take, by the bytes. */
#define SMALL_WRITE (16 * 1024)
/* As long as a write to a small folio may take. */
#define QUICK_US 4
/* A single write can prove no more than this: its thread may have waited for a processor. */
#define PROOF_US 32
/* And one that was quick disproves as much. */
#define DISPROOF_US 2
/* Waited for the disk. */
#define LONG_US 1000
/* About what it takes to split the folios of a region; twice that for each time that writes were
 * not quick afterwards. */
#define PRICE_US 256
#define MAX_DOUBLINGS 4

/* Folios of this size are split, and larger ones; smaller ones cost little. */
#define LARGE_FOLIO (256 * 1024)

/* A disk that needs longer for 2 MiB has them written by the next time. */
#define WAIT_US 200
#define MAX_WAITS 40

typedef struct
{
  guint16 lost_us; /* atomic: what writes took beyond their due since the last time */
  guint16 n_tried; /* atomic: times since they were quick, up to MAX_DOUBLINGS */
} Region;

struct _FileFolios
{
  Region regions[N_REGIONS];
  gint is_splitting; /* atomic: one at a time, as each interrupts all threads of the process */
};

gboolean
file_folios_can_split (int fd)
{
  FileCacheState state;
  struct statfs status;

  return fstatfs (fd, &status) == 0 && status.f_type == EXT4_SUPER_MAGIC
         && file_cache_look (fd, 0, 1, &state);
}

FileFolios *
file_folios_new (void)
{
  return g_new0 (FileFolios, 1);
}

void
file_folios_free (FileFolios *self)
{
  g_free (self);
}

/* -- Whether to. -- */

/* Threads may overwrite what another has just noted. It is an estimate. */
static void
note_quick (Region *region)
{
  guint lost_us = BANYAN_LIVE (region->lost_us);

  if (G_LIKELY (lost_us == 0))
    return;

  BANYAN_LIVE_SET (region->lost_us, lost_us - MIN (lost_us, DISPROOF_US));
  if (lost_us <= DISPROOF_US)
    BANYAN_LIVE_SET (region->n_tried, 0);
}

static gboolean
note_slow (FileFolios *self, Region *region, guint us)
{
  guint n_tried = BANYAN_LIVE (region->n_tried);
  guint limit_us = PRICE_US << n_tried;
  guint lost_us = MIN (BANYAN_LIVE (region->lost_us) + MIN (us, PROOF_US), limit_us);

  if (lost_us < limit_us || !g_atomic_int_compare_and_exchange (&self->is_splitting, FALSE, TRUE))
    {
      BANYAN_LIVE_SET (region->lost_us, lost_us);
      return FALSE;
    }

  BANYAN_LIVE_SET (region->lost_us, 0);
  BANYAN_LIVE_SET (region->n_tried, MIN (n_tried + 1, MAX_DOUBLINGS));
  return TRUE;
}

gboolean
file_folios_note (FileFolios *self, guint64 offset, guint64 length, gint64 took_us)
{
  Region *region = &self->regions[offset / REGION_SIZE % N_REGIONS];

  if (length > SMALL_WRITE || took_us >= LONG_US)
    return FALSE;
  if (took_us > QUICK_US)
    return note_slow (self, region, took_us - QUICK_US);

  note_quick (region);
  return FALSE;
}

/* -- Splitting. -- */

/* A write makes all of its folio dirty, so there is no large one unless all around the write is. So
 * it is where many small ones were written to of late, but not where a file is filled in order:
 * what comes next is not there yet. */
static gboolean
may_be_large (int fd, guint64 offset)
{
  FileCacheState state;

  return file_cache_look (fd, offset - offset % LARGE_FOLIO, LARGE_FOLIO, &state)
         && state.n_dirty == (guint64) LARGE_FOLIO / sysconf (_SC_PAGESIZE);
}

/* A block that ext4 finds no place for is dropped, which only this call tells. What else may come
 * says nothing of the data. */
static gssize
begin_to_write (int fd, guint64 start)
{
  if (sync_file_range (fd, start, REGION_SIZE, SYNC_FILE_RANGE_WRITE) == 0)
    return 0;

  switch (errno)
    {
    case EPERM: /* a sandbox */
    case ENOSYS:
    case EINTR:
    case EAGAIN:
    case ENOMEM:
      return 0;
    default:
      return -errno;
    }
}

/* 1: nothing in the region is dirty any more. What would wait for that tells of errors as well, and
 * the next fsync () would not: so nothing but looking now and then is left. */
static gssize
write_back (int fd, guint64 start)
{
  for (guint n_waits = 0; n_waits < MAX_WAITS; n_waits++)
    {
      FileCacheState state;
      gssize result = 0;

      if (!file_cache_look (fd, start, REGION_SIZE, &state))
        return 0;
      if (state.n_dirty == 0 && state.n_writeback == 0)
        return 1;
      if (state.n_writeback == 0)
        result = begin_to_write (fd, start);
      if (result < 0)
        return result;
      g_usleep (WAIT_US);
    }
  return 0;
}

/* The page at @page alone, so that its folio must be split for it to be put elsewhere. It is mapped
 * by advice as well: behind the end of a file that somebody cuts meanwhile, that fails, where a
 * read would be a signal. */
static void
make_cold (guint8 *page, gsize page_size)
{
  if (madvise (page, page_size, MADV_POPULATE_READ) == 0)
    madvise (page, page_size, MADV_COLD);
}

/* What is not in the cache is left where it is. */
static void
split_region (int fd, guint64 start)
{
  gsize page_size = sysconf (_SC_PAGESIZE);
  guint8 *memory = mmap (NULL, REGION_SIZE, PROT_READ, MAP_PRIVATE, fd, start);
  FileCacheState state;

  if (memory == MAP_FAILED)
    return;

  if (madvise (memory, REGION_SIZE, MADV_RANDOM) == 0)
    for (gsize at = 0; at < REGION_SIZE; at += LARGE_FOLIO)
      if (file_cache_look (fd, start + at, page_size, &state) && state.n_cached == 1)
        make_cold (memory + at, page_size);
  munmap (memory, REGION_SIZE);
}

gssize
file_folios_split (FileFolios *self, int fd, guint64 offset)
{
  guint64 start = offset - offset % REGION_SIZE;
  gssize result = may_be_large (fd, offset) ? write_back (fd, start) : 0;

  if (result > 0)
    split_region (fd, start);

  g_atomic_int_set (&self->is_splitting, FALSE);
  return result;
}
