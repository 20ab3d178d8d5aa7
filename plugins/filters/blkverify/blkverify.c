/* blkverify.c - filter that compares what a node reads with what another one has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-plugin.h>

#include <errno.h>
#include <stdlib.h>

/* What one of the two copies may need of memory. Longer reads are compared piece by piece. */
#define PIECE_MAX 262144

G_DECLARE_FINAL_TYPE (BanyanBlkverify, banyan_blkverify, BANYAN, BLKVERIFY, BanyanFilter)

struct _BanyanBlkverify
{
  BanyanFilter parent_instance;

  BanyanChild *test;      /* (unowned): bound to role "test" while the node is open */
  BanyanChild *raw;       /* (unowned): bound to role "raw" */
  BanyanRangeLock ranges; /* writes hold theirs exclusively, so that no read sees half of one */
  guint64 mismatches;     /* atomic */
};

enum
{
  PROP_0,
  PROP_MISMATCHES,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanBlkverify, banyan_blkverify, BANYAN_TYPE_FILTER)

/* -- Both at once. -- */

typedef struct
{
  BanyanChild *child;
  const BanyanRequest *request;
} Branch;

static gboolean BANYAN_COROUTINE
read_branch (gpointer data, GError **error)
{
  Branch *self = data;

  return banyan_child_read (self->child, self->request, error);
}

static gboolean BANYAN_COROUTINE
write_branch (gpointer data, GError **error)
{
  Branch *self = data;

  return banyan_child_write (self->child, self->request, error);
}

static gboolean BANYAN_COROUTINE
zero_branch (gpointer data, GError **error)
{
  Branch *self = data;

  return banyan_child_write_zeroes (self->child, self->request, error) != BANYAN_FAILED;
}

static gboolean BANYAN_COROUTINE
run_both (BanyanGatherFunc func, Branch *test, Branch *raw, GError **error)
{
  BanyanGather gather = BANYAN_GATHER_INIT;

  banyan_gather_start (&gather, func, test);
  banyan_gather_start (&gather, func, raw);
  return banyan_co_gather (&gather, error);
}

/* -- Reading. -- */

static gboolean
compare (BanyanBlkverify *self, const guint8 *test, const guint8 *raw, guint64 offset,
         guint64 length, GError **error)
{
  guint64 at = 0;

  while (at < length && test[at] == raw[at])
    at++;
  if (at == length)
    return TRUE;

  __atomic_fetch_add (&self->mismatches, 1, __ATOMIC_RELAXED);
  return banyan_throw_errno (error, EIO, "%s: contents mismatch at offset %" G_GUINT64_FORMAT,
                             banyan_object_get_id (BANYAN_OBJECT (self)), offset + at);
}

static gboolean BANYAN_COROUTINE
read_both (BanyanBlkverify *self, guint64 offset, guint64 length, guint8 *memory, GError **error)
{
  struct iovec test_iov = { memory, length };
  struct iovec raw_iov = { memory + length, length };
  BanyanRequest test_request = BANYAN_REQUEST (offset, length, &test_iov, 1);
  BanyanRequest raw_request = BANYAN_REQUEST (offset, length, &raw_iov, 1);
  Branch test = { self->test, &test_request };
  Branch raw = { self->raw, &raw_request };
  BanyanRangeGuard guard;
  gboolean done;

  banyan_range_lock_acquire (&self->ranges, &guard, offset, length, FALSE);
  done = run_both (read_branch, &test, &raw, error);
  banyan_range_lock_release (&self->ranges, &guard);
  return done && compare (self, memory, memory + length, offset, length, error);
}

/* The caller's memory may change while we look at it; ours may not. */
static gboolean BANYAN_COROUTINE
read_piece (BanyanBlkverify *self, const BanyanRequest *request, guint64 start, guint64 length,
            GError **error)
{
  g_autoptr (BanyanBuffer) buffer = banyan_buffer_new (2 * length);

  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to compare what is read",
                               banyan_object_get_id (BANYAN_OBJECT (self)));

  if (!read_both (self, request->offset + start, length, buffer->data, error))
    return FALSE;
  banyan_request_copy_in (request, start, buffer->data, length);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_blkverify_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlkverify *self = BANYAN_NODE_SELF (BanyanBlkverify, node);
  guint64 length;

  for (guint64 done = 0; done < request->length; done += length)
    {
      length = MIN (request->length - done, PIECE_MAX);
      if (!read_piece (self, request, done, length, error))
        return FALSE;
    }
  return TRUE;
}

/* -- Writing. What the copy for comparison has need not outlive a power cut. -- */

static gboolean BANYAN_COROUTINE
write_both (BanyanBlkverify *self, BanyanGatherFunc func, const BanyanRequest *request,
            GError **error)
{
  BanyanRequest raw_request = *request;
  Branch test = { self->test, request };
  Branch raw = { self->raw, &raw_request };
  BANYAN_HOLD_RANGE (&self->ranges, request->offset, request->length, TRUE);

  raw_request.size = sizeof raw_request;
  raw_request.flags &= ~BANYAN_REQUEST_FUA;
  return run_both (func, &test, &raw, error);
}

static gboolean BANYAN_COROUTINE
banyan_blkverify_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return write_both (BANYAN_NODE_SELF (BanyanBlkverify, node), write_branch, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_blkverify_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanRequest below = *request;

  /* One that had to refuse, when the other has zeroed, would differ from it. */
  if ((request->flags & BANYAN_REQUEST_NO_FALLBACK)
      && !(banyan_node_get_capabilities (node) & BANYAN_CAN_FAST_ZERO))
    return BANYAN_UNSUPPORTED;

  below.size = sizeof below;
  below.flags &= ~BANYAN_REQUEST_NO_FALLBACK;
  return write_both (BANYAN_NODE_SELF (BanyanBlkverify, node), zero_branch, &below, error)
             ? BANYAN_DONE
             : BANYAN_FAILED;
}

/* What is read after it may differ. */
static BanyanAnswer
banyan_blkverify_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return BANYAN_UNSUPPORTED;
}

static BanyanAnswer
banyan_blkverify_copy_range (BanyanNode *node, const BanyanRequest *target, BanyanNode *source,
                             guint64 source_offset, GError **error)
{
  return BANYAN_UNSUPPORTED;
}

/* Whoever knew where the data lies would read it there, and nobody would compare it. */
static BanyanAnswer BANYAN_COROUTINE
banyan_blkverify_block_status (BanyanNode *node, guint64 offset, guint64 length,
                               BanyanBlockStatus *status, GError **error)
{
  BanyanBlkverify *self = BANYAN_NODE_SELF (BanyanBlkverify, node);
  BanyanAnswer answer = banyan_child_block_status (self->test, offset, length, status, error);

  status->flags &= ~BANYAN_BLOCK_LOCATED;
  status->leaf = NULL;
  return answer;
}

static BanyanAnswer BANYAN_COROUTINE
banyan_blkverify_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  BanyanBlkverify *self = BANYAN_NODE_SELF (BanyanBlkverify, node);
  BanyanAnswer answer = banyan_child_resize (self->raw, resize, error);

  return answer != BANYAN_DONE ? answer : banyan_child_resize (self->test, resize, error);
}

static const BanyanNodeOps banyan_blkverify_ops = {
  .size = sizeof banyan_blkverify_ops,
  .read = banyan_blkverify_read,
  .write = banyan_blkverify_write,
  .discard = banyan_blkverify_discard,
  .write_zeroes = banyan_blkverify_write_zeroes,
  .block_status = banyan_blkverify_block_status,
  .resize = banyan_blkverify_resize,
  .copy_range = banyan_blkverify_copy_range,
};

static guint
banyan_blkverify_get_capabilities (BanyanNode *node, guint inherited)
{
  BanyanBlkverify *self = BANYAN_NODE_SELF (BanyanBlkverify, node);
  guint both = BANYAN_CAN_RESIZE | BANYAN_CAN_FAST_ZERO;

  inherited &= ~(BANYAN_CAN_DISCARD | BANYAN_CAN_COPY_RANGE | BANYAN_CAN_PREFETCH);
  inherited &= ~both | banyan_node_get_capabilities (banyan_child_get_node (self->raw));
  return inherited | BANYAN_CAN_FUA | BANYAN_CAN_WRITE_ZEROES | BANYAN_NEEDS_STABLE_DATA;
}

static gboolean
banyan_blkverify_open (BanyanElement *element, GError **error)
{
  BanyanBlkverify *self = BANYAN_NODE_SELF (BanyanBlkverify, element);
  guint64 test = banyan_child_get_length (self->test);
  guint64 raw = banyan_child_get_length (self->raw);

  banyan_range_lock_init (&self->ranges);
  if (raw >= test)
    return TRUE;

  return banyan_throw_errno (error, EINVAL,
                             "%s: raw has %" G_GUINT64_FORMAT " bytes, and test %" G_GUINT64_FORMAT
                             "; make raw as long",
                             banyan_object_get_id (BANYAN_OBJECT (self)), raw, test);
}

/* A copy that others write to is no copy. */
static void
banyan_blkverify_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                                    const BanyanProposal *proposal, guint used, guint shared,
                                    guint *child_used, guint *child_shared)
{
  *child_used = used;
  *child_shared = shared & ~(BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE);
}

static void
banyan_blkverify_class_init (BanyanBlkverifyClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  element_class->open = banyan_blkverify_open;
  element_class->child_permissions = banyan_blkverify_child_permissions;
  node_class->get_capabilities = banyan_blkverify_get_capabilities;
  banyan_node_class_set_ops (node_class, &banyan_blkverify_ops);
  banyan_node_class_add_child_role (node_class, "test", BANYAN_CHILD_FILTERED,
                                    "Node under test, whose data is shown",
                                    G_STRUCT_OFFSET (BanyanBlkverify, test));
  banyan_node_class_add_child_role (node_class, "raw", BANYAN_CHILD_DATA,
                                    "Node whose data is right",
                                    G_STRUCT_OFFSET (BanyanBlkverify, raw));

  properties[PROP_MISMATCHES] = banyan_param_counter (
      "mismatches", "Mismatches", "How many reads found a difference", BANYAN_UNIT_OPERATIONS,
      G_STRUCT_OFFSET (BanyanBlkverify, mismatches));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_blkverify_init (BanyanBlkverify *self)
{
}

BANYAN_PLUGIN_DEFINE (blkverify, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = banyan_blkverify_register_type,
                      .summary = "Compare what is read with what another node has")
