/* nbd-handshake.c - fixed newstyle negotiation
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The client haggles option by option. All replies to one option are queued and go out before the
 * next is read. What an option's data claims is checked against the length of the option itself,
 * which is bounded. */

#include "nbd-connection.h"

#define MAX_OPTION_DATA (64u << 10)
#define MAX_OPTIONS 1000
#define MAX_QUERIES 64

typedef enum
{
  OPTION_NEXT,
  OPTION_TRANSMIT,
  OPTION_END,
} OptionResult;

/* The data of one option, taken apart from the front. */
typedef struct
{
  guint32 option;
  const guint8 *data;
  gsize left;
} Option;

/* -- Replies. -- */

static void
reply (NbdConnection *self, const Option *option, guint32 type, gconstpointer data, gsize length)
{
  NbdChunk *chunk = nbd_output_new_chunk (self);

  chunk->header_length
      = nbd_put_option_reply (chunk->header, option->option, type, length) - chunk->header;
  if (length > 0)
    {
      chunk->buffer = banyan_buffer_new (length);
      if (chunk->buffer == NULL)
        {
          self->out_closed = TRUE;
          return;
        }
      memcpy (chunk->buffer->data, data, length);
      chunk->data = chunk->buffer->data;
      chunk->length = length;
    }
  nbd_output_queue (self, chunk);
}

static OptionResult
reply_ack (NbdConnection *self, const Option *option)
{
  reply (self, option, NBD_REP_ACK, NULL, 0);
  return OPTION_NEXT;
}

static OptionResult
reply_error (NbdConnection *self, const Option *option, guint32 type, const char *message)
{
  reply (self, option, type, message, strlen (message));
  return OPTION_NEXT;
}

/* -- Taking data apart. -- */

static gboolean
take16 (Option *option, guint16 *value)
{
  if (option->left < 2)
    return FALSE;
  *value = banyan_get_be16 (option->data);
  option->data += 2;
  option->left -= 2;
  return TRUE;
}

static gboolean
take32 (Option *option, guint32 *value)
{
  if (option->left < 4)
    return FALSE;
  *value = banyan_get_be32 (option->data);
  option->data += 4;
  option->left -= 4;
  return TRUE;
}

/* Strings have no NUL: cut there, one would be another. (transfer full) (nullable) */
static char *
take_text (Option *option, gsize length)
{
  char *text;

  if (length > option->left || length > NBD_MAX_STRING
      || memchr (option->data, '\0', length) != NULL)
    return NULL;

  text = g_strndup ((const char *) option->data, length);
  option->data += length;
  option->left -= length;
  return text;
}

/* With its length before it, as all strings are but EXPORT_NAME's. */
static char *
take_string (Option *option)
{
  guint32 length;

  return take32 (option, &length) ? take_text (option, length) : NULL;
}

/* -- What an export looks like. -- */

typedef struct
{
  guint64 length;
  guint flags;
  guint32 preferred_size;
} Facts;

static guint
transmission_flags (const NbdConnection *self, guint capabilities)
{
  guint flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_CACHE;

  if (capabilities & BANYAN_CAN_MULTI_CONN)
    flags |= NBD_FLAG_CAN_MULTI_CONN;
  if (self->structured || self->extended)
    flags |= NBD_FLAG_SEND_DF;
  if (self->extended && self->allocation_context && self->contexts_of == self->export)
    flags |= NBD_FLAG_BLOCK_STATUS_PAYLOAD;
  if (!banyan_export_is_writable (BANYAN_EXPORT (self->export)))
    return flags | NBD_FLAG_READ_ONLY | NBD_FLAG_CAN_MULTI_CONN;

  flags |= NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES;
  if (capabilities & BANYAN_CAN_FAST_ZERO)
    flags |= NBD_FLAG_SEND_FAST_ZERO;
  if (nbd_export_is_resizable (self->export) && (capabilities & BANYAN_CAN_RESIZE))
    flags |= NBD_FLAG_SEND_RESIZE;
  return flags;
}

/* Inside the channel: the edge may lead to another node a moment later, or to none when the export
 * is about to close (FALSE). */
static gboolean BANYAN_COROUTINE
look_at_export (NbdConnection *self, Facts *facts)
{
  BanyanNode *node;

  banyan_channel_enter (self->channel);
  node = banyan_channel_get_node (self->channel);
  if (node != NULL)
    {
      facts->length = banyan_channel_get_length (self->channel);
      facts->flags = transmission_flags (self, banyan_node_get_capabilities (node));
      facts->preferred_size = banyan_node_get_limits (node)->preferred_size;
    }
  banyan_channel_leave (self->channel);
  return node != NULL;
}

static void
release_export (NbdConnection *self)
{
  g_clear_pointer (&self->channel, banyan_channel_close);
  nbd_server_release_export (self->server, self);
}

/* @stays: for more than a look. */
static NbdTaken BANYAN_COROUTINE
take_export (NbdConnection *self, const char *name, gboolean stays, Facts *facts)
{
  NbdTaken taken = nbd_server_take_export (self->server, self, name, stays);

  if (taken != NBD_TAKEN)
    return taken;

  self->channel
      = banyan_backend_open_channel (banyan_export_get_backend (BANYAN_EXPORT (self->export)));
  if (self->channel != NULL && look_at_export (self, facts))
    return NBD_TAKEN;

  release_export (self);
  return NBD_IS_UNKNOWN;
}

/* Contexts count only for the export that they were chosen for. */
static OptionResult
begin_transmission (NbdConnection *self, const Facts *facts)
{
  self->transmission_flags = facts->flags;
  self->is_writable = !(facts->flags & NBD_FLAG_READ_ONLY);
  self->allocation_context &= self->contexts_of == self->export;
  return OPTION_TRANSMIT;
}

static void
info_export (NbdConnection *self, const Option *option, const Facts *facts)
{
  guint8 data[NBD_INFO_EXPORT_SIZE];
  guint8 *to = banyan_put_be16 (data, NBD_INFO_EXPORT);

  to = banyan_put_be64 (to, facts->length);
  banyan_put_be16 (to, facts->flags);
  reply (self, option, NBD_REP_INFO, data, sizeof data);
}

static void
info_text (NbdConnection *self, const Option *option, guint16 type, const char *text)
{
  gsize length = MIN (strlen (text), NBD_MAX_STRING);
  g_autofree guint8 *data = g_malloc (2 + length);

  memcpy (banyan_put_be16 (data, type), text, length);
  reply (self, option, NBD_REP_INFO, data, 2 + length);
}

/* We take any alignment, so the minimum is 1. */
static void
info_block_size (NbdConnection *self, const Option *option, guint32 preferred)
{
  guint8 data[NBD_INFO_BLOCK_SIZE_SIZE];
  guint8 *to = banyan_put_be16 (data, NBD_INFO_BLOCK_SIZE);

  if (preferred < 512 || (preferred & (preferred - 1)) != 0)
    preferred = 4096;
  to = banyan_put_be32 (to, 1);
  to = banyan_put_be32 (to, MIN (preferred, NBD_MAX_PAYLOAD));
  banyan_put_be32 (to, NBD_MAX_PAYLOAD);
  reply (self, option, NBD_REP_INFO, data, sizeof data);
}

/* -- Choosing an export. -- */

static OptionResult BANYAN_COROUTINE
option_export_name (NbdConnection *self, Option *option)
{
  static const guint8 zeroes[NBD_EXPORT_NAME_ZEROES];
  g_autofree char *name = take_text (option, option->left);
  NbdChunk *chunk;
  Facts facts;
  guint8 *to;

  /* There is no way to say no, but to hang up. */
  if (name == NULL || self->extended || take_export (self, name, TRUE, &facts) != NBD_TAKEN)
    return OPTION_END;

  chunk = nbd_output_new_chunk (self);
  to = banyan_put_be64 (chunk->header, facts.length);
  to = banyan_put_be16 (to, facts.flags);
  chunk->header_length = to - chunk->header;
  if (!self->no_zeroes)
    {
      chunk->data = zeroes;
      chunk->length = sizeof zeroes;
    }
  nbd_output_queue (self, chunk);
  return begin_transmission (self, &facts);
}

static void
reply_infos (NbdConnection *self, const Option *option, const Facts *facts, guint mask)
{
  const char *description = banyan_export_get_description (BANYAN_EXPORT (self->export));

  info_export (self, option, facts);
  if (mask & (1u << NBD_INFO_NAME))
    info_text (self, option, NBD_INFO_NAME, nbd_export_get_name (self->export));
  if ((mask & (1u << NBD_INFO_DESCRIPTION)) && description != NULL)
    info_text (self, option, NBD_INFO_DESCRIPTION, description);
  if (mask & (1u << NBD_INFO_BLOCK_SIZE))
    info_block_size (self, option, facts->preferred_size);
  reply_ack (self, option);
}

static OptionResult
refuse_export (NbdConnection *self, const Option *option, NbdTaken taken, const char *name)
{
  if (taken == NBD_IS_FULL)
    return reply_error (self, option, NBD_REP_ERR_POLICY,
                        "the export has as many clients as it may have");
  return reply_error (self, option, NBD_REP_ERR_UNKNOWN,
                      name[0] != '\0' ? "no export has this name"
                                      : "there are several exports and none is the default");
}

static OptionResult BANYAN_COROUTINE
option_info_or_go (NbdConnection *self, Option *option)
{
  g_autofree char *name = take_string (option);
  guint16 n_wanted, wanted;
  guint mask = 0;
  NbdTaken taken;
  Facts facts;

  if (name == NULL || !take16 (option, &n_wanted) || option->left != n_wanted * 2u)
    return reply_error (self, option, NBD_REP_ERR_INVALID,
                        "the option's data is not a name and a list of information types");
  while (take16 (option, &wanted))
    mask |= wanted < 32 ? 1u << wanted : 0;

  taken = take_export (self, name, option->option == NBD_OPT_GO, &facts);
  if (taken != NBD_TAKEN)
    return refuse_export (self, option, taken, name);

  reply_infos (self, option, &facts, mask);
  if (option->option == NBD_OPT_GO)
    return begin_transmission (self, &facts);

  release_export (self);
  return OPTION_NEXT;
}

static OptionResult
option_list (NbdConnection *self, Option *option)
{
  g_autoptr (GPtrArray) exports = NULL;

  if (option->left > 0)
    return reply_error (self, option, NBD_REP_ERR_INVALID, "NBD_OPT_LIST takes no data");

  exports = nbd_server_list_exports (self->server);
  for (guint i = 0; i < exports->len; i++)
    {
      const char *name = nbd_export_get_name (exports->pdata[i]);
      const char *description = banyan_export_get_description (exports->pdata[i]);
      gsize name_length = strlen (name);
      gsize length = description != NULL ? MIN (strlen (description), NBD_MAX_STRING) : 0;
      g_autofree guint8 *data = g_malloc (4 + name_length + length);

      memcpy (banyan_put_be32 (data, name_length), name, name_length);
      if (length > 0)
        memcpy (data + 4 + name_length, description, length);
      reply (self, option, NBD_REP_SERVER, data, 4 + name_length + length);
    }
  return reply_ack (self, option);
}

/* -- Abilities. -- */

static OptionResult
option_structured_reply (NbdConnection *self, Option *option)
{
  if (option->left > 0)
    return reply_error (self, option, NBD_REP_ERR_INVALID,
                        "NBD_OPT_STRUCTURED_REPLY takes no data");
  if (self->extended)
    return reply_error (self, option, NBD_REP_ERR_EXT_HEADER_REQD,
                        "extended headers have been agreed on, and take precedence");
  self->structured = TRUE;
  return reply_ack (self, option);
}

static OptionResult
option_extended_headers (NbdConnection *self, Option *option)
{
  if (option->left > 0)
    return reply_error (self, option, NBD_REP_ERR_INVALID,
                        "NBD_OPT_EXTENDED_HEADERS takes no data");
  self->extended = TRUE;
  return reply_ack (self, option);
}

static void
reply_context (NbdConnection *self, const Option *option, guint32 id)
{
  static const char name[] = "base:allocation";
  guint8 data[4 + sizeof name];

  memcpy (banyan_put_be32 (data, id), name, sizeof name - 1);
  reply (self, option, NBD_REP_META_CONTEXT, data, 4 + sizeof name - 1);
}

/* "base:" lists all there is and chooses nothing; names of other spaces are passed over. */
static gboolean
query_matches (const char *query, gboolean is_list)
{
  return strcmp (query, "base:allocation") == 0 || (is_list && strcmp (query, "base:") == 0);
}

static OptionResult
option_meta_context (NbdConnection *self, Option *option)
{
  gboolean is_list = option->option == NBD_OPT_LIST_META_CONTEXT;
  g_autofree char *name = NULL;
  g_autoptr (NbdExport) export = NULL;
  guint32 n_queries;
  gboolean matches;

  if (!is_list)
    self->allocation_context = FALSE;
  if (!self->structured && !self->extended)
    return reply_error (self, option, NBD_REP_ERR_INVALID,
                        "structured replies or extended headers come first");

  name = take_string (option);
  if (name == NULL || !take32 (option, &n_queries))
    return reply_error (self, option, NBD_REP_ERR_INVALID,
                        "the option's data is not a name and a list of queries");
  if (n_queries > MAX_QUERIES)
    return reply_error (self, option, NBD_REP_ERR_TOO_BIG, "at most 64 queries");

  matches = is_list && n_queries == 0;
  for (guint i = 0; i < n_queries; i++)
    {
      g_autofree char *query = take_string (option);

      if (query == NULL)
        return reply_error (self, option, NBD_REP_ERR_INVALID, "a query reaches beyond the data");
      matches |= query_matches (query, is_list);
    }
  if (option->left > 0)
    return reply_error (self, option, NBD_REP_ERR_INVALID, "there is data behind the last query");

  export = nbd_server_find_export (self->server, name);
  if (export == NULL)
    return reply_error (self, option, NBD_REP_ERR_UNKNOWN, "no export has this name");

  if (matches)
    reply_context (self, option, is_list ? 0 : NBD_ALLOCATION_CONTEXT);
  if (!is_list)
    {
      self->allocation_context = matches;
      g_set_object (&self->contexts_of, export);
    }
  return reply_ack (self, option);
}

static OptionResult
option_abort (NbdConnection *self, Option *option)
{
  reply_ack (self, option);
  return OPTION_END;
}

/* -- Haggling. -- */

static OptionResult
run_option (NbdConnection *self, Option *option)
{
  switch (option->option)
    {
    case NBD_OPT_EXPORT_NAME:
      return option_export_name (self, option);
    case NBD_OPT_ABORT:
      return option_abort (self, option);
    case NBD_OPT_LIST:
      return option_list (self, option);
    case NBD_OPT_INFO:
    case NBD_OPT_GO:
      return option_info_or_go (self, option);
    case NBD_OPT_STARTTLS:
      return reply_error (self, option, NBD_REP_ERR_UNSUP, "this server has no TLS");
    case NBD_OPT_STRUCTURED_REPLY:
      return option_structured_reply (self, option);
    case NBD_OPT_EXTENDED_HEADERS:
      return option_extended_headers (self, option);
    case NBD_OPT_LIST_META_CONTEXT:
    case NBD_OPT_SET_META_CONTEXT:
      return option_meta_context (self, option);
    default:
      return reply_error (self, option, NBD_REP_ERR_UNSUP, "unknown option");
    }
}

/* What is unknown stays so and what ends all still does, however much data comes with it. */
static gboolean BANYAN_COROUTINE
pass_over (NbdConnection *self, Option *option, guint32 length, OptionResult *result)
{
  if (option->option == NBD_OPT_EXPORT_NAME || length > NBD_MAX_PAYLOAD
      || !nbd_input_drop (self, length))
    return FALSE;

  if (option->option == NBD_OPT_ABORT)
    *result = option_abort (self, option);
  else if (option->option > NBD_OPT_EXTENDED_HEADERS)
    *result = reply_error (self, option, NBD_REP_ERR_UNSUP, "unknown option");
  else
    *result = reply_error (self, option, NBD_REP_ERR_TOO_BIG, "more than 64 KiB of data");
  return TRUE;
}

static gboolean BANYAN_COROUTINE
next_option (NbdConnection *self, OptionResult *result)
{
  Option option;
  NbdOptionHeader header;
  BanyanBuffer *buffer = NULL;

  if (!nbd_input_need (self, NBD_OPTION_SIZE))
    return FALSE;
  header = nbd_get_option (nbd_input_peek (self));
  if (header.magic != NBD_OPTION_MAGIC)
    return FALSE;
  option.option = header.option;
  nbd_input_skip (self, NBD_OPTION_SIZE);

  if (header.length > MAX_OPTION_DATA)
    return pass_over (self, &option, header.length, result);

  if (!nbd_input_take (self, header.length, &buffer, &option.data))
    return FALSE;
  option.left = header.length;
  *result = run_option (self, &option);
  banyan_buffer_unref (buffer);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
greet (NbdConnection *self)
{
  NbdChunk *chunk = nbd_output_new_chunk (self);
  guint8 *to = banyan_put_be64 (chunk->header, NBD_INIT_MAGIC);
  guint32 flags;

  to = banyan_put_be64 (to, NBD_OPTION_MAGIC);
  to = banyan_put_be16 (to, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  chunk->header_length = to - chunk->header;
  nbd_output_queue (self, chunk);

  if (!nbd_input_need (self, 4))
    return FALSE;
  flags = banyan_get_be32 (nbd_input_peek (self));
  nbd_input_skip (self, 4);
  self->no_zeroes = (flags & NBD_FLAG_C_NO_ZEROES) != 0;
  /* "the server MUST drop the TCP connection if the client sets an unknown flag" */
  return (flags & ~(NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES)) == 0;
}

gboolean BANYAN_COROUTINE
nbd_connection_negotiate (NbdConnection *self)
{
  OptionResult result = OPTION_NEXT;

  if (!greet (self))
    return FALSE;

  for (guint n = 0; result == OPTION_NEXT; n++)
    if (n == MAX_OPTIONS || !next_option (self, &result) || !nbd_output_flush (self))
      return FALSE;

  return result == OPTION_TRANSMIT;
}
