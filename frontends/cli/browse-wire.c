/* browse-wire.c - a connection that nobody waits for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "browse.h"

#include <string.h>

struct _BrowseWire
{
  GSocket *socket; /* (owned) */
  GByteArray *in;  /* (owned) */
  GString *out;    /* (owned) */
};

BrowseWire *
browse_wire_new (CliConnection *connection)
{
  BrowseWire *self = g_new0 (BrowseWire, 1);

  self->in = g_byte_array_new ();
  self->out = g_string_new (NULL);
  self->socket = g_object_ref (cli_connection_get_socket (connection, self->in));
  g_socket_set_blocking (self->socket, FALSE);
  return self;
}

void
browse_wire_free (BrowseWire *self)
{
  g_object_unref (self->socket);
  g_byte_array_unref (self->in);
  g_string_free (self->out, TRUE);
  g_free (self);
}

void
browse_wire_send (BrowseWire *self, BanyanSpec *message)
{
  g_autofree char *text = banyan_spec_to_json (message, FALSE);

  g_string_append (self->out, text);
}

int
browse_wire_get_fd (BrowseWire *self)
{
  return g_socket_get_fd (self->socket);
}

gboolean
browse_wire_is_full (BrowseWire *self)
{
  return self->out->len > 0;
}

/* Whether @error says no more than that now is not the time. */
static gboolean
has_to_wait (GError **error)
{
  if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return FALSE;

  g_clear_error (error);
  return TRUE;
}

/* Of a connection that is lost reading tells, and what the server said last comes before that. */
static void
write_some (BrowseWire *self)
{
  g_autoptr (GError) error = NULL;
  gssize n;

  if (self->out->len == 0)
    return;

  n = g_socket_send (self->socket, self->out->str, self->out->len, NULL, &error);
  if (n < 0)
    n = has_to_wait (&error) ? 0 : self->out->len;
  g_string_erase (self->out, 0, n);
}

static gboolean
read_some (BrowseWire *self, GError **error)
{
  char data[16384];
  gssize n;

  while ((n = g_socket_receive (self->socket, data, sizeof data, NULL, error)) > 0)
    g_byte_array_append (self->in, (guint8 *) data, n);
  if (n < 0 && has_to_wait (error))
    return TRUE;

  cli_explain_end (error);
  return FALSE;
}

gboolean
browse_wire_move (BrowseWire *self, GError **error)
{
  GError *problem = NULL;

  write_some (self);
  if (read_some (self, &problem))
    return TRUE;

  g_propagate_error (error, problem);
  return FALSE;
}

BanyanSpec *
browse_wire_receive (BrowseWire *self, GError **error)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_CLIENT, .name = "server" };
  guint8 *end = self->in->len > 0 ? memchr (self->in->data, '\n', self->in->len) : NULL;
  g_autoptr (BanyanProblems) problems = NULL;
  g_autoptr (BanyanSpec) message = NULL;
  gsize length;

  if (end == NULL)
    return NULL;

  length = end - self->in->data;
  problems = banyan_problems_new ();
  message = banyan_spec_parse_json ((char *) self->in->data, length, &origin, problems);
  g_byte_array_remove_range (self->in, 0, length + 1);
  return banyan_problems_check (problems, error) ? g_steal_pointer (&message) : NULL;
}
