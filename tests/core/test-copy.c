/* test-copy.c - copying from node to node
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <errno.h>
#include <string.h>

#define PIECE (256 * 1024)
#define MIB (1024 * 1024)

#define TWO_DISKS(source, target) "source: { " source " }\ntarget: { " target " }\n"
#define MEMORY "driver: memory, size: 4MiB"
#define SLOW "driver: delay, write-delay: 10, file: { driver: memory, size: 4MiB }"
#define FAILING \
  "driver: blkdebug, inject-error: [ { event: none, iotype: read, errno: 5, sector: 2048 } ], " \
  "image: { driver: memory, size: 4MiB }"

#define UNREADABLE \
  "driver: blkdebug, inject-error: [ { event: none, iotype: read, errno: 5, once: false } ], " \
  "image: { driver: memory, size: 4MiB }"

typedef struct
{
  BanyanTestGraph *graph;
  BanyanCopy copy;
  BanyanGraph *other; /* (owned) (nullable): whose thread takes part */
  BanyanBackend *source;
  BanyanBackend *target;
  BanyanStatistics source_statistics;
  BanyanStatistics target_statistics;
} Copying;

static gboolean
copy_main (BanyanChannel *channel, gpointer data, GError **error)
{
  Copying *self = data;
  BanyanLoop *loops[] = {
    banyan_graph_get_loop (banyan_test_graph_get (self->graph)),
    self->other != NULL ? banyan_graph_get_loop (self->other) : NULL,
  };

  return banyan_copy_run (&self->copy, self->source, self->target, loops,
                          self->other != NULL ? 2 : 1, error);
}

/* As a program does it, so that what goes both ways is counted. */
static gboolean
copy (Copying *self, GError **error)
{
  const guint used = BANYAN_PERMISSION_CONSISTENT_READ;
  gboolean is_done;

  self->target = banyan_backend_new (banyan_test_get_node (self->graph, "target"), "copy",
                                     used | BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, NULL);
  self->source = banyan_backend_new (banyan_test_get_node (self->graph, "source"), "copy", used,
                                     BANYAN_PERMISSIONS_ALL, NULL);
  is_done = banyan_backend_run (self->target, copy_main, self, error);
  banyan_backend_get_statistics (self->source, &self->source_statistics);
  banyan_backend_get_statistics (self->target, &self->target_statistics);

  banyan_backend_close (self->source);
  banyan_backend_close (self->target);
  g_clear_object (&self->source);
  g_clear_object (&self->target);
  return is_done;
}

static void
must_copy (Copying *self)
{
  g_autoptr (GError) error = NULL;

  copy (self, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_copy_get_done (&self->copy), ==, self->copy.length);
}

static void
put (BanyanTestGraph *graph, const char *node, guint64 offset, gsize length, guint seed)
{
  g_autofree guint8 *data = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (data, offset, length, seed);
  banyan_test_write (graph, node, offset, data, length, &error);
  g_assert_no_error (error);
}

static void
assert_there (BanyanTestGraph *graph, guint64 offset, gsize length, guint seed)
{
  g_autofree guint8 *data = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_read (graph, "target", offset, data, length, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (data, offset, length, seed);
}

static void
assert_zero (BanyanTestGraph *graph, guint64 offset, gsize length)
{
  g_autofree guint8 *data = g_malloc (length);
  g_autoptr (GError) error = NULL;
  gboolean is_zero;

  banyan_test_read (graph, "target", offset, data, length, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_data_find_run (data, length, 512, &is_zero), ==, length);
  g_assert_true (is_zero);
}

static void
test_sparse (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_DISKS (MEMORY, MEMORY));
  Copying self = { graph, .copy = BANYAN_COPY_INIT };

  g_test_summary ("What is known to be zero is not read, and zeroes that the target has are not "
                  "written");

  put (graph, "source", MIB, 128 * 1024, 1);
  self.copy.length = 4 * MIB;
  must_copy (&self);

  assert_there (graph, MIB, 128 * 1024, 1);
  g_assert_cmpuint (self.source_statistics.bytes[BANYAN_STATISTIC_READ], ==, 128 * 1024);
  g_assert_cmpuint (self.target_statistics.bytes[BANYAN_STATISTIC_WRITE], ==, 128 * 1024);
  g_assert_cmpuint (self.target_statistics.operations[BANYAN_STATISTIC_WRITE_ZEROES], ==, 0);
}

static void
test_overwrites (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_DISKS (MEMORY, MEMORY));
  Copying self = { graph, .copy = BANYAN_COPY_INIT };

  g_test_summary ("A part of one disk goes elsewhere in another, zeroes included, and nothing else "
                  "of that changes");

  put (graph, "target", 0, 4 * MIB, 2);
  put (graph, "source", MIB + 64 * 1024, 64 * 1024, 1);
  self.copy.source_offset = MIB;
  self.copy.target_offset = MIB;
  self.copy.length = MIB;
  must_copy (&self);

  assert_there (graph, 0, MIB, 2);
  assert_zero (graph, MIB, 64 * 1024);
  assert_there (graph, MIB + 64 * 1024, 64 * 1024, 1);
  assert_zero (graph, MIB + 128 * 1024, MIB - 128 * 1024);
  assert_there (graph, 2 * MIB, 2 * MIB, 2);
}

static void
test_detects (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_DISKS (MEMORY, MEMORY));
  Copying self = { graph, .copy = BANYAN_COPY_INIT };
  g_autofree guint8 *data = g_malloc0 (PIECE);

  g_test_summary ("Zeroes among data are found in whole blocks, unless all is to be written");

  data[0] = data[PIECE - 1] = 1;
  banyan_test_write (graph, "source", 0, data, PIECE, NULL);
  self.copy.length = PIECE;
  must_copy (&self);
  g_assert_cmpuint (self.target_statistics.bytes[BANYAN_STATISTIC_WRITE], ==, 2 * 4096);

  self.copy = (BanyanCopy){ .size = sizeof (BanyanCopy), .length = PIECE };
  self.copy.flags = BANYAN_COPY_FULLY;
  must_copy (&self);
  g_assert_cmpuint (self.target_statistics.bytes[BANYAN_STATISTIC_WRITE], ==, PIECE);
}

static void
test_order (void)
{
  static const struct
  {
    guint flags;
    guint n_workers;
    guint took_ms;
  } cases[] = { { 0, 16, 60 }, { 0, 2, 90 }, { 0, 1, 160 }, { BANYAN_COPY_IN_ORDER, 8, 160 } };

  g_test_summary (
      "The longer pieces wait the more are written side by side, but where order is wanted");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_DISKS (MEMORY, SLOW));
      Copying self = { graph, .copy = BANYAN_COPY_INIT };
      gint64 before_ms;

      put (graph, "source", 0, 4 * MIB, 1);
      self.copy.length = 4 * MIB;
      self.copy.flags = cases[i].flags;
      self.copy.n_workers = cases[i].n_workers;
      before_ms = banyan_test_elapsed_ms (graph);
      must_copy (&self);
      g_assert_cmpint (banyan_test_elapsed_ms (graph) - before_ms, ==, cases[i].took_ms);
      assert_there (graph, 0, 4 * MIB, 1);
    }
}

static void
test_pace (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_DISKS (MEMORY, MEMORY));
  Copying self = { graph, .copy = BANYAN_COPY_INIT };

  g_test_summary ("Data comes no faster than the limit says");

  put (graph, "source", 0, 2 * MIB, 1);
  self.copy.length = 4 * MIB;
  self.copy.bytes_per_second = MIB;
  must_copy (&self);
  g_assert_cmpint (banyan_test_elapsed_ms (graph), ==, 1750);
}

static void
test_fails (void)
{
  static const guint flags[] = { 0, BANYAN_COPY_IN_ORDER };

  g_test_summary ("What cannot be read ends the copy with that error");

  for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_DISKS (FAILING, MEMORY));
      Copying self = { graph, .copy = BANYAN_COPY_INIT };
      g_autoptr (GError) error = NULL;

      put (graph, "source", 0, 4 * MIB, 1);
      self.copy.length = 4 * MIB;
      self.copy.flags = flags[i];
      g_assert_false (copy (&self, &error));
      g_assert_error (error, BANYAN_ERRNO, EIO);
      g_assert_cmpuint (banyan_copy_get_done (&self.copy), <, self.copy.length);
    }
}

static void
note_loss (BanyanCopy *self, guint64 offset, guint64 length, const GError *why)
{
  g_assert_error (why, BANYAN_ERRNO, EIO);
  g_assert_cmpuint (offset, ==, MIB);
  *(guint64 *) self->data += length;
}

static void
test_salvages (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_DISKS (FAILING, MEMORY));
  Copying self = { graph, .copy = BANYAN_COPY_INIT };
  guint64 lost = 0;

  g_test_summary ("Of what cannot be read only the block is lost, and told of");

  put (graph, "source", 0, 4 * MIB, 1);
  self.copy.length = 4 * MIB;
  self.copy.flags = BANYAN_COPY_SALVAGE;
  self.copy.lost = note_loss;
  self.copy.data = &lost;
  must_copy (&self);

  g_assert_cmpuint (lost, ==, 4096);
  assert_there (graph, 0, MIB, 1);
  assert_zero (graph, MIB, 4096);
  assert_there (graph, MIB + 4096, 3 * MIB - 4096, 1);
}

static void
test_cancelled (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (TWO_DISKS (MEMORY, MEMORY));
  Copying self = { graph, .copy = BANYAN_COPY_INIT };
  g_autoptr (GError) error = NULL;

  g_test_summary ("A copy that was cancelled ends, and says so");

  put (graph, "source", 0, MIB, 1);
  self.copy.length = 4 * MIB;
  banyan_copy_cancel (&self.copy);
  g_assert_false (copy (&self, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (self.target_statistics.operations[BANYAN_STATISTIC_WRITE], ==, 0);
}

/* Of 256 pieces. */
static void
copy_on_two_threads (const char *source, gboolean is_ordered, gboolean fails)
{
  g_autofree char *document = g_strdup_printf (TWO_DISKS ("%s", MEMORY), source);
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (document);
  g_autoptr (BanyanGraph) other = banyan_graph_new ();
  Copying self = { graph, .copy = BANYAN_COPY_INIT, .other = other };
  g_autoptr (GError) error = NULL;

  put (graph, "source", 100 * 1024, 3 * MIB, 1);
  self.copy.flags = is_ordered ? BANYAN_COPY_IN_ORDER : 0;
  self.copy.length = 4 * MIB;
  self.copy.piece_bytes = 16 * 1024;
  self.copy.n_workers = 7;
  if (fails)
    {
      g_assert_false (copy (&self, &error));
      g_assert_error (error, BANYAN_ERRNO, EIO);
    }
  else
    {
      must_copy (&self);
      assert_zero (graph, 0, 100 * 1024);
      assert_there (graph, 100 * 1024, 3 * MIB, 1);
    }
  banyan_graph_close (other, NULL);
}

static void
test_two_threads (void)
{
  g_test_summary (
      "Two threads copy what one would have, with or without an order, and end together "
      "when one fails");

  for (guint i = 0; i < 10; i++)
    {
      copy_on_two_threads (MEMORY, FALSE, FALSE);
      copy_on_two_threads (MEMORY, TRUE, FALSE);
      copy_on_two_threads (FAILING, FALSE, TRUE);
    }
}

/* @data: whether each of two threads was seen. */
static void
note_thread (BanyanCopy *self, guint64 offset, guint64 length, const GError *why)
{
  GThread **seen = self->data;

  if (seen[0] == NULL || seen[0] == g_thread_self ())
    seen[0] = g_thread_self ();
  else
    seen[1] = g_thread_self ();
}

/* Any one copy may be over before the second thread has begun. */
static void
test_both_threads (void)
{
  GThread *seen[2] = { NULL, NULL };

  g_test_summary ("Where a copy is given two threads, both read");

  for (guint i = 0; i < 100 && seen[1] == NULL; i++)
    {
      g_autoptr (BanyanTestGraph) graph
          = banyan_test_graph_must_load (TWO_DISKS (UNREADABLE, MEMORY));
      g_autoptr (BanyanGraph) other = banyan_graph_new ();
      Copying self = { graph, .copy = BANYAN_COPY_INIT, .other = other };

      put (graph, "source", 0, 4 * MIB, 1);
      self.copy.length = 4 * MIB;
      self.copy.piece_bytes = 16 * 1024;
      self.copy.flags = BANYAN_COPY_SALVAGE;
      self.copy.lost = note_thread;
      self.copy.data = seen;
      seen[0] = NULL;
      must_copy (&self);
      banyan_graph_close (other, NULL);
    }
  g_assert_nonnull (seen[1]);
}

static void
test_runs (void)
{
  static const struct
  {
    const char *data;
    gsize length;
    gboolean is_zero;
  } cases[] = { { "................", 16, TRUE },
                { "....x...........", 4, TRUE },
                { ".x......x.......", 4, FALSE },
                { "x...x...........", 8, FALSE },
                { ".", 1, TRUE },
                { "....x", 4, TRUE },
                { "......", 6, TRUE } };

  g_test_summary ("A run of zeroes, or of anything else, ends where a block begins");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *data = g_strdelimit (g_strdup (cases[i].data), ".", '\1');
      gsize length = strlen (data);
      gboolean is_zero;

      for (gsize at = 0; at < length; at++)
        data[at] = data[at] == '\1' ? 0 : data[at];
      g_assert_cmpuint (banyan_data_find_run (data, length, 4, &is_zero), ==, cases[i].length);
      g_assert_cmpint (is_zero, ==, cases[i].is_zero);
    }
}

static void
test_probes (void)
{
  static const guint8 qcow2[BANYAN_PROBE_BYTES] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3 };
  static const guint8 nothing[BANYAN_PROBE_BYTES];
  guint confidence;

  g_test_summary ("A format is told by its header, and anything else may be raw");

  g_assert_cmpstr (banyan_format_probe (qcow2, sizeof qcow2, &confidence), ==, "qcow2");
  g_assert_cmpuint (confidence, ==, 100);
  g_assert_cmpstr (banyan_format_probe (qcow2, 3, &confidence), ==, "raw");
  g_assert_cmpstr (banyan_format_probe (nothing, sizeof nothing, &confidence), ==, "raw");
  g_assert_cmpuint (confidence, ==, BANYAN_PROBE_ANYTHING);
  g_assert_cmpstr (banyan_format_probe (NULL, 0, &confidence), ==, "raw");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/copy/sparse", test_sparse);
  g_test_add_func ("/copy/overwrites", test_overwrites);
  g_test_add_func ("/copy/detects-zeroes", test_detects);
  g_test_add_func ("/copy/keeps-order", test_order);
  g_test_add_func ("/copy/keeps-pace", test_pace);
  g_test_add_func ("/copy/fails", test_fails);
  g_test_add_func ("/copy/salvages", test_salvages);
  g_test_add_func ("/copy/is-cancelled", test_cancelled);
  g_test_add_func ("/copy/on-two-threads", test_two_threads);
  g_test_add_func ("/copy/uses-both-threads", test_both_threads);
  g_test_add_func ("/copy/finds-runs", test_runs);
  g_test_add_func ("/probe/tells-formats", test_probes);
  return g_test_run ();
}
