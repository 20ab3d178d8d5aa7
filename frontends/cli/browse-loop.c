/* browse-loop.c - banyan inspect -i: waits for keys, messages, signals and the clock at once
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "browse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* A server that does not answer must not hold who wants to go. */
#define PATIENCE_US (2 * G_USEC_PER_SEC)

typedef struct
{
  BrowseModel *model; /* (owned) */
  BrowseWire *wire;   /* (owned) */
  const char *title;  /* (unowned) */
  gint64 round_us;    /* from one question for rates to the next */
  gint64 next_us;     /* when that is */
  int signal_number;  /* that ends it; 0: none has come */
} BrowseLoop;

/* -- Signals: they come in turn with all else, so the terminal is put right by plain code. -- */

static int signal_pipe[2] = { -1, -1 };

/* On whatever thread. A pipe that is full has enough in it. */
static void
note_signal (int number)
{
  const char byte = number;
  int saved = errno;

  if (write (signal_pipe[1], &byte, 1) < 0)
    errno = saved;
}

/* After curses has begun, which would have them otherwise. */
static void
catch_signals (void)
{
  static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
  const struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESTART };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    sigaction (numbers[i], &action, NULL);
}

static void
read_signals (BrowseLoop *self)
{
  char number;

  while (read (signal_pipe[0], &number, 1) == 1)
    {
      if (number == SIGWINCH)
        browse_view_resize ();
      else
        self->signal_number = number;
    }
}

/* Ends as anybody expects who has sent the signal. */
static void
die_of (int number)
{
  signal (number, SIG_DFL);
  raise (number);
}

/* What crashes leaves a terminal that can be used. */
static void
crash (int number)
{
  browse_view_end ();
  raise (number);
}

static void
catch_crashes (void)
{
  static const int numbers[] = { SIGSEGV, SIGABRT, SIGTRAP, SIGBUS, SIGFPE, SIGILL };
  const struct sigaction action = { .sa_handler = crash, .sa_flags = SA_RESETHAND | SA_NODEFER };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    sigaction (numbers[i], &action, NULL);
}

/* -- A round. -- */

static void
send_requests (BrowseLoop *self)
{
  gint64 now_us = g_get_monotonic_time ();
  BanyanSpec *message;

  if (now_us >= self->next_us)
    {
      self->model->wanted |= BROWSE_ASK_RATES | BROWSE_ASK_EDGES;
      self->next_us = now_us + self->round_us;
    }
  while ((message = browse_model_next_request (self->model)) != NULL)
    {
      browse_wire_send (self->wire, message);
      banyan_spec_unref (message);
    }
}

/* FALSE with @error: the connection is lost. What the server said last is heard. */
static gboolean
exchange (BrowseLoop *self, GError **error)
{
  gboolean is_open = browse_wire_move (self->wire, error);
  g_autoptr (GError) problem = NULL;
  BanyanSpec *message;

  while ((message = browse_wire_receive (self->wire, is_open ? &problem : NULL)) != NULL)
    {
      browse_model_take (self->model, message, g_get_monotonic_time ());
      banyan_spec_unref (message);
    }
  if (problem == NULL)
    return is_open;

  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

static void
read_keys (BrowseLoop *self)
{
  gunichar key;

  while (!self->model->is_at_end && (key = browse_view_read_key ()) != 0)
    browse_model_press (self->model, key, browse_view_get_page ());
}

/* FALSE: the terminal is gone. */
static gboolean
wait (BrowseLoop *self)
{
  gint64 left_ms = MAX (self->next_us - g_get_monotonic_time (), 0) / 1000 + 1;
  struct pollfd fds[] = {
    { STDIN_FILENO, POLLIN, 0 },
    { browse_wire_get_fd (self->wire),
      (short) (POLLIN | (browse_wire_is_full (self->wire) ? POLLOUT : 0)), 0 },
    { signal_pipe[0], POLLIN, 0 },
  };

  if (poll (fds, G_N_ELEMENTS (fds), left_ms) < 0)
    return errno == EINTR;
  return !(fds[0].revents & (POLLHUP | POLLERR | POLLNVAL));
}

static gboolean
run_rounds (BrowseLoop *self, GError **error)
{
  gboolean has_terminal = TRUE;

  while (has_terminal && !self->model->is_at_end && self->signal_number == 0)
    {
      send_requests (self);
      if (!exchange (self, error))
        return FALSE;
      browse_view_draw (self->model, self->title);
      has_terminal = wait (self);
      read_signals (self);
      read_keys (self);
    }

  return TRUE;
}

/* What was begun for the sake of looking is ended, as long as the server listens. */
static void
say_goodbye (BrowseLoop *self)
{
  g_autoptr (BanyanSpec) last = browse_model_last_request (self->model);
  gint64 end_us = g_get_monotonic_time () + PATIENCE_US;
  gboolean is_answered = FALSE;

  if (last != NULL)
    browse_wire_send (self->wire, last);
  while (last != NULL && !is_answered && g_get_monotonic_time () < end_us
         && browse_wire_move (self->wire, NULL))
    {
      struct pollfd fd = { browse_wire_get_fd (self->wire),
                           (short) (POLLIN | (browse_wire_is_full (self->wire) ? POLLOUT : 0)), 0 };
      BanyanSpec *message;

      while ((message = browse_wire_receive (self->wire, NULL)) != NULL)
        {
          is_answered |= g_strcmp0 (banyan_spec_lookup_text (message, "id"), "last") == 0;
          banyan_spec_unref (message);
        }
      if (!is_answered)
        poll (&fd, 1, PATIENCE_US / 1000);
    }
}

/* -- All of it. -- */

static CliStatus
browse (CliConnection *connection, const LiveOptions *options)
{
  g_autoptr (BrowseModel) model = browse_model_new ();
  g_autoptr (BrowseWire) wire = browse_wire_new (connection);
  g_autoptr (GError) error = NULL;
  BrowseLoop loop = {
    .model = model,
    .wire = wire,
    .title = cli_connect_get_address (),
    .round_us = options->interval * G_USEC_PER_SEC,
  };

  if (pipe2 (signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
    return cli_fail (CLI_FAILED, "cannot make a pipe: %s", g_strerror (errno));

  if (!browse_view_begin ())
    return cli_fail (CLI_FAILED, "a terminal of the type \"%s\" cannot show it",
                     g_getenv ("TERM") != NULL ? g_getenv ("TERM") : "");

  catch_signals ();
  catch_crashes ();
  if (run_rounds (&loop, &error))
    say_goodbye (&loop);
  browse_view_end ();
  if (loop.signal_number != 0)
    die_of (loop.signal_number);

  return error == NULL ? CLI_DONE : cli_fail (CLI_CANNOT_CONNECT, "%s", error->message);
}

CliStatus
browse_run (const LiveOptions *options)
{
  CliStatus status;
  g_autoptr (CliConnection) connection = NULL;

  if (!isatty (STDIN_FILENO) || !isatty (STDOUT_FILENO))
    return cli_fail (CLI_USAGE, "inspect -i is for terminals; inspect tree, show and top tell the "
                                "same to programs");

  connection = cli_connect (&status);
  return connection != NULL ? browse (connection, options) : status;
}
