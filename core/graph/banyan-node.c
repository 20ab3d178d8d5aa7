/* banyan-node.c - what all block drivers have in common
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-node-private.h"

typedef struct
{
  BanyanNodeOps ops;
} BanyanNodeClassPrivate;

enum
{
  PROP_0,
  PROP_READ_ONLY,
  PROP_AUTO_READ_ONLY,
  PROP_FORCE_SHARE,
  PROP_DISCARD,
  PROP_DETECT_ZEROES,
  PROP_CACHE,
  PROP_LENGTH,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

gint banyan_node_private_offset;

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (BanyanNode, banyan_node, BANYAN_TYPE_ELEMENT,
                                  G_ADD_PRIVATE (BanyanNode)
                                      g_type_add_class_private (g_define_type_id,
                                                                sizeof (BanyanNodeClassPrivate)))
G_DEFINE_ABSTRACT_TYPE (BanyanProtocol, banyan_protocol, BANYAN_TYPE_NODE)
G_DEFINE_ABSTRACT_TYPE (BanyanFormat, banyan_format, BANYAN_TYPE_NODE)
G_DEFINE_ABSTRACT_TYPE (BanyanFilter, banyan_filter, BANYAN_TYPE_NODE)

/* -- Class set-up. -- */

static BanyanNodeClassPrivate *
class_private (BanyanNodeClass *klass)
{
  return G_TYPE_CLASS_GET_PRIVATE (klass, BANYAN_TYPE_NODE, BanyanNodeClassPrivate);
}

/**
 * banyan_node_class_set_ops: (skip)
 * @klass: a class, in its class_init
 * @ops: its operations
 *
 * Copies @ops, up to what both sides know. An entry that is missing means what it means for the
 * base class, whatever the parent class has.
 */
void
banyan_node_class_set_ops (BanyanNodeClass *klass, const BanyanNodeOps *ops)
{
  BanyanNodeOps *own = &class_private (klass)->ops;

  g_return_if_fail (ops->size > sizeof ops->size);

  *own = (BanyanNodeOps){ 0 };
  memcpy (own, ops, MIN (ops->size, sizeof *own));
  own->size = sizeof *own;
}

const BanyanNodeOps *
banyan_node_class_get_ops (BanyanNodeClass *klass)
{
  return &class_private (klass)->ops;
}

/**
 * banyan_node_class_add_child_role: (skip)
 * @klass: a class, in its class_init
 * @name: "file"
 * @role_flags: #BanyanChildRole
 * @blurb: what the child is for
 * @offset: of the BanyanChild * in the instance
 *
 * As banyan_element_class_add_child_role().
 */
void
banyan_node_class_add_child_role (BanyanNodeClass *klass, const char *name, guint role_flags,
                                  const char *blurb, guint offset)
{
  banyan_element_class_add_child_role (BANYAN_ELEMENT_CLASS (klass), name, role_flags, blurb,
                                       offset);
}

/**
 * banyan_node_set_field: (skip)
 * @object: a #BanyanNode
 * @id: not used
 * @value: the new value
 * @pspec: the property
 *
 * As banyan_element_set_field().
 */
void
banyan_node_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  banyan_element_set_field (object, id, value, pspec);
}

/**
 * banyan_node_get_field: (skip)
 * @object: a #BanyanNode
 * @id: not used
 * @value: where to put the value
 * @pspec: the property
 *
 * As banyan_element_get_field().
 */
void
banyan_node_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  banyan_element_get_field (object, id, value, pspec);
}

/* -- What requests and their makers ask. -- */

const char *
banyan_node_get_name (BanyanNode *self)
{
  const char *id = banyan_object_get_id (BANYAN_OBJECT (self));

  return id != NULL ? id : G_OBJECT_TYPE_NAME (self);
}

/**
 * banyan_node_get_length:
 * @self: a node
 *
 * May be called on any thread.
 *
 * Returns: how many bytes can be read
 */
guint64
banyan_node_get_length (BanyanNode *self)
{
  BanyanNodePrivate *private = banyan_node_private (self);

  return __atomic_load_n (__atomic_load_n (&private->length_source, __ATOMIC_RELAXED),
                          __ATOMIC_ACQUIRE);
}

/**
 * banyan_node_publish_length:
 * @self: a node
 * @length: in bytes
 *
 * What a driver calls in open, in resize, and when storage turned out to have grown. A filter that
 * shows all of its child never does. Requests see the new length at once, through filters, too;
 * users of @self are told by the main thread, soon. May be called on any thread.
 */
void
banyan_node_publish_length (BanyanNode *self, guint64 length)
{
  BanyanNodePrivate *private = banyan_node_private (self);

  __atomic_store_n (&private->length, length, __ATOMIC_RELEASE);
  if (!__atomic_load_n (&private->publishes_length, __ATOMIC_RELAXED))
    {
      __atomic_store_n (&private->publishes_length, TRUE, __ATOMIC_RELAXED);
      __atomic_store_n (&private->length_source, &private->length, __ATOMIC_RELEASE);
    }
  banyan_node_tell (self);
}

/**
 * banyan_node_is_read_only:
 * @self: a node
 *
 * Returns: whether requests that change data are refused
 */
gboolean
banyan_node_is_read_only (BanyanNode *self)
{
  BanyanNodePrivate *private = banyan_node_private (self);

  return BANYAN_LIVE (private->read_only) || BANYAN_LIVE (private->found_read_only)
         || (private->filtered != NULL && private->filtered->read_only);
}

/**
 * banyan_node_publish_read_only:
 * @self: a node
 * @read_only: whether storage refuses writes
 *
 * What a driver calls when it found out that its storage does not take writes (which
 * "auto-read-only" allows it to go on with), or takes them again. Users that are there already meet
 * it soon: their edges are changed by the main thread.
 */
void
banyan_node_publish_read_only (BanyanNode *self, gboolean read_only)
{
  BanyanNodePrivate *private = banyan_node_private (self);

  if (BANYAN_LIVE (private->found_read_only) == read_only)
    return;

  BANYAN_LIVE_SET (private->found_read_only, read_only);
  /* Edges to a node that is being opened lead there when that is done. */
  if (banyan_object_get_state (BANYAN_OBJECT (self)) == BANYAN_OBJECT_OPEN)
    banyan_node_limits_changed (self);
}

gboolean
banyan_node_found_read_only (BanyanNode *self)
{
  return BANYAN_LIVE (banyan_node_private (self)->found_read_only);
}

/**
 * banyan_node_get_limits:
 * @self: a node
 *
 * Returns: (transfer none): what requests should look like so that they are passed on as they are
 */
const BanyanLimits *
banyan_node_get_limits (BanyanNode *self)
{
  return &banyan_node_private (self)->limits;
}

/**
 * banyan_node_get_capabilities:
 * @self: a node
 *
 * Returns: #BanyanCapabilities
 */
guint
banyan_node_get_capabilities (BanyanNode *self)
{
  return banyan_node_private (self)->capabilities;
}

/**
 * banyan_node_limits_changed:
 * @self: a node
 *
 * What a driver says when storage under it changed its limits: they are asked for again, soon, by
 * the main thread with the gates closed. May be called on any thread.
 */
void
banyan_node_limits_changed (BanyanNode *self)
{
  __atomic_store_n (&banyan_node_private (self)->wants_refresh, TRUE, __ATOMIC_RELEASE);
  banyan_node_tell (self);
}

/**
 * banyan_node_is_auto_read_only:
 * @self: a node
 *
 * Returns: whether the driver may go on read-only where it cannot write
 */
gboolean
banyan_node_is_auto_read_only (BanyanNode *self)
{
  return BANYAN_LIVE (banyan_node_private (self)->auto_read_only);
}

/**
 * banyan_node_is_force_shared:
 * @self: a node
 *
 * Returns: whether the image may be in use by others, and is not locked
 */
gboolean
banyan_node_is_force_shared (BanyanNode *self)
{
  return BANYAN_LIVE (banyan_node_private (self)->force_share);
}

/**
 * banyan_node_get_cache:
 * @self: a node
 *
 * Returns: (transfer none) (nullable): how data is cached below, if that was said
 */
BanyanCache *
banyan_node_get_cache (BanyanNode *self)
{
  return banyan_node_private (self)->cache;
}

/* An explicit setting counts. Otherwise a filter has no opinion, and what was declared within
 * another node gets what that one lets through; only what stands by itself ignores discards, as in
 * QEMU. */
gboolean
banyan_node_discards (BanyanNode *self)
{
  BanyanOrigin origin;

  banyan_object_get_origin (BANYAN_OBJECT (self), "discard", &origin);
  if (origin.kind != BANYAN_ORIGIN_DEFAULT)
    return banyan_node_private (self)->discard == BANYAN_DISCARD_UNMAP;

  return BANYAN_IS_FILTER (self) || banyan_object_is_implicit (BANYAN_OBJECT (self));
}

/* A format writes its tables out on a flush all the same: that they outlive this process is not
 * what "no-flush" gives up. */
gboolean
banyan_node_drops_flushes (BanyanNode *self)
{
  BanyanCache *cache = banyan_node_private (self)->cache;

  return cache != NULL && banyan_cache_get_no_flush (cache) && BANYAN_IS_PROTOCOL (self);
}

GPtrArray *
banyan_node_get_parents (BanyanNode *self)
{
  return banyan_node_private (self)->parents;
}

BanyanChild *
banyan_node_get_filtered (BanyanNode *self)
{
  GPtrArray *edges;

  if (!BANYAN_IS_FILTER (self))
    return NULL;

  edges = banyan_element_get_edges (BANYAN_ELEMENT (self));
  for (guint i = 0; i < edges->len; i++)
    if (((BanyanChild *) edges->pdata[i])->role_flags & BANYAN_CHILD_FILTERED)
      return edges->pdata[i];

  return NULL;
}

/* -- Properties. -- */

static void
set_enum (BanyanNode *self, gint *field, const GValue *value, GParamSpec *pspec)
{
  if (*field == g_value_get_enum (value))
    return;

  BANYAN_LIVE_SET (*field, g_value_get_enum (value));
  g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

static void
set_boolean (BanyanNode *self, gboolean *field, const GValue *value, GParamSpec *pspec)
{
  if (*field == g_value_get_boolean (value))
    return;

  BANYAN_LIVE_SET (*field, g_value_get_boolean (value));
  g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

static void
set_cache (BanyanNode *self, const GValue *value, GParamSpec *pspec)
{
  BanyanCache *cache = g_value_dup_object (value);

  if (cache != NULL)
    banyan_struct_freeze (BANYAN_STRUCT (cache));
  g_clear_object (&banyan_node_private (self)->cache);
  banyan_node_private (self)->cache = cache;
  g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

static void
banyan_node_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  BanyanNode *self = BANYAN_NODE (object);
  BanyanNodePrivate *private = banyan_node_private (self);

  if (!banyan_object_accept_set (BANYAN_OBJECT (self), value, pspec))
    return;

  switch (id)
    {
    case PROP_READ_ONLY:
      set_boolean (self, &private->read_only, value, pspec);
      break;
    case PROP_AUTO_READ_ONLY:
      set_boolean (self, &private->auto_read_only, value, pspec);
      break;
    case PROP_FORCE_SHARE:
      set_boolean (self, &private->force_share, value, pspec);
      break;
    case PROP_DISCARD:
      set_enum (self, (gint *) &private->discard, value, pspec);
      break;
    case PROP_DETECT_ZEROES:
      set_enum (self, (gint *) &private->detect_zeroes, value, pspec);
      break;
    case PROP_CACHE:
      set_cache (self, value, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
banyan_node_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanNode *self = BANYAN_NODE (object);
  BanyanNodePrivate *private = banyan_node_private (self);

  switch (id)
    {
    case PROP_READ_ONLY:
      g_value_set_boolean (value, private->read_only);
      break;
    case PROP_AUTO_READ_ONLY:
      g_value_set_boolean (value, private->auto_read_only);
      break;
    case PROP_FORCE_SHARE:
      g_value_set_boolean (value, private->force_share);
      break;
    case PROP_DISCARD:
      g_value_set_enum (value,
                        banyan_node_discards (self) ? BANYAN_DISCARD_UNMAP : BANYAN_DISCARD_IGNORE);
      break;
    case PROP_DETECT_ZEROES:
      g_value_set_enum (value, private->detect_zeroes);
      break;
    case PROP_CACHE:
      g_value_set_object (value, private->cache);
      break;
    case PROP_LENGTH:
      g_value_set_uint64 (value, banyan_node_get_length (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
banyan_node_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  const GValue *detect = banyan_proposal_get (proposal, "detect-zeroes");
  const GValue *discard = banyan_proposal_get (proposal, "discard");

  if (g_value_get_enum (detect) == BANYAN_DETECT_ZEROES_UNMAP
      && g_value_get_enum (discard) == BANYAN_DISCARD_IGNORE
      && !banyan_node_discards (BANYAN_NODE (object)))
    banyan_proposal_problem (proposal, problems, "detect-zeroes",
                             "unmap needs discard to be unmap, or no space is ever given up");
}

static void
install_properties (GObjectClass *object_class)
{
  properties[PROP_READ_ONLY] = banyan_param_inherited (banyan_param_mutable (
      banyan_param_boolean ("read-only", "Read-only", "Refuse everything that changes data", FALSE,
                            BANYAN_NO_FIELD),
      BANYAN_MUTABLE_REOPEN));
  properties[PROP_AUTO_READ_ONLY] = banyan_param_inherited (banyan_param_mutable (
      banyan_param_boolean ("auto-read-only", "Auto-read-only",
                            "Go on read-only where storage does not allow writes", FALSE,
                            BANYAN_NO_FIELD),
      BANYAN_MUTABLE_REOPEN));
  properties[PROP_FORCE_SHARE] = banyan_param_inherited (banyan_param_mutable (
      banyan_param_boolean ("force-share", "Force share",
                            "Read an image that others may be writing, without locking it", FALSE,
                            BANYAN_NO_FIELD),
      BANYAN_MUTABLE_BEFORE_OPEN));
  properties[PROP_DISCARD] = banyan_param_computed (
      banyan_param_mutable (
          banyan_param_enum ("discard", "Discard", "Whether discards are carried out",
                             BANYAN_TYPE_DISCARD_MODE, BANYAN_DISCARD_IGNORE, BANYAN_NO_FIELD),
          BANYAN_MUTABLE_REOPEN),
      "unmap for filters and for nodes declared inside another node, ignore for all others");
  properties[PROP_DETECT_ZEROES] = banyan_param_mutable (
      banyan_param_enum ("detect-zeroes", "Detect zeroes",
                         "Whether writes of zeroes are turned into the cheaper operation",
                         BANYAN_TYPE_DETECT_ZEROES, BANYAN_DETECT_ZEROES_OFF, BANYAN_NO_FIELD),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_CACHE] = banyan_param_inherited (
      banyan_param_mutable (banyan_param_struct ("cache", "Cache", "How the host caches data",
                                                 BANYAN_TYPE_CACHE, BANYAN_NO_FIELD),
                            BANYAN_MUTABLE_REOPEN));
  properties[PROP_LENGTH] = banyan_param_state (
      banyan_param_uint64 ("length", "Length", "How much data the node shows", BANYAN_UNIT_BYTES, 0,
                           G_MAXUINT64, 0, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

/* -- Life. -- */

static void
banyan_node_finalize (GObject *object)
{
  BanyanNodePrivate *private = banyan_node_private (BANYAN_NODE (object));

  g_assert (private->parents->len == 0);
  g_ptr_array_unref (private->parents);
  g_clear_object (&private->cache);

  G_OBJECT_CLASS (banyan_node_parent_class)->finalize (object);
}

/* What a class does itself; in a filter the rest is its child's. */
static void
describe_operations (GObjectClass *klass, BanyanSpecBuilder *description)
{
  const BanyanNodeOps *ops = banyan_node_class_get_ops (BANYAN_NODE_CLASS (klass));
  BanyanSpecBuilder *operations = banyan_spec_builder_new_list ();
  const struct
  {
    const char *name;
    gboolean has;
  } known[] = {
    { "read", ops->read != NULL },
    { "write", ops->write != NULL },
    { "flush", ops->flush != NULL },
    { "discard", ops->discard != NULL },
    { "write-zeroes", ops->write_zeroes != NULL },
    { "block-status", ops->block_status != NULL },
    { "resize", ops->resize != NULL },
    { "copy-range", ops->copy_range != NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (known[i].has)
      banyan_spec_builder_add_string (operations, NULL, known[i].name);
  banyan_spec_builder_take_built (description, "operations", operations);
}

static void
banyan_node_class_init (BanyanNodeClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  banyan_node_private_offset = BanyanNode_private_offset;
  object_class->finalize = banyan_node_finalize;
  object_class->set_property = banyan_node_set_property;
  object_class->get_property = banyan_node_get_property;
  BANYAN_OBJECT_CLASS (klass)->check = banyan_node_check;
  install_properties (object_class);
  banyan_registry_add_describer (banyan_registry_get_default (), BANYAN_TYPE_NODE,
                                 describe_operations);
}

static void
banyan_node_init (BanyanNode *self)
{
  BanyanNodePrivate *private = banyan_node_private (self);

  private->length_source = &private->length;
  private->limits = (BanyanLimits){ .size = sizeof (BanyanLimits),
                                    .request_alignment = 1,
                                    .memory_alignment = 1 };
  private->enforced = private->limits;
  private->parents = g_ptr_array_new ();
  banyan_range_lock_init (&private->writes);
}

static void
banyan_protocol_class_init (BanyanProtocolClass *klass)
{
}

static void
banyan_protocol_init (BanyanProtocol *self)
{
}

static void
banyan_format_class_init (BanyanFormatClass *klass)
{
}

static void
banyan_format_init (BanyanFormat *self)
{
}

static void
banyan_filter_class_init (BanyanFilterClass *klass)
{
}

static void
banyan_filter_init (BanyanFilter *self)
{
}
