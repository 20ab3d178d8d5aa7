/* test-nbd-soak.c - clients verify their data while filters come and go beneath them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Four exports are windows of one memory disk, each with an nbd-load that keeps a model of all data
 * in it. Meanwhile one change follows the other, each begun when the last has been committed:
 *
 *     nbd0/partN -> [slot] -> partN (raw) -> [slot] -> [slot above disk] -> disk
 *
 * A slot is empty or holds one node that changes no data. Only the clients and the graph's own
 * answers decide when something happens, and what is random has a fixed seed. */

#include "banyan-test-change.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#define N_PARTS 4
#define PART_BYTES (8u << 20)
/* Two to each part and the one above the disk, which all share. */
#define N_SLOTS (2 * N_PARTS + 1)
#define DISK_SLOT (2 * N_PARTS)
/* nbd-load itself gives up when it waits a minute for an answer. */
#define PATIENCE_S 120

typedef enum
{
  EMPTY,
  DELAY,
  BLKDEBUG,
  RAW,
  N_FILLINGS
} Filling;

typedef struct
{
  Filling filling;
  char *id; /* (owned) (nullable): of the node in it */
} Slot;

typedef struct _Soak Soak;

typedef struct
{
  Soak *soak;
  GSubprocess *process; /* (owned) */
  guint timeout;
  char *output; /* (owned): both streams */
  int status;   /* -1: killed */
} Client;

struct _Soak
{
  BanyanGraph *graph; /* (owned) */
  char *folder;
  char *socket_path;
  GMainLoop *loop; /* (owned) */
  GRand *random;   /* (owned) */
  Client clients[N_PARTS];
  guint n_running;
  Slot slots[N_SLOTS];
  guint n_changes;
  guint n_by_kind[3]; /* inserted, replaced, removed */
  gint64 longest_change_us;
  gint64 change_start_us;
  gboolean is_changing;
};

/* -- The graph. -- */

static char *
document_of (const Soak *soak)
{
  GString *text = g_string_new ("version: 1\n"
                                "objects:\n"
                                "  io0: { type: iothread }\n"
                                "  io1: { type: iothread }\n"
                                "nodes:\n");

  g_string_append_printf (text, "  disk: { driver: memory, size: %u }\n", N_PARTS * PART_BYTES);
  for (guint i = 0; i < N_PARTS; i++)
    g_string_append_printf (text, "  part%u: { driver: raw, offset: %u, size: %u, file: disk }\n",
                            i, i * PART_BYTES, PART_BYTES);
  g_string_append_printf (text,
                          "frontends:\n"
                          "  nbd0:\n"
                          "    type: nbd-server\n"
                          "    listen: { type: unix, path: %s }\n"
                          "    iothreads: [io0, io1]\n"
                          "    exports:\n",
                          soak->socket_path);
  for (guint i = 0; i < N_PARTS; i++)
    g_string_append_printf (text, "      part%u: { node: part%u, writable: true }\n", i, i);
  return g_string_free (text, FALSE);
}

static Soak *
soak_new (void)
{
  Soak *soak = g_new0 (Soak, 1);
  g_autofree char *document = NULL;
  g_autoptr (GError) error = NULL;

  soak->folder = g_dir_make_tmp ("banyan-soak-XXXXXX", &error);
  g_assert_no_error (error);
  soak->socket_path = g_build_filename (soak->folder, "nbd.sock", NULL);
  soak->loop = g_main_loop_new (NULL, FALSE);
  soak->random = g_rand_new_with_seed (6);
  soak->graph = banyan_graph_new ();
  document = document_of (soak);
  banyan_graph_load (soak->graph, document, -1, "soak.yaml", soak->folder, &error);
  g_assert_no_error (error);
  return soak;
}

static void
soak_free (Soak *soak)
{
  g_autoptr (GError) error = NULL;

  banyan_graph_close (soak->graph, &error);
  g_assert_no_error (error);
  g_object_unref (soak->graph);
  for (guint i = 0; i < N_SLOTS; i++)
    g_free (soak->slots[i].id);
  for (guint i = 0; i < N_PARTS; i++)
    {
      g_clear_object (&soak->clients[i].process);
      g_free (soak->clients[i].output);
    }
  g_rmdir (soak->folder);
  g_rand_free (soak->random);
  g_main_loop_unref (soak->loop);
  g_free (soak->socket_path);
  g_free (soak->folder);
  g_free (soak);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Soak, soak_free)

/* -- Clients. -- */

static gboolean
kill_client (gpointer data)
{
  Client *client = data;

  client->timeout = 0;
  g_subprocess_force_exit (client->process);
  return G_SOURCE_REMOVE;
}

static void
client_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Client *client = data;
  Soak *soak = client->soak;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (client->process, result, &client->output, NULL, &error);
  g_assert_no_error (error);
  if (client->timeout != 0)
    g_source_remove (client->timeout);
  client->status = g_subprocess_get_if_exited (client->process)
                       ? g_subprocess_get_exit_status (client->process)
                       : -1;
  if (--soak->n_running == 0 && !soak->is_changing)
    g_main_loop_quit (soak->loop);
}

static void
start_client (Soak *soak, guint part, guint seconds)
{
  Client *client = &soak->clients[part];
  g_autofree char *program
      = g_build_filename (g_getenv ("BANYAN_BUILD_DIR"), "tests", "bench", "nbd-load", NULL);
  g_autofree char *export = g_strdup_printf ("part%u", part);
  g_autofree char *time = g_strdup_printf ("%u", seconds);
  g_autofree char *seed = g_strdup_printf ("%u", part + 1);
  const char *structured = part % 2 == 0 ? "--structured" : NULL;
  const char *const argv[]
      = { program,    "--unix", soak->socket_path, "--export", export,   "--mix", "--zeroed",
          "--depth",  "16",     "--seconds",       time,       "--seed", seed,    "--json",
          structured, NULL };
  g_autoptr (GError) error = NULL;

  client->soak = soak;
  client->process = g_subprocess_newv (
      argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
  g_assert_no_error (error);
  client->timeout = g_timeout_add_seconds (seconds + PATIENCE_S, kill_client, client);
  soak->n_running++;
  g_subprocess_communicate_utf8_async (client->process, NULL, NULL, client_ended, client);
}

/* What a client that ended well tells of itself. */
static double
read_figure (const Client *client, const char *key)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) report = banyan_spec_parse_json (client->output, -1, NULL, problems);
  BanyanSpec *figure = report != NULL ? banyan_spec_lookup (report, key) : NULL;

  g_assert_nonnull (figure);
  return g_ascii_strtod (banyan_spec_get_text (figure), NULL);
}

/* -- Changes. -- */

static BanyanNode *
get_node (Soak *soak, const char *id)
{
  BanyanNode *node = banyan_graph_get_node (soak->graph, id);

  g_assert_nonnull (node);
  return node;
}

/* What edges to the disk lead to. */
static BanyanNode *
get_top_of_disk (Soak *soak)
{
  const Slot *slot = &soak->slots[DISK_SLOT];

  return get_node (soak, slot->filling != EMPTY ? slot->id : "disk");
}

/* The edge that @slot lies on: an export's, or a window's. */
static BanyanChild *
get_edge (Soak *soak, guint slot)
{
  g_autofree char *path = slot < N_PARTS ? g_strdup_printf ("/frontends/nbd0/part%u:node", slot)
                                         : g_strdup_printf ("/nodes/part%u:file", slot - N_PARTS);
  g_autoptr (GError) error = NULL;
  BanyanChild *edge = banyan_graph_resolve_edge (soak->graph, path, &error);

  g_assert_no_error (error);
  return edge;
}

/* At an export a window takes the place of the one there is; below it, one shows the whole disk. */
static void
fill_with_window (Soak *soak, BanyanTransaction *transaction, BanyanObject *raw, guint slot)
{
  guint64 offset = slot < N_PARTS ? slot * PART_BYTES : 0;
  guint64 size = slot < N_PARTS ? PART_BYTES : N_PARTS * PART_BYTES;

  g_object_set (raw, "offset", offset, "size", size, "file", get_top_of_disk (soak), NULL);
  banyan_transaction_replace_child (transaction, get_edge (soak, slot), BANYAN_NODE (raw));
}

static void
fill (Soak *soak, BanyanTransaction *transaction, guint index, Filling filling)
{
  static const char *const drivers[] = { NULL, "delay", "blkdebug", "raw" };
  Slot *slot = &soak->slots[index];
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) node = NULL;

  slot->filling = filling;
  slot->id = g_strdup_printf ("%s-%u", drivers[filling], soak->n_changes);
  node = banyan_object_new (drivers[filling], slot->id, &error);
  g_assert_no_error (error);

  banyan_transaction_add (transaction, node, NULL);
  if (filling == RAW)
    fill_with_window (soak, transaction, node, index);
  else if (index == DISK_SLOT)
    banyan_transaction_insert_above (transaction, BANYAN_NODE (node), get_node (soak, "disk"));
  else
    banyan_transaction_insert_on_edge (transaction, BANYAN_NODE (node), get_edge (soak, index));
}

static void
clear (Soak *soak, BanyanTransaction *transaction, guint index)
{
  Slot *slot = &soak->slots[index];
  BanyanNode *node = get_node (soak, slot->id);
  g_autofree char *part = g_strdup_printf ("part%u", index);

  if (slot->filling != RAW)
    banyan_transaction_remove_filter (transaction, node);
  else
    {
      banyan_transaction_replace_child (transaction, get_edge (soak, index),
                                        index < N_PARTS ? get_node (soak, part)
                                                        : get_top_of_disk (soak));
      banyan_transaction_remove (transaction, BANYAN_OBJECT (node));
    }
  slot->filling = EMPTY;
  g_clear_pointer (&slot->id, g_free);
}

static void change_committed (GObject *source, GAsyncResult *result, gpointer data);

/* Every edge has its turn. What is full is emptied, or in the same step filled with another. */
static void
start_change (Soak *soak)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (soak->graph);
  guint index = g_rand_int_range (soak->random, 0, N_SLOTS);
  gboolean was_full = soak->slots[index].filling != EMPTY;
  gboolean gets_full = !was_full || g_rand_boolean (soak->random);

  if (was_full)
    clear (soak, transaction, index);
  if (gets_full)
    fill (soak, transaction, index,
          g_rand_int_range (soak->random, DELAY, index == DISK_SLOT ? RAW : N_FILLINGS));

  soak->n_by_kind[!was_full ? 0 : gets_full ? 1 : 2]++;
  soak->is_changing = TRUE;
  soak->change_start_us = g_get_monotonic_time ();
  banyan_transaction_commit_async (transaction, NULL, change_committed, soak);
}

static void
end_change (Soak *soak)
{
  soak->is_changing = FALSE;
  soak->n_changes++;
  soak->longest_change_us
      = MAX (soak->longest_change_us, g_get_monotonic_time () - soak->change_start_us);
}

static void
change_committed (GObject *source, GAsyncResult *result, gpointer data)
{
  Soak *soak = data;
  g_autoptr (GError) error = NULL;

  banyan_transaction_commit_finish (BANYAN_TRANSACTION (source), result, &error);
  g_assert_no_error (error);
  end_change (soak);

  if (soak->n_running > 0)
    start_change (soak);
  else
    g_main_loop_quit (soak->loop);
}

/* -- The soak. -- */

static void
report (const Soak *soak)
{
  double n_requests = 0, longest_us = 0;
  guint n_failures = 0;

  for (guint i = 0; i < N_PARTS; i++)
    if (soak->clients[i].status != 0)
      {
        g_test_message ("part%u: %d: %s", i, soak->clients[i].status, soak->clients[i].output);
        n_failures++;
      }
    else
      {
        n_requests += read_figure (&soak->clients[i], "requests");
        longest_us = MAX (longest_us, read_figure (&soak->clients[i], "latency_max_us"));
      }

  g_test_message ("changes: %u (%u inserted, %u replaced, %u removed), the longest %.1f ms; "
                  "requests verified: %.0f; failures: %u; longest stall: %.1f ms",
                  soak->n_changes, soak->n_by_kind[0], soak->n_by_kind[1], soak->n_by_kind[2],
                  soak->longest_change_us / 1e3, n_requests, n_failures, longest_us / 1e3);
}

static void
test_changes (void)
{
  g_autoptr (Soak) soak = soak_new ();
  guint seconds = g_test_slow () ? 120 : 2;
  guint least = g_test_slow () ? 1000 : 10; /* a sanitizer beside others makes few in 2 s */

  g_test_summary ("No request fails and no data differs while filters come and go at the exports' "
                  "edges and below");

  for (guint i = 0; i < N_PARTS; i++)
    start_client (soak, i, seconds);
  start_change (soak);
  g_main_loop_run (soak->loop);

  report (soak);
  for (guint i = 0; i < N_PARTS; i++)
    g_assert_cmpint (soak->clients[i].status, ==, 0);
  g_assert_cmpuint (soak->n_changes, >=, least);
}

/* -- That the soak would notice. -- */

/* The only client has ended with a message that says @what. */
static void
assert_noticed (const Soak *soak, const char *what)
{
  g_test_message ("%s", soak->clients[0].output);
  g_assert_cmpint (soak->clients[0].status, ==, 1);
  g_assert_nonnull (strstr (soak->clients[0].output, what));
}

static void
test_notices_failure (void)
{
  g_autoptr (Soak) soak = soak_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A filter that fails one write among thousands does not go unnoticed");

  {
    g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (soak->graph);

    fill (soak, transaction, 0, BLKDEBUG);
    banyan_test_commit (transaction);
  }
  banyan_object_set (BANYAN_OBJECT (get_node (soak, soak->slots[0].id)), "rules",
                     "[{ operations: [write], after: 2000, count: 1, error: eio }]", &error);
  g_assert_no_error (error);
  start_client (soak, 0, PATIENCE_S);
  g_main_loop_run (soak->loop);
  assert_noticed (soak, "failed: error 5");
}

static void shift_window (Soak *soak);

static void
window_shifted (GObject *source, GAsyncResult *result, gpointer data)
{
  Soak *soak = data;
  g_autoptr (GError) error = NULL;

  banyan_object_set_finish (BANYAN_OBJECT (source), result, &error);
  g_assert_no_error (error);
  end_change (soak);

  if (soak->n_running > 0)
    shift_window (soak);
  else
    g_main_loop_quit (soak->loop);
}

/* To and fro, by one block. */
static void
shift_window (Soak *soak)
{
  const BanyanOrigin origin = { BANYAN_ORIGIN_PROGRAM };
  const char *offset = soak->n_changes % 2 == 0 ? "4096" : "0";
  g_autoptr (BanyanSpec) value = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, offset, &origin);

  soak->is_changing = TRUE;
  banyan_object_set_async (BANYAN_OBJECT (get_node (soak, "part0")), "offset", value, NULL,
                           window_shifted, soak);
}

static void
test_notices_corruption (void)
{
  g_autoptr (Soak) soak = soak_new ();

  g_test_summary ("A window that moves by one block under the client does not go unnoticed");

  start_client (soak, 0, PATIENCE_S);
  shift_window (soak);
  g_main_loop_run (soak->loop);
  assert_noticed (soak, "wrong data in block");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/nbd-soak/survives-changes", test_changes);
  g_test_add_func ("/nbd-soak/notices-failure", test_notices_failure);
  g_test_add_func ("/nbd-soak/notices-corruption", test_notices_corruption);
  return g_test_run ();
}
