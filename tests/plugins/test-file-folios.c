/* test-file-folios.c - splitting the folios of the page cache that small writes suffer from
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include "../../plugins/protocols/file/file-cache.h"
#include "../../plugins/protocols/file/file-folios.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define REGION (2 << 20)
#define PIECE (1 << 20)
#define LENGTH (2 * REGION)
#define LARGE_FOLIO (256 << 10)
#define QUICK 3
#define SLOW 15
#define BLOCK 4096

/* -- Whether it is worth its price. -- */

/* How many slow writes at @offset it takes, or @most. */
static guint
count_until_due (FileFolios *folios, guint64 offset, guint most)
{
  for (guint n = 1; n < most; n++)
    if (file_folios_note (folios, offset, BLOCK, SLOW))
      return n;
  return most;
}

/* Without a file nothing comes of it. */
static void
split_nothing (FileFolios *folios)
{
  g_assert_cmpint (file_folios_split (folios, -1, 0), ==, 0);
}

static void
test_quick_writes_prove_nothing (void)
{
  g_autoptr (FileFolios) folios = file_folios_new ();

  g_test_summary ("Quick writes with a slow one among them now and then have nothing split");

  for (guint n = 0; n < 100 * 1000; n++)
    g_assert_false (file_folios_note (folios, 0, BLOCK, n % 50 == 0 ? 500 : QUICK));
}

static void
test_slow_writes_prove_it (void)
{
  g_autoptr (FileFolios) folios = file_folios_new ();
  guint first, last;

  g_test_summary (
      "Some slow writes have a region split; where that was of no use it takes twice as "
      "many the next time, up to a limit, and as many as ever after quick ones");

  first = last = count_until_due (folios, 0, 1000);
  g_assert_cmpuint (first, <, 50);
  for (guint time = 1; time <= 4; time++)
    {
      guint n;

      split_nothing (folios);
      n = count_until_due (folios, 0, 1000);
      g_assert_cmpuint (n, >=, 2 * last - 1);
      g_assert_cmpuint (n, <=, 2 * last);
      last = n;
    }
  split_nothing (folios);
  g_assert_cmpuint (count_until_due (folios, 0, 1000), ==, last);

  split_nothing (folios);
  g_assert_false (file_folios_note (folios, 0, BLOCK, SLOW));
  for (guint n = 0; n < SLOW; n++)
    g_assert_false (file_folios_note (folios, 0, BLOCK, QUICK));
  g_assert_cmpuint (count_until_due (folios, 0, 1000), ==, first);
}

static void
test_other_writes_say_nothing (void)
{
  g_autoptr (FileFolios) folios = file_folios_new ();

  g_test_summary ("Large writes, and those that waited for the disk, say nothing about folios");

  for (guint n = 0; n < 10 * 1000; n++)
    {
      g_assert_false (file_folios_note (folios, 0, 64 << 10, SLOW));
      g_assert_false (file_folios_note (folios, 0, BLOCK, 5000));
    }
}

static void
test_regions_are_told_apart (void)
{
  g_autoptr (FileFolios) folios = file_folios_new ();
  guint n = count_until_due (folios, 0, 1000);

  g_test_summary ("One region's slow writes are not another's");

  split_nothing (folios);
  g_assert_cmpuint (count_until_due (folios, REGION, 1000), ==, n);
  split_nothing (folios);
  g_assert_cmpuint (count_until_due (folios, 2 * REGION - BLOCK, 1000), >, n);
}

static void
test_one_at_a_time (void)
{
  g_autoptr (FileFolios) folios = file_folios_new ();

  g_test_summary ("While one region is split no other is, but its turn comes after it");

  count_until_due (folios, 0, 1000);
  g_assert_cmpuint (count_until_due (folios, REGION, 1000), ==, 1000);
  split_nothing (folios);
  g_assert_cmpuint (count_until_due (folios, REGION, 1000), ==, 1);
}

/* -- Splitting. -- */

typedef struct
{
  char *path;
  int fd;
  guint8 *model; /* LENGTH bytes */
  FileFolios *folios;
} Fixture;

/* As a copy of an image leaves it: in large folios, where the kernel has any. */
static void
fixture_set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean is_empty = data != NULL;

  fixture->fd = g_file_open_tmp ("banyan-folios-XXXXXX", &fixture->path, &error);
  g_assert_no_error (error);
  fixture->model = g_malloc0 (LENGTH);
  fixture->folios = file_folios_new ();
  if (is_empty)
    return;

  banyan_test_fill (fixture->model, 0, LENGTH, 5);
  for (gsize at = 0; at < LENGTH; at += PIECE)
    g_assert_cmpint (pwrite (fixture->fd, fixture->model + at, PIECE, at), ==, PIECE);
}

static void
fixture_tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  close (fixture->fd);
  file_folios_free (fixture->folios);
  g_free (fixture->model);
  g_free (fixture->path);
}

static void
assert_as_model (const Fixture *fixture)
{
  g_autofree guint8 *bytes = g_malloc (LENGTH);

  g_assert_cmpint (pread (fixture->fd, bytes, LENGTH, 0), ==, LENGTH);
  g_assert_cmpmem (bytes, LENGTH, fixture->model, LENGTH);
}

static FileCacheState
look (const Fixture *fixture)
{
  FileCacheState state = { 0 };

  g_assert_true (file_cache_look (fixture->fd, 0, LENGTH, &state));
  return state;
}

/* How large the folio at @offset is: a write makes all of it dirty. */
static guint64
measure_folio (Fixture *fixture, guint64 offset)
{
  memset (fixture->model + offset, offset >> 12, BLOCK);
  g_assert_cmpint (fdatasync (fixture->fd), ==, 0);
  g_assert_cmpuint (look (fixture).n_dirty, ==, 0);
  g_assert_cmpint (pwrite (fixture->fd, fixture->model + offset, BLOCK, offset), ==, BLOCK);
  return look (fixture).n_dirty * sysconf (_SC_PAGESIZE);
}

static gboolean
can_split (const Fixture *fixture)
{
  if (file_folios_can_split (fixture->fd))
    return TRUE;
  g_test_skip ("not on ext4, or before Linux 6.5");
  return FALSE;
}

/* Those of both regions: the kernel makes small ones where memory is scarce. */
static gboolean
has_large_folios (Fixture *fixture)
{
  if (!can_split (fixture))
    return FALSE;
  if (measure_folio (fixture, 5 * BLOCK) >= LARGE_FOLIO
      && measure_folio (fixture, REGION + 5 * BLOCK) >= LARGE_FOLIO)
    return TRUE;
  g_test_skip ("the kernel has no large folios for ext4 (Linux 6.16)");
  return FALSE;
}

/* As after a small write there. FALSE: skipped. */
static gboolean
write_and_split (Fixture *fixture, guint64 offset)
{
  for (guint i = 0; i < 200; i++)
    {
      g_assert_cmpint (pwrite (fixture->fd, fixture->model + offset, BLOCK, offset), ==, BLOCK);
      if (file_folios_split (fixture->folios, fixture->fd, offset) == 1)
        return TRUE;
    }
  g_test_skip ("the disk is too slow now");
  return FALSE;
}

static guint64
measure_largest (Fixture *fixture, guint64 start)
{
  guint64 largest = 0;

  for (gsize at = BLOCK; at < REGION; at += 300 << 10)
    largest = MAX (largest, measure_folio (fixture, start + at));
  return largest;
}

/* Somebody who looks at a folio at the moment keeps it whole: hence several times. */
static void
test_splits (Fixture *fixture, gconstpointer data)
{
  guint64 largest = LARGE_FOLIO;

  g_test_summary ("A region's folios are small afterwards and all its bytes in place, though some "
                  "were dirty; the next region's stay large");

  if (!has_large_folios (fixture))
    return;

  for (guint i = 0; i < 20 && largest >= LARGE_FOLIO; i++)
    {
      if (!write_and_split (fixture, 9 * BLOCK))
        return;
      largest = measure_largest (fixture, 0);
    }
  g_assert_cmpuint (largest, <, LARGE_FOLIO);
  g_assert_cmpuint (measure_largest (fixture, REGION), >=, LARGE_FOLIO);
  assert_as_model (fixture);
}

static void
test_leaves_small_ones (Fixture *fixture, gconstpointer data)
{
  g_test_summary ("Nothing is done to a file that is filled in order");

  if (!can_split (fixture))
    return;

  g_assert_cmpint (ftruncate (fixture->fd, LENGTH), ==, 0);
  for (gsize at = 0; at < LARGE_FOLIO - 2 * BLOCK; at += BLOCK)
    {
      g_assert_cmpint (pwrite (fixture->fd, fixture->model + at, BLOCK, at), ==, BLOCK);
      g_assert_cmpint (file_folios_split (fixture->folios, fixture->fd, at), ==, 0);
    }
}

static void
test_brings_nothing_in (Fixture *fixture, gconstpointer data)
{
  guint64 before;

  g_test_summary ("What the page cache has not got stays on the disk");

  if (!has_large_folios (fixture))
    return;

  g_assert_cmpint (fsync (fixture->fd), ==, 0);
  g_assert_cmpint (posix_fadvise (fixture->fd, PIECE, 0, POSIX_FADV_DONTNEED), ==, 0);
  before = look (fixture).n_cached;
  if (!write_and_split (fixture, 0))
    return;
  g_assert_cmpuint (look (fixture).n_cached, <=, before);
  assert_as_model (fixture);
}

static void
test_survives_short_files (Fixture *fixture, gconstpointer data)
{
  g_test_summary ("A file that ends within the region, or before it, is no matter");

  if (!can_split (fixture))
    return;

  for (gsize length = LENGTH; length > 0; length = length * 2 / 3)
    {
      g_assert_cmpint (ftruncate (fixture->fd, length), ==, 0);
      file_folios_split (fixture->folios, fixture->fd, 0);
      g_assert_cmpint (file_folios_split (fixture->folios, fixture->fd, LENGTH), ==, 0);
    }
}

typedef struct
{
  int fd;
  gint is_over; /* atomic */
} Cutter;

static gpointer
cut_and_grow (gpointer data)
{
  Cutter *cutter = data;
  static const guint8 piece[PIECE] = { 1 };

  while (!g_atomic_int_get (&cutter->is_over))
    {
      g_assert_cmpint (ftruncate (cutter->fd, 0), ==, 0);
      g_assert_cmpint (pwrite (cutter->fd, piece, sizeof piece, 0), ==, sizeof piece);
    }
  return NULL;
}

static void
test_survives_cutting (Fixture *fixture, gconstpointer data)
{
  Cutter cutter = { .fd = fixture->fd };
  GThread *thread;

  g_test_summary ("Another program cuts the file at the same time, and this one lives on");

  if (!can_split (fixture))
    return;

  thread = g_thread_new ("cutter", cut_and_grow, &cutter);
  for (guint i = 0; i < 200; i++)
    file_folios_split (fixture->folios, fixture->fd, 0);
  g_atomic_int_set (&cutter.is_over, TRUE);
  g_thread_join (thread);
}

typedef struct
{
  Fixture *fixture;
  gint is_over; /* atomic */
} Writer;

static gpointer
write_blocks (gpointer data)
{
  Writer *writer = data;
  Fixture *fixture = writer->fixture;

  for (guint n = 1; !g_atomic_int_get (&writer->is_over); n++)
    {
      gsize offset = n * 7 % (LENGTH / BLOCK) * BLOCK;

      memset (fixture->model + offset, n, BLOCK);
      g_assert_cmpint (pwrite (fixture->fd, fixture->model + offset, BLOCK, offset), ==, BLOCK);
    }
  return NULL;
}

static void
test_loses_no_write (Fixture *fixture, gconstpointer data)
{
  Writer writer = { .fixture = fixture };
  GThread *thread;

  g_test_summary ("Writes that come while folios are split are all there, in the cache and after "
                  "it was dropped");

  if (!can_split (fixture))
    return;

  thread = g_thread_new ("writer", write_blocks, &writer);
  for (guint i = 0; i < 50; i++)
    file_folios_split (fixture->folios, fixture->fd, i % 2 * REGION);
  g_atomic_int_set (&writer.is_over, TRUE);
  g_thread_join (thread);

  assert_as_model (fixture);
  g_assert_cmpint (fsync (fixture->fd), ==, 0);
  g_assert_cmpint (posix_fadvise (fixture->fd, 0, 0, POSIX_FADV_DONTNEED), ==, 0);
  assert_as_model (fixture);
}

static void
add (const char *name, gboolean is_empty, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (name, Fixture, GINT_TO_POINTER (is_empty), fixture_set_up, test, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/file/folios/quick-writes-prove-nothing",
                   test_quick_writes_prove_nothing);
  g_test_add_func ("/protocol/file/folios/slow-writes-prove-it", test_slow_writes_prove_it);
  g_test_add_func ("/protocol/file/folios/other-writes-say-nothing", test_other_writes_say_nothing);
  g_test_add_func ("/protocol/file/folios/regions-are-told-apart", test_regions_are_told_apart);
  g_test_add_func ("/protocol/file/folios/one-at-a-time", test_one_at_a_time);
  add ("/protocol/file/folios/splits", FALSE, test_splits);
  add ("/protocol/file/folios/leaves-small-ones", TRUE, test_leaves_small_ones);
  add ("/protocol/file/folios/brings-nothing-in", FALSE, test_brings_nothing_in);
  add ("/protocol/file/folios/survives-short-files", FALSE, test_survives_short_files);
  add ("/protocol/file/folios/survives-cutting", FALSE, test_survives_cutting);
  add ("/protocol/file/folios/loses-no-write", FALSE, test_loses_no_write);
  return g_test_run ();
}
