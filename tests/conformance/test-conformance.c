/* test-conformance.c - every driver is opened, driven, resized, changed under I/O and closed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"
#include "walker.h"

#include <errno.h>
#include <string.h>

#define N_STEPS 200
#define N_WALKERS 6
#define N_ROUNDS 4

static BanyanBackend *
new_backend (Stage *stage, BanyanTestGraph *graph, const char *node)
{
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend = banyan_backend_new (banyan_test_get_node (graph, node), "walker",
                                               recipe_get_used (stage->the_case->recipe),
                                               BANYAN_PERMISSIONS_ALL, &error);

  g_assert_no_error (error);
  return backend;
}

static void
drop_backend (BanyanBackend *backend)
{
  banyan_backend_close (backend);
  g_assert_finalize_object (backend);
}

/* Runs @func on the driver's graph. All objects are gone afterwards, and all descriptors closed;
 * those that are kept for the next graph are there from the first. */
static void
with_graph (const Case *the_case, const char *more,
            void (*func) (Stage *stage, BanyanTestGraph *graph))
{
  Stage stage;
  g_autofree char *document = NULL;
  BanyanTestGraph *graph;
  guint n_descriptors;

  stage_init (&stage, the_case);
  document = stage_dup_document (&stage, more);
  banyan_test_graph_free (stage_load (&stage, document));
  n_descriptors = stage_count_descriptors (&stage);

  graph = stage_load (&stage, document);
  func (&stage, graph);
  banyan_test_graph_free (graph);
  g_assert_cmpuint (stage_count_descriptors (&stage), ==, n_descriptors);
  stage_clear (&stage);
}

/* -- Alone: against an array of bytes. -- */

static void
walk_alone (Stage *stage, BanyanTestGraph *graph)
{
  BanyanBackend *backend = new_backend (stage, graph, "top");
  guint64 length = banyan_node_get_length (banyan_test_get_node (graph, "top"));
  g_autoptr (GError) error = NULL;
  guint8 byte;
  Walker walker;

  g_assert_cmpuint (length, ==, recipe_get_length (stage->the_case->recipe));
  walker_init (&walker, backend, 0, length, stage->the_case->recipe);
  walker_walk (&walker, N_STEPS);
  walker_clear (&walker);
  drop_backend (backend);

  g_assert_false (banyan_test_read (graph, "top", length, &byte, 1, &error));
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
}

/* -- Longer and shorter. -- */

static void
grow (BanyanTestGraph *graph, guint64 length)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_test_resize (graph, "top", length, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
}

static void
shrink (BanyanTestGraph *graph, guint64 length)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));

  banyan_transaction_resize (transaction, banyan_test_get_node (graph, "top"), length);
  banyan_test_commit (transaction);
}

/* What comes with growth is zero, even where data was before. */
static void
walk_after_resize (Stage *stage, BanyanTestGraph *graph, guint64 kept, guint64 length)
{
  BanyanBackend *backend = new_backend (stage, graph, "top");
  Walker walker;

  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "top")), ==, length);
  if (length > kept)
    {
      walker_init (&walker, backend, kept, length - kept, stage->the_case->recipe);
      walker_compare (&walker);
      walker_clear (&walker);
    }
  walker_init (&walker, backend, 0, length, stage->the_case->recipe);
  memset (walker.known, 0, length);
  walker_walk (&walker, N_STEPS / 8);
  walker_clear (&walker);
  drop_backend (backend);
}

static void
resize_both_ways (Stage *stage, BanyanTestGraph *graph)
{
  static const guint64 lengths[] = { DISK_SIZE / 3, DISK_SIZE + 70000, 4096, 4097, 3, DISK_SIZE };
  guint64 before = recipe_get_length (stage->the_case->recipe);

  if (!(banyan_node_get_capabilities (banyan_test_get_node (graph, "top")) & BANYAN_CAN_RESIZE))
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (banyan_test_resize (graph, "top", DISK_SIZE + 4096, &error), !=,
                       BANYAN_DONE);
      return;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      guint64 length = stage->the_case->recipe->has_sectors ? MADE_LENGTH (lengths[i]) : lengths[i];

      (length > before ? grow : shrink) (graph, length);
      walk_after_resize (stage, graph, MIN (before, length), length);
      before = length;
    }
}

/* -- From two iothreads. -- */

static BanyanLoop *
get_iothread (BanyanTestGraph *graph, guint index)
{
  BanyanObject *objects
      = banyan_object_get_child (BANYAN_OBJECT (banyan_test_graph_get (graph)), "objects");
  BanyanObject *thread = banyan_object_get_child (objects, index % 2 == 0 ? "io0" : "io1");

  return banyan_iothread_get_loop (BANYAN_IOTHREAD (thread));
}

/* Neighbours share blocks. */
static void
start_walkers (Stage *stage, BanyanTestGraph *graph, Walker *walkers, BanyanBackend *backend)
{
  const guint64 length = recipe_get_length (stage->the_case->recipe);
  const guint64 part = length / N_WALKERS;

  for (guint i = 0; i < N_WALKERS; i++)
    {
      walker_init (&walkers[i], backend, i * part, i + 1 < N_WALKERS ? part : length - i * part,
                   stage->the_case->recipe);
      walkers[i].loop = get_iothread (graph, i);
      walker_start (&walkers[i]);
    }
}

static void
stop_walkers (Walker *walkers)
{
  for (guint i = 0; i < N_WALKERS; i++)
    g_atomic_int_set (&walkers[i].stop, TRUE);
  for (guint i = 0; i < N_WALKERS; i++)
    {
      walker_stop (&walkers[i]);
      walker_clear (&walkers[i]);
    }
}

/* -- All over the same blocks: whoever was last, a byte is what one of them wrote there. -- */

#define CONTESTED 10000
#define N_WRITES 40

typedef struct
{
  BanyanBackend *backend;
  guint seed;
  gboolean forgets;
  gint is_done; /* atomic */
} Rival;

static gboolean
may_be (const guint8 *found, gsize at, gboolean forgets)
{
  static guint8 candidates[N_WALKERS][CONTESTED];
  static gsize is_filled;

  if (g_once_init_enter (&is_filled))
    {
      for (guint i = 0; i < N_WALKERS; i++)
        banyan_test_fill (candidates[i], 0, CONTESTED, i);
      g_once_init_leave (&is_filled, 1);
    }
  for (guint i = 0; i < N_WALKERS && !forgets; i++)
    if (*found == candidates[i][at])
      return TRUE;
  return *found == 0;
}

static void
write_and_read (Rival *rival, BanyanChannel *channel, guint64 offset, gsize length)
{
  g_autofree guint8 *bytes = g_malloc (length);
  struct iovec iov = { bytes, length };
  BanyanRequest request = BANYAN_REQUEST (offset, length, &iov, 1);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (bytes, offset, length, rival->seed);
  banyan_channel_write (channel, &request, &error);
  g_assert_no_error (error);
  banyan_channel_read (channel, &request, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < length; i++)
    g_assert_true (may_be (&bytes[i], offset + i, rival->forgets));
}

static void
compete (gpointer data)
{
  Rival *rival = data;
  BanyanChannel *channel = banyan_backend_open_channel (rival->backend);

  for (guint i = 0; i < N_WRITES; i++)
    {
      write_and_read (rival, channel, i * 37 % 5000, 100 + i * 113 % 4900);
      banyan_co_yield ();
    }
  banyan_channel_close (channel);
  g_atomic_int_set (&rival->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

static void
refuse_writer (BanyanTestGraph *graph)
{
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend
      = banyan_backend_new (banyan_test_get_node (graph, "top"), "writer", BANYAN_PERMISSION_WRITE,
                            BANYAN_PERMISSIONS_ALL, &error);

  g_assert_null (backend);
  g_assert_nonnull (strstr (error->message, "banyan img convert"));
}

static void
walk_overlapping (Stage *stage, BanyanTestGraph *graph)
{
  BanyanBackend *backend;
  Rival rivals[N_WALKERS];

  if (stage->the_case->recipe->only_reads)
    {
      refuse_writer (graph);
      return;
    }

  backend = new_backend (stage, graph, "top");
  for (guint i = 0; i < N_WALKERS; i++)
    {
      rivals[i]
          = (Rival){ .backend = backend, .seed = i, .forgets = stage->the_case->recipe->forgets };
      banyan_coroutine_start_on (get_iothread (graph, i), compete, &rivals[i]);
    }
  for (guint i = 0; i < N_WALKERS; i++)
    while (!g_atomic_int_get (&rivals[i].is_done))
      g_main_context_iteration (NULL, TRUE);
  drop_backend (backend);
}

/* -- Changes under I/O. -- */

static void
set_discard (BanyanTestGraph *graph, const char *value)
{
  g_autoptr (GError) error = NULL;

  banyan_object_set (BANYAN_OBJECT (banyan_test_get_node (graph, "top")), "discard", value, &error);
  g_assert_no_error (error);
}

/* Whether one can be made that knows of nothing but its child. */
static gboolean
needs_nothing_else (const char *type)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) sample = banyan_object_new (type, "sample", &error);
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  g_assert_no_error (error);
  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (sample), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      BanyanChild *edge = banyan_element_get_child (BANYAN_ELEMENT (sample), pspecs[i]->name);

      if (banyan_param_is_required (pspecs[i])
          && (edge == NULL || !(banyan_child_get_role_flags (edge) & BANYAN_CHILD_FILTERED)))
        return FALSE;
    }

  return TRUE;
}

/* Edges that lead somewhere. */
static GPtrArray *
list_edges (BanyanTestGraph *graph)
{
  GPtrArray *edges
      = banyan_element_list_children (BANYAN_ELEMENT (banyan_test_get_node (graph, "top")));

  for (guint i = edges->len; i-- > 0;)
    if (banyan_child_get_node (edges->pdata[i]) == NULL)
      g_ptr_array_remove_index (edges, i);
  return edges;
}

/* A filter above the driver and one below each of its children come and go, one of its own kind
 * where it is a filter itself; and it is reopened. */
static void
change_round (Stage *stage, BanyanTestGraph *graph)
{
  const Case *the_case = stage->the_case;
  gboolean is_own = the_case->kind == BANYAN_PLUGIN_FILTER && needs_nothing_else (the_case->type);
  const char *own = is_own ? the_case->type : "delay";
  g_autoptr (GPtrArray) edges = list_edges (graph);

  banyan_test_insert (graph, own, "above", banyan_test_get_edge (graph, "up:file"));
  for (guint i = 0; i < edges->len; i++)
    {
      g_autofree char *id = g_strdup_printf ("below%u", i);

      banyan_test_insert (graph, own, id, edges->pdata[i]);
    }
  set_discard (graph, "ignore");
  banyan_test_take_out (graph, "above");
  set_discard (graph, "unmap");
  for (guint i = 0; i < edges->len; i++)
    {
      g_autofree char *id = g_strdup_printf ("below%u", i);

      banyan_test_take_out (graph, id);
    }
}

static void
change_under_io (Stage *stage, BanyanTestGraph *graph)
{
  BanyanBackend *backend = new_backend (stage, graph, "up");
  Walker walkers[N_WALKERS];

  start_walkers (stage, graph, walkers, backend);
  for (guint i = 0; i < N_ROUNDS; i++)
    change_round (stage, graph);
  stop_walkers (walkers);
  drop_backend (backend);
}

/* -- The walk over the registry. -- */

static void
test_alone (const Case *the_case)
{
  g_test_summary ("The driver holds what an array of bytes holds, at any offset and length");

  with_graph (the_case, "", walk_alone);
}

static void
test_resize (const Case *the_case)
{
  g_test_summary ("Growth reads as zeroes, shrinking forgets; who cannot resize says so");

  with_graph (the_case, "", resize_both_ways);
}

static void
test_overlapping (const Case *the_case)
{
  g_test_summary ("Where two iothreads write the same blocks, each byte is what one of them wrote; "
                  "and where nobody can write, who wants to is told what to do instead");

  with_graph (the_case, "", walk_overlapping);
}

static void
test_changes (const Case *the_case)
{
  g_test_summary ("Two iothreads find their data while filters come and go around the driver and "
                  "it is reopened");

  with_graph (the_case, "  up: { driver: delay, file: top }\n", change_under_io);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  conformance_add (DRIVER_KINDS, "holds-what-an-array-holds", test_alone);
  conformance_add (DRIVER_KINDS, "resizes-both-ways", test_resize);
  conformance_add (DRIVER_KINDS, "mixes-only-what-was-written", test_overlapping);
  conformance_add (DRIVER_KINDS, "keeps-data-through-changes", test_changes);
  return g_test_run ();
}
