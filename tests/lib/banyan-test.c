/* banyan-test.c - graphs for tests
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-real-time.h"

#include <string.h>

struct _BanyanTestGraph
{
  BanyanGraph *graph; /* (owned) */
  gint64 start_ns;
};

void
banyan_test_init (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
}

/* -- Loading. -- */

static char *
document_of (const char *nodes)
{
  g_auto (GStrv) lines = NULL;
  GString *text;

  if (g_str_has_prefix (nodes, "version:"))
    return g_strdup (nodes);

  lines = g_strsplit (nodes, "\n", -1);
  text = g_string_new ("version: 1\nnodes:\n");
  for (guint i = 0; lines[i] != NULL; i++)
    g_string_append_printf (text, "  %s\n", lines[i]);
  return g_string_free (text, FALSE);
}

static BanyanTestGraph *
load (const char *nodes, gboolean is_virtual, GError **error)
{
  g_autoptr (BanyanTestGraph) self = g_new0 (BanyanTestGraph, 1);
  g_autofree char *document = document_of (nodes);

  self->graph = banyan_graph_new ();
  banyan_loop_set_virtual_clock (banyan_graph_get_loop (self->graph), is_virtual);
  if (!banyan_graph_load (self->graph, document, -1, "test.yaml", g_get_tmp_dir (), error))
    return NULL;

  self->start_ns = banyan_loop_now_ns (banyan_graph_get_loop (self->graph));
  return g_steal_pointer (&self);
}

BanyanTestGraph *
banyan_test_graph_new (const char *nodes, GError **error)
{
  return load (nodes, TRUE, error);
}

BanyanTestGraph *
banyan_test_graph_new_in_real_time (const char *nodes, GError **error)
{
  return load (nodes, FALSE, error);
}

BanyanTestGraph *
banyan_test_graph_must_load (const char *nodes)
{
  g_autoptr (GError) error = NULL;
  BanyanTestGraph *self = banyan_test_graph_new (nodes, &error);

  g_assert_no_error (error);
  return self;
}

void
banyan_test_graph_free (BanyanTestGraph *self)
{
  BanyanObject *collection = banyan_object_get_child (BANYAN_OBJECT (self->graph), "nodes");
  GPtrArray *nodes = banyan_object_list_children (collection);
  g_autofree gpointer *alive = g_new0 (gpointer, nodes->len + 1);
  guint n_nodes = nodes->len;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n_nodes; i++)
    {
      alive[i] = nodes->pdata[i];
      g_object_add_weak_pointer (alive[i], &alive[i]);
    }
  g_ptr_array_unref (nodes);

  banyan_graph_close (self->graph, &error);
  g_assert_no_error (error);
  /* A node that told of a new length in its last moments lives until that was heard. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  for (guint i = 0; i < n_nodes; i++)
    if (alive[i] != NULL)
      g_error ("%s: somebody still has a reference", banyan_object_get_id (alive[i]));

  g_assert_finalize_object (self->graph);
  g_free (self);
}

BanyanGraph *
banyan_test_graph_get (BanyanTestGraph *self)
{
  return self->graph;
}

BanyanNode *
banyan_test_get_node (BanyanTestGraph *self, const char *id)
{
  BanyanNode *node = banyan_graph_get_node (self->graph, id);

  if (node == NULL)
    g_error ("the test's graph has no node \"%s\"", id);
  return node;
}

BanyanChild *
banyan_test_get_edge (BanyanTestGraph *self, const char *path)
{
  g_autoptr (GError) error = NULL;
  BanyanChild *edge = banyan_graph_resolve_edge (self->graph, path, &error);

  g_assert_no_error (error);
  return edge;
}

/* -- Requests. -- */

typedef struct
{
  guint64 offset;
  guint64 length;
  guint flags;
  gpointer buffer;
  BanyanBlockStatus *status;
  BanyanAnswer answer;
  int socket;
  gsize sent;
} Call;

gboolean
banyan_test_run_as (BanyanTestGraph *self, const char *id, guint used, BanyanChannelFunc func,
                    gpointer data, GError **error)
{
  BanyanNode *node = banyan_test_get_node (self, id);
  BanyanBackend *backend = banyan_backend_new (node, "test", used, BANYAN_PERMISSIONS_ALL, error);
  gboolean done;

  if (backend == NULL)
    return FALSE;

  done = banyan_backend_run (backend, func, data, error);
  banyan_backend_close (backend);
  g_object_unref (backend);
  return done;
}

gboolean
banyan_test_run (BanyanTestGraph *self, const char *node, BanyanChannelFunc func, gpointer data,
                 GError **error)
{
  return banyan_test_run_as (
      self, node, BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE, func, data, error);
}

static gboolean
co_read (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;
  struct iovec iov = { call->buffer, call->length };
  BanyanRequest request = BANYAN_REQUEST (call->offset, call->length, &iov, 1);

  request.flags = call->flags;
  return banyan_channel_read (channel, &request, error);
}

gboolean
banyan_test_read (BanyanTestGraph *self, const char *node, guint64 offset, gpointer buffer,
                  gsize length, GError **error)
{
  Call call = { .offset = offset, .length = length, .buffer = buffer };

  return banyan_test_run_as (self, node, BANYAN_PERMISSION_CONSISTENT_READ, co_read, &call, error);
}

static gboolean
co_write (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;
  struct iovec iov = { call->buffer, call->length };
  BanyanRequest request = BANYAN_REQUEST (call->offset, call->length, &iov, 1);

  request.flags = call->flags;
  return banyan_channel_write (channel, &request, error);
}

gboolean
banyan_test_write_flags (BanyanTestGraph *self, const char *node, guint64 offset,
                         gconstpointer buffer, gsize length, guint flags, GError **error)
{
  Call call = { .offset = offset, .length = length, .buffer = (gpointer) buffer, .flags = flags };

  return banyan_test_run (self, node, co_write, &call, error);
}

gboolean
banyan_test_write (BanyanTestGraph *self, const char *node, guint64 offset, gconstpointer buffer,
                   gsize length, GError **error)
{
  return banyan_test_write_flags (self, node, offset, buffer, length, 0, error);
}

static gboolean
co_flush (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_channel_flush (channel, error);
}

gboolean
banyan_test_flush (BanyanTestGraph *self, const char *node, GError **error)
{
  return banyan_test_run_as (self, node, BANYAN_PERMISSION_CONSISTENT_READ, co_flush, NULL, error);
}

/* Unsupported is an answer, and not a failure of the run. */
static BanyanAnswer
run_answer (BanyanTestGraph *self, const char *node, guint used, BanyanChannelFunc func, Call *call,
            GError **error)
{
  return banyan_test_run_as (self, node, used, func, call, error) ? call->answer : BANYAN_FAILED;
}

static gboolean
co_discard (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;
  BanyanRequest request = BANYAN_REQUEST (call->offset, call->length, NULL, 0);

  call->answer = banyan_channel_discard (channel, &request, error);
  return call->answer != BANYAN_FAILED;
}

BanyanAnswer
banyan_test_discard (BanyanTestGraph *self, const char *node, guint64 offset, guint64 length,
                     GError **error)
{
  Call call = { .offset = offset, .length = length };

  return run_answer (self, node, BANYAN_PERMISSION_WRITE, co_discard, &call, error);
}

static gboolean
co_zeroes (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;
  BanyanRequest request = BANYAN_REQUEST (call->offset, call->length, NULL, 0);

  request.flags = call->flags;
  call->answer = banyan_channel_write_zeroes (channel, &request, error);
  return call->answer != BANYAN_FAILED;
}

BanyanAnswer
banyan_test_zeroes (BanyanTestGraph *self, const char *node, guint64 offset, guint64 length,
                    guint flags, GError **error)
{
  Call call = { .offset = offset, .length = length, .flags = flags };

  return run_answer (self, node, BANYAN_PERMISSION_WRITE, co_zeroes, &call, error);
}

static gboolean
co_block_status (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;

  call->answer
      = banyan_channel_block_status (channel, call->offset, call->length, call->status, error);
  return call->answer != BANYAN_FAILED;
}

BanyanAnswer
banyan_test_block_status (BanyanTestGraph *self, const char *node, guint64 offset, guint64 length,
                          BanyanBlockStatus *status, GError **error)
{
  Call call = { .offset = offset, .length = length, .status = status };

  *status = (BanyanBlockStatus){ .size = sizeof *status };
  return run_answer (self, node, BANYAN_PERMISSION_CONSISTENT_READ, co_block_status, &call, error);
}

static gboolean
co_resize (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;
  BanyanResize resize = { .size = sizeof resize, .length = call->length, .exact = TRUE };

  call->answer = banyan_channel_resize (channel, &resize, error);
  return call->answer != BANYAN_FAILED;
}

BanyanAnswer
banyan_test_resize (BanyanTestGraph *self, const char *node, guint64 length, GError **error)
{
  Call call = { .length = length };

  return run_answer (self, node, BANYAN_PERMISSION_RESIZE, co_resize, &call, error);
}

static gboolean
co_send (BanyanChannel *channel, gpointer data, GError **error)
{
  Call *call = data;

  call->answer
      = banyan_channel_send (channel, call->offset, call->length, call->socket, &call->sent);
  return TRUE;
}

BanyanAnswer
banyan_test_send (BanyanTestGraph *self, const char *node, guint64 offset, gsize length, int socket,
                  gsize *sent)
{
  Call call = { .offset = offset, .length = length, .socket = socket };
  BanyanAnswer answer
      = run_answer (self, node, BANYAN_PERMISSION_CONSISTENT_READ, co_send, &call, NULL);

  *sent = call.sent;
  return answer;
}

/* -- The clock, and data. -- */

gint64
banyan_test_elapsed_ms (BanyanTestGraph *self)
{
  return (banyan_loop_now_ns (banyan_graph_get_loop (self->graph)) - self->start_ns) / 1000000;
}

/* Eight bytes at a time by their place on the disk, so that no two are alike. */
static guint8
byte_at (guint64 place, guint seed)
{
  guint64 word = (place / 8 + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)
                 + seed * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);

  return (guint8) ((word ^ word >> 29) >> (place % 8 * 8));
}

void
banyan_test_fill (gpointer buffer, guint64 offset, gsize length, guint seed)
{
  for (gsize i = 0; i < length; i++)
    ((guint8 *) buffer)[i] = byte_at (offset + i, seed);
}

void
banyan_test_assert_filled (gconstpointer buffer, guint64 offset, gsize length, guint seed)
{
  for (gsize i = 0; i < length; i++)
    if (((const guint8 *) buffer)[i] != byte_at (offset + i, seed))
      g_error ("byte %" G_GUINT64_FORMAT " is %#x, and should be %#x", offset + i,
               ((const guint8 *) buffer)[i], byte_at (offset + i, seed));
}
