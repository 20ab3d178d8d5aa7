/* graph-fixture.c - drivers and wiring for the tests of the request path
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "graph-fixture.h"

#include <errno.h>

static guint
count (guint *counter)
{
  return __atomic_add_fetch (counter, 1, __ATOMIC_RELAXED);
}

/* -- The leaf. -- */

G_DEFINE_FINAL_TYPE (TestLeaf, test_leaf, BANYAN_TYPE_PROTOCOL)

static void
check_range (TestLeaf *self, guint64 offset, guint64 length, guint64 alignment)
{
  guint64 end = banyan_node_get_length (BANYAN_NODE (self));

  alignment = MAX (alignment, 1);
  g_assert_cmpuint (length, >, 0);
  g_assert_cmpuint (offset + length, <=, end);
  g_assert_cmpuint (offset % alignment, ==, 0);
  if (offset + length != end)
    g_assert_cmpuint (length % alignment, ==, 0);
}

static void
check_request (TestLeaf *self, const BanyanRequest *request)
{
  const BanyanLimits *limits = &self->limits;
  gsize memory = MAX (limits->memory_alignment, 1);
  gsize unit = MIN (memory, MAX (limits->request_alignment, 1));
  guint64 end = banyan_node_get_length (BANYAN_NODE (self));
  struct iovec iov[1024];
  guint64 covered;
  guint n;

  check_range (self, request->offset, request->length, limits->request_alignment);
  if (limits->max_transfer != 0)
    g_assert_cmpuint (request->length, <=, limits->max_transfer);
  if (request->iov == NULL)
    return;

  n = banyan_request_flatten (request, iov, G_N_ELEMENTS (iov), &covered);
  g_assert_cmpuint (covered, ==, request->length);
  if (limits->max_vectors != 0)
    g_assert_cmpuint (n, <=, limits->max_vectors);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint ((guintptr) iov[i].iov_base % memory, ==, 0);
      if (i + 1 < n || request->offset + request->length != end)
        g_assert_cmpuint (iov[i].iov_len % unit, ==, 0);
    }
}

static gboolean
begin (TestLeaf *self, GError **error)
{
  guint inside = count (&self->inside);

  if (inside > __atomic_load_n (&self->most_inside, __ATOMIC_RELAXED))
    __atomic_store_n (&self->most_inside, inside, __ATOMIC_RELAXED);
  if (self->is_slow)
    banyan_co_yield ();
  if (self->fails == 0)
    return TRUE;

  self->fails--;
  __atomic_fetch_sub (&self->inside, 1, __ATOMIC_RELAXED);
  return banyan_throw_errno (error, EIO, "a test wants this to fail");
}

static void
end (TestLeaf *self)
{
  __atomic_fetch_sub (&self->inside, 1, __ATOMIC_RELAXED);
}

static gboolean
test_leaf_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestLeaf *self = BANYAN_NODE_SELF (TestLeaf, node);

  check_request (self, request);
  count (&self->reads);
  __atomic_store_n (&self->last_flags, request->flags, __ATOMIC_RELAXED);
  if (!begin (self, error))
    return FALSE;
  if (self->sleep_ms > 0)
    g_assert_true (banyan_co_sleep_ms (self->sleep_ms, NULL));
  if (self->stop != NULL)
    banyan_co_semaphore_acquire (self->stop);
  if (request->iov != NULL)
    banyan_request_copy_in (request, 0, self->data + request->offset, request->length);
  end (self);
  return TRUE;
}

static gboolean
test_leaf_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestLeaf *self = BANYAN_NODE_SELF (TestLeaf, node);

  check_request (self, request);
  count (&self->writes);
  if (request->flags & BANYAN_REQUEST_FUA)
    count (&self->fua_writes);
  if (!begin (self, error))
    return FALSE;
  banyan_request_copy_out (request, 0, self->data + request->offset, request->length);
  end (self);
  return TRUE;
}

static gboolean
test_leaf_flush (BanyanNode *node, GError **error)
{
  count (&BANYAN_NODE_SELF (TestLeaf, node)->flushes);
  return TRUE;
}

static BanyanAnswer
test_leaf_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestLeaf *self = BANYAN_NODE_SELF (TestLeaf, node);

  check_range (self, request->offset, request->length,
               MAX (self->limits.discard_alignment, self->limits.request_alignment));
  if (self->limits.max_discard != 0)
    g_assert_cmpuint (request->length, <=, self->limits.max_discard);
  count (&self->discards);
  return self->answer != BANYAN_FAILED ? self->answer : BANYAN_DONE;
}

static BanyanAnswer
test_leaf_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestLeaf *self = BANYAN_NODE_SELF (TestLeaf, node);

  check_range (self, request->offset, request->length,
               MAX (self->limits.zeroes_alignment, self->limits.request_alignment));
  if (self->limits.max_zeroes != 0)
    g_assert_cmpuint (request->length, <=, self->limits.max_zeroes);
  count (&self->zeroes);
  self->last_flags = request->flags;
  if (self->answer != BANYAN_FAILED)
    return self->answer;

  memset (self->data + request->offset, 0, request->length);
  return BANYAN_DONE;
}

/* Every other extent is a hole. Where one ends, the next may be asked for. */
static BanyanAnswer
test_leaf_block_status (BanyanNode *node, guint64 offset, guint64 length, BanyanBlockStatus *status,
                        GError **error)
{
  TestLeaf *self = BANYAN_NODE_SELF (TestLeaf, node);

  if (offset % self->extent != 0)
    check_range (self, offset, length, self->limits.request_alignment);
  status->flags = offset / self->extent % 2 == 0 ? BANYAN_BLOCK_DATA : BANYAN_BLOCK_ZERO;
  status->flags |= BANYAN_BLOCK_LOCATED;
  status->leaf = node;
  status->leaf_offset = offset;
  status->length = self->extent - offset % self->extent;
  return BANYAN_DONE;
}

static BanyanAnswer
test_leaf_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  TestLeaf *self = BANYAN_NODE_SELF (TestLeaf, node);
  guint64 length = banyan_node_get_length (node);

  self->data = g_realloc (self->data, MAX (resize->length, 1));
  if (resize->length > length)
    memset (self->data + length, 0, resize->length - length);
  banyan_node_publish_length (node, resize->length);
  return BANYAN_DONE;
}

static const BanyanNodeOps test_leaf_ops = {
  .size = sizeof test_leaf_ops,
  .read = test_leaf_read,
  .write = test_leaf_write,
  .flush = test_leaf_flush,
  .discard = test_leaf_discard,
  .write_zeroes = test_leaf_write_zeroes,
  .block_status = test_leaf_block_status,
  .resize = test_leaf_resize,
};

static void
test_leaf_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  *limits = BANYAN_NODE_SELF (TestLeaf, node)->limits;
}

static guint
test_leaf_get_capabilities (BanyanNode *node, guint inherited)
{
  return BANYAN_NODE_SELF (TestLeaf, node)->capabilities | inherited;
}

static void
test_leaf_attach (BanyanNode *node, BanyanLoop *loop)
{
  g_assert_true (loop == banyan_loop_current ());
  count (&BANYAN_NODE_SELF (TestLeaf, node)->attached);
}

static void
test_leaf_detach (BanyanNode *node, BanyanLoop *loop)
{
  g_assert_true (loop == banyan_loop_current ());
  __atomic_fetch_sub (&BANYAN_NODE_SELF (TestLeaf, node)->attached, 1, __ATOMIC_RELAXED);
}

static void
test_leaf_finalize (GObject *object)
{
  g_free (TEST_LEAF (object)->data);
  G_OBJECT_CLASS (test_leaf_parent_class)->finalize (object);
}

static void
test_leaf_class_init (TestLeafClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_leaf_finalize;
  node_class->get_limits = test_leaf_get_limits;
  node_class->get_capabilities = test_leaf_get_capabilities;
  node_class->attach = test_leaf_attach;
  node_class->detach = test_leaf_detach;
  banyan_node_class_set_ops (node_class, &test_leaf_ops);
}

static void
test_leaf_init (TestLeaf *self)
{
}

TestLeaf *
test_leaf_new (guint64 length)
{
  TestLeaf *self = g_object_new (test_leaf_get_type (), "discard", BANYAN_DISCARD_UNMAP, NULL);
  BanyanLimits limits = { .size = sizeof limits, .request_alignment = 1, .memory_alignment = 1 };

  self->data = g_malloc0 (MAX (length, 1));
  self->extent = 65536;
  banyan_node_publish_length (BANYAN_NODE (self), length);
  test_leaf_set_limits (self, &limits, 0);
  return self;
}

void
test_leaf_set_limits (TestLeaf *self, const BanyanLimits *limits, guint capabilities)
{
  self->limits = *limits;
  self->capabilities = capabilities;
  banyan_node_update_limits (BANYAN_NODE (self));
}

G_DEFINE_FINAL_TYPE (TestBareLeaf, test_bare_leaf, BANYAN_TYPE_PROTOCOL)

static void
test_bare_leaf_class_init (TestBareLeafClass *klass)
{
}

static void
test_bare_leaf_init (TestBareLeaf *self)
{
  banyan_node_publish_length (BANYAN_NODE (self), 65536);
  banyan_node_update_limits (BANYAN_NODE (self));
}

/* -- Filters and formats. -- */

G_DEFINE_FINAL_TYPE (TestPass, test_pass, BANYAN_TYPE_FILTER)

static gboolean
test_pass_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestPass *self = BANYAN_NODE_SELF (TestPass, node);

  self->calls++;
  return banyan_child_read (self->file, request, error);
}

static gboolean
test_pass_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestPass *self = BANYAN_NODE_SELF (TestPass, node);

  if (self->alignment != 0)
    g_assert_cmpuint ((request->offset | request->length) % self->alignment, ==, 0);
  return banyan_child_write (self->file, request, error);
}

static const BanyanNodeOps test_pass_ops = {
  .size = sizeof test_pass_ops,
  .read = test_pass_read,
  .write = test_pass_write,
};

static void
test_pass_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  guint32 alignment = BANYAN_NODE_SELF (TestPass, node)->alignment;

  limits->request_alignment = MAX (limits->request_alignment, alignment);
}

static void
test_pass_class_init (TestPassClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  G_OBJECT_CLASS (klass)->set_property = banyan_node_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_node_get_field;
  node_class->get_limits = test_pass_get_limits;
  banyan_node_class_set_ops (node_class, &test_pass_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED, "Below",
                                    G_STRUCT_OFFSET (TestPass, file));
}

static void
test_pass_init (TestPass *self)
{
}

G_DEFINE_FINAL_TYPE (TestHollow, test_hollow, BANYAN_TYPE_FILTER)

static void
test_hollow_class_init (TestHollowClass *klass)
{
  G_OBJECT_CLASS (klass)->set_property = banyan_node_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_node_get_field;
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file", BANYAN_CHILD_FILTERED,
                                    "Below", G_STRUCT_OFFSET (TestHollow, file));
}

static void
test_hollow_init (TestHollow *self)
{
}

G_DEFINE_FINAL_TYPE (TestShift, test_shift, BANYAN_TYPE_FORMAT)

static BanyanRequest
shifted (TestShift *self, const BanyanRequest *request)
{
  return banyan_request_slice (request, 0, request->length, request->offset + self->offset);
}

static gboolean
test_shift_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestShift *self = BANYAN_NODE_SELF (TestShift, node);
  BanyanRequest below = shifted (self, request);

  return banyan_child_read (self->file, &below, error);
}

static gboolean
test_shift_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestShift *self = BANYAN_NODE_SELF (TestShift, node);
  BanyanRequest below = shifted (self, request);

  return banyan_child_write (self->file, &below, error);
}

static BanyanAnswer
test_shift_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestShift *self = BANYAN_NODE_SELF (TestShift, node);
  BanyanRequest below = shifted (self, request);

  return banyan_child_write_zeroes (self->file, &below, error);
}

static const BanyanNodeOps test_shift_ops = {
  .size = sizeof test_shift_ops,
  .read = test_shift_read,
  .write = test_shift_write,
  .write_zeroes = test_shift_write_zeroes,
};

static void
test_shift_class_init (TestShiftClass *klass)
{
  G_OBJECT_CLASS (klass)->set_property = banyan_node_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_node_get_field;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_shift_ops);
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file", BANYAN_CHILD_DATA, "Below",
                                    G_STRUCT_OFFSET (TestShift, file));
}

static void
test_shift_init (TestShift *self)
{
}

/* -- Wiring. -- */

void
test_lead (BanyanChild *edge, gpointer node)
{
  BanyanNode *old = banyan_child_switch (edge, node);

  banyan_child_update_route (edge);
  g_clear_object (&old);
}

BanyanChild *
test_connect (gpointer parent, gpointer node)
{
  BanyanChild *edge = parent != NULL ? banyan_element_get_edges (BANYAN_ELEMENT (parent))->pdata[0]
                                     : banyan_child_new (NULL, "test", 0);

  test_lead (edge, node);
  if (parent != NULL)
    banyan_node_update_limits (BANYAN_NODE (parent));
  return edge;
}

/* As its last user, the edge to @below holds it. */
TestPass *
test_pass_new (gpointer below)
{
  TestPass *self = g_object_new (test_pass_get_type (), NULL);

  self->file = test_connect (self, below);
  g_object_unref (below);
  return self;
}

TestHollow *
test_hollow_new (gpointer below)
{
  TestHollow *self = g_object_new (test_hollow_get_type (), NULL);

  self->file = test_connect (self, below);
  g_object_unref (below);
  return self;
}

TestShift *
test_shift_new (gpointer below, guint64 offset)
{
  TestShift *self = g_object_new (test_shift_get_type (), NULL);

  self->offset = offset;
  self->file = test_connect (self, below);
  banyan_node_publish_length (BANYAN_NODE (self), banyan_node_get_length (below) - offset);
  banyan_node_update_limits (BANYAN_NODE (self));
  g_object_unref (below);
  return self;
}

void
test_node_free (gpointer node)
{
  GPtrArray *edges = banyan_element_get_edges (BANYAN_ELEMENT (node));

  test_settle_main ();
  for (guint i = 0; i < edges->len; i++)
    {
      BanyanNode *below = banyan_child_switch (edges->pdata[i], NULL);

      if (below != NULL)
        test_node_free (below);
    }
  g_object_unref (node);
}

BanyanBackend *
test_backend_new (gpointer node, BanyanLoop *home)
{
  BanyanBackend *backend = banyan_backend_new_for_edge (NULL, test_connect (NULL, node), home);

  banyan_backend_get_child (backend)->used = BANYAN_PERMISSIONS_ALL;
  return backend;
}

void
test_backend_free (BanyanBackend *backend)
{
  BanyanChild *edge = banyan_backend_get_child (backend);

  test_settle_main ();
  g_object_unref (backend);
  test_lead (edge, NULL);
  banyan_child_unref (edge);
}

typedef struct
{
  BanyanCoroutineFunc func;
  gpointer data;
  gboolean is_done;
} MainRun;

static void
main_run (gpointer data)
{
  MainRun *run = data;

  run->func (run->data);
  run->is_done = TRUE;
}

void
test_run_main (BanyanCoroutineFunc func, gpointer data)
{
  MainRun run = { func, data, FALSE };

  banyan_coroutine_start_on (banyan_loop_get_main (), main_run, &run);
  while (!run.is_done)
    g_main_context_iteration (NULL, TRUE);
}

void
test_settle_main (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}
