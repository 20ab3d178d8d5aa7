/* null.c - protocol that reads as zeroes and forgets what is written
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

G_DECLARE_FINAL_TYPE (BanyanNull, banyan_null, BANYAN, NULL_NODE, BanyanProtocol)

struct _BanyanNull
{
  BanyanProtocol parent_instance;

  guint64 size_bytes;
  guint64 latency_ns;   /* live */
  gboolean read_zeroes; /* live */
};

enum
{
  PROP_0,
  PROP_SIZE,
  PROP_LATENCY_NS,
  PROP_READ_ZEROES,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanNull, banyan_null, BANYAN_TYPE_PROTOCOL)

static gboolean BANYAN_COROUTINE
banyan_null_wait (BanyanNode *node, GError **error)
{
  BanyanNull *self = BANYAN_NODE_SELF (BanyanNull, node);
  guint64 latency_ns = BANYAN_LIVE (self->latency_ns);

  return G_LIKELY (latency_ns == 0) || banyan_co_sleep_ns (latency_ns, error);
}

/* QEMU's null-co leaves the buffer as it was. Here a read defines every byte: no buffer that held
 * one client's data may reach another. */
static gboolean BANYAN_COROUTINE
banyan_null_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  banyan_request_fill (request, 0, 0, request->length);
  return banyan_null_wait (node, error);
}

static gboolean BANYAN_COROUTINE
banyan_null_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_null_wait (node, error);
}

static gboolean BANYAN_COROUTINE
banyan_null_flush (BanyanNode *node, GError **error)
{
  return banyan_null_wait (node, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_null_zero (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_null_wait (node, error) ? BANYAN_DONE : BANYAN_FAILED;
}

static BanyanAnswer
banyan_null_block_status (BanyanNode *node, guint64 offset, guint64 length,
                          BanyanBlockStatus *status, GError **error)
{
  BanyanNull *self = BANYAN_NODE_SELF (BanyanNull, node);

  status->flags = BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_LOCATED;
  status->flags |= BANYAN_LIVE (self->read_zeroes) ? BANYAN_BLOCK_ZERO : BANYAN_BLOCK_DATA;
  status->length = length;
  status->leaf = node;
  status->leaf_offset = offset;
  return BANYAN_DONE;
}

static BanyanAnswer
banyan_null_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  banyan_node_publish_length (node, resize->length);
  return BANYAN_DONE;
}

static const BanyanNodeOps banyan_null_ops = {
  .size = sizeof banyan_null_ops,
  .read = banyan_null_read,
  .write = banyan_null_write,
  .flush = banyan_null_flush,
  .discard = banyan_null_zero,
  .write_zeroes = banyan_null_zero,
  .block_status = banyan_null_block_status,
  .resize = banyan_null_resize,
};

static guint
banyan_null_get_capabilities (BanyanNode *node, guint inherited)
{
  return BANYAN_CAN_FUA | BANYAN_CAN_DISCARD | BANYAN_CAN_WRITE_ZEROES | BANYAN_CAN_FAST_ZERO
         | BANYAN_CAN_BLOCK_STATUS | BANYAN_CAN_RESIZE | BANYAN_CAN_MULTI_CONN;
}

static gboolean
banyan_null_open (BanyanElement *element, GError **error)
{
  BanyanNull *self = BANYAN_NODE_SELF (BanyanNull, element);

  banyan_node_publish_length (BANYAN_NODE (self), self->size_bytes);
  return TRUE;
}

static void
banyan_null_class_init (BanyanNullClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  element_class->open = banyan_null_open;
  node_class->get_capabilities = banyan_null_get_capabilities;
  banyan_node_class_set_ops (node_class, &banyan_null_ops);

  properties[PROP_SIZE] = banyan_param_mutable (
      banyan_param_uint64 ("size", "Size", "Length of the disk", BANYAN_UNIT_BYTES, 0, G_MAXINT64,
                           1 << 30, G_STRUCT_OFFSET (BanyanNull, size_bytes)),
      BANYAN_MUTABLE_RESIZE);
  properties[PROP_LATENCY_NS] = banyan_param_uint64 (
      "latency-ns", "Latency", "Time that each request takes, in place of a real disk's",
      BANYAN_UNIT_NS, 0, 600 * G_GUINT64_CONSTANT (1000000000), 0,
      G_STRUCT_OFFSET (BanyanNull, latency_ns));
  properties[PROP_READ_ZEROES] = banyan_param_boolean (
      "read-zeroes", "Read zeroes",
      "Whether block status calls the disk zeroes rather than data; it reads as zeroes either way",
      FALSE, G_STRUCT_OFFSET (BanyanNull, read_zeroes));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_null_init (BanyanNull *self)
{
}

BANYAN_PLUGIN_DEFINE (null, .kind = BANYAN_PLUGIN_PROTOCOL,
                      .register_type = banyan_null_register_type,
                      .summary = "Read as zeroes and forget what is written",
                      .aliases = "null-co,null-aio")
