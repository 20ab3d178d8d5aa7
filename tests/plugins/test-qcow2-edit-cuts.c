/* test-qcow2-edit-cuts.c - power fails, or a request does, while an image is edited
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Snapshots are made, taken up and removed, the disk changes its length and the image what it is
 * made like. Each of these is done or not: whenever the power fails, the disk holds all that it
 * held before, or all that it holds afterwards, and each snapshot what was taken. */

#include "cuts.h"
#include "images.h"

#include <malloc.h>
#include <string.h>

#define KIB 1024
#define MIB (1024 * KIB)
#define MAX_DISK (2 * MIB)
#define MAX_STEPS 64

#define DISK "disk: { driver: qcow2, discard: unmap, file: { driver: recorder, discard: unmap } }\n"

typedef enum
{
  STEP_WRITE,
  STEP_ZERO,
  STEP_FLUSH,
  STEP_CREATE,
  STEP_APPLY,
  STEP_REMOVE,
  STEP_RESIZE,
  STEP_AMEND,
  STEP_ADD_BITMAP,
  STEP_DROP_BITMAP,
  STEP_END,
} StepKind;

typedef struct
{
  StepKind kind;
  const char *name; /* of a snapshot, or what is amended */
  guint64 start;
  guint64 length;
} Step;

/* Version 2 has neither entries for zeroes nor counts of other widths. */
static const Step script_3[] = {
  { STEP_WRITE, NULL, 0, 300 * KIB },
  { STEP_ZERO, NULL, 600 * KIB, 100 * KIB },
  { STEP_FLUSH },
  { STEP_CREATE, "one" },
  { STEP_WRITE, NULL, 100 * KIB, 400 * KIB },
  { STEP_FLUSH },
  { STEP_CREATE, "two" },
  { STEP_APPLY, "one" },
  { STEP_WRITE, NULL, 50 * KIB, 10 * KIB },
  { STEP_FLUSH },
  { STEP_RESIZE, NULL, 0, 2 * MIB },
  { STEP_WRITE, NULL, 1500 * KIB, 200 * KIB },
  { STEP_FLUSH },
  { STEP_CREATE, "large" },
  { STEP_RESIZE, NULL, 0, MIB },
  { STEP_REMOVE, "one" },
  { STEP_APPLY, "large" },
  { STEP_AMEND, "{ \"refcount-bits\": 64 }" },
  { STEP_APPLY, "two" },
  { STEP_REMOVE, "large" },
  { STEP_REMOVE, "two" },
  { STEP_AMEND, "{ \"refcount-bits\": 1 }" },
  { STEP_WRITE, NULL, 30 * KIB, 60 * KIB },
  { STEP_FLUSH },
  { STEP_AMEND, "{ \"refcount-bits\": 16, \"version\": \"v2\" }" },
  { STEP_AMEND, "{ \"refcount-bits\": 8, \"version\": \"v3\", \"lazy-refcounts\": true }" },
  { STEP_WRITE, NULL, 0, 500 * KIB },
  { STEP_FLUSH },
  { STEP_END },
};

static const Step script_extended[] = {
  { STEP_WRITE, NULL, 0, 300 * KIB },
  { STEP_FLUSH },
  { STEP_CREATE, "one" },
  { STEP_WRITE, NULL, 100 * KIB, 400 * KIB },
  { STEP_FLUSH },
  { STEP_APPLY, "one" },
  { STEP_AMEND, "{ \"refcount-bits\": 32 }" },
  { STEP_ZERO, NULL, 64 * KIB, 100 * KIB },
  { STEP_FLUSH },
  { STEP_REMOVE, "one" },
  { STEP_END },
};

/* One of each, of which every write is tried. */
static const Step script_short[] = {
  { STEP_WRITE, NULL, 0, 100 * KIB },
  { STEP_ZERO, NULL, 200 * KIB, 32 * KIB },
  { STEP_FLUSH },
  { STEP_CREATE, "one" },
  { STEP_WRITE, NULL, 50 * KIB, 20 * KIB },
  { STEP_FLUSH },
  { STEP_RESIZE, NULL, 0, 2 * MIB },
  { STEP_WRITE, NULL, 1500 * KIB, 20 * KIB },
  { STEP_FLUSH },
  { STEP_APPLY, "one" },
  { STEP_ADD_BITMAP, "map" },
  { STEP_WRITE, NULL, 10 * KIB, 10 * KIB },
  { STEP_FLUSH },
  { STEP_ADD_BITMAP, "other" },
  { STEP_DROP_BITMAP, "map" },
  { STEP_DROP_BITMAP, "other" },
  { STEP_AMEND, "{ \"refcount-bits\": 32 }" },
  { STEP_AMEND, "{ \"refcount-bits\": 16 }" },
  { STEP_AMEND, "{ \"version\": \"v2\" }" },
  { STEP_REMOVE, "one" },
  { STEP_RESIZE, NULL, 0, 50 * KIB + 512 },
  { STEP_RESIZE, NULL, 0, 64 * KIB },
  { STEP_END },
};

/* Zeroes hide what is below; version 2 has no entry for them, so they need clusters, in tables of
 * snapshots as well. */
static const Step script_below[] = {
  { STEP_WRITE, NULL, 0, 20 * KIB },
  { STEP_ZERO, NULL, 200 * KIB, 8 * KIB },
  { STEP_FLUSH },
  { STEP_CREATE, "one" },
  { STEP_WRITE, NULL, 200 * KIB, 4 * KIB },
  { STEP_FLUSH },
  { STEP_AMEND, "{ \"version\": \"v2\" }" },
  { STEP_END },
};

/* The disk after a step. */
typedef struct
{
  gsize length;
  guint8 bytes[MAX_DISK];
} State;

typedef struct
{
  Images *images;
  GRand *rand;
  const Step *script;
  guint n_steps;
  State *states[MAX_STEPS + 1]; /* (owned): before the first step, and after each */
  guint8 *image;                /* (owned) */
  gsize image_size;
} Work;

/* -- Steps. -- */

static gboolean BANYAN_COROUTINE
edit (BanyanChannel *channel, gpointer data, GError **error)
{
  const Step *step = data;
  BanyanNode *node = banyan_channel_get_node (channel);
  g_autoptr (BanyanSnapshotInfo) info = banyan_snapshot_info_new ();
  g_autoptr (BanyanBitmapInfo) map = banyan_bitmap_info_new (step->name, 64 * KIB);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (BanyanImageOptions) options = NULL;

  switch (step->kind)
    {
    case STEP_CREATE:
      info->name = g_strdup (step->name);
      return banyan_snapshots_create (BANYAN_SNAPSHOTS (node), info, error);
    case STEP_APPLY:
      return banyan_snapshots_apply (BANYAN_SNAPSHOTS (node), step->name, error);
    case STEP_ADD_BITMAP:
      return banyan_bitmaps_store (BANYAN_BITMAPS (node), map, NULL, error);
    case STEP_DROP_BITMAP:
      return banyan_bitmaps_remove (BANYAN_BITMAPS (node), step->name, error);
    case STEP_REMOVE:
      return banyan_snapshots_remove (BANYAN_SNAPSHOTS (node), step->name, error);
    default:
      spec = banyan_spec_parse_json (step->name, -1, NULL, problems);
      options = banyan_image_options_new ("qcow2", spec, error);
      return options != NULL && banyan_image_options_amend (options, node, NULL, error);
    }
}

static gboolean
run_step (Work *work, guint index, GError **error)
{
  BanyanTestGraph *graph = work->images->graph;
  Step step = work->script[index];
  g_autofree guint8 *bytes = g_malloc (MAX_DISK);

  recorder_set_step (index);
  switch (step.kind)
    {
    case STEP_WRITE:
      banyan_test_fill (bytes, step.start, step.length, index + 1);
      return banyan_test_write (graph, "disk", step.start, bytes, step.length, error);
    case STEP_ZERO:
      return banyan_test_zeroes (graph, "disk", step.start, step.length, 0, error) == BANYAN_DONE;
    case STEP_FLUSH:
      return banyan_test_flush (graph, "disk", error);
    case STEP_RESIZE:
      return banyan_test_resize (graph, "disk", step.length, error) == BANYAN_DONE;
    default:
      return banyan_test_run (graph, "disk", edit, &step, error);
    }
}

static State *
read_state (Work *work)
{
  State *state = g_new0 (State, 1);
  g_autoptr (GError) error = NULL;

  state->length = banyan_node_get_length (banyan_test_get_node (work->images->graph, "disk"));
  g_assert_cmpuint (state->length, <=, MAX_DISK);
  banyan_test_read (work->images->graph, "disk", 0, state->bytes, state->length, &error);
  g_assert_no_error (error);
  return state;
}

static void
run_all (Work *work)
{
  recorder_prepare (work->image, work->image_size);
  images_load (work->images, DISK);
  work->states[0] = read_state (work);
  for (guint i = 0; i < work->n_steps; i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("step %u", i);
      run_step (work, i, &error);
      g_assert_no_error (error);
      work->states[i + 1] = read_state (work);
    }
  recorder_set_step (work->n_steps);
  images_close (work->images);
}

/* -- What is left. -- */

static gboolean
is_state (const State *found, const State *wanted)
{
  return found->length == wanted->length
         && memcmp (found->bytes, wanted->bytes, found->length) == 0;
}

/* Whether each sector is as it was in one of the states. */
static gboolean
is_mixed (const State *found, State *const *states, guint n)
{
  for (gsize at = 0; at < found->length; at += CUTS_SECTOR)
    {
      gboolean is_one = FALSE;

      for (guint i = 0; i < n; i++)
        is_one |= memcmp (found->bytes + at, states[i]->bytes + at, CUTS_SECTOR) == 0;
      if (!is_one)
        return FALSE;
    }
  return found->length == states[0]->length;
}

/* What is written is there in part until it is flushed, and that is what the step after does, or
 * the one after that. */
static gboolean
is_possible (Work *work, const State *found, guint step)
{
  guint first = step;

  if (step == work->n_steps)
    return is_state (found, work->states[step]);
  while (first > 0 && work->script[first].kind <= STEP_FLUSH
         && work->script[first - 1].kind < STEP_FLUSH)
    first--;
  if (work->script[step].kind <= STEP_FLUSH)
    return is_mixed (found, work->states + first, step + 2 - first);
  return is_state (found, work->states[step]) || is_state (found, work->states[step + 1]);
}

static void
check_snapshot (Work *work, const char *name, const State *wanted, const char *what)
{
  g_autofree char *line
      = g_strdup_printf ("qemu-img convert -O raw -l snapshot.name=%s b.qcow2 b.raw", name);
  g_autofree char *path = g_build_filename (work->images->folder, "b.raw", NULL);
  g_autofree char *said = NULL;
  g_autofree char *bytes = NULL;
  gsize length;

  if (!images_try (work->images, line, &said))
    return;
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  /* QEMU shows as much of a snapshot as the disk is long now. */
  if (memcmp (bytes, wanted->bytes, MIN (length, wanted->length)) != 0)
    g_error ("%s: snapshot %s is another", what, name);
}

/* Those that were taken before; whether they are there any more is for QEMU to say. */
static void
check_snapshots (Work *work, guint step, const char *what)
{
  for (guint i = 0; i < step; i++)
    if (work->script[i].kind == STEP_CREATE)
      check_snapshot (work, work->script[i].name, work->states[i], what);
}

static void
check_order (Work *work, const char *what)
{
  g_autofree char *said = NULL;

  if (!images_is_in_order (work->images, "b.qcow2", &said))
    g_error ("%s: %.500s", what, said);
}

static void
ask_qemu (Work *work, guint step, const char *what)
{
  g_autofree char *said = NULL;

  if (!images_is_consistent (work->images, "b.qcow2", &said))
    g_error ("%s: %.500s", what, said);
  check_snapshots (work, step, what);
}

static void
check_left (Work *work, guint step, const char *what)
{
  g_autofree State *found = NULL;

  check_order (work, what);
  images_load (work->images, "disk: { driver: qcow2, read-only: true, "
                             "file: { driver: file, filename: DIR/b.qcow2 } }\n");
  found = read_state (work);
  images_close (work->images);
  if (!is_possible (work, found, step))
    g_error ("%s: the disk is what it never was", what);
  if (images_ask_qemu (work->rand))
    ask_qemu (work, step, what);
}

static void
check_bytes (Work *work, const guint8 *bytes, gsize size, guint step, const char *what)
{
  g_autofree char *path = g_build_filename (work->images->folder, "b.qcow2", NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (const char *) bytes, size, &error);
  g_assert_no_error (error);
  check_left (work, step, what);
}

static void
cut_and_check (Work *work, guint at, guint step, const char *what)
{
  g_autofree guint8 *bytes = g_malloc0 (RECORDER_MAX_LENGTH);
  gsize size = cuts_make (work->rand, work->image, work->image_size, at, bytes);

  check_bytes (work, bytes, size, step, what);
}

/* -- All of it. -- */

static void
make_base (Images *images)
{
  g_autofree char *path = g_build_filename (images->folder, "base.raw", NULL);
  g_autofree guint8 *bytes = g_malloc (700 * KIB);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (bytes, 0, 700 * KIB, 1000);
  g_file_set_contents (path, (const char *) bytes, 700 * KIB, &error);
  g_assert_no_error (error);
}

/* DIR in @way is the images' folder. */
static void
with_work (const char *way, const Step *script, void (*func) (Work *work))
{
  Work work = { .images = images_new (), .script = script };
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *path = g_build_filename (work.images->folder, "a.qcow2", NULL);
  guint32 seed = g_test_rand_int ();
  g_autoptr (GError) error = NULL;

  g_test_message ("%s, seed %u", way, seed);
  work.rand = g_rand_new_with_seed (seed);
  while (script[work.n_steps].kind != STEP_END)
    work.n_steps++;
  make_base (work.images);
  g_string_printf (line, "qemu-img create -q -f qcow2 %s a.qcow2 1M", way);
  g_string_replace (line, "DIR", work.images->folder, 0);
  images_run (work.images, line->str);
  g_file_get_contents (path, (char **) &work.image, &work.image_size, &error);
  g_assert_no_error (error);
  run_all (&work);
  func (&work);

  for (guint i = 0; i <= work.n_steps; i++)
    g_free (work.states[i]);
  g_rand_free (work.rand);
  g_free (work.image);
  images_free (work.images);
}

static const struct
{
  const char *way;
  const Step *script;
} ways[] = {
  { "-o cluster_size=512", script_3 },
  { "-o cluster_size=4k", script_3 },
  { "", script_3 },
  { "-o extended_l2=on,cluster_size=16k", script_extended },
};

static void
with_all_ways (void (*func) (Work *work))
{
  if (!images_have_qemu ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    with_work (ways[i].way, ways[i].script, func);
}

static guint
n_tries (void)
{
  return g_test_slow () ? 200 : 3;
}

static void
cut_often (Work *work)
{
  GPtrArray *log = recorder_get_log ();

  for (guint i = 0; i < n_tries (); i++)
    {
      guint at = g_rand_int_range (work->rand, 1, log->len + 1);
      guint step = at < log->len ? ((RecorderEntry *) log->pdata[at])->step : work->n_steps;
      g_autofree char *what = g_strdup_printf ("cut at %u of %u, in step %u", at, log->len, step);

      cut_and_check (work, at, step, what);
    }
}

static void
test_cuts (void)
{
  g_test_summary (
      "After a power cut, an image that was being edited is what it was, or what it was "
      "to become, and in order");

  with_all_ways (cut_often);
}

static void
cut_alone (Work *work)
{
  GPtrArray *log = recorder_get_log ();

  for (guint i = 0; i < log->len; i++)
    {
      const RecorderEntry *entry = log->pdata[i];
      g_autofree guint8 *bytes = g_malloc0 (RECORDER_MAX_LENGTH);
      g_autofree char *what
          = g_strdup_printf ("entry %u of %u alone, in step %u", i, log->len, entry->step);

      if (entry->kind == RECORDER_WRITE)
        check_bytes (work, bytes, cuts_make_alone (work->image, work->image_size, i, bytes),
                     entry->step, what);
    }
}

static void
test_alone (void)
{
  g_test_summary (
      "Whichever write of an edit gets to storage before all others since the flush, the "
      "edit is done or not");

  if (!images_have_qemu ())
    return;
  with_work ("-o cluster_size=1k", script_short, cut_alone);
  with_work ("-o cluster_size=1k -b DIR/base.raw -F raw", script_below, cut_alone);
}

/* The first step that fails is the last one. Nothing is cut: all that was written is there. */
static void
fail_once (Work *work, guint after)
{
  guint step = 0;
  g_autofree char *what = NULL;

  recorder_prepare (work->image, work->image_size);
  images_load (work->images, DISK);
  recorder_fail_after (after);
  while (step < work->n_steps && run_step (work, step, NULL))
    step++;
  recorder_fail_after (-1);
  images_close (work->images);
  what = g_strdup_printf ("failure after %u, in step %u", after, step);
  cut_and_check (work, recorder_get_log ()->len, step, what);
}

static void
fail_often (Work *work)
{
  guint n = recorder_get_log ()->len;

  for (guint i = 0; i < n_tries (); i++)
    fail_once (work, g_rand_int_range (work->rand, 1, n));
}

static void
test_failures (void)
{
  g_test_summary ("Where a request below fails, an edit is done or not, and the image in order");

  with_all_ways (fail_often);
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
  g_test_add_func ("/qcow2/edits/survive-power-cuts", test_cuts);
  g_test_add_func ("/qcow2/edits/wait-for-what-they-need", test_alone);
  g_test_add_func ("/qcow2/edits/survive-failures", test_failures);
  return g_test_run ();
}
