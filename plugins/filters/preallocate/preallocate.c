/* preallocate.c - filter that makes its child longer than it has to be
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * To a growing image every bit more is a request to the file system. So when the node has to grow
 * beyond its child, the child grows by much more, and what follows is ours to give out. The node
 * shows the length that was asked for; what lies behind that in the child is zero, and is cut off
 * when the node closes. */

#include <banyan/banyan-plugin.h>

#include <errno.h>

G_DECLARE_FINAL_TYPE (BanyanPreallocate, banyan_preallocate, BANYAN, PREALLOCATE, BanyanFilter)

struct _BanyanPreallocate
{
  BanyanFilter parent_instance;

  BanyanChild *file;      /* (unowned): bound to role "file" while the node is open */
  guint64 prealloc_align; /* live */
  guint64 prealloc_size;  /* live */
  BanyanCoMutex mutex;    /* held while the length changes */
};

enum
{
  PROP_0,
  PROP_PREALLOC_ALIGN,
  PROP_PREALLOC_SIZE,
  PROP_PREALLOCATED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanPreallocate, banyan_preallocate, BANYAN_TYPE_FILTER)

/* @length and what is to follow it, as the properties say; not beyond what any node can have. */
static guint64
padded_length (BanyanPreallocate *self, guint64 length)
{
  guint64 align = BANYAN_LIVE (self->prealloc_align);
  guint64 size = MIN (BANYAN_LIVE (self->prealloc_size), G_MAXINT64 - length);
  guint64 end = length + size;

  return end > G_MAXINT64 - align ? length : (end + align - 1) / align * align;
}

static BanyanAnswer BANYAN_COROUTINE
resize_child (BanyanPreallocate *self, guint64 length, BanyanPreallocation preallocation,
              GError **error)
{
  BanyanResize resize
      = { .size = sizeof resize, .length = length, .exact = TRUE, .preallocation = preallocation };

  return banyan_child_resize (self->file, &resize, error);
}

/* Space that is reserved is worth more than a length; where there is none, or no such thing, what
 * was asked for still has to be tried. */
static BanyanAnswer BANYAN_COROUTINE
grow (BanyanPreallocate *self, const BanyanResize *resize, GError **error)
{
  guint64 padded = padded_length (self, resize->length);

  if (resize->preallocation == BANYAN_PREALLOCATION_OFF
      && (resize_child (self, padded, BANYAN_PREALLOCATION_FALLOC, NULL) == BANYAN_DONE
          || resize_child (self, padded, BANYAN_PREALLOCATION_OFF, NULL) == BANYAN_DONE))
    return BANYAN_DONE;

  return banyan_child_resize (self->file, resize, error);
}

/* What a shorter node loses is cut off, so that it is zero when it comes back. Space that somebody
 * wants to be reserved is asked for as it is. */
static BanyanAnswer BANYAN_COROUTINE
resize_locked (BanyanPreallocate *self, const BanyanResize *resize, GError **error)
{
  guint64 length = banyan_node_get_length (BANYAN_NODE (self));
  guint64 there = banyan_child_get_length (self->file);

  if (resize->length < length)
    return banyan_child_resize (self->file, resize, error);
  if (resize->length <= there && resize->preallocation == BANYAN_PREALLOCATION_OFF)
    return BANYAN_DONE;
  if (resize->length < there)
    return resize_child (self, there, resize->preallocation, error);

  return grow (self, resize, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_preallocate_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  BanyanPreallocate *self = BANYAN_NODE_SELF (BanyanPreallocate, node);
  BanyanAnswer answer;

  banyan_co_mutex_lock (&self->mutex);
  answer = resize_locked (self, resize, error);
  if (answer == BANYAN_DONE)
    banyan_node_publish_length (node, MIN (resize->length, banyan_child_get_length (self->file)));
  banyan_co_mutex_unlock (&self->mutex);
  return answer;
}

static const BanyanNodeOps banyan_preallocate_ops = {
  .size = sizeof banyan_preallocate_ops,
  .resize = banyan_preallocate_resize,
};

static gboolean
banyan_preallocate_open (BanyanElement *element, GError **error)
{
  BanyanPreallocate *self = BANYAN_NODE_SELF (BanyanPreallocate, element);

  banyan_co_mutex_init (&self->mutex);
  banyan_node_publish_length (BANYAN_NODE (self), banyan_child_get_length (self->file));
  return TRUE;
}

/* Before others can see the child's length, or write behind ours. A child that stays longer is no
 * harm. */
static gboolean BANYAN_COROUTINE
banyan_preallocate_inactivate (BanyanElement *element, GError **error)
{
  BanyanPreallocate *self = BANYAN_NODE_SELF (BanyanPreallocate, element);
  guint64 length = banyan_node_get_length (BANYAN_NODE (self));
  g_autoptr (GError) why = NULL;

  if (banyan_child_get_length (self->file) <= length
      || !(banyan_child_get_used (self->file) & BANYAN_PERMISSION_RESIZE))
    return TRUE;
  if (resize_child (self, length, BANYAN_PREALLOCATION_OFF, &why) != BANYAN_DONE)
    g_warning ("%s: what was preallocated stays: %s", banyan_object_get_id (BANYAN_OBJECT (self)),
               why != NULL ? why->message : "the child cannot be cut");
  return TRUE;
}

/* Nobody else may move the end that we hold things behind. */
static void
banyan_preallocate_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                                      const BanyanProposal *proposal, guint used, guint shared,
                                      guint *child_used, guint *child_shared)
{
  *child_used = used;
  if (used & BANYAN_PERMISSION_WRITE)
    *child_used |= BANYAN_PERMISSION_RESIZE;
  *child_shared = shared & ~BANYAN_PERMISSION_RESIZE;
}

static void
banyan_preallocate_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanPreallocate *self = BANYAN_NODE_SELF (BanyanPreallocate, object);
  guint64 length = banyan_node_get_length (BANYAN_NODE (self));

  if (id == PROP_PREALLOCATED)
    g_value_set_uint64 (value, self->file != NULL
                                   ? banyan_child_get_length (self->file)
                                         - MIN (length, banyan_child_get_length (self->file))
                                   : 0);
  else
    banyan_node_get_field (object, id, value, pspec);
}

static void
banyan_preallocate_class_init (BanyanPreallocateClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_preallocate_get_property;

  element_class->open = banyan_preallocate_open;
  element_class->inactivate = banyan_preallocate_inactivate;
  element_class->child_permissions = banyan_preallocate_child_permissions;
  banyan_node_class_set_ops (node_class, &banyan_preallocate_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that is made longer than it has to be",
                                    G_STRUCT_OFFSET (BanyanPreallocate, file));

  properties[PROP_PREALLOC_ALIGN] = banyan_param_uint64 (
      "prealloc-align", "Alignment", "Multiple to which the child's length is rounded up",
      BANYAN_UNIT_BYTES, 1, G_MAXINT32, 1 << 20,
      G_STRUCT_OFFSET (BanyanPreallocate, prealloc_align));
  properties[PROP_PREALLOC_SIZE] = banyan_param_uint64 (
      "prealloc-size", "Size", "How much the child gets beyond what is asked for",
      BANYAN_UNIT_BYTES, 0, G_MAXINT64, 128 << 20,
      G_STRUCT_OFFSET (BanyanPreallocate, prealloc_size));
  properties[PROP_PREALLOCATED] = banyan_param_state (
      banyan_param_uint64 ("preallocated", "Preallocated", "How much the child has beyond the end",
                           BANYAN_UNIT_BYTES, 0, G_MAXUINT64, 0, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_preallocate_init (BanyanPreallocate *self)
{
  self->prealloc_align = 1 << 20;
  self->prealloc_size = 128 << 20;
}

BANYAN_PLUGIN_DEFINE (preallocate, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = banyan_preallocate_register_type,
                      .summary = "Make the child longer than it has to be")
