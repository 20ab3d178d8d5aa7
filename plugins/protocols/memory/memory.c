/* memory.c - protocol that keeps a sparse disk in memory
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

#include "memory-store.h"

#include <errno.h>
#include <sys/socket.h>

/* Chunks handed to a socket at a time: more than its buffer takes. */
#define SEND_VECTORS 16

/* To look at the state of a chunk takes about as long as to move so many bytes. */
#define LOOK_BYTES 8

G_DECLARE_FINAL_TYPE (BanyanMemory, banyan_memory, BANYAN, MEMORY, BanyanProtocol)

struct _BanyanMemory
{
  BanyanProtocol parent_instance;

  guint64 size_bytes;
  MemoryStore *store; /* (owned): while open */
};

enum
{
  PROP_0,
  PROP_SIZE,
  PROP_ALLOCATED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanMemory, banyan_memory, BANYAN_TYPE_PROTOCOL)

/* Walks the window of @request: its pieces, flat, in order. */
typedef gboolean (*PieceFunc) (MemoryStore *store, guint64 offset, guint8 *bytes, gsize length);

static gboolean
for_each_piece (MemoryStore *store, const BanyanRequest *request, PieceFunc func)
{
  guint64 done = 0;
  gsize skip = request->skip;

  for (guint i = 0; i < request->n_iov && done < request->length; i++)
    {
      gsize piece = MIN (request->iov[i].iov_len - skip, request->length - done);

      if (!func (store, request->offset + done, (guint8 *) request->iov[i].iov_base + skip, piece))
        return FALSE;
      done += piece;
      skip = 0;
    }

  return TRUE;
}

static gboolean
read_piece (MemoryStore *store, guint64 offset, guint8 *bytes, gsize length)
{
  memory_store_read (store, offset, bytes, length);
  return TRUE;
}

static gboolean
write_piece (MemoryStore *store, guint64 offset, guint8 *bytes, gsize length)
{
  return memory_store_write (store, offset, bytes, length);
}

static gboolean
banyan_memory_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return for_each_piece (BANYAN_NODE_SELF (BanyanMemory, node)->store, request, read_piece);
}

static gboolean
banyan_memory_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  if (for_each_piece (BANYAN_NODE_SELF (BanyanMemory, node)->store, request, write_piece))
    return TRUE;

  return banyan_throw_errno (
      error, ENOMEM, "%s: writing %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT,
      banyan_object_get_id (BANYAN_OBJECT (node)), request->length, request->offset);
}

static gboolean
banyan_memory_flush (BanyanNode *node, GError **error)
{
  return TRUE;
}

/* Others have a turn between the steps. FALSE: no memory. */
static gboolean BANYAN_COROUTINE
zero_range (MemoryStore *store, guint64 offset, guint64 length, gboolean gives_back)
{
  while (length > 0)
    {
      guint64 done = memory_store_zero (store, offset, length, gives_back);

      if (done == 0)
        return FALSE;
      offset += done;
      length -= done;
      if (length > 0)
        banyan_co_charge (MEMORY_STORE_STEP);
    }

  return TRUE;
}

static BanyanAnswer BANYAN_COROUTINE
banyan_memory_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  zero_range (BANYAN_NODE_SELF (BanyanMemory, node)->store, request->offset, request->length, TRUE);
  return BANYAN_DONE;
}

static BanyanAnswer BANYAN_COROUTINE
banyan_memory_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  if (zero_range (BANYAN_NODE_SELF (BanyanMemory, node)->store, request->offset, request->length,
                  (request->flags & BANYAN_REQUEST_MAY_UNMAP) != 0))
    return BANYAN_DONE;

  banyan_throw_errno (
      error, ENOMEM, "%s: keeping %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT " for data",
      banyan_object_get_id (BANYAN_OBJECT (node)), request->length, request->offset);
  return BANYAN_FAILED;
}

/* A long look is one of many, if who asks goes on behind it. */
static BanyanAnswer BANYAN_COROUTINE
banyan_memory_block_status (BanyanNode *node, guint64 offset, guint64 length,
                            BanyanBlockStatus *status, GError **error)
{
  static const guint32 flags[] = {
    [MEMORY_STORE_HOLE] = BANYAN_BLOCK_ZERO,
    [MEMORY_STORE_ZEROES] = BANYAN_BLOCK_DATA | BANYAN_BLOCK_ZERO,
    [MEMORY_STORE_DATA] = BANYAN_BLOCK_DATA,
  };
  MemoryStoreState state = MEMORY_STORE_HOLE;

  status->length
      = memory_store_extent (BANYAN_NODE_SELF (BanyanMemory, node)->store, offset, length, &state);
  banyan_co_charge (MIN (status->length / MEMORY_STORE_CHUNK, MEMORY_STORE_MAX_LOOKS) * LOOK_BYTES);
  status->flags = BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_LOCATED | flags[state];
  status->leaf = node;
  status->leaf_offset = offset;
  return BANYAN_DONE;
}

/* A write that comes before the socket has taken the bytes may show in them: both were under way at
 * the same time, and either order is right. */
static BanyanAnswer
banyan_memory_send (BanyanNode *node, guint64 offset, gsize length, int socket, gsize *sent)
{
  MemoryStore *store = BANYAN_NODE_SELF (BanyanMemory, node)->store;
  struct iovec iov[SEND_VECTORS];
  struct msghdr message = { .msg_iov = iov };
  gssize result;

  if (socket < 0)
    return BANYAN_DONE;

  message.msg_iovlen = memory_store_point_at (store, offset, length, iov, SEND_VECTORS);
  result = TEMP_FAILURE_RETRY (sendmsg (socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
  if (result > 0)
    *sent = result;
  return result > 0 || errno == EAGAIN ? BANYAN_DONE : BANYAN_UNSUPPORTED;
}

/* What lies beyond the new end is forgotten, so that growing again shows zeroes. */
static BanyanAnswer BANYAN_COROUTINE
banyan_memory_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  guint64 length = banyan_node_get_length (node);

  if (resize->length > MEMORY_STORE_MAX_LENGTH)
    {
      banyan_throw_errno (error, EFBIG,
                          "%s: growing to %" G_GUINT64_FORMAT " bytes; the limit is 2 PiB",
                          banyan_object_get_id (BANYAN_OBJECT (node)), resize->length);
      return BANYAN_FAILED;
    }

  if (resize->length < length)
    zero_range (BANYAN_NODE_SELF (BanyanMemory, node)->store, resize->length,
                length - resize->length, TRUE);
  banyan_node_publish_length (node, resize->length);
  return BANYAN_DONE;
}

static const BanyanNodeOps banyan_memory_ops = {
  .size = sizeof banyan_memory_ops,
  .read = banyan_memory_read,
  .write = banyan_memory_write,
  .flush = banyan_memory_flush,
  .discard = banyan_memory_discard,
  .write_zeroes = banyan_memory_write_zeroes,
  .block_status = banyan_memory_block_status,
  .resize = banyan_memory_resize,
  .send = banyan_memory_send,
};

static guint
banyan_memory_get_capabilities (BanyanNode *node, guint inherited)
{
  return BANYAN_CAN_FUA | BANYAN_CAN_DISCARD | BANYAN_CAN_WRITE_ZEROES | BANYAN_CAN_FAST_ZERO
         | BANYAN_CAN_BLOCK_STATUS | BANYAN_CAN_RESIZE | BANYAN_CAN_MULTI_CONN;
}

static gboolean
banyan_memory_open (BanyanElement *element, GError **error)
{
  BanyanMemory *self = BANYAN_NODE_SELF (BanyanMemory, element);

  self->store = memory_store_new ();
  banyan_node_publish_length (BANYAN_NODE (self), self->size_bytes);
  return TRUE;
}

static void
banyan_memory_close (BanyanElement *element)
{
  BanyanMemory *self = BANYAN_NODE_SELF (BanyanMemory, element);

  g_clear_pointer (&self->store, memory_store_free);
}

static void
banyan_memory_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanMemory *self = BANYAN_NODE_SELF (BanyanMemory, object);

  if (id == PROP_ALLOCATED)
    g_value_set_uint64 (value, self->store != NULL ? memory_store_get_allocated (self->store) : 0);
  else
    banyan_node_get_field (object, id, value, pspec);
}

static void
banyan_memory_class_init (BanyanMemoryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_memory_get_property;

  element_class->open = banyan_memory_open;
  element_class->close = banyan_memory_close;
  node_class->get_capabilities = banyan_memory_get_capabilities;
  banyan_node_class_set_ops (node_class, &banyan_memory_ops);

  properties[PROP_SIZE] = banyan_param_mutable (
      banyan_param_required (banyan_param_uint64 (
          "size", "Size", "Length of the disk; only what is written takes memory",
          BANYAN_UNIT_BYTES, 0, MEMORY_STORE_MAX_LENGTH, 0,
          G_STRUCT_OFFSET (BanyanMemory, size_bytes))),
      BANYAN_MUTABLE_RESIZE);
  properties[PROP_ALLOCATED] = banyan_param_state (banyan_param_uint64 (
      "allocated", "Allocated", "Memory that holds data or is kept for it, in chunks of 64 KiB",
      BANYAN_UNIT_BYTES, 0, G_MAXUINT64, 0, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_memory_init (BanyanMemory *self)
{
}

BANYAN_PLUGIN_DEFINE (memory, .kind = BANYAN_PLUGIN_PROTOCOL,
                      .register_type = banyan_memory_register_type,
                      .summary = "Keep a sparse disk in memory")
