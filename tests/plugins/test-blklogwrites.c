/* test-blklogwrites.c - the log has what was written, in the format of the dm-log-writes target
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-io.h"

#include <errno.h>
#include <string.h>

#define SIZE (1 << 20)

#define GRAPH(options, log) \
  "version: 1\n" \
  "objects: { io0: { type: iothread }, io1: { type: iothread } }\n" \
  "nodes:\n" \
  "  l: { driver: blklogwrites, file: disk, log: log" options " }\n" \
  "  disk: { driver: memory, size: 1MiB }\n" \
  "  log: " log "\n"

#define EMPTY "{ driver: memory, size: 0 }"

/* -- A filter that holds some writes when they are done: one that was earlier on the disk may be
 * later in coming back. -- */

G_DECLARE_FINAL_TYPE (TestLate, test_late, TEST, LATE, BanyanFilter)

struct _TestLate
{
  BanyanFilter parent_instance;

  BanyanChild *file;
  guint n_writes; /* atomic */
};

G_DEFINE_FINAL_TYPE (TestLate, test_late, BANYAN_TYPE_FILTER)

static gboolean BANYAN_COROUTINE
test_late_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestLate *self = TEST_LATE (node);

  if (!banyan_child_write (self->file, request, error))
    return FALSE;
  if (__atomic_fetch_add (&self->n_writes, 1, __ATOMIC_RELAXED) % 3 == 0)
    return banyan_co_sleep_ms (1, error);
  return TRUE;
}

static const BanyanNodeOps test_late_ops = {
  .size = sizeof test_late_ops,
  .write = test_late_write,
};

static void
test_late_class_init (TestLateClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  banyan_node_class_set_ops (node_class, &test_late_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Where data goes before its writer may go on",
                                    G_STRUCT_OFFSET (TestLate, file));
}

static void
test_late_init (TestLate *self)
{
}

/* -- The log, as its description has it: numbers are little-endian. -- */

typedef struct
{
  guint64 sector;
  guint64 n_sectors;
  guint64 flags;
  const guint8 *data;
} Entry;

typedef struct
{
  guint8 *bytes; /* (owned) */
  gsize length;
  guint sector_size;
  guint64 n_entries;
  guint64 next_entry;
  gsize at;
} Log;

static guint64
get_number (const guint8 *bytes)
{
  guint64 number = 0;

  for (guint i = 8; i-- > 0;)
    number = number << 8 | bytes[i];
  return number;
}

static guint8 *
read_node (BanyanTestGraph *graph, const char *id, gsize *length)
{
  g_autoptr (GError) error = NULL;
  guint8 *bytes;

  *length = banyan_node_get_length (banyan_test_get_node (graph, id));
  bytes = g_malloc (*length);
  banyan_test_read (graph, id, 0, bytes, *length, &error);
  g_assert_no_error (error);
  return bytes;
}

static Log
log_open (BanyanTestGraph *graph)
{
  Log log = { 0 };

  log.bytes = read_node (graph, "log", &log.length);
  g_assert_cmpuint (get_number (log.bytes), ==, G_GUINT64_CONSTANT (0x6a736677736872));
  g_assert_cmpuint (get_number (log.bytes + 8), ==, 1);
  log.n_entries = get_number (log.bytes + 16);
  log.sector_size = get_number (log.bytes + 24) & G_MAXUINT32;
  log.at = log.sector_size;
  return log;
}

static gboolean
log_next (Log *log, Entry *entry)
{
  const guint8 *sector = log->bytes + log->at;

  if (log->next_entry == log->n_entries)
    return FALSE;

  log->next_entry++;
  *entry = (Entry){ get_number (sector), get_number (sector + 8), get_number (sector + 16),
                    sector + log->sector_size };
  log->at += log->sector_size;
  if (!(entry->flags & 4))
    log->at += entry->n_sectors * log->sector_size;
  g_assert_cmpuint (log->at, <=, log->length);
  return TRUE;
}

static guint8 *
replay (Log *log)
{
  guint8 *image = g_malloc0 (SIZE);
  Entry entry;

  while (log_next (log, &entry))
    {
      gsize offset = entry.sector * log->sector_size;
      gsize length = entry.n_sectors * log->sector_size;

      g_assert_cmpuint (offset + length, <=, SIZE);
      if (entry.flags & 4)
        memset (image + offset, 0, length);
      else
        memcpy (image + offset, entry.data, length);
    }
  return image;
}

static void
must_write (BanyanTestGraph *graph, guint64 offset, gsize length, guint seed, guint flags)
{
  g_autofree guint8 *data = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (data, offset, length, seed);
  banyan_test_write_flags (graph, "l", offset, data, length, flags, &error);
  g_assert_no_error (error);
}

static void
must_flush (BanyanTestGraph *graph)
{
  g_autoptr (GError) error = NULL;

  banyan_test_flush (graph, "l", &error);
  g_assert_no_error (error);
}

/* -- Tests. -- */

static void
assert_entry (Log *log, guint64 sector, guint64 n_sectors, guint64 flags)
{
  Entry entry;

  g_assert_true (log_next (log, &entry));
  g_assert_cmpuint (entry.sector, ==, sector);
  g_assert_cmpuint (entry.n_sectors, ==, n_sectors);
  g_assert_cmpuint (entry.flags, ==, flags);
}

static void
test_entries (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (GRAPH (", log-sector-size: 4096", EMPTY));
  g_autoptr (GError) error = NULL;
  Log log;

  g_test_summary ("Each kind of request has its entry, in whole sectors and in order");

  must_write (graph, 8192, 4096, 1, 0);
  must_write (graph, 20000, 100, 2, BANYAN_REQUEST_FUA);
  g_assert_cmpint (banyan_test_zeroes (graph, "l", 65536, 65536, 0, &error), ==, BANYAN_DONE);
  g_assert_cmpint (banyan_test_discard (graph, "l", 131072, 65536, &error), ==, BANYAN_DONE);
  must_flush (graph);

  log = log_open (graph);
  g_assert_cmpuint (log.sector_size, ==, 4096);
  g_assert_cmpuint (log.n_entries, ==, 5);
  assert_entry (&log, 2, 1, 0);
  banyan_test_assert_filled (log.bytes + log.at - 4096, 8192, 4096, 1);
  assert_entry (&log, 4, 1, 2);
  assert_entry (&log, 16, 16, 0);
  assert_entry (&log, 32, 16, 4);
  assert_entry (&log, 0, 0, 1);
  g_free (log.bytes);
}

static void
test_super_interval (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load (GRAPH (", log-super-update-interval: 3", EMPTY));
  static const guint expected[] = { 0, 0, 3, 3, 3, 6 };

  g_test_summary ("The super block counts entries at the interval, and at a flush");

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      Log log;

      must_write (graph, 0, 512, i, 0);
      log = log_open (graph);
      g_assert_cmpuint (log.n_entries, ==, expected[i]);
      g_free (log.bytes);
    }
  must_write (graph, 0, 512, 1, 0);
  must_flush (graph);
  {
    Log log = log_open (graph);

    g_assert_cmpuint (log.n_entries, ==, 8);
    g_free (log.bytes);
  }
}

static void
assert_replays (BanyanTestGraph *graph)
{
  Log log = log_open (graph);
  g_autofree guint8 *image = replay (&log);
  gsize length;
  g_autofree guint8 *disk = read_node (graph, "disk", &length);

  g_assert_cmpmem (image, SIZE, disk, length);
  g_free (log.bytes);
}

static void
test_replay (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "version: 1\n"
      "objects: { io0: { type: iothread }, io1: { type: iothread } }\n"
      "nodes:\n"
      "  l: { driver: blklogwrites, file: late, log: log }\n"
      "  late: { driver: test-late, file: disk }\n"
      "  disk: { driver: memory, size: 1MiB }\n"
      "  log: " EMPTY "\n");
  BanyanBackend *backend = banyan_test_open_backend (graph, "l");
  BanyanTestWorkers *workers = banyan_test_workers_start (graph, backend, 6);
  BanyanTestRequest *requests[60];

  g_test_summary ("Replayed, the log of two iothreads gives the disk, overlapping writes included");

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    requests[i]
        = banyan_test_request_start (backend, banyan_test_get_loop (graph, i % 2 ? "io0" : "io1"),
                                     704512 + i % 7 * 1024, 3072, i + 1);
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr (GError) error = banyan_test_request_end (requests[i]);

      g_assert_no_error (error);
    }
  banyan_test_workers_stop (workers);
  banyan_test_close_backend (backend);
  must_flush (graph);
  assert_replays (graph);
}

static BanyanNode *
add_filter (BanyanTestGraph *graph, const char *id, const char *append, GError **error)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autoptr (BanyanObject) filter = banyan_object_new ("blklogwrites", id, error);

  banyan_object_set (filter, "log-append", append, NULL);
  g_object_set (filter, "log", banyan_test_get_node (graph, "log"), "file",
                banyan_test_get_node (graph, "disk"), NULL);
  banyan_transaction_add (transaction, filter, NULL);
  return banyan_transaction_commit (transaction, error) ? banyan_test_get_node (graph, id) : NULL;
}

static void
test_append (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (GRAPH ("", EMPTY));
  g_autoptr (GError) error = NULL;
  Log log;

  g_test_summary ("With log-append a log goes on where it ended, without it begins anew");

  must_write (graph, 512, 1024, 1, 0);
  g_assert_true (banyan_object_close (BANYAN_OBJECT (banyan_test_get_node (graph, "l")), &error));
  add_filter (graph, "l", "true", &error);
  g_assert_no_error (error);
  must_write (graph, 4096, 512, 2, 0);
  must_flush (graph);
  log = log_open (graph);
  assert_entry (&log, 1, 2, 0);
  assert_entry (&log, 0, 0, 1);
  assert_entry (&log, 8, 1, 0);
  assert_entry (&log, 0, 0, 1);
  g_assert_cmpuint (log.n_entries, ==, 4);
  g_free (log.bytes);
  assert_replays (graph);

  g_assert_true (banyan_object_close (BANYAN_OBJECT (banyan_test_get_node (graph, "l")), &error));
  add_filter (graph, "l", "false", &error);
  g_assert_no_error (error);
  log = log_open (graph);
  g_assert_cmpuint (log.n_entries, ==, 0);
  g_free (log.bytes);
}

static void
test_refuses_bad_logs (void)
{
  static const struct
  {
    guint8 head[64];
    const char *says;
  } bad[] = {
    { "\0", "it does not begin like one" },
    { "rhswfsj\0\2", "another version" },
    { "rhswfsj\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\4", "log-sector-size" },
    { "rhswfsj\0\1\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377\0\2", "ends before" },
  };

  g_test_summary ("What is no log, or promises more than there is, is not gone on with");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
          "disk: { driver: memory, size: 1MiB }\nlog: { driver: memory, size: 64KiB }\n");
      g_autoptr (GError) error = NULL;

      banyan_test_write (graph, "log", 0, bad[i].head, sizeof bad[i].head, &error);
      g_assert_no_error (error);
      g_assert_null (add_filter (graph, "l", "true", &error));
      g_assert_error (error, BANYAN_ERRNO, EINVAL);
      g_assert_nonnull (strstr (error->message, bad[i].says));
    }
}

static void
test_full_log (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      GRAPH ("", "{ driver: raw, size: 2048, file: { driver: memory, size: 4096 } }"));
  guint8 data[512] = { 1 };
  g_autoptr (GError) error = NULL;
  guint64 entries;

  g_test_summary ("A write that cannot be logged fails, and the log stays as it was");

  must_write (graph, 0, 512, 1, 0);
  g_assert_false (banyan_test_write (graph, "l", 0, data, sizeof data, &error));
  g_assert_cmpuint (error->domain, ==, BANYAN_ERRNO);
  g_object_get (banyan_test_get_node (graph, "l"), "entries", &entries, NULL);
  g_assert_cmpuint (entries, ==, 1);
  /* Closing flushes, and a flush has an entry: that one fits. */
}

static void
test_failing_disk (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (
      "l: { driver: blklogwrites, file: bad, log: log }\n"
      "bad: { driver: blkdebug, image: disk, rules: [{ operations: [write], error: enospc }] }\n"
      "disk: { driver: memory, size: 1MiB }\n"
      "log: " EMPTY "\n");
  guint8 data[512] = { 1 };
  g_autoptr (GError) error = NULL;
  guint64 entries;

  g_test_summary ("A write that failed is not in the log");

  g_assert_false (banyan_test_write (graph, "l", 0, data, sizeof data, &error));
  g_assert_error (error, BANYAN_ERRNO, ENOSPC);
  g_object_get (banyan_test_get_node (graph, "l"), "entries", &entries, NULL);
  g_assert_cmpuint (entries, ==, 0);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  banyan_registry_add_builtin (banyan_registry_get_default (), "test-late", BANYAN_PLUGIN_FILTER,
                               test_late_get_type (), "Hold writes that are done");
  g_test_add_func ("/filter/blklogwrites/each-kind-has-an-entry", test_entries);
  g_test_add_func ("/filter/blklogwrites/super-counts-at-interval", test_super_interval);
  g_test_add_func ("/filter/blklogwrites/replays-to-the-disk", test_replay);
  g_test_add_func ("/filter/blklogwrites/appends-or-begins-anew", test_append);
  g_test_add_func ("/filter/blklogwrites/refuses-bad-logs", test_refuses_bad_logs);
  g_test_add_func ("/filter/blklogwrites/full-log-fails-writes", test_full_log);
  g_test_add_func ("/filter/blklogwrites/failed-writes-are-not-logged", test_failing_disk);
  return g_test_run ();
}
