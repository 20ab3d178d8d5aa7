/* test-file-send.c - data that goes from the page cache to a socket
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

#define LENGTH (96u << 10)

typedef struct
{
  guint64 offset;
  int socket;
  BanyanAnswer answer;
  gsize sent;
} Send;

static gboolean
run_send (BanyanChannel *channel, gpointer data, GError **error)
{
  Send *self = data;

  self->answer = banyan_channel_send (channel, self->offset, LENGTH, self->socket, &self->sent);
  return TRUE;
}

static Send
send_from (Image *image, const char *node, guint64 offset, int socket)
{
  Send send = { .offset = offset, .socket = socket };
  g_autoptr (GError) error = NULL;

  banyan_test_run (image->graph, node, run_send, &send, &error);
  g_assert_no_error (error);
  return send;
}

/* An image that the cache has, as @nodes shows it. NULL, and the test skipped, on older kernels. */
static Image *
image_with (const char *more)
{
  Image *image;
  const guint64 range[2] = { 0, 0 };
  guint64 state[5];

  if (syscall (__NR_cachestat, -1, range, state, 0) < 0 && errno == ENOSYS)
    {
      g_test_skip ("the kernel has no cachestat (Linux 6.5)");
      return NULL;
    }

  image = image_new ();
  image_open (image, more);
  image_must_write (image, "disk", 0, 256 << 10, 3);
  return image;
}

static void
receive (int socket, guint8 *bytes, gsize length)
{
  for (gsize done = 0; done < length;)
    {
      gssize received = recv (socket, bytes + done, length - done, 0);

      g_assert_cmpint (received, >, 0);
      done += received;
    }
}

static void
test_sends_what_is_cached (void)
{
  g_autoptr (Image) image = image_with ("");
  g_autofree guint8 *bytes = g_malloc (LENGTH);
  int pair[2];
  Send send;

  g_test_summary ("What the cache has is sent as it is, as far as the socket takes it");

  if (image == NULL)
    return;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), ==,
                   0);
  fcntl (pair[1], F_SETFL, 0);
  g_assert_cmpint (send_from (image, "disk", 4097, -1).answer, ==, BANYAN_DONE);
  send = send_from (image, "disk", 4097, pair[0]);
  g_assert_cmpint (send.answer, ==, BANYAN_DONE);
  g_assert_cmpuint (send.sent, >, 0);
  receive (pair[1], bytes, send.sent);
  banyan_test_assert_filled (bytes, 4097, send.sent, 3);

  /* Until it is full: nothing more goes, and nobody waits. */
  do
    send = send_from (image, "disk", 0, pair[0]);
  while (send.sent > 0);
  g_assert_cmpint (send.answer, ==, BANYAN_DONE);
  close (pair[0]);
  close (pair[1]);
}

static void
test_leaves_the_rest_to_reading (void)
{
  g_autoptr (Image) direct = image_with (", cache: { direct: true }");
  g_autoptr (Image) image = image_with ("");

  g_test_summary ("What is not to be cached, or is beyond the end, is unsupported");

  if (image == NULL)
    return;

  g_assert_cmpint (send_from (direct, "disk", 0, -1).answer, ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (send_from (image, "disk", IMAGE_SIZE - 1, -1).answer, ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (send_from (image, "disk", G_MAXINT64, -1).answer, ==, BANYAN_UNSUPPORTED);
}

static void
test_waits_for_no_disk (void)
{
  g_autoptr (Image) image = image_with ("");
  struct statfs where;
  int fd;

  g_test_summary ("What the cache has no more is unsupported: sending would wait for the disk");

  if (image == NULL)
    return;

  fd = open (image->path, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (fstatfs (fd, &where), ==, 0);
  g_assert_cmpint (fsync (fd), ==, 0);
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
  if (where.f_type == TMPFS_MAGIC)
    g_test_skip ("a tmpfs keeps everything in the cache");
  else
    g_assert_cmpint (send_from (image, "disk", 64 << 10, -1).answer, ==, BANYAN_UNSUPPORTED);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/file/send/what-is-cached", test_sends_what_is_cached);
  g_test_add_func ("/protocol/file/send/leaves-the-rest-to-reading",
                   test_leaves_the_rest_to_reading);
  g_test_add_func ("/protocol/file/send/waits-for-no-disk", test_waits_for_no_disk);
  return g_test_run ();
}
