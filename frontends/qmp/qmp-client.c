/* qmp-client.c - one client of a QMP server
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Everything here runs on the main loop. What arrives is cut into messages; commands run one after
 * the other, in the order they came, unless the client marks them out of band. While too many
 * wait, or answers pile up that the client does not read, nothing more is read: a client can make
 * only itself wait. Events beyond what it takes are dropped, and it is told how many. */

#include "qmp-client.h"

#include <errno.h>
#include <gio/gunixfdmessage.h>
#include <string.h>
#include <unistd.h>

#define RECEIVE_BYTES 65536
/* As QEMU: a client that agreed on out-of-band execution must not send more before answers. */
#define MAX_WAITING 8
/* Answers that are not sent: beyond this no command is begun. */
#define MAX_UNSENT_BYTES (1024 * 1024)
/* Beyond this events are dropped. */
#define MAX_UNSENT_WITH_EVENTS (2 * MAX_UNSENT_BYTES)

struct _QmpClient
{
  BanyanMonitor parent_instance;

  GSocket *socket;   /* (owned) (nullable): until it is closed */
  GSource *readable; /* (owned) (nullable): while we read */
  GSource *writable; /* (owned) (nullable): while something is unsent */
  QmpReader reader;
  GString *unsent;                 /* (owned) */
  GQueue waiting;                  /* (owned) (element-type Input) */
  gulong events;                   /* the graph's signal */
  QmpSubscriptions *subscriptions; /* (owned): until it is closed */
  guint64 n_lost;                  /* events dropped since the client last took some */
  gboolean is_running;             /* a command that is not out of band */
  gboolean is_ready;
  gboolean is_out_of_band;
  gboolean is_ending; /* the client will send nothing more */

  void (*ended) (QmpClient *self, gpointer data); /* (nullable): once it is let go */
  gpointer ended_data;
};

G_DEFINE_FINAL_TYPE (QmpClient, qmp_client, BANYAN_TYPE_MONITOR)

/* What the client sent, in its turn: a command, or the reason why it is none. */
typedef struct
{
  BanyanSpec *message; /* (owned) (nullable) */
  BanyanSpec *id;      /* (owned) (nullable): of what is wrong */
  GError *error;       /* (owned) (nullable) */
} Input;

static void
input_free (Input *self)
{
  g_clear_pointer (&self->message, banyan_spec_unref);
  g_clear_pointer (&self->id, banyan_spec_unref);
  g_clear_error (&self->error);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Input, input_free)

static void update_sources (QmpClient *self);
static void begin_next (QmpClient *self);

/* -- Sending. -- */

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;

  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static gboolean
send_some (QmpClient *self)
{
  g_autoptr (GError) error = NULL;
  gssize sent;

  while (self->unsent->len > 0)
    {
      sent = g_socket_send (self->socket, self->unsent->str, self->unsent->len, NULL, &error);
      if (sent < 0)
        return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
      g_string_erase (self->unsent, 0, sent);
    }
  return TRUE;
}

static void
send_spec (QmpClient *self, BanyanSpec *message)
{
  g_autofree char *text = NULL;

  if (self->socket == NULL)
    return;

  text = banyan_spec_to_json (message, FALSE);
  g_string_append (self->unsent, g_strchomp (text));
  g_string_append (self->unsent, "\r\n");
  update_sources (self);
}

static void
send_answer (QmpClient *self, BanyanSpec *result, const GError *error, BanyanSpec *id)
{
  g_autoptr (BanyanSpec) answer
      = qmp_answer_new (banyan_monitor_get_graph (BANYAN_MONITOR (self)), result, error, id);

  send_spec (self, answer);
}

static void G_GNUC_PRINTF (4, 5)
    refuse (QmpClient *self, BanyanSpec *id, BanyanCommandError code, const char *format, ...)
{
  g_autoptr (GError) error = NULL;
  va_list arguments;

  va_start (arguments, format);
  error = g_error_new_valist (BANYAN_COMMAND_ERROR, code, format, arguments);
  va_end (arguments);
  send_answer (self, NULL, error, id);
}

/* When its turn comes. */
static void G_GNUC_PRINTF (3, 4)
    refuse_later (QmpClient *self, BanyanSpec *id, const char *format, ...)
{
  Input *input = g_new0 (Input, 1);
  va_list arguments;

  va_start (arguments, format);
  input->error
      = g_error_new_valist (BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT, format, arguments);
  va_end (arguments);
  input->id = id != NULL ? banyan_spec_ref (id) : NULL;
  g_queue_push_tail (&self->waiting, input);
  begin_next (self);
}

static void
tell_lost (QmpClient *self)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) data = NULL;
  g_autoptr (BanyanSpec) event = NULL;

  banyan_spec_builder_add_uint (map, "count", self->n_lost);
  data = banyan_spec_builder_end (map);
  event = qmp_event_new ("EVENTS_LOST", data);
  self->n_lost = 0;
  send_spec (self, event);
}

static void
send_event (gpointer client, const char *name, BanyanSpec *data)
{
  QmpClient *self = client;
  g_autoptr (BanyanSpec) event = NULL;

  if (self->unsent->len > MAX_UNSENT_WITH_EVENTS)
    {
      self->n_lost++;
      return;
    }

  if (self->n_lost > 0)
    tell_lost (self);
  event = qmp_event_new (name, data);
  send_spec (self, event);
}

static gboolean
has_room (gpointer client)
{
  return ((QmpClient *) client)->unsent->len <= MAX_UNSENT_BYTES;
}

static const QmpSink sink = { send_event, has_room };

static void
on_event (BanyanGraph *graph, const char *name, BanyanSpec *data, QmpClient *self)
{
  if (strcmp (name, "GRAPH_CHANGED") == 0)
    qmp_subscriptions_catch_up (self->subscriptions);
  if (self->is_ready && qmp_subscriptions_want (self->subscriptions, name, data))
    send_event (self, name, data);
}

/* -- Running commands. -- */

typedef struct
{
  QmpClient *client;
  BanyanSpec *id; /* (nullable) */
  gboolean is_out_of_band;
} Call;

static void
call_done (GObject *object, GAsyncResult *result, gpointer data)
{
  Call *call = data;
  QmpClient *self = call->client;
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanSpec) answer
      = banyan_monitor_execute_finish (BANYAN_MONITOR (self), result, &error);

  send_answer (self, answer, error, call->id);
  if (!call->is_out_of_band)
    {
      self->is_running = FALSE;
      if (self->ended != NULL)
        begin_next (self);
      else
        qmp_client_close (self);
    }

  g_clear_pointer (&call->id, banyan_spec_unref);
  g_object_unref (call->client);
  g_free (call);
}

static gboolean
may_run (QmpClient *self, const char *name, BanyanSpec *id)
{
  gboolean is_negotiation = g_str_equal (name, "qmp_capabilities");

  if (self->is_ready && is_negotiation)
    refuse (self, id, BANYAN_COMMAND_ERROR_NOT_FOUND,
            "Capabilities negotiation is already complete, command '%s' ignored", name);
  else if (!self->is_ready && !is_negotiation)
    refuse (self, id, BANYAN_COMMAND_ERROR_NOT_FOUND,
            "Expecting capabilities negotiation with 'qmp_capabilities'");
  else
    return TRUE;

  return FALSE;
}

/* FALSE where there was nothing to begin: it has been answered. */
static gboolean
run_message (QmpClient *self, BanyanSpec *message, const char *key)
{
  BanyanSpec *id = banyan_spec_lookup (message, "id");
  const char *name = banyan_spec_lookup_text (message, key);
  Call *call;

  if (name == NULL)
    {
      refuse (self, id, BANYAN_COMMAND_ERROR_ARGUMENT, "QMP input member '%s' must be a string",
              key);
      return FALSE;
    }
  if (!may_run (self, name, id))
    return FALSE;

  call = g_new0 (Call, 1);
  call->client = g_object_ref (self);
  call->id = id != NULL ? banyan_spec_ref (id) : NULL;
  call->is_out_of_band = g_str_equal (key, "exec-oob");
  banyan_monitor_execute_async (BANYAN_MONITOR (self), name,
                                banyan_spec_lookup (message, "arguments"), NULL, call_done, call);
  return TRUE;
}

static void
begin_next (QmpClient *self)
{
  while (!self->is_running && self->unsent->len <= MAX_UNSENT_BYTES)
    {
      g_autoptr (Input) input = g_queue_pop_head (&self->waiting);

      if (input == NULL)
        break;
      if (input->error != NULL)
        {
          send_answer (self, NULL, input->error, input->id);
          continue;
        }
      /* Before it begins: it may end at once. */
      self->is_running = TRUE;
      if (!run_message (self, input->message, "execute"))
        self->is_running = FALSE;
    }

  update_sources (self);
}

/* -- Messages. -- */

static gboolean
check_keys (QmpClient *self, BanyanSpec *message, BanyanSpec *id)
{
  static const char *const known[] = { "execute", "exec-oob", "arguments", "id", NULL };

  for (guint i = 0; i < banyan_spec_get_length (message); i++)
    if (!g_strv_contains (known, banyan_spec_get_key (message, i)))
      {
        refuse_later (self, id, "QMP input member '%s' is unexpected",
                      banyan_spec_get_key (message, i));
        return FALSE;
      }
  return TRUE;
}

/* What there is not is refused when it is run. */
static gboolean
is_out_of_band (const char *name)
{
  guint flags;

  return !banyan_command_lookup_flags (name, &flags) || flags & BANYAN_COMMAND_OUT_OF_BAND;
}

static void
take_out_of_band (QmpClient *self, BanyanSpec *message, BanyanSpec *id)
{
  const char *name = banyan_spec_lookup_text (message, "exec-oob");

  if (!self->is_out_of_band)
    refuse (self, id, BANYAN_COMMAND_ERROR_ARGUMENT,
            "QMP input member 'exec-oob' is unexpected: agree on \"oob\" in qmp_capabilities");
  else if (name != NULL && !is_out_of_band (name))
    refuse (self, id, BANYAN_COMMAND_ERROR_ARGUMENT, "The command %s does not support OOB", name);
  else
    run_message (self, message, "exec-oob");
}

static void
take_message (QmpClient *self, BanyanSpec *message)
{
  BanyanSpec *id;

  if (banyan_spec_get_kind (message) != BANYAN_SPEC_MAP)
    {
      refuse_later (self, NULL, "QMP input must be a JSON object");
      return;
    }

  id = banyan_spec_lookup (message, "id");
  if (!check_keys (self, message, id))
    return;
  if (banyan_spec_lookup (message, "exec-oob") != NULL
      && banyan_spec_lookup (message, "execute") == NULL)
    take_out_of_band (self, message, id);
  else if (banyan_spec_lookup (message, "execute") == NULL)
    refuse_later (self, id, "QMP input lacks member 'execute'");
  else if (banyan_spec_lookup (message, "exec-oob") != NULL)
    refuse (self, id, BANYAN_COMMAND_ERROR_ARGUMENT, "QMP input has both 'execute' and 'exec-oob'");
  else
    {
      Input *input = g_new0 (Input, 1);

      input->message = banyan_spec_ref (message);
      g_queue_push_tail (&self->waiting, input);
      begin_next (self);
    }
}

static void
parse_message (QmpClient *self)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) message = NULL;
  g_autoptr (GError) error = NULL;

  message = banyan_spec_parse_json (self->reader.text->str, self->reader.text->len,
                                    banyan_monitor_get_origin (BANYAN_MONITOR (self)), problems);
  if (banyan_problems_check (problems, &error))
    take_message (self, message);
  else
    refuse_later (self, NULL, "JSON parse error: %s", error->message);
}

static void
take_bytes (QmpClient *self, const char *bytes, gsize length)
{
  QmpReaderResult result;

  while (self->socket != NULL
         && (result = qmp_reader_feed (&self->reader, &bytes, &length)) != QMP_READER_MORE)
    if (result == QMP_READER_MESSAGE)
      parse_message (self);
    else if (result == QMP_READER_GARBAGE)
      refuse_later (self, NULL,
                    "JSON parse error: a message is an object that begins with '{', and not "
                    "nested without end");
    else
      {
        refuse_later (self, NULL, "JSON parse error: a message has %d bytes at most",
                      QMP_READER_MAX_BYTES);
        self->is_ending = TRUE;
        break;
      }
}

/* -- Receiving. -- */

static void
take_fds (QmpClient *self, GSocketControlMessage *control)
{
  g_autofree int *fds = NULL;
  int n_fds;

  if (!G_IS_UNIX_FD_MESSAGE (control))
    return;

  fds = g_unix_fd_message_steal_fds (G_UNIX_FD_MESSAGE (control), &n_fds);
  for (int i = 0; i < n_fds; i++)
    banyan_monitor_put_fd (BANYAN_MONITOR (self), fds[i]);
}

static gssize
receive (QmpClient *self, char *buffer, gsize size, GError **error)
{
  GInputVector vector = { buffer, size };
  GSocketControlMessage **controls = NULL;
  int n_controls = 0, flags = 0;
  gssize received = g_socket_receive_message (self->socket, NULL, &vector, 1, &controls,
                                              &n_controls, &flags, NULL, error);

  for (int i = 0; i < n_controls; i++)
    {
      take_fds (self, controls[i]);
      g_object_unref (controls[i]);
    }
  g_free (controls);
  return received;
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  g_autoptr (QmpClient) self = g_object_ref (data);
  g_autofree char *buffer = g_malloc (RECEIVE_BYTES);
  g_autoptr (GError) error = NULL;
  gssize received = receive (self, buffer, RECEIVE_BYTES, &error);

  if (received > 0)
    take_bytes (self, buffer, received);
  else if (received == 0 || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    self->is_ending = TRUE;

  update_sources (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_writable (GSocket *socket, GIOCondition condition, gpointer data)
{
  g_autoptr (QmpClient) self = g_object_ref (data);

  if (!send_some (self))
    {
      qmp_client_close (self);
      return G_SOURCE_CONTINUE;
    }
  if (self->n_lost > 0 && self->unsent->len == 0)
    tell_lost (self);
  qmp_subscriptions_flush (self->subscriptions);
  begin_next (self);
  return G_SOURCE_CONTINUE;
}

static void
watch (QmpClient *self, GSource **source, GIOCondition condition, GSocketSourceFunc func)
{
  if (*source != NULL)
    return;

  *source = g_socket_create_source (self->socket, condition, NULL);
  g_source_set_callback (*source, G_SOURCE_FUNC (func), self, NULL);
  g_source_attach (*source, NULL);
}

static gboolean
wants_to_read (QmpClient *self)
{
  return !self->is_ending && g_queue_get_length (&self->waiting) < MAX_WAITING
         && self->unsent->len <= MAX_UNSENT_BYTES;
}

/* What the client has sent is carried out and answered though it sends nothing more; then it goes.
 */
static void
update_sources (QmpClient *self)
{
  if (self->socket == NULL)
    return;
  if (self->is_ending && !self->is_running && g_queue_is_empty (&self->waiting)
      && self->unsent->len == 0)
    {
      qmp_client_close (self);
      return;
    }

  if (wants_to_read (self))
    watch (self, &self->readable, G_IO_IN, on_readable);
  else
    clear_source (&self->readable);
  if (self->unsent->len > 0)
    watch (self, &self->writable, G_IO_OUT, on_writable);
  else
    clear_source (&self->writable);
}

/* -- The whole. -- */

void
qmp_client_set_ready (QmpClient *self, gboolean with_out_of_band)
{
  self->is_ready = TRUE;
  self->is_out_of_band = with_out_of_band;
}

QmpSubscriptions *
qmp_client_get_subscriptions (QmpClient *self)
{
  return self->subscriptions;
}

void
qmp_client_close (QmpClient *self)
{
  if (self->socket == NULL)
    return;

  send_some (self);
  clear_source (&self->readable);
  clear_source (&self->writable);
  g_clear_pointer (&self->subscriptions, qmp_subscriptions_free);
  g_signal_handler_disconnect (banyan_monitor_get_graph (BANYAN_MONITOR (self)), self->events);
  g_queue_clear_full (&self->waiting, (GDestroyNotify) input_free);
  g_socket_close (self->socket, NULL);
  g_clear_object (&self->socket);
  if (self->ended != NULL)
    self->ended (self, self->ended_data);
}

/* A command that runs may be what ends the server: its client is still answered. */
void
qmp_client_let_go (QmpClient *self)
{
  void (*ended) (QmpClient * self, gpointer data) = self->ended;

  if (!self->is_running)
    {
      qmp_client_close (self);
      return;
    }

  self->is_ending = TRUE;
  g_queue_clear_full (&self->waiting, (GDestroyNotify) input_free);
  update_sources (self);
  self->ended = NULL;
  ended (self, self->ended_data);
}

QmpClient *
qmp_client_new (BanyanGraph *graph, const char *name, int fd,
                void (*ended) (QmpClient *self, gpointer data), gpointer data)
{
  GSocket *socket = g_socket_new_from_fd (fd, NULL);
  g_autoptr (BanyanSpec) greeting = qmp_greeting ();
  QmpClient *self;

  if (socket == NULL)
    {
      close (fd);
      return NULL;
    }

  self = g_object_new (QMP_TYPE_CLIENT, "graph", graph, "name", name, NULL);
  g_socket_set_blocking (socket, FALSE);
  self->socket = socket;
  self->ended = ended;
  self->ended_data = data;
  self->subscriptions = qmp_subscriptions_new (G_OBJECT (self), graph, &sink);
  self->events = g_signal_connect (graph, "event", G_CALLBACK (on_event), self);
  send_spec (self, greeting);
  return self;
}

static void
qmp_client_finalize (GObject *object)
{
  QmpClient *self = QMP_CLIENT (object);

  g_assert (self->socket == NULL);
  qmp_reader_clear (&self->reader);
  g_string_free (self->unsent, TRUE);

  G_OBJECT_CLASS (qmp_client_parent_class)->finalize (object);
}

static void
qmp_client_class_init (QmpClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = qmp_client_finalize;
}

static void
qmp_client_init (QmpClient *self)
{
  qmp_reader_init (&self->reader);
  self->unsent = g_string_new (NULL);
  g_queue_init (&self->waiting);
}
