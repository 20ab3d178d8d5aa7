/* copy-on-read.c - filter that keeps in its child what was read from below it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the child has no data of its own for is read through a buffer of ours and written back to
 * it. Everybody's memory may change while we write; that buffer may not. Whoever writes holds the
 * range lock shared, and who copies exclusively, from the question whether there is data to the
 * write that puts it there: so what is written meanwhile is never overwritten with older data. */

#include <banyan/banyan-plugin.h>

#include <stdlib.h>

#define PIECE_MAX 262144

G_DECLARE_FINAL_TYPE (BanyanCopyOnRead, banyan_copy_on_read, BANYAN, COPY_ON_READ, BanyanFilter)

struct _BanyanCopyOnRead
{
  BanyanFilter parent_instance;

  BanyanChild *file;  /* (unowned): bound to role "file" while the node is open */
  BanyanNode *bottom; /* (owned) (nullable) */
  BanyanRangeLock writes;
  guint64 copied; /* atomic: bytes */
  guint64 failed; /* atomic */
};

enum
{
  PROP_0,
  PROP_BOTTOM,
  PROP_COPIED,
  PROP_FAILED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanCopyOnRead, banyan_copy_on_read, BANYAN_TYPE_FILTER)

/* -- Layers: each shows what the next one has where it has nothing. -- */

static BanyanChild *
find_edge (BanyanNode *node, guint flag)
{
  g_autoptr (GPtrArray) edges = banyan_element_list_children (BANYAN_ELEMENT (node));

  for (guint i = 0; i < edges->len; i++)
    if (banyan_child_get_role_flags (edges->pdata[i]) & flag)
      return banyan_child_get_node (edges->pdata[i]) != NULL ? edges->pdata[i] : NULL;

  return NULL;
}

/* The node that @edge leads to, past filters. */
static BanyanNode *
find_layer (BanyanChild *edge)
{
  BanyanNode *node = banyan_child_get_node (edge);

  while (node != NULL && BANYAN_IS_FILTER (node))
    {
      edge = find_edge (node, BANYAN_CHILD_FILTERED);
      node = edge != NULL ? banyan_child_get_node (edge) : NULL;
    }
  return node;
}

static BanyanChild *
next_layer (BanyanChild *edge)
{
  BanyanNode *layer = find_layer (edge);

  return layer != NULL ? find_edge (layer, BANYAN_CHILD_COW) : NULL;
}

/* What is above ends at the end of a shorter layer. */
static gboolean BANYAN_COROUTINE
ask_layer (BanyanChild *edge, guint64 offset, guint64 *length, gboolean *is_allocated,
           GError **error)
{
  guint64 end = banyan_child_get_length (edge);
  BanyanBlockStatus status;

  *is_allocated = FALSE;
  if (offset >= end)
    return TRUE;
  if (banyan_child_block_status (edge, offset, MIN (*length, end - offset), &status, error)
      == BANYAN_FAILED)
    return FALSE;

  *length = status.length;
  *is_allocated = (status.flags & BANYAN_BLOCK_ALLOCATED) != 0;
  return TRUE;
}

/* Whether data has to be copied, as far as @length says afterwards: what the child has not, and,
 * where there is a bottom, what some layer from there on upwards has. */
static gboolean BANYAN_COROUTINE
ask_for_copy (BanyanCopyOnRead *self, guint64 offset, guint64 *length, gboolean *must_copy,
              GError **error)
{
  gboolean is_allocated;

  if (!ask_layer (self->file, offset, length, &is_allocated, error))
    return FALSE;

  *must_copy = !is_allocated && self->bottom == NULL;
  if (is_allocated || self->bottom == NULL)
    return TRUE;

  for (BanyanChild *edge = next_layer (self->file); edge != NULL && !*must_copy;
       edge = find_layer (edge) != self->bottom ? next_layer (edge) : NULL)
    if (!ask_layer (edge, offset, length, must_copy, error))
      return FALSE;

  return TRUE;
}

/* -- Copying. -- */

typedef struct
{
  guint64 offset;
  guint64 length;
  BanyanBuffer *buffer; /* (owned) */
} Piece;

static gboolean
piece_init (Piece *piece, BanyanNode *node, guint64 offset, guint64 length, GError **error)
{
  *piece = (Piece){ .offset = offset, .length = length };
  piece->buffer = banyan_buffer_new (length);
  if (piece->buffer != NULL)
    return TRUE;

  return banyan_throw_errno (error, ENOMEM, "%s: no memory to copy what is read",
                             banyan_object_get_id (BANYAN_OBJECT (node)));
}

static gboolean BANYAN_COROUTINE
write_back (BanyanCopyOnRead *self, const Piece *piece, GError **error)
{
  struct iovec iov = { piece->buffer->data, piece->length };
  BanyanRequest request = BANYAN_REQUEST (piece->offset, piece->length, &iov, 1);
  gboolean written;

  if (banyan_request_is_zero (&request))
    {
      BanyanRequest zeroes = BANYAN_REQUEST (piece->offset, piece->length, NULL, 0);

      written = banyan_child_write_zeroes (self->file, &zeroes, error) == BANYAN_DONE;
    }
  else
    written = banyan_child_write (self->file, &request, error);

  __atomic_fetch_add (written ? &self->copied : &self->failed, written ? piece->length : 1,
                      __ATOMIC_RELAXED);
  return written;
}

/* Under the lock, with the answers that are true there: as far as they go, the piece is done. A
 * read has its data even if it cannot be kept, so only who asked for nothing else is told. */
static gboolean BANYAN_COROUTINE
copy_locked (BanyanCopyOnRead *self, Piece *piece, gboolean is_prefetch, GError **error)
{
  g_autoptr (GError) write_error = NULL;
  gboolean must_copy;

  if (!ask_for_copy (self, piece->offset, &piece->length, &must_copy, error)
      || !banyan_child_pread (self->file, piece->offset, piece->buffer->data, piece->length, error))
    return FALSE;
  if (!must_copy || write_back (self, piece, &write_error) || !is_prefetch)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&write_error));
  return FALSE;
}

/* @length: how much to do, then how much was done. */
static gboolean BANYAN_COROUTINE
copy_piece (BanyanCopyOnRead *self, const BanyanRequest *request, guint64 start, guint64 *length,
            GError **error)
{
  gboolean is_prefetch = (request->flags & BANYAN_REQUEST_PREFETCH) != 0;
  BanyanRangeGuard guard;
  gboolean copied;
  Piece piece;

  *length = MIN (*length, PIECE_MAX);
  if (!piece_init (&piece, BANYAN_NODE (self), request->offset + start, *length, error))
    return FALSE;

  banyan_range_lock_acquire (&self->writes, &guard, piece.offset, piece.length, TRUE);
  copied = copy_locked (self, &piece, is_prefetch, error);
  banyan_range_lock_release (&self->writes, &guard);

  if (copied && !is_prefetch)
    banyan_request_copy_in (request, start, piece.buffer->data, piece.length);
  *length = piece.length;
  banyan_buffer_unref (piece.buffer);
  return copied;
}

static gboolean BANYAN_COROUTINE
read_piece (BanyanCopyOnRead *self, const BanyanRequest *request, guint64 start, guint64 *length,
            GError **error)
{
  BanyanRequest slice;

  if (request->flags & BANYAN_REQUEST_PREFETCH)
    return TRUE;

  slice = banyan_request_slice (request, start, *length, request->offset + start);
  return banyan_child_read (self->file, &slice, error);
}

/* A child that may not be written to keeps what it has. */
static gboolean
may_copy (BanyanCopyOnRead *self)
{
  const guint either = BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_WRITE_UNCHANGED;

  return (banyan_child_get_used (self->file) & either)
         && !banyan_node_is_read_only (banyan_child_get_node (self->file));
}

static gboolean BANYAN_COROUTINE
banyan_copy_on_read_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanCopyOnRead *self = BANYAN_NODE_SELF (BanyanCopyOnRead, node);
  guint64 length = request->length;
  guint64 done = 0;

  if (!may_copy (self))
    return read_piece (self, request, 0, &length, error);

  while (done < request->length)
    {
      gboolean must_copy;

      length = request->length - done;
      if (!ask_for_copy (self, request->offset + done, &length, &must_copy, error))
        return FALSE;
      if (!(must_copy ? copy_piece : read_piece) (self, request, done, &length, error))
        return FALSE;
      done += length;
    }

  return TRUE;
}

/* -- Writing. -- */

static gboolean BANYAN_COROUTINE
banyan_copy_on_read_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanCopyOnRead *self = BANYAN_NODE_SELF (BanyanCopyOnRead, node);
  BANYAN_HOLD_RANGE (&self->writes, request->offset, request->length, FALSE);

  return banyan_child_write (self->file, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_copy_on_read_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanCopyOnRead *self = BANYAN_NODE_SELF (BanyanCopyOnRead, node);
  BANYAN_HOLD_RANGE (&self->writes, request->offset, request->length, FALSE);

  return banyan_child_write_zeroes (self->file, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_copy_on_read_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanCopyOnRead *self = BANYAN_NODE_SELF (BanyanCopyOnRead, node);
  BANYAN_HOLD_RANGE (&self->writes, request->offset, request->length, FALSE);

  return banyan_child_discard (self->file, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_copy_on_read_copy_range (BanyanNode *node, const BanyanRequest *target, BanyanNode *source,
                                guint64 source_offset, GError **error)
{
  BanyanCopyOnRead *self = BANYAN_NODE_SELF (BanyanCopyOnRead, node);
  BANYAN_HOLD_RANGE (&self->writes, target->offset, target->length, FALSE);

  return banyan_child_copy_range (self->file, target, source, source_offset, error);
}

static const BanyanNodeOps banyan_copy_on_read_ops = {
  .size = sizeof banyan_copy_on_read_ops,
  .read = banyan_copy_on_read_read,
  .write = banyan_copy_on_read_write,
  .discard = banyan_copy_on_read_discard,
  .write_zeroes = banyan_copy_on_read_write_zeroes,
  .copy_range = banyan_copy_on_read_copy_range,
};

static guint
banyan_copy_on_read_get_capabilities (BanyanNode *node, guint inherited)
{
  return inherited | BANYAN_CAN_PREFETCH;
}

/* -- Opening. -- */

static gboolean
banyan_copy_on_read_open (BanyanElement *element, GError **error)
{
  BanyanCopyOnRead *self = BANYAN_NODE_SELF (BanyanCopyOnRead, element);
  BanyanChild *edge = self->file;

  banyan_range_lock_init (&self->writes);
  if (self->bottom == NULL)
    return TRUE;
  while (edge != NULL && find_layer (edge) != self->bottom)
    edge = next_layer (edge);
  if (edge != NULL)
    return TRUE;

  return banyan_throw_errno (error, EINVAL, "bottom is %s, which is no layer below %s",
                             banyan_object_get_id (BANYAN_OBJECT (self->bottom)),
                             banyan_object_get_id (BANYAN_OBJECT (self)));
}

/* Copies change nothing that anybody sees. Who else writes to the child does not take our lock. */
static void
banyan_copy_on_read_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                                       const BanyanProposal *proposal, guint used, guint shared,
                                       guint *child_used, guint *child_shared)
{
  gboolean is_read_only = g_value_get_boolean (banyan_proposal_get (proposal, "read-only"));

  *child_used = used;
  *child_shared = shared;
  if (is_read_only)
    return;

  *child_used |= BANYAN_PERMISSION_WRITE_UNCHANGED;
  *child_shared &= ~BANYAN_PERMISSION_WRITE;
}

static void
banyan_copy_on_read_class_init (BanyanCopyOnReadClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  element_class->open = banyan_copy_on_read_open;
  element_class->child_permissions = banyan_copy_on_read_child_permissions;
  node_class->get_capabilities = banyan_copy_on_read_get_capabilities;
  banyan_node_class_set_ops (node_class, &banyan_copy_on_read_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that is read, and keeps what came from below it",
                                    G_STRUCT_OFFSET (BanyanCopyOnRead, file));

  properties[PROP_BOTTOM] = banyan_param_link (
      "bottom", "Bottom", "Lowest layer to copy from; data of those below it stays where it is",
      "BanyanNode", G_STRUCT_OFFSET (BanyanCopyOnRead, bottom));
  properties[PROP_COPIED] = banyan_param_counter (
      "copied", "Copied", "How much was written back since the node was opened", BANYAN_UNIT_BYTES,
      G_STRUCT_OFFSET (BanyanCopyOnRead, copied));
  properties[PROP_FAILED] = banyan_param_counter (
      "failed", "Failed", "How often data was read but could not be written back",
      BANYAN_UNIT_OPERATIONS, G_STRUCT_OFFSET (BanyanCopyOnRead, failed));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_copy_on_read_init (BanyanCopyOnRead *self)
{
}

BANYAN_PLUGIN_DEFINE (copy_on_read, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = banyan_copy_on_read_register_type,
                      .summary = "Keep in the child what was read from below it")
