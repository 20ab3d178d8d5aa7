/* test-qcow2-cuts.c - images survive power cuts and failures at any moment
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A workload of sectors that tell their place and age runs over a recorder. Then the power fails at
 * some entry of its log: what was flushed is there, of what came later anything may be, sector by
 * sector. The image that is left has to be in order for QEMU, leaks apart, and each sector to be as
 * it was at the last flush, or as it became later. */

#include "cuts.h"
#include "images.h"

#include <malloc.h>
#include <string.h>

#define SECTOR 512
#define N_SECTORS 2048
#define DISK_SIZE (N_SECTORS * SECTOR)
#define N_STEPS 120
#define N_FAILING_STEPS 10
#define MAX_SECTORS 300

/* Caches too small for the tables of the smallest clusters: they are written back in between. */
#define DISK \
  "disk: { driver: qcow2, discard: unmap, l2-cache-size: 4K, cache-clean-interval: 0, " \
  "file: { driver: recorder, discard: unmap } }\n"

typedef enum
{
  STEP_WRITE,
  STEP_ZERO,
  STEP_DISCARD,
  STEP_COMPRESS,
  STEP_FLUSH,
} StepKind;

typedef struct
{
  StepKind kind;
  guint start; /* sectors */
  guint n;
  gboolean failed;
} Step;

typedef struct
{
  Images *images;
  GRand *rand;
  gboolean is_lazy;
  guint n_steps;
  Step steps[N_STEPS];
  guint8 *image; /* (owned): before the first step */
  gsize image_size;
} Work;

/* -- The workload. -- */

static void
fill_sectors (guint8 *bytes, guint start, guint n, guint step)
{
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < SECTOR / 8; j++)
      {
        guint64 word = GUINT64_TO_LE ((guint64) (start + i) << 32 | (step + 1));

        memcpy (bytes + i * SECTOR + j * 8, &word, 8);
      }
}

static void
choose_step (Work *work, guint index, guint compress)
{
  static const StepKind kinds[] = { STEP_WRITE, STEP_WRITE,   STEP_WRITE, STEP_WRITE,
                                    STEP_ZERO,  STEP_DISCARD, STEP_FLUSH, STEP_COMPRESS };
  Step *step = &work->steps[index];

  step->kind = kinds[g_rand_int_range (work->rand, 0, G_N_ELEMENTS (kinds))];
  step->start = g_rand_int_range (work->rand, 0, N_SECTORS);
  step->n = 1 + g_rand_int_range (work->rand, 0, g_rand_boolean (work->rand) ? MAX_SECTORS : 8);
  step->n = MIN (step->n, N_SECTORS - step->start);
  step->failed = FALSE;
  if (step->kind != STEP_COMPRESS)
    return;

  step->start -= step->start % compress;
  step->n = MIN (MAX (step->n / compress, 1) * compress, N_SECTORS - step->start);
}

static gboolean
run_step (Work *work, guint index, GError **error)
{
  Step *step = &work->steps[index];
  BanyanTestGraph *graph = work->images->graph;
  guint64 offset = (guint64) step->start * SECTOR, length = (guint64) step->n * SECTOR;
  g_autofree guint8 *bytes = g_malloc (length);

  recorder_set_step (index);
  fill_sectors (bytes, step->start, step->n, index);
  switch (step->kind)
    {
    case STEP_WRITE:
      return banyan_test_write (graph, "disk", offset, bytes, length, error);
    case STEP_COMPRESS:
      return banyan_test_write_flags (graph, "disk", offset, bytes, length,
                                      BANYAN_REQUEST_COMPRESSED, error);
    case STEP_ZERO:
      return banyan_test_zeroes (graph, "disk", offset, length, BANYAN_REQUEST_MAY_UNMAP, error)
             != BANYAN_FAILED;
    case STEP_DISCARD:
      return banyan_test_discard (graph, "disk", offset, length, error) != BANYAN_FAILED;
    default:
      return banyan_test_flush (graph, "disk", error);
    }
}

static void
take_image (Work *work)
{
  g_autofree char *path = g_build_filename (work->images->folder, "a.qcow2", NULL);
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&work->image, g_free);
  g_file_get_contents (path, (char **) &work->image, &work->image_size, &error);
  g_assert_no_error (error);
}

static void
must_run (Work *work, guint index)
{
  g_autoptr (GError) error = NULL;

  run_step (work, index, &error);
  g_assert_no_error (error);
}

static void
make_image (Work *work, const char *way)
{
  g_autofree char *line = g_strdup_printf ("qemu-img create -q -f qcow2 %s a.qcow2 1M", way);

  images_run (work->images, line);
  take_image (work);
}

static void
run_steps (Work *work)
{
  recorder_prepare (work->image, work->image_size);
  images_load (work->images, DISK);
  for (guint i = 0; i < work->n_steps; i++)
    must_run (work, i);
  recorder_set_step (work->n_steps);
  images_close (work->images);
}

static void
run_all (Work *work, const char *way)
{
  work->n_steps = N_STEPS;
  for (guint i = 0; i < N_STEPS; i++)
    choose_step (work, i, strstr (way, "cluster_size=512") != NULL ? 1 : 128);
  run_steps (work);
}

/* -- The cut. -- */

static gsize
cut (Work *work, guint at, guint8 *bytes)
{
  return cuts_make (work->rand, work->image, work->image_size, at, bytes);
}

/* -- What is left. -- */

/* Which step wrote the sector; 0 is none, which reads as zeroes; -1 makes no sense. */
static gint
age_of (const guint8 *bytes, guint sector)
{
  guint64 first;

  memcpy (&first, bytes, 8);
  first = GUINT64_FROM_LE (first);
  for (guint i = 1; i < SECTOR / 8; i++)
    if (memcmp (bytes, bytes + i * 8, 8) != 0)
      return -1;
  if (first == 0)
    return 0;
  return first >> 32 == sector ? (gint) (first & G_MAXUINT32) : -1;
}

/* Whether @age is what the sector may be when power failed in @step. */
static gboolean
is_possible (Work *work, guint sector, gint age, guint step)
{
  gint known = 0, flushed = -1;

  for (gint i = 0; i < (gint) step && i < (gint) work->n_steps; i++)
    if (work->steps[i].kind == STEP_FLUSH && !work->steps[i].failed)
      flushed = i;
  for (gint i = 0; i <= (gint) step && i < (gint) work->n_steps; i++)
    {
      const Step *it = &work->steps[i];

      if (it->kind == STEP_FLUSH || sector < it->start || sector >= it->start + it->n)
        continue;
      if ((i > flushed || it->failed || it->kind == STEP_DISCARD)
          && (age == known || ((it->kind == STEP_ZERO || it->kind == STEP_DISCARD) && age == 0)))
        return TRUE;
      if (it->kind == STEP_DISCARD)
        known = age == 0 ? 0 : known;
      else
        known = it->kind == STEP_ZERO ? 0 : i + 1;
      if ((i > flushed || it->failed) && age == known)
        return TRUE;
    }
  return age == known;
}

static void
write_file (Work *work, const char *name, const guint8 *bytes, gsize size)
{
  g_autofree char *path = g_build_filename (work->images->folder, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (const char *) bytes, size, &error);
  g_assert_no_error (error);
}

static void
must_be_same_for_qemu (Work *work, const guint8 *bytes, const char *what)
{
  g_autofree char *said = NULL;

  if (!images_is_consistent (work->images, "b.qcow2", &said))
    g_error ("%s: %s", what, said);
  write_file (work, "b.raw", bytes, DISK_SIZE);
  images_run (work->images, "qemu-img compare -q -f raw -F qcow2 b.raw b.qcow2");
}

static void
check_left (Work *work, guint step, const char *what)
{
  g_autofree guint8 *bytes = g_malloc (DISK_SIZE);
  g_autofree char *said = NULL;
  g_autoptr (GError) error = NULL;

  /* Counts that are written late are wrong after a cut, and QEMU counts again, too. */
  if (work->is_lazy)
    images_try (work->images, "qemu-img check -q -r all b.qcow2", NULL);
  if (!images_is_in_order (work->images, "b.qcow2", &said))
    g_error ("%s: %s", what, said);

  images_load (work->images, "disk: { driver: qcow2, read-only: true, "
                             "file: { driver: file, filename: DIR/b.qcow2 } }\n");
  banyan_test_read (work->images->graph, "disk", 0, bytes, DISK_SIZE, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N_SECTORS; i++)
    {
      gint age = age_of (bytes + (gsize) i * SECTOR, i);

      if (!is_possible (work, i, age, step))
        g_error ("%s: sector %u is of step %d", what, i, age - 1);
    }
  images_close (work->images);
  if (images_ask_qemu (work->rand))
    must_be_same_for_qemu (work, bytes, what);
}

/* @alone: that entry of the log is there, and of what is not flushed nothing else. */
static void
cut_and_check (Work *work, guint at, gboolean alone)
{
  g_autofree guint8 *bytes = g_malloc0 (RECORDER_MAX_LENGTH);
  GPtrArray *log = recorder_get_log ();
  guint step = at < log->len ? ((RecorderEntry *) log->pdata[at])->step : work->n_steps;
  g_autofree char *what = g_strdup_printf ("cut at %u of %u%s, in step %u", at, log->len,
                                           alone ? ", which is there" : "", step);
  gsize size
      = alone ? cuts_make_alone (work->image, work->image_size, at, bytes) : cut (work, at, bytes);

  write_file (work, "b.qcow2", bytes, size);
  check_left (work, step, what);
}

static void
with_work (const char *way, void (*func) (Work *work, const char *way))
{
  Work work = { .images = images_new () };
  guint32 seed = g_test_rand_int ();

  g_test_message ("%s, seed %u", way, seed);
  work.rand = g_rand_new_with_seed (seed);
  work.is_lazy = strstr (way, "lazy") != NULL;
  make_image (&work, way);
  func (&work, way);
  g_rand_free (work.rand);
  g_free (work.image);
  images_free (work.images);
}

static guint
n_cuts (void)
{
  return g_test_slow () ? 60 : 2;
}

/* Right after each flush there is nothing that may be missing, or not. */
static void
cut_at_flushes (Work *work)
{
  GPtrArray *log = recorder_get_log ();
  guint n = g_test_slow () ? 1 : 60, seen = g_rand_int_range (work->rand, 0, n);

  for (guint i = 0; i < log->len; i++)
    if (((RecorderEntry *) log->pdata[i])->kind == RECORDER_FLUSH && seen++ % n == 0)
      cut_and_check (work, i + 1, FALSE);
}

static void
cut_often (Work *work, const char *way)
{
  run_all (work, way);
  cut_at_flushes (work);
  for (guint i = 0; i < n_cuts (); i++)
    cut_and_check (work, g_rand_int_range (work->rand, 1, recorder_get_log ()->len + 1), FALSE);
}

static const char *const ways[] = {
  "",
  "-o cluster_size=512",
  "-o cluster_size=4k,refcount_bits=1",
  "-o extended_l2=on",
  "-o compat=v2,cluster_size=512",
  "-o lazy_refcounts=on,cluster_size=4k",
};

static void
test_cuts (void)
{
  g_test_summary ("After a power cut the image is in order, and what was flushed is there");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    with_work (ways[i], cut_often);
}

/* -- What overtakes the rest. -- */

/* Clusters are given up, and others are in need of some before the next flush; parts of clusters
 * are written, so that the rest of them has to be copied. */
static const Step giving_up[] = {
  { STEP_WRITE, 0, 64, FALSE },    { STEP_COMPRESS, 256, 32, FALSE },
  { STEP_FLUSH, 0, 0, FALSE },     { STEP_DISCARD, 0, 32, FALSE },
  { STEP_WRITE, 640, 40, FALSE },  { STEP_WRITE, 259, 3, FALSE },
  { STEP_FLUSH, 0, 0, FALSE },     { STEP_WRITE, 1027, 30, FALSE },
  { STEP_ZERO, 640, 32, FALSE },   { STEP_COMPRESS, 0, 32, FALSE },
  { STEP_FLUSH, 0, 0, FALSE },     { STEP_DISCARD, 256, 64, FALSE },
  { STEP_WRITE, 5, 2, FALSE },     { STEP_FLUSH, 0, 0, FALSE },
  { STEP_WRITE, 1900, 50, FALSE }, { STEP_FLUSH, 0, 0, FALSE },
};

static void
run_these (Work *work, const Step *steps, guint n_steps)
{
  work->n_steps = n_steps;
  memcpy (work->steps, steps, n_steps * sizeof *steps);
  run_steps (work);
}

static void
cut_each_alone (Work *work, guint from, guint to)
{
  GPtrArray *log = recorder_get_log ();

  for (guint i = from; i < to; i++)
    if (((RecorderEntry *) log->pdata[i])->kind == RECORDER_WRITE)
      cut_and_check (work, i, TRUE);
}

static void
cut_alone (Work *work, const char *way)
{
  run_these (work, giving_up, G_N_ELEMENTS (giving_up));
  cut_each_alone (work, 0, recorder_get_log ()->len);
}

static void
test_alone (void)
{
  static const char *const tried[] = { "-o cluster_size=4k", "-o cluster_size=512,refcount_bits=64",
                                       "-o cluster_size=16k,extended_l2=on" };

  g_test_summary ("Whichever write gets to storage before all others since the flush, the image is "
                  "in order, and what was flushed is there");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (tried); i++)
    with_work (tried[i], cut_alone);
}

/* Where the header was written. */
static guint
find_switch (void)
{
  GPtrArray *log = recorder_get_log ();

  for (guint i = 0; i < log->len; i++)
    {
      const RecorderEntry *entry = log->pdata[i];

      if (entry->kind == RECORDER_WRITE && entry->offset == 0)
        return i;
    }
  g_assert_not_reached ();
}

/* A snapshot has half of what the refcount table can count, and the disk, which was zero, gets as
 * much. */
static void
cut_larger_table (Work *work, const char *way)
{
  static const Step steps[] = {
    { STEP_WRITE, 0, N_SECTORS / 2, FALSE },
    { STEP_FLUSH, 0, 0, FALSE },
    { STEP_WRITE, N_SECTORS / 2, N_SECTORS / 2, FALSE },
    { STEP_FLUSH, 0, 0, FALSE },
  };
  guint at;

  images_run (work->images, "qemu-io -f qcow2 -c 'write -q -P 0 0 1M' a.qcow2");
  images_run (work->images, "qemu-img snapshot -c one a.qcow2");
  take_image (work);
  run_these (work, steps, G_N_ELEMENTS (steps));
  at = find_switch ();
  g_assert_cmpuint (at, >=, 10);
  g_assert_cmpuint (at + 10, <=, recorder_get_log ()->len);
  cut_each_alone (work, at - 10, at + 10);
}

static void
test_larger_table (void)
{
  g_test_summary ("A refcount table that becomes larger is there before anything leads to it");

  if (images_have_qemu ())
    with_work ("-o cluster_size=512,refcount_bits=64", cut_larger_table);
}

/* -- Written through. -- */

/* Zeroes go where there is something, data where there is nothing: there, tables have to change. */
static void
write_through (Work *work, gboolean is_zero)
{
  const guint start = is_zero ? 128 : 1024;
  const Step steps[] = { { STEP_WRITE, 0, 256, FALSE },
                         { STEP_FLUSH, 0, 0, FALSE },
                         { is_zero ? STEP_ZERO : STEP_WRITE, start, 128, FALSE },
                         { STEP_FLUSH, 0, 0, FALSE } };
  g_autofree guint8 *bytes = g_malloc (128 * SECTOR);
  g_autoptr (GError) error = NULL;
  guint at;

  work->n_steps = G_N_ELEMENTS (steps);
  memcpy (work->steps, steps, sizeof steps);
  recorder_prepare (work->image, work->image_size);
  images_load (work->images, DISK);
  must_run (work, 0);
  must_run (work, 1);
  fill_sectors (bytes, start, 128, 2);
  if (is_zero)
    banyan_test_zeroes (work->images->graph, "disk", start * SECTOR, 128 * SECTOR,
                        BANYAN_REQUEST_FUA, &error);
  else
    banyan_test_write_flags (work->images->graph, "disk", start * SECTOR, bytes, 128 * SECTOR,
                             BANYAN_REQUEST_FUA, &error);
  g_assert_no_error (error);
  at = recorder_get_log ()->len;
  recorder_set_step (work->n_steps);
  images_close (work->images);
  cut_and_check (work, at, FALSE);
}

static void
write_both_through (Work *work, const char *way)
{
  write_through (work, FALSE);
  write_through (work, TRUE);
}

static void
test_through (void)
{
  g_test_summary ("What is written through is there, with what leads to it, without a flush");

  if (images_have_qemu ())
    with_work ("", write_both_through);
}

/* -- Failures. -- */

/* Returns how many failed. */
static guint
run_failing (Work *work, gint after, RecorderFailure how)
{
  guint reported = 0;

  recorder_prepare (work->image, work->image_size);
  images_load (work->images, DISK);
  recorder_fail_as (how);
  recorder_fail_after (after);
  for (guint i = 0; i < work->n_steps; i++)
    {
      work->steps[i].failed = !run_step (work, i, NULL);
      reported += work->steps[i].failed;
    }
  return reported;
}

/* The step may be done anyhow, or not; the image must be in order in either case. */
static void
fail_once (Work *work, const char *way, guint after, RecorderFailure how)
{
  g_autofree guint8 *bytes = g_malloc0 (RECORDER_MAX_LENGTH);
  g_autofree char *what = g_strdup_printf ("%s: failure %u after %u", way, how, after);

  g_assert_cmpuint (run_failing (work, after, how), <=, 1);
  recorder_fail_after (-1);
  recorder_set_step (work->n_steps);
  images_close (work->images);
  write_file (work, "b.qcow2", bytes, cut (work, recorder_get_log ()->len, bytes));
  check_left (work, work->n_steps, what);
}

/* Each operation there is, in one way or another; or one of them. */
static void
fail_each (Work *work, const char *way)
{
  guint how = g_rand_int_range (work->rand, 0, RECORDER_N_FAILURES);
  guint n_operations, apart;

  work->n_steps = N_FAILING_STEPS;
  for (guint i = 0; i < work->n_steps; i++)
    choose_step (work, i, strstr (way, "512") != NULL ? 1 : 128);
  g_assert_cmpuint (run_failing (work, -1, RECORDER_EIO), ==, 0);
  n_operations = recorder_get_n_operations ();
  images_close (work->images);

  apart = g_test_slow () ? 1 : MAX (n_operations, 1);
  for (guint i = g_rand_int_range (work->rand, 0, apart); i < n_operations; i += apart)
    fail_once (work, way, i, how++ % RECORDER_N_FAILURES);
}

static void
test_failures (void)
{
  g_test_summary ("A request below that fails once fails one request at most, and leaves the image "
                  "in order");

  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    with_work (ways[i], fail_each);
}

/* As it was closed. */
static void
must_be_clean (Work *work)
{
  g_autofree guint8 *bytes = g_malloc0 (RECORDER_MAX_LENGTH);

  write_file (work, "b.qcow2", bytes, cut (work, recorder_get_log ()->len, bytes));
  images_must_be_clean (work->images, "b.qcow2");
}

/* Fails one step at the operation that comes after so many; FALSE: there were not as many. */
static gboolean
fail_step (Work *work, guint after)
{
  gboolean has_failed;

  recorder_prepare (work->image, work->image_size);
  images_load (work->images, DISK);
  recorder_fail_after (after);
  run_step (work, 0, NULL);
  has_failed = recorder_has_failed ();
  recorder_fail_after (-1);
  images_close (work->images);
  must_be_clean (work);
  return has_failed;
}

static void
fail_steps (Work *work, const char *way)
{
  static const Step tried[] = {
    { STEP_WRITE, 5, 200, FALSE },
    { STEP_COMPRESS, 0, 128, FALSE },
    { STEP_COMPRESS, 0, 512, FALSE },
  };

  work->n_steps = 1;
  for (gsize i = 0; i < G_N_ELEMENTS (tried); i++)
    {
      guint after = 0;

      work->steps[0] = tried[i];
      while (fail_step (work, after))
        after++;
      g_assert_cmpuint (after, >, 1);
    }
}

static void
test_leaks (void)
{
  g_test_summary ("A write that fails before any table was written takes no space");

  if (!images_have_qemu ())
    return;
  with_work ("", fail_steps);
  with_work ("-o cluster_size=16k,extended_l2=on", fail_steps);
}

/* FALSE: the flush had no operation more to fail at. */
static gboolean
fail_flush (Work *work, guint after)
{
  guint last = work->n_steps - 1;
  gboolean has_failed;

  recorder_prepare (work->image, work->image_size);
  images_load (work->images, DISK);
  for (guint i = 0; i + 2 < work->n_steps; i++)
    must_run (work, i);
  recorder_fail_after (after);
  work->steps[last - 1].failed = !run_step (work, last - 1, NULL);
  has_failed = recorder_has_failed ();
  /* What cannot be discarded is space that stays taken, and no failure. */
  g_assert_true (has_failed || !work->steps[last - 1].failed);
  recorder_fail_after (-1);
  must_run (work, last);
  after = recorder_get_log ()->len;
  recorder_set_step (work->n_steps);
  images_close (work->images);
  cut_and_check (work, after, FALSE);
  if (work->steps[last - 1].failed)
    must_be_clean (work);
  return has_failed;
}

static void
fail_flushes (Work *work, const char *way)
{
  static const Step steps[] = {
    { STEP_WRITE, 0, 300, FALSE },   { STEP_FLUSH, 0, 0, FALSE },  { STEP_DISCARD, 0, 128, FALSE },
    { STEP_WRITE, 500, 300, FALSE }, { STEP_ZERO, 128, 5, FALSE }, { STEP_FLUSH, 0, 0, FALSE },
    { STEP_FLUSH, 0, 0, FALSE },
  };
  guint after = 0;

  work->n_steps = G_N_ELEMENTS (steps);
  memcpy (work->steps, steps, sizeof steps);
  while (fail_flush (work, after))
    after++;
  g_assert_cmpuint (after, >, 3);
}

static void
test_flushes (void)
{
  g_test_summary ("What a flush could not write, the next one writes");

  if (!images_have_qemu ())
    return;
  with_work ("-o cluster_size=4k", fail_flushes);
  with_work ("-o cluster_size=1k,refcount_bits=64", fail_flushes);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  /* An image has room for the largest tables, which nobody need clear if it comes from the system,
   * nor fill as the test's environment asks: that was nine tenths of the time. */
  mallopt (M_MMAP_THRESHOLD, 1 << 20);
  mallopt (M_PERTURB, 0);
  recorder_register ();
  g_test_add_func ("/qcow2/cuts/leave-an-image-in-order", test_cuts);
  g_test_add_func ("/qcow2/cuts/nothing-overtakes-what-it-needs", test_alone);
  g_test_add_func ("/qcow2/cuts/larger-refcount-tables", test_larger_table);
  g_test_add_func ("/qcow2/cuts/keep-what-was-written-through", test_through);
  g_test_add_func ("/qcow2/failures/leave-an-image-in-order", test_failures);
  g_test_add_func ("/qcow2/failures/take-no-space", test_leaks);
  g_test_add_func ("/qcow2/failures/are-made-up-for-by-the-next-flush", test_flushes);
  return g_test_run ();
}
