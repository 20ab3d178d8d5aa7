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

static BanyanAnswer
send_from (Image *image, guint64 offset, int socket, gsize *sent)
{
  return banyan_test_send (image->graph, "disk", offset, LENGTH, socket, sent);
}

/* Whether all of it could be sent. */
static BanyanAnswer
ask (Image *image, guint64 offset)
{
  gsize sent;

  return send_from (image, offset, -1, &sent);
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
  BanyanAnswer answer;
  gsize sent;
  int pair[2];

  g_test_summary ("What the cache has is sent as it is, as far as the socket takes it");

  if (image == NULL)
    return;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), ==,
                   0);
  fcntl (pair[1], F_SETFL, 0);
  g_assert_cmpint (ask (image, 4097), ==, BANYAN_DONE);
  answer = send_from (image, 4097, pair[0], &sent);
  g_assert_cmpint (answer, ==, BANYAN_DONE);
  g_assert_cmpuint (sent, >, 0);
  receive (pair[1], bytes, sent);
  banyan_test_assert_filled (bytes, 4097, sent, 3);

  /* Until it is full: nothing more goes, and nobody waits. */
  do
    answer = send_from (image, 0, pair[0], &sent);
  while (sent > 0);
  g_assert_cmpint (answer, ==, BANYAN_DONE);
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

  g_assert_cmpint (ask (direct, 0), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (ask (image, IMAGE_SIZE - 1), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (ask (image, G_MAXINT64), ==, BANYAN_UNSUPPORTED);
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
    g_assert_cmpint (ask (image, 64 << 10), ==, BANYAN_UNSUPPORTED);
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
