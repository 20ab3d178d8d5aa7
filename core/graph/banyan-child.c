/* banyan-child.c - edges, and the requests that go along them as they are
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An edge is written by the main thread, in a switch, while the gates above it are closed. So
 * whoever is inside, on any thread, reads its route and its node as plain memory, and may go on
 * doing so until it has left: nothing here takes a reference, a lock or an atomic, but for the
 * node's length, which grows under requests. What a route has: banyan-route.c. */

#include "banyan-child-private.h"

#include <banyan/banyan-backend.h>

#include <errno.h>

/* -- Edges. -- */

BanyanChild *
banyan_child_new (BanyanElement *parent, const char *role, guint role_flags)
{
  BanyanChild *self = g_new0 (BanyanChild, 1);

  g_atomic_ref_count_init (&self->references);
  self->parent = parent;
  self->role = g_strdup (role);
  self->role_flags = role_flags;
  self->shared = BANYAN_PERMISSIONS_ALL;
  banyan_child_update_route (self);
  return self;
}

BanyanChild *
banyan_child_ref (BanyanChild *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
banyan_child_unref (BanyanChild *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;

  g_assert (self->node == NULL);

  g_free (self->role);
  g_free (self->statistics);
  g_free (self);
}

void
banyan_child_set_role (BanyanChild *self, const char *role)
{
  g_assert (self->target == NULL);

  g_free (self->role);
  self->role = g_strdup (role);
}

BanyanNode *
banyan_child_switch (BanyanChild *self, BanyanNode *node)
{
  BanyanNode *old = self->node;

  if (node != NULL)
    g_ptr_array_add (banyan_node_get_parents (node), self);
  self->node = node != NULL ? g_object_ref (node) : NULL;
  if (old != NULL)
    g_ptr_array_remove (banyan_node_get_parents (old), self);
  if (node == NULL)
    banyan_child_update_route (self);
  return old;
}

/**
 * banyan_child_get_parent:
 * @self: an edge
 *
 * Returns: (transfer none) (nullable): whose edge it is; none for a program's backend
 */
BanyanElement *
banyan_child_get_parent (BanyanChild *self)
{
  return self->parent;
}

/**
 * banyan_child_get_node:
 * @self: an edge
 *
 * On iothreads, within a request only.
 *
 * Returns: (transfer none) (nullable): where it leads to
 */
BanyanNode *
banyan_child_get_node (BanyanChild *self)
{
  return self->node;
}

/**
 * banyan_child_get_role:
 * @self: an edge
 *
 * Returns: "file", "children.0"
 */
const char *
banyan_child_get_role (BanyanChild *self)
{
  return self->role;
}

/**
 * banyan_child_get_role_flags:
 * @self: an edge
 *
 * Returns: #BanyanChildRole
 */
guint
banyan_child_get_role_flags (BanyanChild *self)
{
  return self->role_flags;
}

/**
 * banyan_child_get_used:
 * @self: an edge
 *
 * Returns: the #BanyanPermissions that its user takes
 */
guint
banyan_child_get_used (BanyanChild *self)
{
  return self->used;
}

/**
 * banyan_child_get_shared:
 * @self: an edge
 *
 * Returns: the #BanyanPermissions that its user lets others have
 */
guint
banyan_child_get_shared (BanyanChild *self)
{
  return self->shared;
}

/**
 * banyan_child_dup_path:
 * @self: an edge
 *
 * Returns: (transfer full): "/nodes/disk0:file"; for a program's backend, its name
 */
char *
banyan_child_dup_path (BanyanChild *self)
{
  g_autofree char *path = NULL;

  if (self->parent == NULL)
    return g_strdup (self->role);

  path = banyan_object_dup_path (BANYAN_OBJECT (self->parent));
  if (path == NULL)
    path = g_strdup (banyan_object_get_id (BANYAN_OBJECT (self->parent)));
  return g_strdup_printf ("%s:%s", path, self->role);
}

/**
 * banyan_child_get_length:
 * @self: an edge
 *
 * Returns: the length of the node it leads to
 */
guint64
banyan_child_get_length (BanyanChild *self)
{
  return __atomic_load_n (self->route[BANYAN_OP_READ].length, __ATOMIC_ACQUIRE);
}

/* -- Failures that all operations have. -- */

gboolean
banyan_child_check_range (BanyanChild *self, const BanyanRoute *route, guint64 offset,
                          guint64 length, GError **error)
{
  guint64 end = __atomic_load_n (route->length, __ATOMIC_ACQUIRE);

  if (G_UNLIKELY (self->node == NULL))
    return banyan_throw_errno (error, ENOMEDIUM, "%s leads to no node", self->role);

  if (G_LIKELY (offset <= end && length <= end - offset))
    return TRUE;

  return banyan_throw_errno (error, EINVAL,
                             "%s: %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
                             " go beyond the length of %" G_GUINT64_FORMAT " bytes",
                             banyan_node_get_name (self->node), length, offset, end);
}

gboolean
banyan_child_throw_unsupported (BanyanChild *self, const char *what, GError **error)
{
  return banyan_throw_errno (error, ENOTSUP, "%s cannot %s", banyan_node_get_name (self->node),
                             what);
}

/* -- The fast path: one branch and a jump. -- */

/**
 * banyan_child_read: (skip)
 * @self: an edge
 * @request: what to read and where to
 * @error: where to put the error
 *
 * Reads. Every byte of the request's window is written when this returns %TRUE.
 *
 * Returns: FALSE on failure
 */
gboolean
banyan_child_read (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_READ];

  if (G_UNLIKELY (banyan_route_needs_care (route, request)))
    return banyan_child_read_with_care (self, request, error);

  return route->read (route->node, request, error);
}

/**
 * banyan_child_write: (skip)
 * @self: an edge
 * @request: what to write and where to
 * @error: where to put the error
 *
 * Writes; with %BANYAN_REQUEST_FUA, the data is on stable storage when this returns.
 *
 * Returns: FALSE on failure
 */
gboolean
banyan_child_write (BanyanChild *self, const BanyanRequest *request, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_WRITE];

  if (G_UNLIKELY (banyan_route_needs_care (route, request)))
    return banyan_child_write_with_care (self, request, error);

  return route->write (route->node, request, error);
}

/**
 * banyan_child_flush: (skip)
 * @self: an edge
 * @error: where to put the error
 *
 * Puts on stable storage whatever was written before.
 *
 * Returns: FALSE on failure
 */
gboolean
banyan_child_flush (BanyanChild *self, GError **error)
{
  const BanyanRoute *route = &self->route[BANYAN_OP_FLUSH];
  gint64 started_ns;
  gboolean done;

  if (G_UNLIKELY (route->any == NULL))
    return self->node != NULL || banyan_child_check_range (self, route, 0, 0, error);

  started_ns = banyan_child_begin (self);
  done = route->flush (route->node, error);
  banyan_child_end (self, BANYAN_STATISTIC_FLUSH, 0, done, started_ns);
  return done;
}

/**
 * banyan_child_pread: (skip)
 * @self: an edge
 * @offset: where to begin
 * @buffer: (out caller-allocates) (array length=length): where to put the data
 * @length: how many bytes to read
 * @error: where to put the error
 *
 * Reads into one flat buffer.
 *
 * Returns: FALSE on failure
 */
gboolean
banyan_child_pread (BanyanChild *self, guint64 offset, gpointer buffer, gsize length,
                    GError **error)
{
  struct iovec iov = { buffer, length };
  BanyanRequest request = BANYAN_REQUEST (offset, length, &iov, 1);

  return banyan_child_read (self, &request, error);
}

/**
 * banyan_child_pwrite: (skip)
 * @self: an edge
 * @offset: where to begin
 * @buffer: (array length=length): the data
 * @length: how many bytes to write
 * @flags: #BanyanRequestFlags
 * @error: where to put the error
 *
 * Writes one flat buffer.
 *
 * Returns: FALSE on failure
 */
gboolean
banyan_child_pwrite (BanyanChild *self, guint64 offset, gconstpointer buffer, gsize length,
                     guint flags, GError **error)
{
  struct iovec iov = { (gpointer) buffer, length };
  BanyanRequest request = BANYAN_REQUEST (offset, length, &iov, 1);

  request.flags = flags;
  return banyan_child_write (self, &request, error);
}

/* -- Filters that leave an operation out but cannot be passed by. -- */

static BanyanChild *
filtered_of (BanyanNode *node)
{
  return banyan_node_private (node)->filtered;
}

static gboolean
pass_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_child_read (filtered_of (node), request, error);
}

static gboolean
pass_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_child_write (filtered_of (node), request, error);
}

static gboolean
pass_flush (BanyanNode *node, GError **error)
{
  return banyan_child_flush (filtered_of (node), error);
}

static gboolean BANYAN_COROUTINE
flush_all (BanyanNode *node, GError **error)
{
  GPtrArray *edges = banyan_element_get_edges (BANYAN_ELEMENT (node));

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];

      if (edge->node != NULL && !(edge->role_flags & BANYAN_CHILD_COW)
          && !banyan_child_flush (edge, error))
        return FALSE;
    }
  return TRUE;
}

gpointer
banyan_child_get_flush_of_all (void)
{
  return flush_all;
}

static BanyanAnswer
pass_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_child_discard (filtered_of (node), request, error);
}

/* The edge above falls back itself, and knows better how. */
static BanyanAnswer
pass_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_child_write_zeroes (filtered_of (node), request, error);
}

static BanyanAnswer
pass_block_status (BanyanNode *node, guint64 offset, guint64 length, BanyanBlockStatus *status,
                   GError **error)
{
  return banyan_child_block_status (filtered_of (node), offset, length, status, error);
}

static BanyanAnswer
pass_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  return banyan_child_resize (filtered_of (node), resize, error);
}

static BanyanAnswer
pass_copy_range (BanyanNode *node, const BanyanRequest *target, BanyanNode *source,
                 guint64 source_offset, GError **error)
{
  return banyan_child_copy_range (filtered_of (node), target, source, source_offset, error);
}

gpointer
banyan_child_pass_op (BanyanOp op)
{
  static const gpointer ops[BANYAN_N_OPS] = {
    [BANYAN_OP_READ] = pass_read,
    [BANYAN_OP_WRITE] = pass_write,
    [BANYAN_OP_FLUSH] = pass_flush,
    [BANYAN_OP_DISCARD] = pass_discard,
    [BANYAN_OP_WRITE_ZEROES] = pass_write_zeroes,
    [BANYAN_OP_BLOCK_STATUS] = pass_block_status,
    [BANYAN_OP_RESIZE] = pass_resize,
    [BANYAN_OP_COPY_RANGE] = pass_copy_range,
  };

  return ops[op];
}
