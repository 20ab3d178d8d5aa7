/* nbd-handshake.c - haggling with a server until an export is chosen
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One option after the other: "the client MUST NOT send any option until it has received a final
 * reply to any option it has sent". What a server may send to each is bounded, by number and by
 * size; all of it together, by time. What it refuses is done without where that is possible. */

#include "nbd-handshake.h"

#include <banyan/banyan-buffer.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* A string, and the little that may stand beside it. */
#define MAX_REPLY_BYTES (NBD_MAX_STRING + 64u)
/* To one option. */
#define MAX_REPLIES 64
/* Of a server that has not the one we want: of how many it tells, and how long it may take. */
#define MAX_NAMES_TOLD 8
#define NAMES_NS G_GINT64_CONSTANT (2000000000)

typedef struct
{
  int fd;
  gint64 until_ns;
  const char *export;
  const char *context;
  NbdInfo *info;
  BanyanBuffer *in; /* (owned) */
  gsize start;
  gsize end;
  guint16 flags;       /* the server's of the handshake */
  gboolean has_export; /* it has said what that is */
  GString *names;      /* (nullable): of the exports that there are instead */
  guint n_names;
} Haggling;

/* One reply to an option. */
typedef struct
{
  guint32 option;
  guint32 type;
  guint32 length;
  const guint8 *data; /* in the buffer, until the next is received */
} Reply;

static const char *
name_of (guint32 option)
{
  switch (option)
    {
    case NBD_OPT_LIST:
      return "NBD_OPT_LIST";
    case NBD_OPT_GO:
      return "NBD_OPT_GO";
    case NBD_OPT_STRUCTURED_REPLY:
      return "NBD_OPT_STRUCTURED_REPLY";
    case NBD_OPT_SET_META_CONTEXT:
      return "NBD_OPT_SET_META_CONTEXT";
    case NBD_OPT_EXTENDED_HEADERS:
      return "NBD_OPT_EXTENDED_HEADERS";
    default:
      return "the greeting";
    }
}

/* -- Bytes. -- */

static gboolean BANYAN_COROUTINE
wait_for (Haggling *self, short events, GError **error)
{
  gint64 left_ns = self->until_ns - banyan_loop_now_ns (banyan_loop_current ());
  int result = banyan_co_poll (self->fd, events, MAX (left_ns, 0));

  if (result > 0)
    return TRUE;
  if (result != -ECANCELED)
    return banyan_throw_errno (error, result < 0 ? result : ETIMEDOUT,
                               "negotiating: the server keeps silent");
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "negotiating was cancelled");
  return FALSE;
}

static gboolean BANYAN_COROUTINE
receive_more (Haggling *self, GError **error)
{
  gssize n = recv (self->fd, self->in->data + self->end, self->in->size - self->end, MSG_DONTWAIT);

  if (n > 0)
    {
      self->end += n;
      return TRUE;
    }
  if (n == 0)
    return banyan_throw_errno (error, ECONNRESET, "negotiating: the server has hung up");
  if (errno == EAGAIN || errno == EINTR)
    return wait_for (self, POLLIN, error);
  return banyan_throw_errno (error, errno, "negotiating");
}

/* The next @n bytes, which are few; NULL with @error. */
static const guint8 *BANYAN_COROUTINE
take (Haggling *self, gsize n, GError **error)
{
  const guint8 *taken;

  if (self->start > 0 && self->in->size - self->start < n)
    {
      memmove (self->in->data, self->in->data + self->start, self->end - self->start);
      self->end -= self->start;
      self->start = 0;
    }
  while (self->end - self->start < n)
    if (!receive_more (self, error))
      return NULL;

  taken = self->in->data + self->start;
  self->start += n;
  return taken;
}

static gboolean BANYAN_COROUTINE
put (Haggling *self, const guint8 *data, gsize length, GError **error)
{
  while (length > 0)
    {
      gssize n = send (self->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n < 0 && errno != EAGAIN && errno != EINTR)
        return banyan_throw_errno (error, errno, "negotiating");
      if (n < 0 && !wait_for (self, POLLOUT, error))
        return FALSE;
      data += MAX (n, 0);
      length -= MAX (n, 0);
    }
  return TRUE;
}

/* -- Options. -- */

static gboolean BANYAN_COROUTINE
ask (Haggling *self, guint32 option, GByteArray *data, GError **error)
{
  guint8 header[NBD_OPTION_SIZE];

  nbd_put_option (header, option, data != NULL ? data->len : 0);
  return put (self, header, sizeof header, error)
         && (data == NULL || put (self, data->data, data->len, error));
}

static gboolean BANYAN_COROUTINE
take_reply (Haggling *self, guint32 option, Reply *reply, GError **error)
{
  const guint8 *from = take (self, NBD_OPTION_REPLY_SIZE, error);
  NbdOptionHeader header;

  if (from == NULL)
    return FALSE;

  header = nbd_get_option_reply (from);
  if (header.magic != NBD_OPTION_REPLY_MAGIC)
    return banyan_throw_errno (error, EPROTO,
                               "negotiating: the server sent %#" G_GINT64_MODIFIER
                               "x where the reply to %s begins",
                               header.magic, name_of (option));
  if (header.option != option)
    return banyan_throw_errno (error, EPROTO,
                               "negotiating: the server answered option %u, which was not asked "
                               "for: that was %s",
                               header.option, name_of (option));
  if (header.length > MAX_REPLY_BYTES)
    return banyan_throw_errno (error, EPROTO,
                               "negotiating: the server's reply to %s has %u bytes, the limit is "
                               "%u",
                               name_of (option), header.length, MAX_REPLY_BYTES);

  *reply = (Reply){ option, header.type, header.length, take (self, header.length, error) };
  return reply->data != NULL;
}

static gboolean
throw_reply (const Reply *reply, GError **error)
{
  return banyan_throw_errno (error, EPROTO,
                             "negotiating: the server sent a reply of type %#x with %u bytes to %s",
                             reply->type, reply->length, name_of (reply->option));
}

/* Takes replies until the last, the acknowledgement or an error, and hands those before to @func.
 */
static gboolean BANYAN_COROUTINE
take_replies (Haggling *self, guint32 option, Reply *last,
              gboolean (*func) (Haggling *self, const Reply *reply, GError **error), GError **error)
{
  for (guint i = 0; i < MAX_REPLIES; i++)
    {
      if (!take_reply (self, option, last, error))
        return FALSE;
      if (NBD_REP_IS_ERROR (last->type))
        return TRUE;
      if (last->type == NBD_REP_ACK)
        return last->length == 0 || throw_reply (last, error);
      if (func == NULL)
        return throw_reply (last, error);
      if (!func (self, last, error))
        return FALSE;
    }
  return banyan_throw_errno (error, EPROTO, "negotiating: the server sent %d replies to %s",
                             MAX_REPLIES, name_of (option));
}

/* What a person may read of it. (transfer full) */
static char *
dup_words (const Reply *reply)
{
  g_autofree char *text = NULL;

  if (reply->length == 0)
    return g_strdup ("");
  text = g_utf8_make_valid ((const char *) reply->data, reply->length);
  return g_strdup_printf ("; it says: %s", text);
}

/* Where no more is wanted. Whether it is heard makes no difference. */
static void
say_goodbye (Haggling *self)
{
  guint8 header[NBD_OPTION_SIZE];

  nbd_put_option (header, NBD_OPT_ABORT, 0);
  if (send (self->fd, header, sizeof header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("the server hears no goodbye");
}

/* Errors after which nothing else is any use. */
static gboolean
throw_final (Haggling *self, const Reply *reply, GError **error)
{
  g_autofree char *words = dup_words (reply);

  if (reply->type == NBD_REP_ERR_TLS_REQD || reply->type == NBD_REP_ERR_SHUTDOWN)
    say_goodbye (self);
  if (reply->type == NBD_REP_ERR_TLS_REQD)
    return banyan_throw_errno (error, EACCES,
                               "the server wants TLS, which is not there yet: let it do without, "
                               "or put a tunnel in between%s",
                               words);
  if (reply->type == NBD_REP_ERR_SHUTDOWN)
    return banyan_throw_errno (error, ESHUTDOWN, "the server is shutting down%s", words);
  return TRUE;
}

static void
append_string (GByteArray *data, const char *text)
{
  gsize length = strlen (text);
  guint8 prefix[4];

  banyan_put_be32 (prefix, length);
  g_byte_array_append (data, prefix, sizeof prefix);
  g_byte_array_append (data, (const guint8 *) text, length);
}

/* -- How to speak. -- */

static gboolean BANYAN_COROUTINE
ask_manner (Haggling *self, guint32 option, guint ability, GError **error)
{
  Reply reply;

  if (!ask (self, option, NULL, error) || !take_replies (self, option, &reply, NULL, error)
      || !throw_final (self, &reply, error))
    return FALSE;

  if (reply.type == NBD_REP_ACK)
    self->info->abilities |= ability;
  return TRUE;
}

static gboolean
take_context (Haggling *self, const Reply *reply, GError **error)
{
  gsize length = strlen (self->context);

  if (reply->type != NBD_REP_META_CONTEXT || reply->length < 4)
    return throw_reply (reply, error);
  if (reply->length - 4 != length || memcmp (reply->data + 4, self->context, length) != 0
      || (self->info->abilities & NBD_CAN_BLOCK_STATUS))
    {
      g_autofree char *name = g_utf8_make_valid ((const char *) reply->data + 4, reply->length - 4);

      return banyan_throw_errno (error, EPROTO,
                                 "negotiating: the server chose the metadata context \"%s\", asked "
                                 "for \"%s\"",
                                 name, self->context);
    }

  self->info->abilities |= NBD_CAN_BLOCK_STATUS;
  self->info->context = banyan_get_be32 (reply->data);
  return TRUE;
}

/* Whatever is wrong with the export itself, the next option is told. */
static gboolean BANYAN_COROUTINE
ask_context (Haggling *self, GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  guint8 n_queries[4];
  Reply reply;

  append_string (data, self->export);
  banyan_put_be32 (n_queries, 1);
  g_byte_array_append (data, n_queries, sizeof n_queries);
  append_string (data, self->context);

  if (!ask (self, NBD_OPT_SET_META_CONTEXT, data, error)
      || !take_replies (self, NBD_OPT_SET_META_CONTEXT, &reply, take_context, error)
      || !throw_final (self, &reply, error))
    return FALSE;

  if (reply.type != NBD_REP_ACK)
    self->info->abilities &= ~NBD_CAN_BLOCK_STATUS;
  return TRUE;
}

/* -- Choosing the export. -- */

static gboolean
take_info (Haggling *self, const Reply *reply, GError **error)
{
  guint16 type;

  if (reply->type != NBD_REP_INFO || reply->length < 2)
    return throw_reply (reply, error);

  type = banyan_get_be16 (reply->data);
  if ((type == NBD_INFO_EXPORT && reply->length != NBD_INFO_EXPORT_SIZE)
      || (type == NBD_INFO_BLOCK_SIZE && reply->length != NBD_INFO_BLOCK_SIZE_SIZE))
    return banyan_throw_errno (error, EPROTO,
                               "negotiating: the server sent information of type %u with %u bytes",
                               type, reply->length);

  if (type == NBD_INFO_EXPORT)
    {
      nbd_info_set_export (self->info, banyan_get_be64 (reply->data + 2),
                           banyan_get_be16 (reply->data + 10));
      self->has_export = TRUE;
    }
  else if (type == NBD_INFO_BLOCK_SIZE)
    nbd_info_set_blocks (self->info, banyan_get_be32 (reply->data + 2),
                         banyan_get_be32 (reply->data + 6), banyan_get_be32 (reply->data + 10));
  return TRUE;
}

static gboolean
take_name (Haggling *self, const Reply *reply, GError **error)
{
  g_autofree char *name = NULL;

  if (reply->type != NBD_REP_SERVER || reply->length < 4
      || banyan_get_be32 (reply->data) > reply->length - 4)
    return throw_reply (reply, error);

  if (self->n_names++ >= MAX_NAMES_TOLD)
    return TRUE;
  name = g_utf8_make_valid ((const char *) reply->data + 4, banyan_get_be32 (reply->data));
  g_string_append_printf (self->names, "%s'%s'", self->n_names > 1 ? ", " : "", name);
  return TRUE;
}

/* What there is instead; that it cannot be had is no error of its own. */
static gboolean BANYAN_COROUTINE
throw_unknown (Haggling *self, const char *words, GError **error)
{
  g_autoptr (GString) names = g_string_new ("");
  Reply reply;

  self->names = names;
  self->until_ns = MIN (self->until_ns, banyan_loop_now_ns (banyan_loop_current ()) + NAMES_NS);
  if (ask (self, NBD_OPT_LIST, NULL, NULL))
    take_replies (self, NBD_OPT_LIST, &reply, take_name, NULL);
  if (self->n_names > MAX_NAMES_TOLD)
    g_string_append (names, ", and others");
  return banyan_throw_errno (error, ENOENT, "the server has no export named '%s'%s%s%s",
                             self->export, words, names->len > 0 ? "; there are: " : "",
                             names->str);
}

static gboolean BANYAN_COROUTINE
throw_export (Haggling *self, const Reply *reply, GError **error)
{
  g_autofree char *words = dup_words (reply);

  switch (reply->type)
    {
    case NBD_REP_ERR_UNKNOWN:
      return throw_unknown (self, words, error);
    case NBD_REP_ERR_POLICY:
      return banyan_throw_errno (error, EACCES, "the server does not let us have the export '%s'%s",
                                 self->export, words);
    default:
      return banyan_throw_errno (error, EINVAL,
                                 "the server refuses the export '%s' with error %u%s", self->export,
                                 reply->type & 0x7fffffff, words);
    }
}

/* The only option that old servers know. To say no, they hang up. */
static gboolean BANYAN_COROUTINE
ask_by_name (Haggling *self, GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  const guint8 *answer;
  gsize length = NBD_EXPORT_NAME_ANSWER_SIZE;

  if (!(self->flags & NBD_FLAG_NO_ZEROES))
    length += NBD_EXPORT_NAME_ZEROES;
  g_byte_array_append (data, (const guint8 *) self->export, strlen (self->export));
  if (!ask (self, NBD_OPT_EXPORT_NAME, data, error))
    return FALSE;

  answer = take (self, length, error);
  if (answer == NULL)
    {
      g_prefix_error (error,
                      "asking for the export '%s', which the server may not have: ", self->export);
      return FALSE;
    }
  nbd_info_set_export (self->info, banyan_get_be64 (answer), banyan_get_be16 (answer + 8));
  return TRUE;
}

static gboolean BANYAN_COROUTINE
ask_export (Haggling *self, GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  guint8 wanted[4];
  Reply reply;

  append_string (data, self->export);
  banyan_put_be16 (banyan_put_be16 (wanted, 1), NBD_INFO_BLOCK_SIZE);
  g_byte_array_append (data, wanted, sizeof wanted);

  if (!ask (self, NBD_OPT_GO, data, error)
      || !take_replies (self, NBD_OPT_GO, &reply, take_info, error)
      || !throw_final (self, &reply, error))
    return FALSE;

  if (reply.type == NBD_REP_ERR_UNSUP && !(self->info->abilities & NBD_CAN_EXTENDED_HEADERS))
    return ask_by_name (self, error);
  if (reply.type != NBD_REP_ACK)
    {
      throw_export (self, &reply, error);
      say_goodbye (self);
      return FALSE;
    }
  return self->has_export
         || banyan_throw_errno (error, EPROTO,
                                "negotiating: the server did not say how long the export is");
}

/* -- From the greeting on. -- */

static gboolean BANYAN_COROUTINE
greet (Haggling *self, GError **error)
{
  const guint8 *greeting = take (self, NBD_GREETING_SIZE, error);
  guint8 flags[4];

  if (greeting == NULL)
    return FALSE;
  if (banyan_get_be64 (greeting) != NBD_INIT_MAGIC)
    return banyan_throw_errno (error, EPROTO,
                               "this is no NBD server: it greets with %#" G_GINT64_MODIFIER "x",
                               banyan_get_be64 (greeting));
  if (banyan_get_be64 (greeting + 8) == NBD_OLDSTYLE_MAGIC)
    return banyan_throw_errno (error, EPROTO,
                               "the server speaks the oldstyle protocol, which nobody should any "
                               "more: use one that speaks newstyle (qemu-nbd does with -x)");
  if (banyan_get_be64 (greeting + 8) != NBD_OPTION_MAGIC)
    return banyan_throw_errno (error, EPROTO,
                               "the server goes on after its greeting with %#" G_GINT64_MODIFIER
                               "x, which is no style that there is",
                               banyan_get_be64 (greeting + 8));

  self->flags = banyan_get_be16 (greeting + 16);
  banyan_put_be32 (flags, self->flags & (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES));
  return put (self, flags, sizeof flags, error);
}

static gboolean BANYAN_COROUTINE
haggle (Haggling *self, GError **error)
{
  if (!greet (self, error))
    return FALSE;
  if (!(self->flags & NBD_FLAG_FIXED_NEWSTYLE))
    return ask_by_name (self, error);

  if (!ask_manner (self, NBD_OPT_EXTENDED_HEADERS,
                   NBD_CAN_EXTENDED_HEADERS | NBD_CAN_STRUCTURED_REPLIES, error))
    return FALSE;
  if (!(self->info->abilities & NBD_CAN_EXTENDED_HEADERS)
      && !ask_manner (self, NBD_OPT_STRUCTURED_REPLY, NBD_CAN_STRUCTURED_REPLIES, error))
    return FALSE;
  if ((self->info->abilities & NBD_CAN_STRUCTURED_REPLIES) && !ask_context (self, error))
    return FALSE;
  return ask_export (self, error);
}

gboolean
nbd_handshake (int fd, gint64 until_ns, const char *export, const char *context, NbdInfo *info,
               GError **error)
{
  Haggling self = { .fd = fd,
                    .until_ns = until_ns,
                    .export = export,
                    .context = context,
                    .info = info,
                    .in = banyan_buffer_new (2 * MAX_REPLY_BYTES) };
  gboolean done;

  if (self.in == NULL)
    return banyan_throw_errno (error, ENOMEM, "negotiating");

  *info = (NbdInfo){ 0 };
  done = haggle (&self, error) && nbd_info_settle (info, error);
  if (done && self.start < self.end)
    done = banyan_throw_errno (error, EPROTO,
                               "the server sent %zu bytes before it was asked for anything",
                               self.end - self.start);
  banyan_buffer_unref (self.in);
  return done;
}
