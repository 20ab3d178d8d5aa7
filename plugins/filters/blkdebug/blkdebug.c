/* blkdebug.c - filter that fails and delays requests by rules, for tests
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "blkdebug-rule.h"

G_DECLARE_FINAL_TYPE (BanyanBlkdebug, banyan_blkdebug, BANYAN, BLKDEBUG, BanyanFilter)

struct _BanyanBlkdebug
{
  BanyanFilter parent_instance;

  BanyanChild *image; /* (unowned): bound to role "image" while the node is open */
  BanyanList *rules;  /* (owned) */
  guint64 seed;
  guint align;
  guint max_transfer;
  guint64 opt_write_zero;
  guint64 max_write_zero;
  guint64 opt_discard;
  guint64 max_discard;

  BlkdebugProgram *program; /* (owned): while open; changed in a switch only */
};

enum
{
  PROP_0,
  PROP_RULES,
  PROP_SEED,
  PROP_ALIGN,
  PROP_MAX_TRANSFER,
  PROP_OPT_WRITE_ZERO,
  PROP_MAX_WRITE_ZERO,
  PROP_OPT_DISCARD,
  PROP_MAX_DISCARD,
  PROP_TRIGGERED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanBlkdebug, banyan_blkdebug, BANYAN_TYPE_FILTER)

/* -- Operations. -- */

static gboolean BANYAN_COROUTINE
run_rules (BanyanNode *node, BlkdebugOperations operation, guint64 offset, guint64 length,
           GError **error)
{
  return blkdebug_program_run (BANYAN_NODE_SELF (BanyanBlkdebug, node)->program,
                               banyan_object_get_id (BANYAN_NODE_SELF (BanyanObject, node)),
                               operation, offset, length, error);
}

static gboolean BANYAN_COROUTINE
banyan_blkdebug_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  return run_rules (node, BLKDEBUG_READ, request->offset, request->length, error)
         && banyan_child_read (self->image, request, error);
}

static gboolean BANYAN_COROUTINE
banyan_blkdebug_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  return run_rules (node, BLKDEBUG_WRITE, request->offset, request->length, error)
         && banyan_child_write (self->image, request, error);
}

static gboolean BANYAN_COROUTINE
banyan_blkdebug_flush (BanyanNode *node, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  return run_rules (node, BLKDEBUG_FLUSH, 0, G_MAXINT64, error)
         && banyan_child_flush (self->image, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_blkdebug_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  if (!run_rules (node, BLKDEBUG_DISCARD, request->offset, request->length, error))
    return BANYAN_FAILED;

  return banyan_child_discard (self->image, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_blkdebug_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  if (!run_rules (node, BLKDEBUG_WRITE_ZEROES, request->offset, request->length, error))
    return BANYAN_FAILED;

  return banyan_child_write_zeroes (self->image, request, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_blkdebug_block_status (BanyanNode *node, guint64 offset, guint64 length,
                              BanyanBlockStatus *status, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  if (!run_rules (node, BLKDEBUG_BLOCK_STATUS, offset, length, error))
    return BANYAN_FAILED;

  return banyan_child_block_status (self->image, offset, length, status, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_blkdebug_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  if (!run_rules (node, BLKDEBUG_RESIZE, 0, G_MAXINT64, error))
    return BANYAN_FAILED;

  return banyan_child_resize (self->image, resize, error);
}

static const BanyanNodeOps banyan_blkdebug_ops = {
  .size = sizeof banyan_blkdebug_ops,
  .read = banyan_blkdebug_read,
  .write = banyan_blkdebug_write,
  .flush = banyan_blkdebug_flush,
  .discard = banyan_blkdebug_discard,
  .write_zeroes = banyan_blkdebug_write_zeroes,
  .block_status = banyan_blkdebug_block_status,
  .resize = banyan_blkdebug_resize,
};

/* What is set here stands in for the child's limits, so that a test can ask for a disk of large
 * blocks on any other. */
static void
banyan_blkdebug_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  if (self->align != 0)
    limits->request_alignment = self->align;
  if (self->max_transfer != 0)
    limits->max_transfer = self->max_transfer;
  if (self->opt_write_zero != 0)
    limits->zeroes_alignment = self->opt_write_zero;
  if (self->max_write_zero != 0)
    limits->max_zeroes = self->max_write_zero;
  if (self->opt_discard != 0)
    limits->discard_alignment = self->opt_discard;
  if (self->max_discard != 0)
    limits->max_discard = self->max_discard;
}

/* -- Opening and changing. -- */

static void
check_power_of_two (const BanyanProposal *proposal, const char *property, BanyanProblems *problems)
{
  g_auto (GValue) wide = G_VALUE_INIT;
  guint64 value;

  g_value_init (&wide, G_TYPE_UINT64);
  g_value_transform (banyan_proposal_get (proposal, property), &wide);
  value = g_value_get_uint64 (&wide);
  if (value & (value - 1))
    banyan_proposal_problem (proposal, problems, property,
                             "%" G_GUINT64_FORMAT " is not a power of two", value);
}

static void
banyan_blkdebug_check (BanyanObject *object, const BanyanProposal *proposal,
                       BanyanProblems *problems)
{
  static const char *const powers[] = { "align", "opt-write-zero", "opt-discard" };
  guint align = g_value_get_uint (banyan_proposal_get (proposal, "align"));
  guint max_transfer = g_value_get_uint (banyan_proposal_get (proposal, "max-transfer"));

  for (gsize i = 0; i < G_N_ELEMENTS (powers); i++)
    check_power_of_two (proposal, powers[i], problems);

  if (align != 0 && max_transfer % align != 0)
    banyan_proposal_problem (proposal, problems, "max-transfer",
                             "%u is not a multiple of align, which is %u", max_transfer, align);
}

static gboolean
banyan_blkdebug_open (BanyanElement *element, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, element);

  self->program = blkdebug_program_new (self->rules, self->seed);
  return TRUE;
}

static void
banyan_blkdebug_close (BanyanElement *element)
{
  g_clear_pointer (&BANYAN_NODE_SELF (BanyanBlkdebug, element)->program, g_free);
}

/* New rules begin to count anew. The change holds the new program, after the switch the old one. */

static void
program_slot_free (gpointer slot)
{
  g_free (*(gpointer *) slot);
  g_free (slot);
}

static gboolean
banyan_blkdebug_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  const BanyanProposal *proposal = banyan_change_get_proposal (change);
  BlkdebugProgram **slot;

  if (!banyan_change_touches (change, "rules") && !banyan_change_touches (change, "seed"))
    return TRUE;

  slot = g_new (BlkdebugProgram *, 1);
  *slot = blkdebug_program_new (g_value_get_boxed (banyan_proposal_get (proposal, "rules")),
                                g_value_get_uint64 (banyan_proposal_get (proposal, "seed")));
  banyan_change_set_data (change, slot, program_slot_free);
  return TRUE;
}

static void
banyan_blkdebug_commit (BanyanElement *element, BanyanChange *change)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, element);
  BlkdebugProgram **slot = banyan_change_get_data (change);
  BlkdebugProgram *old = self->program;

  if (slot == NULL)
    return;

  self->program = *slot;
  *slot = old;
}

static void
banyan_blkdebug_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, object);

  if (id == PROP_TRIGGERED)
    g_value_set_uint64 (value, self->program != NULL ? BANYAN_LIVE (self->program->triggered) : 0);
  else
    banyan_node_get_field (object, id, value, pspec);
}

static GParamSpec *
limit_param (const char *name, const char *nick, const char *blurb, guint offset)
{
  return banyan_param_mutable (
      banyan_param_uint64 (name, nick, blurb, BANYAN_UNIT_BYTES, 0, G_MAXINT32, 0, offset),
      BANYAN_MUTABLE_BEFORE_OPEN);
}

static void
install_limits (void)
{
  properties[PROP_ALIGN] = banyan_param_mutable (
      banyan_param_uint ("align", "Alignment",
                         "Multiple that requests to the child are widened to; 0: the child's own",
                         BANYAN_UNIT_BYTES, 0, 32 << 20, 0,
                         G_STRUCT_OFFSET (BanyanBlkdebug, align)),
      BANYAN_MUTABLE_BEFORE_OPEN);
  properties[PROP_MAX_TRANSFER] = banyan_param_mutable (
      banyan_param_uint ("max-transfer", "Maximum transfer",
                         "Length above which reads and writes are split; 0: the child's own",
                         BANYAN_UNIT_BYTES, 0, G_MAXINT32, 0,
                         G_STRUCT_OFFSET (BanyanBlkdebug, max_transfer)),
      BANYAN_MUTABLE_BEFORE_OPEN);
  properties[PROP_OPT_WRITE_ZERO]
      = limit_param ("opt-write-zero", "Zeroes alignment",
                     "Multiple that requests to write zeroes are cut to; 0: the child's own",
                     G_STRUCT_OFFSET (BanyanBlkdebug, opt_write_zero));
  properties[PROP_MAX_WRITE_ZERO]
      = limit_param ("max-write-zero", "Maximum zeroes",
                     "Length above which requests to write zeroes are split; 0: the child's own",
                     G_STRUCT_OFFSET (BanyanBlkdebug, max_write_zero));
  properties[PROP_OPT_DISCARD] = limit_param (
      "opt-discard", "Discard alignment", "Multiple that discards are cut to; 0: the child's own",
      G_STRUCT_OFFSET (BanyanBlkdebug, opt_discard));
  properties[PROP_MAX_DISCARD] = limit_param (
      "max-discard", "Maximum discard", "Length above which discards are split; 0: the child's own",
      G_STRUCT_OFFSET (BanyanBlkdebug, max_discard));
}

static void
banyan_blkdebug_class_init (BanyanBlkdebugClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_blkdebug_get_property;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_blkdebug_check;
  element_class->open = banyan_blkdebug_open;
  element_class->close = banyan_blkdebug_close;
  element_class->prepare = banyan_blkdebug_prepare;
  element_class->commit = banyan_blkdebug_commit;
  node_class->get_limits = banyan_blkdebug_get_limits;
  banyan_node_class_set_ops (node_class, &banyan_blkdebug_ops);
  banyan_node_class_add_child_role (node_class, "image", BANYAN_CHILD_FILTERED,
                                    "Node that gets what the rules let through",
                                    G_STRUCT_OFFSET (BanyanBlkdebug, image));

  properties[PROP_RULES] = banyan_param_mutable (
      banyan_param_list ("rules", "Rules",
                         "What happens to which requests; all that match apply, in order",
                         banyan_param_struct ("rule", "Rule", "One rule of the list",
                                              BLKDEBUG_TYPE_RULE, BANYAN_NO_FIELD),
                         G_STRUCT_OFFSET (BanyanBlkdebug, rules)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_SEED] = banyan_param_mutable (
      banyan_param_uint64 ("seed", "Seed", "Where the draws for probabilities begin",
                           BANYAN_UNIT_NONE, 0, G_MAXUINT64, 0,
                           G_STRUCT_OFFSET (BanyanBlkdebug, seed)),
      BANYAN_MUTABLE_REOPEN);
  install_limits ();
  properties[PROP_TRIGGERED] = banyan_param_statistic (banyan_param_uint64 (
      "triggered", "Triggered", "How often a rule struck since the rules were set",
      BANYAN_UNIT_NONE, 0, G_MAXUINT64, 0, BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_blkdebug_init (BanyanBlkdebug *self)
{
}

BANYAN_PLUGIN_DEFINE (blkdebug, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = banyan_blkdebug_register_type,
                      .summary = "Fail and delay requests by rules, for tests")
