/* test-mapped.c - what all formats that are only read have from what they share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "foreign.h"
#include "made.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

#define SIZE (6 * MADE_PIECE)
/* A piece that all of them have as it is, but for those that pack everything; and one of zeroes. */
#define PLAIN (2 * MADE_PIECE)
#define ZEROES MADE_PIECE

typedef struct
{
  const char *driver;
  void (*make) (const char *path, guint64 size);
} Format;

static const Format formats[] = {
  { "bochs", make_bochs }, { "cloop", make_cloop },
  { "dmg", make_dmg },     { "parallels", make_parallels },
  { "qcow", make_qcow },   { "qed", make_qed },
  { "vdi", make_vdi },     { "vhdx", make_vhdx },
  { "vmdk", make_vmdk },   { "vpc", make_vpc },
};

static Images *
new_image (const Format *format)
{
  Images *images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);

  format->make (path, SIZE);
  return images;
}

static void
test_known (gconstpointer data)
{
  const Format *format = data;
  g_autoptr (Images) images = new_image (format);

  g_test_summary (
      "The format is told by its header, or else by its end; who wants to write is told "
      "to convert");

  if (g_str_equal (format->driver, "dmg"))
    foreign_must_be_probed_by_end (images, format->driver);
  else
    foreign_must_be_probed (images, format->driver);
  foreign_must_refuse_writers (images, format->driver);
}

/* -- Sending. -- */

static gboolean
has_cachestat (void)
{
  const guint64 range[2] = { 0, 0 };
  guint64 state[5];

  if (syscall (__NR_cachestat, -1, range, state, 0) >= 0 || errno != ENOSYS)
    return TRUE;
  g_test_skip ("the kernel has no cachestat (Linux 6.5)");
  return FALSE;
}

static BanyanAnswer
ask (Images *images, guint64 offset, gsize length)
{
  gsize sent;

  return banyan_test_send (images->graph, "disk", offset, length, -1, &sent);
}

static void
must_send (Images *images, guint64 offset)
{
  guint8 bytes[8192], expected[sizeof bytes];
  gsize sent = 0;
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), ==,
                   0);
  fcntl (pair[1], F_SETFL, 0);
  g_assert_cmpint (banyan_test_send (images->graph, "disk", offset, sizeof bytes, pair[0], &sent),
                   ==, BANYAN_DONE);
  g_assert_cmpuint (sent, >, 0);
  g_assert_cmpint (recv (pair[1], bytes, sent, MSG_WAITALL), ==, sent);
  made_fill (expected, offset, sent);
  g_assert_cmpmem (bytes, sent, expected, sent);
  close (pair[0]);
  close (pair[1]);
}

static void
test_sends (gconstpointer data)
{
  const Format *format = data;
  g_autoptr (Images) images = new_image (format);
  gboolean is_packed = g_str_equal (format->driver, "cloop");
  guint8 byte;

  g_test_summary ("What lies in the file as it is goes to the socket from there, once the tables "
                  "are in memory: to send waits for nothing");

  if (!has_cachestat ())
    return;
  foreign_load (images, format->driver);
  /* The list of chunks is always there. */
  if (!g_str_equal (format->driver, "dmg"))
    g_assert_cmpint (ask (images, PLAIN, 4096), ==, BANYAN_UNSUPPORTED);
  g_assert_true (banyan_test_read (images->graph, "disk", PLAIN, &byte, 1, NULL));
  g_assert_cmpint (ask (images, PLAIN, 4096), ==, is_packed ? BANYAN_UNSUPPORTED : BANYAN_DONE);
  if (!is_packed)
    must_send (images, PLAIN + 513);
  /* A block of VHDX has more than a piece. */
  if (!g_str_equal (format->driver, "vhdx"))
    {
      g_assert_cmpint (ask (images, ZEROES, 4096), ==, BANYAN_UNSUPPORTED);
      g_assert_cmpint (ask (images, PLAIN, MADE_PIECE + 1), ==, BANYAN_UNSUPPORTED);
    }
  images_close (images);
}

/* -- Runs. -- */

static void
count_reads (Images *images, gboolean enabled)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (images->graph));
  g_autoptr (GError) error = NULL;

  banyan_transaction_set_statistics (transaction, banyan_test_get_edge (images->graph, "disk:file"),
                                     enabled);
  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
}

static guint64
get_reads (Images *images)
{
  BanyanStatistics statistics;

  g_assert_true (
      banyan_child_get_statistics (banyan_test_get_edge (images->graph, "disk:file"), &statistics));
  return statistics.operations[BANYAN_STATISTIC_READ];
}

#define N_BLOCKS (5u << 18)
#define BLOCK_SIZE (1u << 30)

/* A disk of 1.25 PiB, of which nothing was ever written but the last block. */
static void
make_vast_vdi (Images *images)
{
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autofree guint8 *table = g_malloc (N_BLOCKS * 4);
  g_autoptr (GError) error = NULL;
  guint8 numbers[8];

  make_vdi (path, MADE_PIECE);
  memset (table, 0xff, N_BLOCKS * 4);
  banyan_put_le32 (table + (N_BLOCKS - 1) * 4, 0);
  images_patch (images, "a.img", 4096, table, N_BLOCKS * 4);
  banyan_put_le32 (numbers, 4096);
  banyan_put_le32 (numbers + 4, 8 << 20);
  images_patch (images, "a.img", 340, numbers, 8);
  banyan_put_le64 (numbers, N_BLOCKS * (guint64) BLOCK_SIZE);
  images_patch (images, "a.img", 368, numbers, 8);
  banyan_put_le32 (numbers, BLOCK_SIZE);
  images_patch (images, "a.img", 376, numbers, 4);
  banyan_put_le32 (numbers, N_BLOCKS);
  images_patch (images, "a.img", 384, numbers, 4);
}

static guint64
get_zeroes (Images *images, guint64 offset)
{
  BanyanBlockStatus status = { .size = sizeof status };
  g_autoptr (GError) error = NULL;

  banyan_test_block_status (images->graph, "disk", offset, N_BLOCKS * (guint64) BLOCK_SIZE - offset,
                            &status, &error);
  g_assert_no_error (error);
  g_assert_cmphex (status.flags & (BANYAN_BLOCK_ZERO | BANYAN_BLOCK_DATA), ==, BANYAN_BLOCK_ZERO);
  return status.length;
}

static void
test_vast (void)
{
  g_autoptr (Images) images = images_new ();
  guint64 first;

  g_test_summary ("A table of megabytes is looked through by few requests, of large pieces, and "
                  "not all of it for one answer");

  make_vast_vdi (images);
  foreign_load (images, "vdi");
  count_reads (images, TRUE);
  first = get_zeroes (images, 0);
  g_assert_cmpuint (first, <, (N_BLOCKS - 1) * (guint64) BLOCK_SIZE);
  g_assert_cmpuint (first + get_zeroes (images, first), ==, (N_BLOCKS - 1) * (guint64) BLOCK_SIZE);
  g_assert_cmpuint (get_reads (images), <=, 2 + N_BLOCKS * 4 / (256 << 10) + 2);
}

static void
test_cut (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "a.img", NULL);
  g_autofree guint8 *bytes = g_malloc (3 * MADE_PIECE);
  g_autoptr (GError) error = NULL;

  g_test_summary ("A block that begins behind the end of the file fails, also where what is asked "
                  "for begins before it; one that is cut there ends with zeroes");

  make_vdi (path, 4 * MADE_PIECE);
  images_patch (images, "a.img", 512, "\0\0\0\0\1\0\0\0\2\0\0\0", 12);
  foreign_load (images, "vdi");
  g_assert_true (banyan_test_read (images->graph, "disk", 0, bytes, 2 * MADE_PIECE, NULL));
  g_assert_false (banyan_test_read (images->graph, "disk", 0, bytes, 3 * MADE_PIECE, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (error->message, "byte 131072 of the disk is at byte 132096"));
  images_close (images);

  images_run (images, "truncate -s -512 a.img");
  foreign_load (images, "vdi");
  banyan_test_read (images->graph, "disk", 0, bytes, 2 * MADE_PIECE, NULL);
  images_must_be_zero (images, "disk", 2 * MADE_PIECE - 512, 512);
}

static void
add (const Format *format, const char *claim, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/mapped/%s/%s", format->driver, claim);

  g_test_add_data_func (path, format, func);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      add (&formats[i], "is-known-and-only-read", test_known);
      add (&formats[i], "sends-what-is-cached", test_sends);
    }
  g_test_add_func ("/mapped/vast-tables-take-few-requests", test_vast);
  g_test_add_func ("/mapped/runs-end-with-the-file", test_cut);
  return g_test_run ();
}
