/* quorum.c - format that keeps the same data in several children and reads it by vote
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quorum.h"

#include <errno.h>

enum
{
  PROP_0,
  PROP_VOTE_THRESHOLD,
  PROP_READ_PATTERN,
  PROP_BLKVERIFY,
  PROP_REWRITE_CORRUPTED,
  PROP_BAD_VOTES,
  PROP_CHILD_FAILURES,
  PROP_FAILURES,
  PROP_REWRITTEN,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER_WITH_CODE (BanyanQuorum, banyan_quorum, BANYAN_TYPE_FORMAT,
                                quorum_reports_add_signals (g_define_type_id))

static GType
read_pattern_get_type (void)
{
  static const GEnumValue values[] = {
    { QUORUM_READ_QUORUM, "QUORUM_READ_QUORUM", "quorum" },
    { QUORUM_READ_FIFO, "QUORUM_READ_FIFO", "fifo" },
    { 0, NULL, NULL },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanQuorumReadPattern", values));
  return type;
}

static guint
n_children (BanyanQuorum *self)
{
  return self->children != NULL ? self->children->len : 0;
}

/* -- Requests. -- */

/* From the first child that has it. */
static gboolean BANYAN_COROUTINE
read_in_order (BanyanQuorum *self, const BanyanRequest *request, GError **error)
{
  g_autoptr (GError) last = NULL;

  for (guint i = 0; i < n_children (self); i++)
    {
      g_clear_error (&last);
      if (banyan_child_read (self->children->pdata[i], request, &last))
        return TRUE;
      quorum_reports_add (self->reports, self->children->pdata[i], QUORUM_READ, request->offset,
                          request->length, last);
    }

  quorum_reports_add (self->reports, NULL, QUORUM_READ, request->offset, request->length, NULL);
  if (last != NULL)
    g_propagate_error (error, g_steal_pointer (&last));
  return FALSE;
}

static gboolean BANYAN_COROUTINE
banyan_quorum_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, node);

  return BANYAN_LIVE (self->read_pattern) == QUORUM_READ_FIFO
             ? read_in_order (self, request, error)
             : quorum_read_by_vote (self, request, error);
}

static gboolean BANYAN_COROUTINE
banyan_quorum_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, node);
  BanyanRangeGuard guard;
  QuorumRound round;

  banyan_range_lock_acquire (&self->ranges, &guard, request->offset, request->length, TRUE);
  quorum_round_run (&round, self, QUORUM_WRITE, request, NULL);
  banyan_range_lock_release (&self->ranges, &guard);
  return quorum_round_end (&round, self, error);
}

/* One child that answers that it is unsupported, when others have zeroed, would differ from them.
 * So it is asked beforehand whether all are fast, and then none may refuse. */
static BanyanAnswer BANYAN_COROUTINE
banyan_quorum_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, node);
  BanyanRequest below = *request;
  BanyanRangeGuard guard;
  QuorumRound round;

  if ((request->flags & BANYAN_REQUEST_NO_FALLBACK)
      && !(banyan_node_get_capabilities (node) & BANYAN_CAN_FAST_ZERO))
    return BANYAN_UNSUPPORTED;

  below.size = sizeof below;
  below.flags &= ~BANYAN_REQUEST_NO_FALLBACK;
  banyan_range_lock_acquire (&self->ranges, &guard, request->offset, request->length, TRUE);
  quorum_round_run (&round, self, QUORUM_WRITE_ZEROES, &below, NULL);
  banyan_range_lock_release (&self->ranges, &guard);
  return quorum_round_end (&round, self, error) ? BANYAN_DONE : BANYAN_FAILED;
}

static gboolean BANYAN_COROUTINE
banyan_quorum_flush (BanyanNode *node, GError **error)
{
  static const BanyanRequest nothing = { .size = sizeof nothing };
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, node);
  QuorumRound round;

  quorum_round_run (&round, self, QUORUM_FLUSH, &nothing, NULL);
  return quorum_round_end (&round, self, error);
}

/* Zeroes are where all children have them; what one cannot tell is data. */
static BanyanAnswer BANYAN_COROUTINE
banyan_quorum_block_status (BanyanNode *node, guint64 offset, guint64 length,
                            BanyanBlockStatus *status, GError **error)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, node);

  status->length = length;
  status->flags = BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_ZERO;
  for (guint i = 0; i < n_children (self); i++)
    {
      BanyanBlockStatus one;

      if (banyan_child_block_status (self->children->pdata[i], offset, status->length, &one, NULL)
          == BANYAN_FAILED)
        status->flags &= ~BANYAN_BLOCK_ZERO;
      else
        {
          status->length = MIN (status->length, one.length);
          status->flags &= one.flags & BANYAN_BLOCK_ZERO ? ~0u : ~(guint32) BANYAN_BLOCK_ZERO;
        }
    }

  if (!(status->flags & BANYAN_BLOCK_ZERO))
    status->flags |= BANYAN_BLOCK_DATA;
  return BANYAN_DONE;
}

/* The nodes are asked, as an edge that has just been switched knows nothing yet. */
static guint64
shortest (BanyanQuorum *self)
{
  guint64 length = n_children (self) > 0 ? G_MAXUINT64 : 0;

  for (guint i = 0; i < n_children (self); i++)
    {
      BanyanNode *node = banyan_child_get_node (self->children->pdata[i]);

      length = MIN (length, banyan_node_get_length (node));
    }
  return length;
}

/* All of them, or none. One that fails leaves the others longer than what is shown. */
static BanyanAnswer BANYAN_COROUTINE
banyan_quorum_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, node);
  BanyanAnswer answer = BANYAN_DONE;

  if (!(banyan_node_get_capabilities (node) & BANYAN_CAN_RESIZE))
    return BANYAN_UNSUPPORTED;
  for (guint i = 0; i < n_children (self) && answer == BANYAN_DONE; i++)
    answer = banyan_child_resize (self->children->pdata[i], resize, error);

  banyan_node_publish_length (node, shortest (self));
  return answer;
}

static const BanyanNodeOps banyan_quorum_ops = {
  .size = sizeof banyan_quorum_ops,
  .read = banyan_quorum_read,
  .write = banyan_quorum_write,
  .flush = banyan_quorum_flush,
  .write_zeroes = banyan_quorum_write_zeroes,
  .block_status = banyan_quorum_block_status,
  .resize = banyan_quorum_resize,
};

/* -- What the children can do together. -- */

/* Widened once, here, a request fits all of them. */
static void
banyan_quorum_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, node);

  for (guint i = 0; i < n_children (self); i++)
    {
      const BanyanLimits *below
          = banyan_node_get_limits (banyan_child_get_node (self->children->pdata[i]));

      limits->request_alignment = MAX (limits->request_alignment, below->request_alignment);
      limits->memory_alignment = MAX (limits->memory_alignment, below->memory_alignment);
      limits->preferred_size = MAX (limits->preferred_size, below->preferred_size);
      limits->zeroes_alignment = MAX (limits->zeroes_alignment, below->zeroes_alignment);
    }
}

static guint
banyan_quorum_get_capabilities (BanyanNode *node, guint inherited)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, node);
  guint common = BANYAN_CAN_FAST_ZERO | BANYAN_CAN_RESIZE | BANYAN_CAN_MULTI_CONN;

  for (guint i = 0; i < n_children (self); i++)
    common &= banyan_node_get_capabilities (banyan_child_get_node (self->children->pdata[i]));

  return common | BANYAN_CAN_FUA | BANYAN_CAN_WRITE_ZEROES | BANYAN_CAN_BLOCK_STATUS
         | BANYAN_NEEDS_STABLE_DATA;
}

static void
banyan_quorum_child_length_changed (BanyanNode *node, BanyanChild *child)
{
  banyan_node_publish_length (node, shortest (BANYAN_NODE_SELF (BanyanQuorum, node)));
}

/* Copies that others write to are copies no more. */
static void
banyan_quorum_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                                 const BanyanProposal *proposal, guint used, guint shared,
                                 guint *child_used, guint *child_shared)
{
  gboolean rewrites = g_value_get_boolean (banyan_proposal_get (proposal, "rewrite-corrupted"))
                      && !g_value_get_boolean (banyan_proposal_get (proposal, "read-only"));

  *child_used = used;
  if (rewrites && (used & BANYAN_PERMISSION_CONSISTENT_READ))
    *child_used |= BANYAN_PERMISSION_WRITE;
  *child_shared = shared & ~(BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE);
}

/* -- Rules. -- */

static void
check_threshold (const BanyanProposal *proposal, guint n, BanyanProblems *problems)
{
  guint threshold = g_value_get_uint (banyan_proposal_get (proposal, "vote-threshold"));

  if (threshold > n)
    banyan_proposal_problem (proposal, problems, "vote-threshold",
                             "is %u, and there are %u children; allow fewer votes, or add children",
                             threshold, n);
  if (n > QUORUM_MAX_CHILDREN)
    banyan_proposal_problem (proposal, problems, "children", "are %u, and the limit is %u", n,
                             QUORUM_MAX_CHILDREN);
  if (g_value_get_boolean (banyan_proposal_get (proposal, "blkverify"))
      && (n != 2 || threshold != 2))
    banyan_proposal_problem (proposal, problems, "blkverify",
                             "needs two children and a vote-threshold of 2, not %u and %u", n,
                             threshold);
}

static void
banyan_quorum_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  BanyanList *children = g_value_get_boxed (banyan_proposal_get (proposal, "children"));
  gboolean blkverify = g_value_get_boolean (banyan_proposal_get (proposal, "blkverify"));
  gboolean rewrite = g_value_get_boolean (banyan_proposal_get (proposal, "rewrite-corrupted"));
  gboolean is_fifo
      = g_value_get_enum (banyan_proposal_get (proposal, "read-pattern")) == QUORUM_READ_FIFO;

  check_threshold (proposal, banyan_list_get_length (children), problems);
  if (blkverify && rewrite)
    banyan_proposal_problem (proposal, problems, "rewrite-corrupted",
                             "cannot be combined with blkverify, which has no right version");
  if (is_fifo && (blkverify || rewrite))
    banyan_proposal_problem (proposal, problems, blkverify ? "blkverify" : "rewrite-corrupted",
                             "compares children, and with read-pattern fifo only one is read");
}

/* -- Opening and changing. -- */

static gboolean
throw_length (BanyanQuorum *self, BanyanNode *node, guint64 length, GError **error)
{
  return banyan_throw_errno (error, EINVAL,
                             "%s: children must have one length, but %s has %" G_GUINT64_FORMAT
                             " bytes, not %" G_GUINT64_FORMAT,
                             banyan_object_get_id (BANYAN_OBJECT (self)),
                             banyan_object_get_id (BANYAN_OBJECT (node)),
                             banyan_node_get_length (node), length);
}

static gboolean
banyan_quorum_open (BanyanElement *element, GError **error)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, element);
  guint64 length = shortest (self);

  for (guint i = 0; i < n_children (self); i++)
    if (banyan_child_get_length (self->children->pdata[i]) != length)
      return throw_length (self, banyan_child_get_node (self->children->pdata[i]), length, error);

  banyan_range_lock_init (&self->ranges);
  banyan_node_publish_length (BANYAN_NODE (self), length);
  return TRUE;
}

static gboolean
is_child (BanyanQuorum *self, gpointer node)
{
  for (guint i = 0; i < n_children (self); i++)
    if (banyan_child_get_node (self->children->pdata[i]) == node)
      return TRUE;

  return FALSE;
}

/* How long those are that stay, or the first where none does. */
static guint64
common_length (BanyanQuorum *self, BanyanList *children)
{
  guint64 length = G_MAXUINT64;

  for (guint i = 0; i < banyan_list_get_length (children); i++)
    if (is_child (self, banyan_list_get_object (children, i)))
      length = MIN (length, banyan_node_get_length (banyan_list_get_object (children, i)));

  return length == G_MAXUINT64 && banyan_list_get_length (children) > 0
             ? banyan_node_get_length (banyan_list_get_object (children, 0))
             : length;
}

static gboolean
are_alike (BanyanQuorum *self)
{
  for (guint i = 0; i < n_children (self); i++)
    if (banyan_child_get_length (self->children->pdata[i]) != shortest (self))
      return FALSE;
  return TRUE;
}

static gboolean
banyan_quorum_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, element);

  banyan_change_set_data (change, GINT_TO_POINTER (are_alike (self)), NULL);
  return TRUE;
}

/* All may get another length at once. Those that are there may have grown behind our back before:
 * then only what comes has to fit. */
static gboolean
banyan_quorum_settle (BanyanElement *element, BanyanChange *change, GError **error)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, element);
  const BanyanProposal *proposal = banyan_change_get_proposal (change);
  BanyanList *children = g_value_get_boxed (banyan_proposal_get (proposal, "children"));
  gboolean were_alike = banyan_change_get_data (change) != NULL;
  guint64 length = common_length (self, children);

  for (guint i = 0; i < banyan_list_get_length (children); i++)
    {
      BanyanNode *node = banyan_list_get_object (children, i);

      if ((were_alike || !is_child (self, node)) && banyan_node_get_length (node) != length)
        return throw_length (self, node, length, error);
    }
  return TRUE;
}

static void
banyan_quorum_commit (BanyanElement *element, BanyanChange *change)
{
  banyan_node_publish_length (BANYAN_NODE (element),
                              shortest (BANYAN_NODE_SELF (BanyanQuorum, element)));
}

/* -- The class. -- */

static void
banyan_quorum_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, object);
  QuorumCounts counts = quorum_reports_get_counts (self->reports);

  switch (id)
    {
    case PROP_BAD_VOTES:
      g_value_set_uint64 (value, counts.bad_votes);
      break;
    case PROP_CHILD_FAILURES:
      g_value_set_uint64 (value, counts.child_failures);
      break;
    case PROP_FAILURES:
      g_value_set_uint64 (value, counts.failures);
      break;
    case PROP_REWRITTEN:
      g_value_set_uint64 (value, counts.rewritten);
      break;
    default:
      banyan_node_get_field (object, id, value, pspec);
    }
}

static void
banyan_quorum_finalize (GObject *object)
{
  BanyanQuorum *self = BANYAN_NODE_SELF (BanyanQuorum, object);

  quorum_reports_free (self->reports);
  g_clear_pointer (&self->children, g_ptr_array_unref);

  G_OBJECT_CLASS (banyan_quorum_parent_class)->finalize (object);
}

static GParamSpec *
count_param (const char *name, const char *nick, const char *blurb)
{
  return banyan_param_counter (name, nick, blurb, BANYAN_UNIT_OPERATIONS, BANYAN_NO_FIELD);
}

static void
install_properties (GObjectClass *object_class)
{
  properties[PROP_VOTE_THRESHOLD] = banyan_param_required (banyan_param_uint (
      "vote-threshold", "Vote threshold", "How many children must agree, or succeed",
      BANYAN_UNIT_NONE, 1, QUORUM_MAX_CHILDREN, 1, G_STRUCT_OFFSET (BanyanQuorum, vote_threshold)));
  properties[PROP_READ_PATTERN] = banyan_param_enum (
      "read-pattern", "Read pattern", "Whether to ask all children, or one after the other",
      read_pattern_get_type (), QUORUM_READ_QUORUM, G_STRUCT_OFFSET (BanyanQuorum, read_pattern));
  properties[PROP_BLKVERIFY] = banyan_param_boolean (
      "blkverify", "Verify", "Whether any difference between two children fails the read", FALSE,
      G_STRUCT_OFFSET (BanyanQuorum, blkverify));
  properties[PROP_REWRITE_CORRUPTED] = banyan_param_mutable (
      banyan_param_boolean ("rewrite-corrupted", "Rewrite corrupted",
                            "Whether a child that was outvoted gets what the others have", FALSE,
                            G_STRUCT_OFFSET (BanyanQuorum, rewrite_corrupted)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_BAD_VOTES]
      = count_param ("bad-votes", "Bad votes", "How often a child was outvoted");
  properties[PROP_CHILD_FAILURES]
      = count_param ("child-failures", "Child failures", "How many requests a child has failed");
  properties[PROP_FAILURES]
      = count_param ("failures", "Failures", "How many requests failed for lack of votes");
  properties[PROP_REWRITTEN] = count_param ("rewritten", "Rewritten",
                                            "How often a version that was outvoted was replaced");
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_quorum_class_init (BanyanQuorumClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_quorum_get_property;
  object_class->finalize = banyan_quorum_finalize;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_quorum_check;
  element_class->open = banyan_quorum_open;
  element_class->prepare = banyan_quorum_prepare;
  element_class->settle = banyan_quorum_settle;
  element_class->commit = banyan_quorum_commit;
  element_class->child_permissions = banyan_quorum_child_permissions;
  node_class->get_limits = banyan_quorum_get_limits;
  node_class->get_capabilities = banyan_quorum_get_capabilities;
  node_class->child_length_changed = banyan_quorum_child_length_changed;
  banyan_node_class_set_ops (node_class, &banyan_quorum_ops);
  banyan_node_class_add_child_role (node_class, "children", BANYAN_CHILD_DATA | BANYAN_CHILD_MANY,
                                    "Nodes that have the same data",
                                    G_STRUCT_OFFSET (BanyanQuorum, children));
  install_properties (object_class);
}

static void
banyan_quorum_init (BanyanQuorum *self)
{
  self->vote_threshold = 1;
  self->reports = quorum_reports_new (self);
}

BANYAN_PLUGIN_DEFINE (quorum, .kind = BANYAN_PLUGIN_FORMAT,
                      .register_type = banyan_quorum_register_type,
                      .summary = "Keep the same data in several children, and read it by vote")
