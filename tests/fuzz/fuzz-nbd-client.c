/* fuzz-nbd-client.c - the NBD client, by a server whose every step the input decides
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An input is three bytes of habits (how the server speaks, and what the export is), then one step
 * for each thing that the client says: an option, or a request. A step of 0 is the right answer,
 * and beyond its end all of an input is 0: so an input has to hold only what it does wrong. The
 * client makes the same requests each time, all at once. Some are held back until it has nothing
 * more to say, which a moment without a word from it tells. */

#include <banyan/banyan.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define EXPORT_BYTES (1u << 20)
#define MAX_STEPS 64
#define MAX_HELD 16

/* How long a client that has more to say may take for it. */
#define FIRST_MS 1000
#define HELD_MS 2
#define SILENT_MS 30

/* -- The input, from the front; beyond its end all is zero. -- */

typedef struct
{
  const guint8 *at;
  gsize left;
} Input;

static guint64
take (Input *input, guint width)
{
  guint64 value = 0;

  for (guint i = 0; i < width && input->left > 0; i++, input->at++, input->left--)
    value = value << 8 | *input->at;
  return value;
}

/* Near to what would be right, or anything. */
static guint64
take_near (Input *input, guint64 right)
{
  guint8 code = take (input, 1);

  if (code < 0x40)
    return right;
  if (code < 0x80)
    return right + code - 0x60;
  if (code < 0xc0)
    return code - 0x80;
  return take (input, code < 0xe0 ? 4 : 8);
}

/* -- The server. -- */

typedef struct
{
  guint16 type;
  guint64 cookie;
  guint64 offset;
  guint64 length;
} Asked;

typedef struct
{
  Input input;
  int fd;          /* (owned) */
  GByteArray *out; /* (owned): not yet sent */
  guint style;     /* most that it grants: 0 simple, 1 structured, 2 extended */
  guint habits;
  guint16 flags;
  gboolean is_structured;
  gboolean is_extended;
  Asked held[MAX_HELD];
  guint n_held;
} Server;

enum
{
  HAS_CONTEXT = 1 << 2,
  HAS_BLOCKS = 1 << 3,
  KNOWS_NO_GO = 1 << 4,
  IS_NOT_FIXED = 1 << 5,
  SENDS_ZEROES = 1 << 6,
  IS_ODD = 1 << 7,
};

static void
put (Server *self, guint64 value, guint width)
{
  while (width-- > 0)
    {
      guint8 byte = value >> (8 * width);

      g_byte_array_append (self->out, &byte, 1);
    }
}

static void
put_many (Server *self, guint8 byte, gsize n)
{
  gsize before = self->out->len;

  n = MIN (n, EXPORT_BYTES);
  g_byte_array_set_size (self->out, before + n);
  memset (self->out->data + before, byte, n);
}

static void
put_raw (Server *self)
{
  gsize n = take (&self->input, 1);

  n = MIN (n, self->input.left);
  g_byte_array_append (self->out, self->input.at, n);
  self->input.at += n;
  self->input.left -= n;
}

static gboolean
send_out (Server *self)
{
  gsize done = 0;

  while (done < self->out->len)
    {
      gssize n = send (self->fd, self->out->data + done, self->out->len - done, MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      done += n;
    }
  g_byte_array_set_size (self->out, 0);
  return done > 0 || self->out->len == 0;
}

static gboolean
get (Server *self, guint8 *to, gsize n)
{
  while (n > 0)
    {
      gssize got = recv (self->fd, to, n, 0);

      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return FALSE;
      to += got;
      n -= got;
    }
  return TRUE;
}

static guint64
number_at (const guint8 *from, guint width)
{
  guint64 value = 0;

  while (width-- > 0)
    value = value << 8 | *from++;
  return value;
}

static gboolean
drop (Server *self, guint64 n)
{
  static __thread guint8 sink[4096];

  for (; n > 0; n -= MIN (n, sizeof sink))
    if (!get (self, sink, MIN (n, sizeof sink)))
      return FALSE;
  return TRUE;
}

static gboolean
is_silent (Server *self, guint moment_ms)
{
  struct pollfd poll_fd = { self->fd, POLLIN, 0 };

  return poll (&poll_fd, 1, moment_ms) == 0;
}

/* -- Options. -- */

static void
put_reply (Server *self, guint32 option, guint32 type, guint32 length)
{
  put (self, 0x3e889045565a9ull, 8);
  put (self, option, 4);
  put (self, type, 4);
  put (self, length, 4);
}

static guint64
export_bytes (const Server *self)
{
  return self->habits & IS_ODD ? EXPORT_BYTES - 123 : EXPORT_BYTES;
}

static void
put_infos (Server *self, guint32 option)
{
  Input *input = &self->input;

  put_reply (self, option, 3, 12);
  put (self, 0, 2);
  put (self, take_near (input, export_bytes (self)), 8);
  put (self, self->flags, 2);
  if (self->habits & HAS_BLOCKS)
    {
      put_reply (self, option, 3, 14);
      put (self, 3, 2);
      put (self, take_near (input, 1), 4);
      put (self, take_near (input, 4096), 4);
      put (self, take_near (input, 65536), 4);
    }
  put_reply (self, option, 1, 0);
}

/* TRUE: transmission begins. */
static gboolean
answer_option (Server *self, guint32 option)
{
  static const char context[] = "base:allocation";
  gboolean is_granted = (option == 11 && self->style == 2) || (option == 8 && self->style == 1);

  if (option == 1)
    {
      put (self, export_bytes (self), 8);
      put (self, self->flags, 2);
      put_many (self, 0, self->habits & SENDS_ZEROES ? 124 : 0);
      return TRUE;
    }
  if (is_granted)
    self->is_structured = TRUE;
  self->is_extended |= option == 11 && is_granted;
  if (option == 7 && !(self->habits & KNOWS_NO_GO))
    {
      put_infos (self, option);
      return TRUE;
    }
  if (option == 10 && (self->habits & HAS_CONTEXT))
    {
      put_reply (self, option, 4, 4 + sizeof context - 1);
      put (self, 9, 4);
      g_byte_array_append (self->out, (const guint8 *) context, sizeof context - 1);
      is_granted = TRUE;
    }
  put_reply (self, option, is_granted ? 1 : 0x80000001, 0);
  return FALSE;
}

static gboolean
answer_option_by_step (Server *self, guint32 option)
{
  Input *input = &self->input;
  guint8 step = take (input, 1);

  switch (step % 8)
    {
    case 1:
      put_raw (self);
      return FALSE;
    case 2:
      {
        guint32 type = take (input, 4);
        guint32 length = take (input, 1);

        put_reply (self, take_near (input, option), type, take_near (input, length));
        put_many (self, take (input, 1), length);
        return FALSE;
      }
    case 3:
      put_reply (self, option, 0x80000000 | take (input, 1), 5);
      put_many (self, take (input, 1), 5);
      return FALSE;
    case 4:
      for (guint i = take (input, 1); i > 0; i--)
        {
          put_reply (self, option, 3, 2);
          put (self, 7, 2);
        }
      return answer_option (self, option);
    default:
      return answer_option (self, option);
    }
}

static gboolean
negotiate (Server *self)
{
  guint8 header[16];
  guint16 flags = (self->habits & IS_NOT_FIXED ? 0 : 1) | (self->habits & SENDS_ZEROES ? 0 : 2);
  Input *input = &self->input;

  put (self, take_near (input, 0x4e42444d41474943ull), 8);
  put (self, take_near (input, 0x49484156454f5054ull), 8);
  put (self, flags, 2);
  if (!send_out (self) || is_silent (self, FIRST_MS) || !drop (self, 4))
    return FALSE;

  for (guint i = 0; i < 8; i++)
    {
      gboolean begins;

      if (is_silent (self, SILENT_MS) || !get (self, header, sizeof header)
          || !drop (self, number_at (header + 12, 4)))
        return FALSE;
      begins = answer_option_by_step (self, number_at (header + 8, 4));
      if (!send_out (self))
        return FALSE;
      if (begins)
        return TRUE;
    }
  return FALSE;
}

/* -- Requests. -- */

static void
put_chunk (Server *self, const Asked *asked, guint16 flags, guint16 type, guint64 length)
{
  put (self, self->is_extended ? 0x6e8a278c : 0x668e33ef, 4);
  put (self, flags, 2);
  put (self, type, 2);
  put (self, asked->cookie, 8);
  if (self->is_extended)
    put (self, asked->offset, 8);
  put (self, length, self->is_extended ? 8 : 4);
}

static void
put_data (Server *self, const Asked *asked, guint16 flags, guint64 start, guint64 length)
{
  put_chunk (self, asked, flags, 1, 8 + length);
  put (self, asked->offset + start, 8);
  put_many (self, 0x55, length);
}

static void
put_status (Server *self, const Asked *asked, guint n_extents, guint64 length)
{
  guint width = self->is_extended ? 8 : 4;

  put_chunk (self, asked, 1, self->is_extended ? 6 : 5, width + n_extents * 2 * width);
  put (self, 9, 4);
  if (self->is_extended)
    put (self, n_extents, 4);
  for (guint i = 0; i < n_extents; i++)
    {
      put (self, length, width);
      put (self, i & 3, width);
    }
}

static void
put_simple (Server *self, const Asked *asked, guint32 error)
{
  put (self, 0x67446698, 4);
  put (self, error, 4);
  put (self, asked->cookie, 8);
  if (asked->type == 0 && error == 0)
    put_many (self, 0x66, asked->length);
}

static void
put_right (Server *self, const Asked *asked)
{
  if (!self->is_structured)
    put_simple (self, asked, 0);
  else if (asked->type == 0)
    put_data (self, asked, 1, 0, asked->length);
  else if (asked->type == 7)
    put_status (self, asked, 1, asked->length);
  else
    put_chunk (self, asked, 1, 0, 0);
}

static void
put_pieces (Server *self, const Asked *asked)
{
  guint64 piece = asked->length / (1 + take (&self->input, 1) % 40);
  guint8 order = take (&self->input, 1);

  for (guint pass = 0; pass < 2 && piece > 0; pass++)
    for (guint64 i = (pass ^ order) & 1; i * piece < asked->length; i += 2)
      put_data (self, asked, 0, i * piece, MIN (piece, asked->length - i * piece));
  put_chunk (self, asked, 1, 0, 0);
}

static void
put_error (Server *self, const Asked *asked, gboolean has_offset)
{
  Input *input = &self->input;
  guint16 text = take (input, 1);

  put_chunk (self, asked, take (input, 1) & 1, has_offset ? 0x8002 : 0x8001 + take (input, 1) * 4,
             take_near (input, 6 + text + (has_offset ? 8 : 0)));
  put (self, take (input, 1), 4);
  put (self, take_near (input, text), 2);
  put_many (self, take (input, 1), text);
  if (has_offset)
    put (self, take_near (input, asked->offset), 8);
}

static void
put_hole (Server *self, const Asked *asked)
{
  put_chunk (self, asked, take (&self->input, 1) & 1, 2, 12);
  put (self, take_near (&self->input, asked->offset), 8);
  put (self, take_near (&self->input, asked->length), 4);
}

/* Each field as it should be, nearly, or not at all. */
static void
put_odd_chunk (Server *self, const Asked *asked)
{
  Input *input = &self->input;
  Asked odd = *asked;
  guint8 flags = take (input, 1);
  guint16 type = take_near (input, asked->type == 0 ? 1 : asked->type == 7 ? 5 : 0);
  guint16 n = take (input, 2);

  odd.cookie = take_near (input, asked->cookie);
  odd.offset = take_near (input, asked->offset);
  put_chunk (self, &odd, flags, type, take_near (input, 8 + n));
  put (self, take_near (input, asked->offset), 8);
  put_many (self, flags, n);
}

static void
hold (Server *self, const Asked *asked)
{
  if (self->n_held < MAX_HELD)
    self->held[self->n_held++] = *asked;
  else
    put_right (self, asked);
}

/* FALSE: it hangs up. */
static gboolean
answer (Server *self, const Asked *asked)
{
  Input *input = &self->input;

  switch (take (input, 1) % 16)
    {
    case 1:
      put_pieces (self, asked);
      break;
    case 2:
      put_hole (self, asked);
      break;
    case 3:
    case 4:
      put_error (self, asked, input->left % 2 == 0);
      break;
    case 5:
    case 6:
      hold (self, asked);
      break;
    case 7:
      put_odd_chunk (self, asked);
      break;
    case 8:
      put_raw (self);
      break;
    case 9:
      return FALSE;
    case 10:
      put_simple (self, asked, take (input, 1));
      break;
    case 11:
      put_status (self, asked, take (input, 1), take_near (input, asked->length));
      break;
    case 12:
      put_right (self, asked);
      put_right (self, asked);
      break;
    case 13:
      put_right (self, asked);
      g_byte_array_set_size (self->out, take_near (input, self->out->len) % (self->out->len + 1));
      break;
    default:
      put_right (self, asked);
    }
  return TRUE;
}

/* What was held back is answered last in first out. */
static gboolean
let_go (Server *self)
{
  while (self->n_held > 0)
    put_right (self, &self->held[--self->n_held]);
  return send_out (self);
}

/* A client that says nothing waits for what was held back, or for an answer that it will not get.
 */
static gboolean
take_request (Server *self, gboolean is_first, Asked *asked)
{
  guint8 header[32];
  guint width = self->is_extended ? 8 : 4;

  while (self->n_held > 0 && is_silent (self, HELD_MS))
    if (!let_go (self))
      return FALSE;
  if (is_silent (self, is_first ? FIRST_MS : SILENT_MS) || !get (self, header, 24 + width))
    return FALSE;

  *asked = (Asked){ .type = number_at (header + 6, 2),
                    .cookie = number_at (header + 8, 8),
                    .offset = number_at (header + 16, 8),
                    .length = number_at (header + 24, width) };
  return asked->type != 2 && (asked->type != 1 || drop (self, asked->length));
}

static gpointer
server_main (gpointer data)
{
  Server *self = data;
  Asked asked;

  if (negotiate (self))
    for (guint i = 0; i < MAX_STEPS; i++)
      if (!take_request (self, i == 0, &asked) || !answer (self, &asked) || !send_out (self))
        break;
  shutdown (self->fd, SHUT_RDWR);
  return NULL;
}

/* -- The client. -- */

typedef struct
{
  BanyanChannel *channel;
  guint8 *data; /* (owned) */
  guint kind;
} Errand;

static gboolean BANYAN_COROUTINE
run_errand (gpointer data, GError **error)
{
  Errand *self = data;
  struct iovec iov[] = { { self->data, 1000 }, { self->data + 1000, 199000 } };
  BanyanRequest small = BANYAN_REQUEST (self->kind * 8192, 4096, iov, 2);
  BanyanRequest large = BANYAN_REQUEST (65536, 150000, iov, 2);
  BanyanBlockStatus status = { .size = sizeof status };

  switch (self->kind % 8)
    {
    case 0:
    case 1:
      banyan_channel_read (self->channel, &small, NULL);
      break;
    case 2:
      banyan_channel_write (self->channel, &small, NULL);
      break;
    case 3:
      banyan_channel_read (self->channel, &large, NULL);
      break;
    case 4:
      banyan_channel_block_status (self->channel, 0, EXPORT_BYTES / 2, &status, NULL);
      break;
    case 5:
      banyan_channel_write_zeroes (self->channel, &small, NULL);
      break;
    case 6:
      banyan_channel_write (self->channel, &large, NULL);
      break;
    default:
      banyan_channel_flush (self->channel, NULL);
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
run_errands (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanGather gather = BANYAN_GATHER_INIT;
  Errand errands[10];

  for (guint i = 0; i < G_N_ELEMENTS (errands); i++)
    {
      errands[i] = (Errand){ channel, g_malloc0 (200000), i };
      banyan_gather_start (&gather, run_errand, &errands[i]);
    }
  banyan_co_gather (&gather, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (errands); i++)
    g_free (errands[i].data);
  return TRUE;
}

static void
use_node (BanyanGraph *graph)
{
  BanyanNode *node = banyan_graph_get_node (graph, "disk");
  guint permissions = BANYAN_PERMISSION_CONSISTENT_READ;
  BanyanBackend *backend;

  if (!banyan_node_is_read_only (node))
    permissions |= BANYAN_PERMISSION_WRITE;
  backend = banyan_backend_new (node, "fuzz", permissions, BANYAN_PERMISSIONS_ALL, NULL);
  if (backend == NULL)
    return;
  banyan_backend_run (backend, run_errands, NULL, NULL);
  banyan_backend_close (backend);
  g_object_unref (backend);
}

static void
run_client (int fd)
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autofree char *document
      = g_strdup_printf ("version: 1\nnodes: { disk: { driver: nbd, auto-read-only: true,"
                         " server: { type: fd, str: \"%d\" } } }\n",
                         fd);

  if (banyan_graph_load (graph, document, -1, "fuzz.yaml", "/", NULL))
    use_node (graph);
  banyan_graph_close (graph, NULL);
}

static void
ignore (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
}

/* That what was written cannot be flushed is warned of, as it should be. */
static void
prepare (void)
{
  g_setenv ("BANYAN_PLUGIN_PATH", BANYAN_PLUGIN_FOLDER, TRUE);
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  g_log_set_handler ("Banyan", G_LOG_LEVEL_WARNING, ignore, NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Server server = { .input = { data, size }, .out = g_byte_array_new () };
  static gboolean is_prepared;
  GThread *thread;
  int fds[2];

  if (!is_prepared)
    prepare ();
  is_prepared = TRUE;
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  server.fd = fds[0];
  server.habits = take (&server.input, 1);
  server.style = server.habits % 4 % 3;
  server.flags = take (&server.input, 2) ^ 0x4ed;
  thread = g_thread_new ("fuzz-server", server_main, &server);

  run_client (fds[1]);
  close (fds[1]);
  g_thread_join (thread);
  close (fds[0]);
  g_byte_array_unref (server.out);
  return 0;
}
