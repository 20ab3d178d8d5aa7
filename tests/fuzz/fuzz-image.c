/* fuzz-image.c - images of formats but qcow2, damaged as the input decides
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An input is a format (any byte counts modulo their number; with 0x80, what follows is the whole
 * image), habits, and changes of an image that is right: an offset of 3 bytes, how many bytes, and
 * those. With habit 1, checksums are made right afterwards, so that inputs get far; with habit 2,
 * the image is cut where the next 3 bytes say; with habit 4, offsets count from the end.
 *
 * What is opened is read and asked for its status at many places, and checked if that can be. That
 * each request ends, with whatever answer, is all that is wanted, and that memory stays within
 * bounds. */

#include "../../plugins/formats/vhdx/vhdx-crc.h"
#include "../plugins/made.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define DISK_SIZE (4 * MADE_PIECE)
#define MAX_CHANGES 64
#define N_PLACES 12

#define HABIT_MENDS 1
#define HABIT_CUTS 2
#define HABIT_FROM_END 4
#define WHOLE 0x80

static void
put_sum (guint8 *bytes, gsize length, gsize at)
{
  guint32 sum = 0;

  memset (bytes + at, 0, 4);
  for (gsize i = 0; i < length; i++)
    sum += bytes[i];
  sum = GUINT32_TO_BE (~sum);
  memcpy (bytes + at, &sum, 4);
}

static void
mend_vpc (guint8 *bytes, gsize size)
{
  if (size < 1536)
    return;
  put_sum (bytes, 512, 64);
  put_sum (bytes + 512, 1024, 36);
}

static void
put_crc (guint8 *bytes, gsize size, gsize at, gsize length)
{
  guint32 crc;

  if (size < at + length)
    return;
  crc = GUINT32_TO_LE (vhdx_crc_of (bytes + at, length, 4));
  memcpy (bytes + at + 4, &crc, 4);
}

static void
mend_vhdx (guint8 *bytes, gsize size)
{
  put_crc (bytes, size, 64 << 10, 4096);
  put_crc (bytes, size, 128 << 10, 4096);
  put_crc (bytes, size, 192 << 10, 64 << 10);
  put_crc (bytes, size, 256 << 10, 64 << 10);
}

/* Passphrases are tried in no time: what tries them for long is libgcrypt, and no parser. */
static void
mend_luks (guint8 *bytes, gsize size)
{
  if (size < 592)
    return;
  memset (bytes + 164, 0, 2);
  for (guint slot = 0; slot < 8; slot++)
    memset (bytes + 208 + 48 * slot + 4, 0, 2);
}

static const struct
{
  const char *driver;
  const char *options; /* no image reaches for files of the machine */
  void (*make) (const char *path, guint64 size);
  void (*mend) (guint8 *bytes, gsize size); /* (nullable) */
  gboolean always_mends;
} formats[] = {
  { "bochs", "", make_bochs, NULL },
  { "cloop", "", make_cloop, NULL },
  { "dmg", "", make_dmg, NULL },
  { "parallels", "", make_parallels, NULL },
  { "qcow", ", backing: null", make_qcow, NULL },
  { "qed", ", backing: null", make_qed, NULL },
  { "vdi", "", make_vdi, NULL },
  { "vhdx", "", make_vhdx, mend_vhdx },
  { "vmdk", ", backing: null, extents: []", make_vmdk, NULL },
  { "vpc", "", make_vpc, mend_vpc },
  { "luks", ", key-secret: { type: secret, data: " MADE_PASSPHRASE " }", make_luks, mend_luks,
    TRUE },
};

static struct
{
  guint8 *bytes; /* (owned) */
  gsize size;
} images[G_N_ELEMENTS (formats)];

static int image_fd = -1; /* what is opened */
static char *image_path;  /* (owned) */

/* -- The input, from the front; beyond its end all is zero. -- */

typedef struct
{
  const guint8 *at;
  gsize left;
} Input;

static guint32
take (Input *input, guint width)
{
  guint32 value = 0;

  for (guint i = 0; i < width && input->left > 0; i++, input->at++, input->left--)
    value = value << 8 | *input->at;
  return value;
}

static void
change (Input *input, guint8 habits, guint8 *bytes, gsize size)
{
  gsize offset = take (input, 3) % size, n = take (input, 1);

  if (habits & HABIT_FROM_END)
    offset = size - 1 - offset;
  n = MIN (MIN (n, input->left), size - offset);
  memcpy (bytes + offset, input->at, n);
  input->at += n;
  input->left -= n;
}

static void
save (const guint8 *bytes, gsize size)
{
  g_assert_cmpint (ftruncate (image_fd, 0), ==, 0);
  g_assert_cmpint (pwrite (image_fd, bytes, size, 0), ==, size);
}

static void
make_damaged (guint format, Input *input)
{
  guint8 habits = take (input, 1);
  gsize size = images[format].size;
  gsize left = habits & HABIT_CUTS ? take (input, 3) % (size + 1) : size;
  g_autofree guint8 *bytes = g_memdup2 (images[format].bytes, size);

  for (guint i = 0; i < MAX_CHANGES && input->left > 0; i++)
    change (input, habits, bytes, size);
  if ((habits & HABIT_MENDS || formats[format].always_mends) && formats[format].mend != NULL)
    formats[format].mend (bytes, size);
  save (bytes, left);
}

/* -- Using it. -- */

static gboolean BANYAN_COROUTINE
use (BanyanChannel *channel, gpointer data, GError **error)
{
  guint64 length = banyan_node_get_length (banyan_channel_get_node (channel));
  g_autofree guint8 *bytes = g_malloc (MADE_PIECE);

  for (guint64 i = 0; i < N_PLACES && length > 0; i++)
    {
      guint64 offset = length > MADE_PIECE ? (length - MADE_PIECE) / (N_PLACES - 1) * i : 0;
      struct iovec iov = { bytes, MIN (length - offset, MADE_PIECE) };
      BanyanRequest request = BANYAN_REQUEST (offset, iov.iov_len, &iov, 1);
      BanyanBlockStatus status = { .size = sizeof status };

      banyan_channel_read (channel, &request, NULL);
      if (banyan_channel_block_status (channel, offset, length - offset, &status, NULL)
          == BANYAN_DONE)
        g_assert_cmpuint (status.length - 1, <, length - offset);
    }
  if (BANYAN_IS_CHECKABLE (banyan_channel_get_node (channel)))
    {
      BanyanCheck check = BANYAN_CHECK_INIT;

      banyan_checkable_check (BANYAN_CHECKABLE (banyan_channel_get_node (channel)), &check, NULL);
    }
  return TRUE;
}

static void
use_graph (BanyanGraph *graph)
{
  BanyanObject *nodes = banyan_object_get_child (BANYAN_OBJECT (graph), "nodes");
  g_autoptr (GError) error = NULL;
  BanyanBackend *backend
      = banyan_backend_new (BANYAN_NODE (banyan_object_get_child (nodes, "disk")), "fuzzer",
                            BANYAN_PERMISSION_CONSISTENT_READ, BANYAN_PERMISSIONS_ALL, &error);

  g_assert_no_error (error);
  banyan_backend_run (backend, use, NULL, &error);
  g_assert_no_error (error);
  banyan_backend_close (backend);
  g_object_unref (backend);
}

static void
open_and_use (guint format)
{
  g_autofree char *document = g_strdup_printf (
      "version: 1\nnodes: { disk: { driver: %s%s, file: { driver: file, read-only: true, filename: "
      "%s } } }\n",
      formats[format].driver, formats[format].options, image_path);
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (GError) error = NULL;

  if (banyan_graph_load (graph, document, -1, "fuzz.yaml", "/", NULL))
    use_graph (graph);
  banyan_graph_close (graph, &error);
  g_assert_no_error (error);
}

/* -- The images that are right. -- */

static void
clear (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    g_clear_pointer (&images[i].bytes, g_free);
  close (image_fd);
  unlink (image_path);
  g_clear_pointer (&image_path, g_free);
}

static void
prepare (void)
{
  g_autoptr (GError) error = NULL;

  g_setenv ("BANYAN_PLUGIN_PATH", BANYAN_PLUGIN_FOLDER, TRUE);
  image_fd = g_file_open_tmp ("banyan-fuzz-image-XXXXXX", &image_path, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      formats[i].make (image_path, DISK_SIZE);
      g_file_get_contents (image_path, (char **) &images[i].bytes, &images[i].size, &error);
      g_assert_no_error (error);
    }
  /* What was made took the place of the file by its name. */
  close (image_fd);
  image_fd = open (image_path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (image_fd, >=, 0);
  atexit (clear);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  prepare ();
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Input input = { data, size };
  guint8 first = take (&input, 1);
  guint format = (first & ~WHOLE) % G_N_ELEMENTS (formats);

  if (image_fd < 0)
    prepare ();
  if (first & WHOLE)
    save (input.at, input.left);
  else
    make_damaged (format, &input);
  open_and_use (format);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return 0;
}
