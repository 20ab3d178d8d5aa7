/* fuzz-qcow2.c - the bytes are an image, which is opened, used, edited, checked and repaired
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An input begins with a byte of habits and N_STEPS bytes, one a step; the rest is the image, which
 * may grow to LIMIT. Whatever it names, no file is opened: backing and data-file are declared. */

#include <banyan/banyan-plugin.h>
#include <banyan/banyan.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define N_STEPS 15
#define HEAD (1 + N_STEPS)
#define LIMIT (2u << 20)
#define PIECE 70000

/* -- Where the image is. -- */

G_DECLARE_FINAL_TYPE (FuzzBytes, fuzz_bytes, FUZZ, BYTES, BanyanProtocol)

struct _FuzzBytes
{
  BanyanProtocol parent_instance;
};

G_DEFINE_FINAL_TYPE (FuzzBytes, fuzz_bytes, BANYAN_TYPE_PROTOCOL)

static guint8 *bytes; /* LIMIT of them */
static gsize n_bytes;

static gboolean
fuzz_bytes_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  banyan_request_copy_in (request, 0, bytes + request->offset, request->length);
  return TRUE;
}

static gboolean
fuzz_bytes_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  banyan_request_copy_out (request, 0, bytes + request->offset, request->length);
  return TRUE;
}

static gboolean
fuzz_bytes_flush (BanyanNode *node, GError **error)
{
  return TRUE;
}

static BanyanAnswer
fuzz_bytes_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  guint64 length = banyan_node_get_length (node);

  if (resize->length > LIMIT)
    {
      banyan_throw_errno (error, ENOSPC, "there is no more room");
      return BANYAN_FAILED;
    }
  if (resize->length > length)
    memset (bytes + length, 0, resize->length - length);
  banyan_node_publish_length (node, resize->length);
  return BANYAN_DONE;
}

static gboolean
fuzz_bytes_open (BanyanElement *element, GError **error)
{
  banyan_node_publish_length (BANYAN_NODE (element), n_bytes);
  return TRUE;
}

static const BanyanNodeOps fuzz_bytes_ops = {
  .size = sizeof fuzz_bytes_ops,
  .read = fuzz_bytes_read,
  .write = fuzz_bytes_write,
  .flush = fuzz_bytes_flush,
  .resize = fuzz_bytes_resize,
};

static void
fuzz_bytes_class_init (FuzzBytesClass *klass)
{
  BANYAN_ELEMENT_CLASS (klass)->open = fuzz_bytes_open;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &fuzz_bytes_ops);
}

static void
fuzz_bytes_init (FuzzBytes *self)
{
}

/* -- Steps. Failures are fine, all of them. -- */

typedef struct
{
  const guint8 *steps;
  guint8 *buffer; /* PIECE of them */
} Use;

static BanyanRequest
make_request (BanyanChannel *channel, Use *use, guint8 step, struct iovec *iov)
{
  guint64 length = banyan_channel_get_length (channel);
  guint64 offset = length / 16 * (step >> 4) + (step & 1 ? 512 : 0);
  gsize n = step & 2 ? PIECE : 512;

  offset = MIN (offset, length);
  n = MIN (n, length - offset);
  *iov = (struct iovec){ use->buffer, n };
  return BANYAN_REQUEST (offset, n, iov, n > 0 ? 1 : 0);
}

static void BANYAN_COROUTINE
do_request (BanyanChannel *channel, Use *use, guint kind, guint8 step)
{
  struct iovec iov;
  BanyanRequest request = make_request (channel, use, step, &iov);
  BanyanRequest bare = BANYAN_REQUEST (request.offset, request.length, NULL, 0);
  BanyanBlockStatus status;

  switch (kind)
    {
    case 0:
      banyan_channel_read (channel, &request, NULL);
      break;
    case 1:
      request.flags = step & 4 ? BANYAN_REQUEST_COMPRESSED : 0;
      banyan_channel_write (channel, &request, NULL);
      break;
    case 2:
      bare.flags = step & 4 ? BANYAN_REQUEST_MAY_UNMAP : 0;
      banyan_channel_write_zeroes (channel, &bare, NULL);
      break;
    case 3:
      banyan_channel_discard (channel, &bare, NULL);
      break;
    case 4:
      if (request.length > 0)
        banyan_channel_block_status (channel, request.offset, request.length, &status, NULL);
      break;
    default:
      banyan_channel_flush (channel, NULL);
    }
}

static void BANYAN_COROUTINE
do_snapshot (BanyanNode *node, guint8 step)
{
  BanyanSnapshots *snapshots = BANYAN_SNAPSHOTS (node);
  g_autoptr (BanyanSnapshotInfo) info = banyan_snapshot_info_new ();
  g_autoptr (GPtrArray) list = banyan_snapshots_list (snapshots, NULL);
  const BanyanSnapshotInfo *first = list != NULL && list->len > 0 ? list->pdata[0] : NULL;

  info->name = g_strdup ("new");
  if (step & 0x10 || first == NULL)
    banyan_snapshots_create (snapshots, info, NULL);
  else if (step & 0x20)
    banyan_snapshots_apply (snapshots, first->id, NULL);
  else
    banyan_snapshots_remove (snapshots, first->id, NULL);
}

static void BANYAN_COROUTINE
do_bitmap (BanyanNode *node, guint8 step)
{
  BanyanBitmaps *bitmaps = BANYAN_BITMAPS (node);
  g_autoptr (GPtrArray) list = banyan_bitmaps_list (bitmaps, NULL);
  const BanyanBitmapInfo *first = list != NULL && list->len > 0 ? list->pdata[0] : NULL;
  g_autoptr (BanyanBitmap) bitmap = NULL;

  if (first == NULL)
    return;
  if (step & 0x10)
    banyan_bitmaps_remove (bitmaps, first->name, NULL);
  else if ((bitmap = banyan_bitmaps_load (bitmaps, first->name, NULL)) != NULL)
    banyan_bitmaps_store (bitmaps, first, bitmap, NULL);
}

static void BANYAN_COROUTINE
do_check (BanyanNode *node, guint8 step)
{
  BanyanCheck check = BANYAN_CHECK_INIT;

  check.fix = step & 0x10 ? BANYAN_CHECK_FIX_ERRORS | BANYAN_CHECK_FIX_LEAKS : 0;
  banyan_checkable_check (BANYAN_CHECKABLE (node), &check, NULL);
}

static void BANYAN_COROUTINE
do_amend (BanyanNode *node, guint8 step)
{
  static const char *const changes[] = {
    "{ \"refcount-bits\": 1 }",
    "{ \"refcount-bits\": 64 }",
    "{ \"version\": \"v3\" }",
    "{ \"version\": \"v2\", \"refcount-bits\": 16 }",
  };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (changes[step >> 4 & 3], -1, NULL, problems);
  g_autoptr (BanyanImageOptions) options = banyan_image_options_new ("qcow2", spec, NULL);

  banyan_image_options_amend (options, node, NULL, NULL);
}

static void BANYAN_COROUTINE
do_resize (BanyanChannel *channel, guint8 step)
{
  BanyanResize resize
      = { .size = sizeof resize, .length = (guint64) (step >> 4) * 40000, .exact = TRUE };

  banyan_channel_resize (channel, &resize, NULL);
}

static gboolean BANYAN_COROUTINE
use_image (BanyanChannel *channel, gpointer data, GError **error)
{
  Use *use = data;

  for (guint i = 0; i < N_STEPS; i++)
    {
      guint8 step = use->steps[i];
      guint kind = step % 11;

      if (kind < 6)
        {
          do_request (channel, use, kind, step);
          continue;
        }
      if (kind == 6)
        {
          do_resize (channel, step);
          continue;
        }
      banyan_channel_enter (channel);
      if (kind == 7)
        do_snapshot (banyan_channel_get_node (channel), step);
      else if (kind == 8)
        do_check (banyan_channel_get_node (channel), step);
      else if (kind == 9)
        do_bitmap (banyan_channel_get_node (channel), step);
      else
        do_amend (banyan_channel_get_node (channel), step);
      banyan_channel_leave (channel);
    }
  return TRUE;
}

/* -- An input. -- */

static char *
make_document (guint8 habits)
{
  return g_strdup_printf ("version: 1\n"
                          "nodes:\n"
                          "  disk:\n"
                          "    driver: qcow2\n"
                          "    read-only: %s\n"
                          "    discard: unmap\n"
                          "    overlap-check: %s\n"
                          "    l2-cache-size: %s\n"
                          "    backing: %s\n"
                          "    data-file: %s\n"
                          "    file: { driver: fuzz-bytes, discard: unmap }\n",
                          habits & 1 ? "true" : "false", habits & 2 ? "all" : "cached",
                          habits & 4 ? "512" : "1M",
                          habits & 8 ? "{ driver: memory, size: 100K }" : "null",
                          habits & 16 ? "{ driver: memory, size: 1M }" : "null");
}

static void
use_node (BanyanNode *node, Use *use, gboolean writes)
{
  guint wanted = BANYAN_PERMISSION_CONSISTENT_READ;
  BanyanBackend *backend;

  if (writes)
    wanted |= BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE;
  backend = banyan_backend_new (node, "fuzzer", wanted, 0, NULL);
  if (backend == NULL)
    return;
  banyan_backend_run (backend, use_image, use, NULL);
  banyan_backend_close (backend);
}

static void
set_up (void)
{
  g_setenv ("BANYAN_PLUGIN_PATH", BANYAN_PLUGIN_FOLDER, FALSE);
  banyan_registry_add_builtin (banyan_registry_get_default (), "fuzz-bytes", BANYAN_PLUGIN_PROTOCOL,
                               fuzz_bytes_get_type (), "The image of an input");
  bytes = g_malloc0 (LIMIT);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *document = NULL;
  g_autofree guint8 *buffer = NULL;
  BanyanGraph *graph;
  Use use;

  if (size < HEAD + 8 || size - HEAD > LIMIT)
    return 0;
  if (bytes == NULL)
    set_up ();

  n_bytes = size - HEAD;
  memcpy (bytes, data + HEAD, n_bytes);
  buffer = g_malloc0 (PIECE);
  use = (Use){ data + 1, buffer };
  document = make_document (data[0]);
  graph = banyan_graph_new ();
  if (banyan_graph_load (graph, document, -1, "fuzz.yaml", "/", NULL))
    use_node (banyan_graph_get_node (graph, "disk"), &use, !(data[0] & 1));
  banyan_graph_close (graph, NULL);
  g_object_unref (graph);
  return 0;
}
