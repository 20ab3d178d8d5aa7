/* cli-connect.c - the commands' way to a running graph: its QMP socket
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli-connect.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

struct _CliConnection
{
  GSocketConnection *connection; /* (owned) */
  GDataInputStream *input;       /* (owned) */
  GQueue events;      /* (owned) (element-type BanyanSpec): that came before they were wanted */
  CliWaitFunc wait;   /* (nullable) */
  gpointer wait_data; /* (unowned) */
};

char *cli_connect_address;

/* -- Messages. -- */

void
cli_explain_end (GError **error)
{
  if (error == NULL
      || (*error != NULL && !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)))
    return;

  g_clear_error (error);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "the server has hung up");
}

static gboolean
send_message (CliConnection *self, BanyanSpec *message, GError **error)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (self->connection));
  g_autofree char *text = banyan_spec_to_json (message, FALSE);

  if (g_output_stream_write_all (output, text, strlen (text), NULL, NULL, error))
    return TRUE;

  cli_explain_end (error);
  return FALSE;
}

void
cli_connection_set_wait (CliConnection *self, CliWaitFunc wait, gpointer data)
{
  self->wait = wait;
  self->wait_data = data;
}

static void
wait_for_message (CliConnection *self)
{
  GSocket *socket = g_socket_connection_get_socket (self->connection);

  if (self->wait == NULL
      || g_buffered_input_stream_get_available (G_BUFFERED_INPUT_STREAM (self->input)) > 0)
    return;

  while (g_socket_condition_check (socket, G_IO_IN | G_IO_HUP) == 0
         && !g_socket_condition_timed_wait (socket, G_IO_IN, CLI_WAIT_US, NULL, NULL))
    self->wait (self->wait_data);
}

static BanyanSpec *
receive_message (CliConnection *self, GError **error)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_CLIENT, .name = "server" };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) message = NULL;
  g_autofree char *line = NULL;

  wait_for_message (self);
  line = g_data_input_stream_read_line (self->input, NULL, NULL, error);
  if (line == NULL)
    {
      cli_explain_end (error);
      return NULL;
    }

  message = banyan_spec_parse_json (line, -1, &origin, problems);
  if (!banyan_problems_check (problems, error))
    return NULL;
  return g_steal_pointer (&message);
}

static BanyanSpec *
receive_answer (CliConnection *self, GError **error)
{
  BanyanSpec *message;

  while ((message = receive_message (self, error)) != NULL
         && cli_spec_get (message, "event") != NULL)
    g_queue_push_tail (&self->events, message);
  return message;
}

BanyanSpec *
cli_exchange (CliConnection *self, BanyanSpec *message, GError **error)
{
  return send_message (self, message, error) ? receive_answer (self, error) : NULL;
}

BanyanSpec *
cli_next_event (CliConnection *self, GError **error)
{
  BanyanSpec *event = g_queue_pop_head (&self->events);

  if (event == NULL)
    event = receive_message (self, error);
  return event;
}

/* -- Commands. -- */

static CliStatus
status_of_code (const char *code)
{
  static const char *const missing[] = { "no-object", "no-command", NULL };
  static const char *const refused[]
      = { "busy", "conflict", "state", "not-active", "timeout", NULL };

  if (code != NULL && g_strv_contains (missing, code))
    return CLI_NOT_FOUND;
  if (code != NULL && g_strv_contains (refused, code))
    return CLI_REFUSED;
  return CLI_FAILED;
}

BanyanSpec *
cli_ask (CliConnection *self, const char *command, BanyanSpec *arguments, GError **error)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) message = NULL;

  banyan_spec_builder_add_string (map, "execute", command);
  banyan_spec_builder_take (map, "arguments", arguments);
  message = banyan_spec_builder_end (map);
  return cli_exchange (self, message, error);
}

BanyanSpec *
cli_call (CliConnection *self, const char *command, BanyanSpec *arguments, CliStatus *status,
          GError **error)
{
  g_autoptr (BanyanSpec) answer = cli_ask (self, command, arguments, error);
  BanyanSpec *problem;

  *status = CLI_CANNOT_CONNECT;
  if (answer == NULL)
    return NULL;

  problem = cli_spec_get (answer, "error");
  *status = problem != NULL ? status_of_code (banyan_spec_lookup_text (problem, "code")) : CLI_DONE;
  if (problem == NULL)
    return banyan_spec_ref (cli_spec_get (answer, "return"));

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s",
               banyan_spec_lookup_text (problem, "desc"));
  return NULL;
}

BanyanSpec *
cli_call_or_say (CliConnection *self, const char *command, BanyanSpec *arguments, CliStatus *status)
{
  g_autoptr (GError) error = NULL;
  BanyanSpec *answer = cli_call (self, command, arguments, status, &error);

  if (answer == NULL)
    cli_message ("%s", error->message);
  return answer;
}

/* -- Connecting. -- */

/* What has a slash, or is there, is a path; a colon in it is a colon. */
static gboolean
is_path (const char *address)
{
  return strchr (address, '/') != NULL || strchr (address, ':') == NULL
         || g_file_test (address, G_FILE_TEST_EXISTS);
}

static GSocketConnection *
open_connection (const char *address, GError **error)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) path = NULL;

  if (!is_path (address))
    return g_socket_client_connect_to_host (client, address, 0, NULL, error);

  path = g_unix_socket_address_new (address);
  return g_socket_client_connect (client, G_SOCKET_CONNECTABLE (path), NULL, error);
}

/* Until commands may be sent. */
static gboolean
negotiate (CliConnection *self, GError **error)
{
  g_autoptr (BanyanSpec) greeting = receive_message (self, error);
  g_autoptr (BanyanSpec) agreed = NULL;
  CliStatus status;

  if (greeting == NULL)
    return FALSE;
  if (cli_spec_get (greeting, "QMP") == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it does not speak QMP");
      return FALSE;
    }

  agreed = cli_call (self, "qmp_capabilities", NULL, &status, error);
  return agreed != NULL;
}

static CliConnection *
connect_to (const char *address, GError **error)
{
  g_autoptr (CliConnection) self = NULL;
  GSocketConnection *connection = open_connection (address, error);

  if (connection == NULL)
    return NULL;

  self = g_new0 (CliConnection, 1);
  g_queue_init (&self->events);
  self->connection = connection;
  self->input = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (connection)));
  g_data_input_stream_set_newline_type (self->input, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
  return negotiate (self, error) ? g_steal_pointer (&self) : NULL;
}

const char *
cli_connect_get_address (void)
{
  return cli_connect_address != NULL ? cli_connect_address : g_getenv ("BANYAN_CONNECT");
}

gboolean
cli_connect_is_told (void)
{
  const char *address = cli_connect_get_address ();

  return address != NULL && *address != '\0';
}

CliConnection *
cli_connect (CliStatus *status)
{
  const char *address = cli_connect_get_address ();
  g_autoptr (GError) error = NULL;
  CliConnection *self;

  if (!cli_connect_is_told ())
    {
      *status = cli_fail (CLI_USAGE, "which running graph? Give --connect SOCKET, or set "
                                     "BANYAN_CONNECT");
      return NULL;
    }

  self = connect_to (address, &error);
  if (self == NULL)
    *status = cli_fail (CLI_CANNOT_CONNECT, "cannot connect to %s: %s", address, error->message);
  return self;
}

CliConnection *
cli_connect_quietly (void)
{
  return connect_to (cli_connect_get_address (), NULL);
}

GSocket *
cli_connection_get_socket (CliConnection *self, GByteArray *unread)
{
  GBufferedInputStream *input = G_BUFFERED_INPUT_STREAM (self->input);
  gsize n;
  const void *data = g_buffered_input_stream_peek_buffer (input, &n);

  g_byte_array_append (unread, data, n);
  return g_socket_connection_get_socket (self->connection);
}

void
cli_connection_free (CliConnection *self)
{
  g_queue_clear_full (&self->events, (GDestroyNotify) banyan_spec_unref);
  g_object_unref (self->input);
  g_object_unref (self->connection);
  g_free (self);
}
