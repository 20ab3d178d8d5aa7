/* run-stdio.c - a client that is there already: at standard input and output, a socket's end, files
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A monitor accepts its clients, so such a client is made one that calls: a socket listens, its
 * name goes as soon as we have called it ourselves, and what comes in on either side goes out on
 * the other. Nobody else can call. */

#include "run-stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct
{
  int input, output; /* the client's */
  gboolean owns_them;
  int call; /* our end of the connection to the monitor */
  int listener;
  gboolean is_talking; /* what the monitor says still goes out */
} Bridge;

static GPtrArray *bridges; /* (owned) (nullable) (element-type Bridge) */

/* -- Making one. -- */

static gboolean
call_once (Bridge *self, const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (g_strlcpy (address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
    return banyan_throw_errno (error, ENAMETOOLONG, "listening at %s", path);

  self->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  self->call = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (self->listener < 0 || self->call < 0
      || bind (self->listener, (struct sockaddr *) &address, sizeof address) < 0
      || listen (self->listener, 1) < 0
      || connect (self->call, (struct sockaddr *) &address, sizeof address) < 0)
    return banyan_throw_errno (error, errno, "a socket for the client that is there already");
  return TRUE;
}

static void
bridge_free (gpointer data)
{
  Bridge *self = data;

  if (self->call >= 0)
    close (self->call);
  if (self->listener >= 0)
    close (self->listener);
  if (self->owns_them && self->input >= 0)
    close (self->input);
  if (self->owns_them && self->output >= 0)
    close (self->output);
  g_free (self);
}

/* -- Files, and pipes. -- */

static gboolean
throw_open (const char *path, GError **error)
{
  return banyan_throw_errno (error, errno, "opening %s", path);
}

static gboolean
open_files (Bridge *self, const LegacyClient *client, GError **error)
{
  const char *input = client->input_path != NULL ? client->input_path : "/dev/null";
  int how = client->appends ? O_APPEND : O_TRUNC;

  self->input = open (input, O_RDONLY | O_CLOEXEC);
  if (self->input < 0)
    return throw_open (input, error);

  self->output = open (client->output_path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666);
  return self->output >= 0 || throw_open (client->output_path, error);
}

/* Both ways, so that who comes later finds it, and who goes does not end it: "PATH.in" and
 * "PATH.out", or one device for both. */
static gboolean
open_pipe (Bridge *self, const char *path, GError **error)
{
  g_autofree char *input = g_strconcat (path, ".in", NULL);
  g_autofree char *output = g_strconcat (path, ".out", NULL);

  self->input = open (input, O_RDWR | O_CLOEXEC);
  self->output = self->input >= 0 ? open (output, O_RDWR | O_CLOEXEC) : -1;
  if (self->output >= 0)
    return TRUE;
  if (self->input >= 0)
    return throw_open (output, error);

  self->input = open (path, O_RDWR | O_CLOEXEC);
  self->output = self->input >= 0 ? fcntl (self->input, F_DUPFD_CLOEXEC, 3) : -1;
  return self->output >= 0
         || banyan_throw_errno (error, errno, "opening %s, or %s and %s", path, input, output);
}

static gboolean
open_ends (Bridge *self, const LegacyClient *client, GError **error)
{
  self->input = client->input;
  self->output = client->output;
  if (client->output_path == NULL)
    return TRUE;

  self->owns_them = TRUE;
  return client->is_pipe ? open_pipe (self, client->output_path, error)
                         : open_files (self, client, error);
}

char *
run_stdio_open (const LegacyClient *client, GError **error)
{
  g_autofree char *folder = g_dir_make_tmp ("banyan-XXXXXX", error);
  g_autofree char *path = folder != NULL ? g_build_filename (folder, "client", NULL) : NULL;
  Bridge *self;
  gboolean called;

  if (folder == NULL)
    return NULL;

  self = g_new0 (Bridge, 1);
  *self = (Bridge){ -1, -1, FALSE, -1, -1, FALSE };
  called = open_ends (self, client, error) && call_once (self, path, error);
  unlink (path);
  rmdir (folder);
  if (!called)
    {
      bridge_free (self);
      return NULL;
    }

  if (bridges == NULL)
    bridges = g_ptr_array_new_with_free_func (bridge_free);
  g_ptr_array_add (bridges, self);
  return g_strdup_printf ("%d", self->listener);
}

gboolean
run_stdio_is_wanted (void)
{
  for (guint i = 0; bridges != NULL && i < bridges->len; i++)
    if (((Bridge *) bridges->pdata[i])->output == STDOUT_FILENO)
      return TRUE;

  return FALSE;
}

/* -- Carrying. -- */

/* The end goes on, too: a client that says nothing more is told all answers, and hung up on. */
static void
carried (GObject *stream, GAsyncResult *result, gpointer data)
{
  GOutputStream *output = G_OUTPUT_STREAM (stream);
  gboolean *is_talking = data;

  g_output_stream_splice_finish (output, result, NULL);
  shutdown (g_unix_output_stream_get_fd (G_UNIX_OUTPUT_STREAM (output)), SHUT_WR);
  if (is_talking != NULL)
    *is_talking = FALSE;
}

static void
carry (int from, int to, gboolean *is_talking)
{
  g_autoptr (GInputStream) input = g_unix_input_stream_new (from, FALSE);
  g_autoptr (GOutputStream) output = g_unix_output_stream_new (to, FALSE);

  g_output_stream_splice_async (output, input, G_OUTPUT_STREAM_SPLICE_NONE, G_PRIORITY_DEFAULT,
                                NULL, carried, is_talking);
}

void
run_stdio_begin (void)
{
  for (guint i = 0; bridges != NULL && i < bridges->len; i++)
    {
      Bridge *self = bridges->pdata[i];

      self->is_talking = TRUE;
      carry (self->input, self->call, NULL);
      carry (self->call, self->output, &self->is_talking);
    }
}

void
run_stdio_end (void)
{
  for (guint i = 0; bridges != NULL && i < bridges->len; i++)
    while (((Bridge *) bridges->pdata[i])->is_talking)
      g_main_context_iteration (NULL, TRUE);
}
