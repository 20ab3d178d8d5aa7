/* test-file-hung.c - storage that hangs, and what others have beside it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A file of nbdfuse, which is stopped: whatever asks for it waits in the kernel until it goes on.
 */

#include "banyan-test-io.h"
#include "image.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than the pool has threads, let alone what of them one file may take. */
#define N_HUNG 600
#define HUNG_BYTES 1024

typedef struct
{
  Image *image; /* (owned): its other file is what the server serves */
  GPid server;
} Hung;

static volatile GPid stopped; /* 0: none */

static void
end_with_test (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* It says its number once it serves; its end says nothing. */
static gboolean
start_server (Hung *self)
{
  const char *const argv[]
      = { "nbdfuse", "-P", "/dev/fd/3", self->image->other, "--command", "nbdkit", "-s",
          "memory",  "1M", NULL };
  const int as = 3;
  int says[2];
  char byte;
  gboolean serves;

  g_assert_true (g_unix_open_pipe (says, FD_CLOEXEC, NULL));
  if (!g_spawn_async_with_pipes_and_fds (
          NULL, argv, NULL,
          G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
          end_with_test, NULL, -1, -1, -1, &says[1], &as, 1, &self->server, NULL, NULL, NULL, NULL))
    self->server = 0;
  close (says[1]);
  serves = TEMP_FAILURE_RETRY (read (says[0], &byte, 1)) == 1;
  close (says[0]);
  return serves;
}

static void
hung_free (Hung *self)
{
  g_clear_pointer (&self->image->graph, banyan_test_graph_free);
  if (self->server != 0)
    {
      kill (self->server, SIGCONT);
      kill (self->server, SIGTERM);
      waitpid (self->server, NULL, 0);
    }
  image_free (self->image);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Hung, hung_free)

/* NULL, and the test is skipped, where no file can be served. */
static Hung *
hung_new (const char *more)
{
  g_autoptr (Hung) self = g_new0 (Hung, 1);
  g_autofree char *nodes
      = g_strdup_printf ("hung: { driver: file, locking: off, filename: OTHER%s }\n"
                         "disk: { driver: file, filename: IMAGE%s }\n",
                         more, more);

  self->image = image_new ();
  if (!start_server (self))
    {
      g_test_skip ("nbdfuse is not there, or may not mount");
      return NULL;
    }

  image_load (self->image, nodes);
  return g_steal_pointer (&self);
}

/* A test that fails cannot end before what it waits for does. */
static void
go_on_at_abort (int number)
{
  if (stopped != 0)
    kill (stopped, SIGCONT);
  signal (number, SIG_DFL);
  raise (number);
}

/* Its threads may answer until the last of them has stopped. */
static void
stop_server (Hung *self)
{
  int status;

  stopped = self->server;
  g_assert_cmpint (kill (self->server, SIGSTOP), ==, 0);
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (self->server, &status, WUNTRACED)), ==,
                   self->server);
  g_assert_true (WIFSTOPPED (status));
}

static void
continue_server (Hung *self)
{
  stopped = 0;
  g_assert_cmpint (kill (self->server, SIGCONT), ==, 0);
}

/* -- What waits: reads and writes. -- */

typedef struct
{
  BanyanBackend *backend; /* (owned) */
  BanyanTestRequest *requests[N_HUNG];
} Waiting;

static void
begin_waiting (Hung *self, Waiting *waiting)
{
  BanyanTestGraph *graph = self->image->graph;

  waiting->backend = banyan_test_open_backend (graph, "hung");
  stop_server (self);
  for (guint i = 0; i < N_HUNG; i++)
    waiting->requests[i]
        = banyan_test_request_start (waiting->backend, banyan_test_get_loop (graph, NULL),
                                     (guint64) i * HUNG_BYTES, HUNG_BYTES, i % 2);
}

static void
end_waiting (Hung *self, Waiting *waiting)
{
  for (guint i = 0; i < N_HUNG; i++)
    g_assert_false (banyan_test_request_is_done (waiting->requests[i]));
  continue_server (self);
  for (guint i = 0; i < N_HUNG; i++)
    g_assert_no_error (banyan_test_request_end (waiting->requests[i]));
  banyan_test_close_backend (waiting->backend);
}

static void
use_the_other (BanyanTestGraph *graph)
{
  g_autofree guint8 *data = g_malloc (IMAGE_SIZE);
  g_autoptr (GError) error = NULL;
  BanyanBlockStatus status;

  banyan_test_fill (data, 0, IMAGE_SIZE, 3);
  banyan_test_write (graph, "disk", 0, data, IMAGE_SIZE, &error);
  g_assert_no_error (error);
  banyan_test_flush (graph, "disk", &error);
  g_assert_no_error (error);
  g_assert_cmpint (banyan_test_block_status (graph, "disk", 0, IMAGE_SIZE, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_cmpint (banyan_test_discard (graph, "disk", 0, 65536, &error), !=, BANYAN_FAILED);
  g_assert_cmpint (banyan_test_zeroes (graph, "disk", 65536, 65536, 0, &error), !=, BANYAN_FAILED);
  g_assert_cmpint (banyan_test_resize (graph, "disk", IMAGE_SIZE / 2, &error), ==, BANYAN_DONE);
  banyan_test_must_read (graph, "disk", 131072, IMAGE_SIZE / 2 - 131072, 3);
}

static void
test_others_go_on (gconstpointer more)
{
  g_autoptr (Hung) hung = hung_new (more);
  Waiting waiting;

  g_test_summary ("While storage of one file hangs, another file is read, written, flushed and "
                  "resized on the same thread");
  if (hung == NULL)
    return;

  begin_waiting (hung, &waiting);
  use_the_other (hung->image->graph);
  end_waiting (hung, &waiting);
  banyan_test_must_read (hung->image->graph, "hung", HUNG_BYTES, HUNG_BYTES, 1);
}

/* -- Looking around. -- */

/* A process that has the server's file open, of which the kernel knows no more how long it is. */
static GPid
start_holder (Hung *self, int *input)
{
  const char *const argv[] = { "cat", NULL };
  const int as = 3;
  int file = open (self->image->other, O_RDWR | O_CLOEXEC);
  GPid holder;

  g_assert_true (g_spawn_async_with_pipes_and_fds (
      NULL, argv, NULL,
      G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, -1,
      -1, -1, &file, &as, 1, &holder, input, NULL, NULL, NULL));
  g_assert_cmpint (pwrite (file, "x", 1, 0), ==, 1);
  close (file);
  return holder;
}

static void
test_holder_is_looked_for (void)
{
  g_autoptr (Hung) hung = hung_new ("");
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  g_autoptr (GError) error = NULL;
  GPid holder;
  int input;
  int fd;

  g_test_summary ("Who has an image is looked for among processes that have files of storage that "
                  "hangs");
  if (hung == NULL)
    return;

  fd = open (hung->image->path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);
  holder = start_holder (hung, &input);
  stop_server (hung);
  g_assert_null (image_hold (hung->image, "disk", IMAGE_WRITES, &error));
  g_assert_nonnull (strstr (error->message, "a process that /proc does not show"));
  continue_server (hung);
  close (input);
  waitpid (holder, NULL, 0);
  close (fd);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  signal (SIGABRT, go_on_at_abort);

  g_test_add_data_func ("/file-hung/others-go-on", "", test_others_go_on);
  g_test_add_data_func ("/file-hung/others-go-on/threads", ", aio: threads", test_others_go_on);
  g_test_add_func ("/file-hung/holder-is-looked-for", test_holder_is_looked_for);

  return g_test_run ();
}
