/* test-co-io.c - files and sockets that coroutines wait for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

static int
open_scratch (void)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("banyan-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_unlink (path);
  return fd;
}

/* A file system, or a kernel, that cannot say whether it would wait says -EAGAIN. */
static void
use_file_now (int fd)
{
  char in[4];
  struct iovec iov = { in, 4 };
  gssize result = banyan_co_preadv (fd, &iov, 1, 0, 0, BANYAN_IO_NO_WAIT);

  if (result != -EAGAIN)
    {
      g_assert_cmpint (result, ==, 4);
      g_assert_cmpmem (in, 4, "abcd", 4);
      g_assert_cmpint (banyan_co_preadv (fd, &iov, 1, 108, 0, BANYAN_IO_NO_WAIT), ==, 0);
    }
  g_assert_cmpint (banyan_co_preadv (-1, &iov, 1, 0, 0, BANYAN_IO_NO_WAIT), ==, -EBADF);
}

static void
use_file (gpointer data)
{
  static const guint how[] = { 0, BANYAN_IO_OFFLOAD };
  char out[2][4] = { "abcd", "efgh" };
  char in[8];
  struct iovec write_iov[] = { { out[0], 4 }, { out[1], 4 } };
  struct iovec read_iov[] = { { in, 3 }, { in + 3, 5 } };
  int fd = open_scratch ();

  for (gsize i = 0; i < G_N_ELEMENTS (how); i++)
    {
      guint64 offset = 100 * i;

      memset (in, 0, sizeof in);
      g_assert_cmpint (banyan_co_pwritev (fd, write_iov, 2, offset, 0, how[i]), ==, 8);
      g_assert_cmpint (banyan_co_preadv (fd, read_iov, 2, offset, 0, how[i]), ==, 8);
      g_assert_cmpmem (in, 8, "abcdefgh", 8);
      g_assert_cmpint (banyan_co_preadv (fd, read_iov, 2, offset + 6, 0, how[i]), ==, 2);
      g_assert_cmpint (banyan_co_preadv (fd, read_iov, 2, offset + 8, 0, how[i]), ==, 0);
      g_assert_cmpint (banyan_co_preadv (-1, read_iov, 2, 0, 0, how[i]), ==, -EBADF);
    }

  g_assert_cmpint (banyan_co_pwritev (fd, write_iov, 1, 0, RWF_DSYNC, 0), ==, 4);
  use_file_now (fd);
  g_assert_cmpint (banyan_co_fsync (fd, TRUE, 0), ==, 0);
  g_assert_cmpint (banyan_co_fsync (fd, FALSE, BANYAN_IO_OFFLOAD), ==, 0);
  g_assert_cmpint (banyan_co_fsync (-1, FALSE, 0), ==, -EBADF);
  g_assert_cmpint (banyan_co_fallocate (fd, 0, 0, 8192, 0), ==, 0);
  g_assert_cmpint (lseek (fd, 0, SEEK_END), ==, 8192);
  g_assert_cmpint (banyan_co_fallocate (fd, 0, 0, 0, BANYAN_IO_OFFLOAD), ==, -EINVAL);
  close (fd);
}

static void
test_file (gconstpointer backend)
{
  g_test_summary ("Files are written, read, synced and allocated, with the system call's results");

  run_alone (backend, use_file, NULL);
}

/* More than the submission and the completion queue hold together. ThreadSanitizer needs over a
 * megabyte for each coroutine, so it sees only the submission queue overflow. */
#define MANY (BANYAN_TSAN ? 200 : 6000)

typedef struct
{
  int fd;
  guint64 *blocks;
} Many;

static gboolean
write_block (gpointer data, GError **error)
{
  guint64 *block = data;
  struct iovec iov = { block, sizeof *block };
  int fd = *(int *) banyan_co_get_pass ();

  g_assert_cmpint (banyan_co_pwritev (fd, &iov, 1, *block * sizeof *block, RWF_DSYNC, 0), ==, 8);
  return TRUE;
}

static gboolean
wait_readable (gpointer data, GError **error)
{
  g_assert_cmpint (banyan_co_poll (*(int *) data, POLLIN, G_MAXUINT64), ==, POLLIN);
  return TRUE;
}

static void
flood (gpointer data)
{
  g_autofree guint64 *blocks = g_new (guint64, MANY);
  BanyanGather gather = BANYAN_GATHER_INIT;
  int fd = open_scratch ();
  int ends[2];
  guint64 one = 1;

  g_assert_cmpint (pipe2 (ends, O_NONBLOCK | O_CLOEXEC), ==, 0);
  banyan_co_swap_pass (&fd);
  for (guint64 i = 0; i < MANY; i++)
    {
      blocks[i] = i;
      banyan_gather_start (&gather, write_block, &blocks[i]);
      banyan_gather_start (&gather, wait_readable, &ends[0]);
    }
  g_assert_cmpint (write (ends[1], &one, sizeof one), ==, 8);
  g_assert_true (banyan_co_gather (&gather, NULL));
  banyan_co_swap_pass (NULL);

  for (guint64 i = 0; i < MANY; i++)
    {
      guint64 found = 0;

      g_assert_cmpint (pread (fd, &found, sizeof found, (off_t) (i * sizeof found)), ==, 8);
      g_assert_cmpuint (found, ==, i);
    }
  close (ends[0]);
  close (ends[1]);
  close (fd);
}

static void
test_flood (gconstpointer backend)
{
  g_test_summary ("More operations in flight than the ring has entries all complete");

  run_alone (backend, flood, NULL);
}

static void
make_pair (int pair[2])
{
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), ==,
                   0);
}

#define STREAM_BYTES (4 * 1024 * 1024)

static gboolean
send_stream (gpointer data, GError **error)
{
  g_autofree guint8 *bytes = g_malloc (STREAM_BYTES);
  gsize sent = 0;

  for (gsize i = 0; i < STREAM_BYTES; i++)
    bytes[i] = (guint8) (i * 7 >> 3);

  while (sent < STREAM_BYTES)
    {
      struct iovec iov = { bytes + sent, STREAM_BYTES - sent };
      struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
      gssize n = banyan_co_sendmsg (*(int *) data, &message, 0);

      g_assert_cmpint (n, >, 0);
      sent += (gsize) n;
    }
  shutdown (*(int *) data, SHUT_WR);
  return TRUE;
}

static void
stream (gpointer data)
{
  BanyanGather gather = BANYAN_GATHER_INIT;
  guint8 buffer[5000];
  gsize received = 0;
  gssize n;
  int pair[2];

  make_pair (pair);
  banyan_gather_start (&gather, send_stream, &pair[0]);
  while ((n = banyan_co_recv (pair[1], buffer, sizeof buffer, 0)) > 0)
    for (gssize i = 0; i < n; i++, received++)
      g_assert_cmpuint (buffer[i], ==, (guint8) (received * 7 >> 3));
  g_assert_cmpint (n, ==, 0);
  g_assert_cmpuint (received, ==, STREAM_BYTES);
  g_assert_true (banyan_co_gather (&gather, NULL));

  close (pair[1]);
  n = banyan_co_sendmsg (pair[0], &(struct msghdr){ 0 }, 0);
  g_assert_cmpint (n, ==, -EPIPE);
  close (pair[0]);
}

static void
test_stream (gconstpointer backend)
{
  g_test_summary ("A stream through a full socket arrives whole; a peer that is gone is an error");

  run_alone (backend, stream, NULL);
}

static gboolean
accept_one (gpointer data, GError **error)
{
  int fd = banyan_co_accept (*(int *) data);
  char greeting[2];

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, !=, 0);
  g_assert_cmpint (banyan_co_recv (fd, greeting, 2, 0), ==, 2);
  g_assert_cmpmem (greeting, 2, "hi", 2);
  close (fd);
  return TRUE;
}

static void
accept_and_connect (gpointer data)
{
  /* An empty name makes the kernel choose one, outside the file system. */
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t length = sizeof (sa_family_t);
  BanyanGather gather = BANYAN_GATHER_INIT;
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int client = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct iovec iov = { (gpointer) "hi", 2 };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, length), ==, 0);
  length = sizeof address;
  g_assert_cmpint (getsockname (listener, (struct sockaddr *) &address, &length), ==, 0);
  g_assert_cmpint (banyan_co_connect (client, (struct sockaddr *) &address, length), ==,
                   -ECONNREFUSED);
  g_assert_cmpint (listen (listener, 1), ==, 0);

  banyan_gather_start (&gather, accept_one, &listener);
  g_assert_cmpint (banyan_co_connect (client, (struct sockaddr *) &address, length), ==, 0);
  g_assert_cmpint (banyan_co_sendmsg (client, &message, 0), ==, 2);
  g_assert_true (banyan_co_gather (&gather, NULL));
  close (client);
  close (listener);
}

static void
test_accept (gconstpointer backend)
{
  g_test_summary ("A coroutine accepts while another connects");

  run_alone (backend, accept_and_connect, NULL);
}

static void
poll_with_timeout (gpointer data)
{
  BanyanLoop *loop = banyan_loop_current ();
  int pair[2];

  make_pair (pair);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLIN, 5000000), ==, 0);
  g_assert_cmpint (banyan_loop_now_ns (loop), ==, 5000000);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLIN | POLLOUT, G_MAXUINT64), ==, POLLOUT);
  g_assert_cmpint (write (pair[1], "x", 1), ==, 1);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLIN, 1), ==, POLLIN);
  close (pair[1]);
  g_assert_cmpint (banyan_co_poll (pair[0], 0, G_MAXUINT64) & POLLHUP, ==, POLLHUP);
  close (pair[0]);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLIN, G_MAXUINT64), ==, -EBADF);
}

static void
test_poll (gconstpointer backend)
{
  g_test_summary ("A poll ends with the events, or when its time is over on the virtual clock");

  run_virtually (backend, poll_with_timeout, NULL);
}

static void
fill (int fd)
{
  guint8 bytes[4096] = { 0 };

  while (write (fd, bytes, sizeof bytes) > 0)
    ;
}

static void
empty (int fd)
{
  guint8 bytes[4096];

  while (read (fd, bytes, sizeof bytes) > 0)
    ;
}

typedef struct
{
  BanyanCoroutine *coroutine; /* atomic */
  int pair[2];
  int how;
  gssize result;
} Victim;

static void
poll_in_vain (gpointer data)
{
  Victim *victim = data;

  victim->coroutine = banyan_coroutine_self ();
  victim->result = banyan_co_poll (victim->pair[0], POLLOUT, G_MAXUINT64);
}

/* A ring may have been told of the peer by then, or not. */
static void
cancel_poll (Victim *victim, guint64 after_ns)
{
  victim->result = 0;
  banyan_coroutine_start (poll_in_vain, victim);
  if (after_ns > 0)
    g_assert_cmpint (banyan_co_poll (victim->pair[0], 0, after_ns), ==, 0);
  banyan_coroutine_cancel (victim->coroutine);
  while (victim->result == 0)
    banyan_co_yield ();
  g_assert_cmpint (victim->result, ==, -ECANCELED);
}

static void
poll_half_closed (gpointer data)
{
  BanyanLoop *loop = banyan_loop_current ();
  Victim victim = { .result = 0 };
  int *pair = victim.pair;

  make_pair (pair);
  fill (pair[0]);
  shutdown (pair[1], SHUT_WR);
  g_assert_cmpint (banyan_co_poll (pair[0], 0, 1000), ==, 0);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLOUT, 1000), ==, 0);
  g_assert_cmpint (banyan_loop_now_ns (loop), ==, 2000);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLRDHUP, G_MAXUINT64), ==, POLLRDHUP);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLIN | POLLOUT, G_MAXUINT64), ==, POLLIN);

  cancel_poll (&victim, 0);
  cancel_poll (&victim, 1000);

  empty (pair[1]);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLOUT, G_MAXUINT64), ==, POLLOUT);
  close (pair[1]);
  g_assert_cmpint (banyan_co_poll (pair[0], 0, G_MAXUINT64), ==, POLLHUP);
  close (pair[0]);
}

static void
test_half_closed (gconstpointer backend)
{
  g_test_summary ("A peer that sends no more is told to who asked for it, and to nobody else");

  run_virtually (backend, poll_half_closed, NULL);
}

/* As a child does that was forked and has not executed its program yet. */
static void
poll_same_number (gpointer data)
{
  int before[2];
  int after[2];
  int kept;

  make_pair (before);
  make_pair (after);
  g_assert_cmpint (banyan_co_poll (before[0], 0, 1000), ==, 0);
  kept = fcntl (before[0], F_DUPFD_CLOEXEC, 0);
  g_assert_cmpint (dup3 (after[0], before[0], O_CLOEXEC), ==, before[0]);
  close (before[1]);

  g_assert_cmpint (banyan_co_poll (before[0], 0, 1000), ==, 0);
  g_assert_cmpint (write (after[1], "x", 1), ==, 1);
  g_assert_cmpint (banyan_co_poll (before[0], POLLIN, G_MAXUINT64), ==, POLLIN);
  close (after[1]);
  close (after[0]);
  g_assert_cmpint (banyan_co_poll (before[0], 0, G_MAXUINT64), ==, POLLHUP);
  close (before[0]);
  close (kept);
}

static void
test_same_number (gconstpointer backend)
{
  g_test_summary ("What becomes of a file that another process still has is not told to who waits "
                  "for the next one of its number");

  run_virtually (backend, poll_same_number, NULL);
}

static gboolean
poll_both_ways (gpointer data, GError **error)
{
  int *pair = data;

  return banyan_co_poll (pair[0], POLLIN, G_MAXUINT64) == POLLIN;
}

static void
share_descriptor (gpointer data)
{
  BanyanGather gather = BANYAN_GATHER_INIT;
  int pair[2];

  make_pair (pair);
  fill (pair[0]);
  for (guint i = 0; i < 3; i++)
    banyan_gather_start (&gather, poll_both_ways, pair);

  /* The descriptor becomes writable for one, and only then readable for three. */
  empty (pair[1]);
  g_assert_cmpint (banyan_co_poll (pair[0], POLLOUT, G_MAXUINT64), ==, POLLOUT);
  g_assert_cmpuint (gather.running, ==, 3);
  g_assert_cmpint (write (pair[1], "x", 1), ==, 1);
  g_assert_true (banyan_co_gather (&gather, NULL));
  close (pair[0]);
  close (pair[1]);
}

static void
test_shared_descriptor (gconstpointer backend)
{
  g_test_summary ("Several coroutines wait for one descriptor, each for its own events");

  run_alone (backend, share_descriptor, NULL);
}

static void
victim_main (gpointer data)
{
  Victim *victim = data;
  char byte;

  __atomic_store_n (&victim->coroutine, banyan_coroutine_self (), __ATOMIC_RELEASE);
  switch (victim->how)
    {
    case 0:
      {
        g_autoptr (GError) error = NULL;

        victim->result = banyan_co_sleep_ms (3600000, &error) ? 0 : -ECANCELED;
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        break;
      }
    case 1:
      victim->result = banyan_co_poll (victim->pair[0], POLLIN, G_MAXUINT64);
      break;
    case 2:
      victim->result = banyan_co_recv (victim->pair[0], &byte, 1, 0);
      break;
    default:
      victim->result = banyan_co_poll (victim->pair[0], POLLIN, G_MAXUINT64 / 4);
    }
  g_assert_true (banyan_co_is_cancelled ());
  g_assert_cmpint (banyan_co_poll (victim->pair[0], POLLIN, 1), ==, -ECANCELED);
}

static void
cancel_at_once (gpointer data)
{
  for (int how = 0; how < 4; how++)
    {
      Victim victim = { .how = how };

      make_pair (victim.pair);
      banyan_coroutine_start (victim_main, &victim);
      for (int i = 0; i < how; i++)
        banyan_co_yield ();
      banyan_coroutine_cancel (victim.coroutine);
      while (victim.result == 0)
        g_assert_true (banyan_co_sleep_ns (1000, NULL));
      g_assert_cmpint (victim.result, ==, -ECANCELED);
      close (victim.pair[0]);
      close (victim.pair[1]);
    }
}

static void
test_cancel (gconstpointer backend)
{
  g_test_summary (
      "Sleeps, polls and receives end when their coroutine is cancelled, and later ones too");

  run_alone (backend, cancel_at_once, NULL);
}

static void
receive_until_cancelled (gpointer data)
{
  Victim *victim = data;
  guint8 byte;
  gssize n;

  __atomic_store_n (&victim->coroutine, banyan_coroutine_self (), __ATOMIC_RELEASE);
  while ((n = banyan_co_recv (victim->pair[0], &byte, 1, 0)) == 1)
    victim->result++;
  g_assert_cmpint (n, ==, -ECANCELED);
}

/* What the cancelled one did not receive must still be there. */
static void
test_cancel_race (gconstpointer backend)
{
  BanyanLoop *loop = start_loop (backend);

  g_test_summary ("A cancel from another thread that races with data loses no byte");

  if (loop == NULL)
    return;

  for (guint round = 0; round < 200; round++)
    {
      Victim victim = { 0 };
      BanyanCoroutine *coroutine;
      Visit visit = { .func = receive_until_cancelled, .data = &victim };
      guint8 left[64];
      gssize rest;

      make_pair (victim.pair);
      sem_init (&visit.ended, 0, 0);
      banyan_coroutine_start_on (loop, visit_main, &visit);
      while ((coroutine = __atomic_load_n (&victim.coroutine, __ATOMIC_ACQUIRE)) == NULL)
        g_thread_yield ();

      for (guint i = 0; i < round % 8; i++)
        g_assert_cmpint (write (victim.pair[1], "x", 1), ==, 1);
      banyan_coroutine_cancel (coroutine);
      while (sem_wait (&visit.ended) < 0)
        ;

      rest = read (victim.pair[0], left, sizeof left);
      g_assert_cmpint (victim.result + MAX (rest, 0), ==, round % 8);
      sem_destroy (&visit.ended);
      close (victim.pair[0]);
      close (victim.pair[1]);
    }
  banyan_loop_stop (loop);
}

static void
receive_for_ever (gpointer data)
{
  Victim *victim = data;
  guint8 byte;

  while (banyan_co_recv (victim->pair[0], &byte, 1, MSG_PEEK) == 1 && !victim->result)
    ;
}

static void
always_ready (gpointer data)
{
  Victim victim = { 0 };

  make_pair (victim.pair);
  g_assert_cmpint (write (victim.pair[1], "x", 1), ==, 1);
  banyan_coroutine_start (receive_for_ever, &victim);
  g_assert_true (banyan_co_sleep_ms (1, NULL));
  victim.result = 1;
  banyan_co_yield ();
  close (victim.pair[0]);
  close (victim.pair[1]);
}

static void
test_inline_budget (gconstpointer backend)
{
  g_test_summary ("Who never has to wait for its socket lets others have their turn all the same");

  run_alone (backend, always_ready, NULL);
}

typedef struct
{
  int own[2];
  int other[2];
  guint8 bytes[65536];
  gsize size; /* of each receive */
  guint n_received;
  gboolean is_over;
} Busy;

static void
receive_beside (gpointer data)
{
  Busy *busy = data;

  banyan_co_yield ();
  g_assert_cmpint (write (busy->other[1], "x", 1), ==, 1);
  while (!busy->is_over
         && banyan_co_recv (busy->own[0], busy->bytes, busy->size, MSG_PEEK) == (gssize) busy->size)
    busy->n_received++;
}

static void
one_that_waits (gpointer data)
{
  Busy *busy = data;
  guint8 byte;

  make_pair (busy->own);
  make_pair (busy->other);
  g_assert_cmpint (write (busy->own[1], busy->bytes, busy->size), ==, busy->size);
  banyan_coroutine_start (receive_beside, busy);
  g_assert_cmpint (banyan_co_recv (busy->other[0], &byte, 1, 0), ==, 1);
  busy->is_over = TRUE;
  banyan_co_yield ();
  for (guint i = 0; i < 2; i++)
    {
      close (busy->own[i]);
      close (busy->other[i]);
    }
}

static guint
count_calls_beside (gconstpointer backend, gsize size)
{
  g_autofree Busy *busy = g_new0 (Busy, 1);

  busy->size = size;
  run_alone (backend, one_that_waits, busy);
  return busy->n_received;
}

static void
test_waiting_beside (gconstpointer backend)
{
  g_test_summary ("Who waits for its socket has its turn soon after something came, whatever is "
                  "always ready beside it");

  /* A round of the loop makes 128 calls on the spot, or moves as many pages. */
  g_assert_cmpuint (count_calls_beside (backend, 1), <, 1000);
  g_assert_cmpuint (count_calls_beside (backend, sizeof ((Busy *) NULL)->bytes), <, 64);
}

int
main (int argc, char **argv)
{
  engine_test_init (&argc, &argv);
  add_for_each_loop ("file/results-are-the-system-calls", test_file);
  add_for_each_loop ("io/any-number-in-flight", test_flood);
  add_for_each_loop ("socket/stream-arrives-whole", test_stream);
  add_for_each_loop ("socket/accepts-and-connects", test_accept);
  add_for_each_loop ("poll/ends-by-event-or-time", test_poll);
  add_for_each_loop ("poll/shares-a-descriptor", test_shared_descriptor);
  add_for_each_loop ("poll/tells-what-was-asked", test_half_closed);
  add_for_each_loop ("poll/knows-files-not-numbers", test_same_number);
  add_for_each_loop ("cancel/ends-waits", test_cancel);
  add_for_each_loop ("cancel/loses-no-data", test_cancel_race);
  add_for_each_loop ("socket/always-ready-starves-nobody", test_inline_budget);
  add_for_each_loop ("socket/always-ready-delays-nobody", test_waiting_beside);
  return g_test_run ();
}
