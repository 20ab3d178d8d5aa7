/* blkdebug.c - filter that fails and delays requests by rules, for tests
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "blkdebug-break.h"
#include "blkdebug-config.h"
#include "blkdebug-inject.h"

G_DECLARE_FINAL_TYPE (BanyanBlkdebug, banyan_blkdebug, BANYAN, BLKDEBUG, BanyanFilter)

/* All that strikes requests. */
typedef struct
{
  BlkdebugProgram *program; /* (owned) */
  BlkdebugMachine *machine; /* (owned) */
} Script;

struct _BanyanBlkdebug
{
  BanyanFilter parent_instance;

  BanyanChild *image;       /* (unowned): bound to role "image" while the node is open */
  BanyanList *rules;        /* (owned) */
  BanyanList *inject_error; /* (owned) */
  BanyanList *set_state;    /* (owned) */
  char *config;             /* (owned) (nullable) */
  guint take_permissions;
  guint unshare_permissions;
  guint64 seed;
  guint align;
  guint max_transfer;
  guint64 opt_write_zero;
  guint64 max_write_zero;
  guint64 opt_discard;
  guint64 max_discard;

  Script *script; /* (owned): while open; changed in a switch only */
  BlkdebugBreaks breaks;
  gint is_told; /* atomic: users announce what they do */
};

enum
{
  PROP_0,
  PROP_RULES,
  PROP_INJECT_ERROR,
  PROP_SET_STATE,
  PROP_CONFIG,
  PROP_TAKE_CHILD_PERMS,
  PROP_UNSHARE_CHILD_PERMS,
  PROP_SEED,
  PROP_ALIGN,
  PROP_MAX_TRANSFER,
  PROP_OPT_WRITE_ZERO,
  PROP_MAX_WRITE_ZERO,
  PROP_OPT_DISCARD,
  PROP_MAX_DISCARD,
  PROP_TRIGGERED,
  PROP_SUSPENDED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static void breakpoints_init (gpointer iface, gpointer data);

BANYAN_DEFINE_DRIVER_WITH_CODE (BanyanBlkdebug, banyan_blkdebug, BANYAN_TYPE_FILTER,
                                { G_IMPLEMENT_INTERFACE_DYNAMIC (BANYAN_TYPE_BREAKPOINTS,
                                                                 breakpoints_init) })

/* -- Operations. -- */

static void
tell_suspended (gpointer node)
{
  banyan_object_queue_notify (BANYAN_NODE_SELF (BanyanObject, node), "suspended");
}

static void BANYAN_COROUTINE
raise_event (BanyanNode *node, BanyanDebugEvent event)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  blkdebug_machine_event (self->script->machine, event);
  blkdebug_breaks_pass (&self->breaks, event, tell_suspended, self);
}

/* Where users announce what they do, it is for them to say what is the guest's, and when. */
static void BANYAN_COROUTINE
raise_unless_told (BanyanNode *node, BanyanDebugEvent event)
{
  if (!BANYAN_LIVE (BANYAN_NODE_SELF (BanyanBlkdebug, node)->is_told))
    raise_event (node, event);
}

static void BANYAN_COROUTINE
banyan_blkdebug_event (BanyanNode *node, guint event)
{
  BANYAN_LIVE_SET (BANYAN_NODE_SELF (BanyanBlkdebug, node)->is_told, TRUE);
  if (event != BANYAN_DEBUG_EVENT_NONE)
    raise_event (node, event);
}

static gboolean BANYAN_COROUTINE
run_rules (BanyanNode *node, BlkdebugOperations operation, guint64 offset, guint64 length,
           GError **error)
{
  const Script *script = BANYAN_NODE_SELF (BanyanBlkdebug, node)->script;
  const char *id = banyan_object_get_id (BANYAN_NODE_SELF (BanyanObject, node));
  gboolean is_everywhere = operation == BLKDEBUG_FLUSH || operation == BLKDEBUG_RESIZE;

  /* QEMU's rules for a sector are not for what has no place; ours for a range are. */
  return blkdebug_program_run (script->program, id, operation, offset, length, error)
         && blkdebug_machine_check (script->machine, id, operation, offset,
                                    is_everywhere ? 0 : length, error);
}

static gboolean BANYAN_COROUTINE
banyan_blkdebug_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  raise_unless_told (node, BANYAN_DEBUG_EVENT_READ_AIO);
  return run_rules (node, BLKDEBUG_READ, request->offset, request->length, error)
         && banyan_child_read (self->image, request, error);
}

static gboolean BANYAN_COROUTINE
banyan_blkdebug_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);
  gboolean done;

  raise_unless_told (node, BANYAN_DEBUG_EVENT_WRITE_AIO);
  raise_event (node, BANYAN_DEBUG_EVENT_PWRITEV);
  done = run_rules (node, BLKDEBUG_WRITE, request->offset, request->length, error)
         && banyan_child_write (self->image, request, error);
  raise_event (node, BANYAN_DEBUG_EVENT_PWRITEV_DONE);
  return done;
}

static gboolean BANYAN_COROUTINE
banyan_blkdebug_flush (BanyanNode *node, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, node);

  raise_unless_told (node, BANYAN_DEBUG_EVENT_FLUSH_TO_OS);
  raise_event (node, BANYAN_DEBUG_EVENT_FLUSH_TO_DISK);
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
  BanyanAnswer answer = BANYAN_FAILED;

  raise_event (node, BANYAN_DEBUG_EVENT_PWRITEV_ZERO);
  if (run_rules (node, BLKDEBUG_WRITE_ZEROES, request->offset, request->length, error))
    answer = banyan_child_write_zeroes (self->image, request, error);
  raise_event (node, BANYAN_DEBUG_EVENT_PWRITEV_DONE);
  return answer;
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
  .event = banyan_blkdebug_event,
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

static void
script_free (Script *self)
{
  blkdebug_machine_free (self->machine);
  g_free (self->program);
  g_free (self);
}

/* The file of rules is read by a thread of the pool. */
typedef struct
{
  const char *path;
  BanyanList *inject;    /* (owned) (nullable) */
  BanyanList *set_state; /* (owned) (nullable) */
  GError *error;
} ConfigJob;

static gssize
run_config_job (gpointer data)
{
  ConfigJob *job = data;

  blkdebug_config_load (job->path, properties[PROP_INJECT_ERROR], properties[PROP_SET_STATE],
                        &job->inject, &job->set_state, &job->error);
  return 0;
}

static gboolean BANYAN_COROUTINE
add_config (BlkdebugMachine *machine, const char *path, GError **error)
{
  ConfigJob job = { .path = path };
  gboolean loaded;

  banyan_co_offload (run_config_job, &job);
  loaded = job.error == NULL;
  if (loaded)
    blkdebug_machine_add (machine, job.inject, job.set_state);
  else
    g_propagate_error (error, job.error);

  g_clear_pointer (&job.inject, banyan_list_unref);
  g_clear_pointer (&job.set_state, banyan_list_unref);
  return loaded;
}

static Script *BANYAN_COROUTINE
script_new (const BanyanProposal *proposal, GError **error)
{
  const char *config = g_value_get_string (banyan_proposal_get (proposal, "config"));
  Script *self = g_new0 (Script, 1);

  self->program
      = blkdebug_program_new (g_value_get_boxed (banyan_proposal_get (proposal, "rules")),
                              g_value_get_uint64 (banyan_proposal_get (proposal, "seed")));
  self->machine = blkdebug_machine_new ();
  if (config != NULL && !add_config (self->machine, config, error))
    {
      script_free (self);
      return NULL;
    }

  blkdebug_machine_add (self->machine,
                        g_value_get_boxed (banyan_proposal_get (proposal, "inject-error")),
                        g_value_get_boxed (banyan_proposal_get (proposal, "set-state")));
  blkdebug_machine_event (self->machine, BANYAN_DEBUG_EVENT_NONE);
  return self;
}

static gboolean BANYAN_COROUTINE
banyan_blkdebug_open (BanyanElement *element, GError **error)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, element);
  g_autoptr (BanyanProposal) proposal = banyan_proposal_new (BANYAN_OBJECT (self));

  self->script = script_new (proposal, error);
  return self->script != NULL;
}

static void
banyan_blkdebug_drain_begin (BanyanElement *element)
{
  blkdebug_breaks_begin_drain (&BANYAN_NODE_SELF (BanyanBlkdebug, element)->breaks);
}

static void
banyan_blkdebug_drain_end (BanyanElement *element)
{
  blkdebug_breaks_end_drain (&BANYAN_NODE_SELF (BanyanBlkdebug, element)->breaks);
}

static void
banyan_blkdebug_close (BanyanElement *element)
{
  g_clear_pointer (&BANYAN_NODE_SELF (BanyanBlkdebug, element)->script, script_free);
}

/* New rules begin to count anew. The change holds the new script, after the switch the old one. */

static void
script_slot_free (gpointer slot)
{
  script_free (*(Script **) slot);
  g_free (slot);
}

static gboolean
touches_rules (BanyanChange *change)
{
  static const char *const names[] = { "rules", "seed", "inject-error", "set-state", "config" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (banyan_change_touches (change, names[i]))
      return TRUE;
  return FALSE;
}

static gboolean BANYAN_COROUTINE
banyan_blkdebug_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  Script *script;
  Script **slot;

  if (!touches_rules (change))
    return TRUE;

  script = script_new (banyan_change_get_proposal (change), error);
  if (script == NULL)
    return FALSE;

  slot = g_new (Script *, 1);
  *slot = script;
  banyan_change_set_data (change, slot, script_slot_free);
  return TRUE;
}

static void
banyan_blkdebug_commit (BanyanElement *element, BanyanChange *change)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, element);
  Script **slot = banyan_change_get_data (change);
  Script *old = self->script;

  if (slot == NULL)
    return;

  self->script = *slot;
  *slot = old;
}

/* -- Breakpoints. -- */

static void
add_breakpoint (BanyanBreakpoints *node, BanyanDebugEvent event, const char *tag)
{
  blkdebug_breaks_add (&BANYAN_NODE_SELF (BanyanBlkdebug, node)->breaks, event, tag);
}

static gboolean
remove_breakpoint (BanyanBreakpoints *node, const char *tag)
{
  return blkdebug_breaks_remove (&BANYAN_NODE_SELF (BanyanBlkdebug, node)->breaks, tag);
}

static gboolean
resume (BanyanBreakpoints *node, const char *tag)
{
  return blkdebug_breaks_resume (&BANYAN_NODE_SELF (BanyanBlkdebug, node)->breaks, tag);
}

static char **
list_suspended (BanyanBreakpoints *node)
{
  return blkdebug_breaks_list_suspended (&BANYAN_NODE_SELF (BanyanBlkdebug, node)->breaks);
}

static void
breakpoints_init (gpointer iface, gpointer data)
{
  BanyanBreakpointsInterface *breakpoints = iface;

  breakpoints->add = add_breakpoint;
  breakpoints->remove = remove_breakpoint;
  breakpoints->resume = resume;
  breakpoints->list_suspended = list_suspended;
}

/* -- Properties. -- */

/* What a filter hands on, and what a test wants besides. */
static void
banyan_blkdebug_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                                   const BanyanProposal *proposal, guint used, guint shared,
                                   guint *child_used, guint *child_shared)
{
  *child_used = used | g_value_get_flags (banyan_proposal_get (proposal, "take-child-perms"));
  *child_shared
      = shared & ~g_value_get_flags (banyan_proposal_get (proposal, "unshare-child-perms"));
}

static void
get_suspended (BanyanBlkdebug *self, GValue *value)
{
  g_auto (GStrv) tags = blkdebug_breaks_list_suspended (&self->breaks);
  g_autoptr (GArray) values = g_array_new (FALSE, TRUE, sizeof (GValue));

  g_array_set_clear_func (values, (GDestroyNotify) g_value_unset);
  g_array_set_size (values, g_strv_length (tags));
  for (guint i = 0; i < values->len; i++)
    g_value_set_string (g_value_init (&g_array_index (values, GValue, i), G_TYPE_STRING), tags[i]);
  g_value_take_boxed (value, banyan_list_new (G_TYPE_STRING, (GValue *) values->data, values->len));
}

static void
banyan_blkdebug_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanBlkdebug *self = BANYAN_NODE_SELF (BanyanBlkdebug, object);

  if (id == PROP_TRIGGERED)
    g_value_set_uint64 (value, self->script == NULL
                                   ? 0
                                   : BANYAN_LIVE (self->script->program->triggered)
                                         + blkdebug_machine_get_triggered (self->script->machine));
  else if (id == PROP_SUSPENDED)
    get_suspended (self, value);
  else
    banyan_node_get_field (object, id, value, pspec);
}

static void
banyan_blkdebug_finalize (GObject *object)
{
  blkdebug_breaks_clear (&BANYAN_NODE_SELF (BanyanBlkdebug, object)->breaks);
  G_OBJECT_CLASS (banyan_blkdebug_parent_class)->finalize (object);
}

static GType
permissions_get_type (void)
{
  static const GFlagsValue values[] = {
    { BANYAN_PERMISSION_CONSISTENT_READ, "CONSISTENT_READ", "consistent-read" },
    { BANYAN_PERMISSION_WRITE, "WRITE", "write" },
    { BANYAN_PERMISSION_WRITE_UNCHANGED, "WRITE_UNCHANGED", "write-unchanged" },
    { BANYAN_PERMISSION_RESIZE, "RESIZE", "resize" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("BlkdebugPermissions", values));
  return type;
}

static void
install_qemu_rules (void)
{
  properties[PROP_INJECT_ERROR] = banyan_param_mutable (
      banyan_param_list ("inject-error", "Inject error",
                         "Errors that wait for an event, as QEMU has them; the first that is awake "
                         "and matches strikes",
                         banyan_param_struct ("injection", "Injection", "One error of the list",
                                              BLKDEBUG_TYPE_INJECT, BANYAN_NO_FIELD),
                         G_STRUCT_OFFSET (BanyanBlkdebug, inject_error)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_SET_STATE] = banyan_param_mutable (
      banyan_param_list ("set-state", "Set state",
                         "What the state, 1 at first, becomes at which event",
                         banyan_param_struct ("change", "Change", "One change of the list",
                                              BLKDEBUG_TYPE_SET_STATE, BANYAN_NO_FIELD),
                         G_STRUCT_OFFSET (BanyanBlkdebug, set_state)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_CONFIG] = banyan_param_mutable (
      banyan_param_path (banyan_param_string (
          "config", "Configuration", "File with more of inject-error and set-state, as QEMU's",
          NULL, G_STRUCT_OFFSET (BanyanBlkdebug, config))),
      BANYAN_MUTABLE_REOPEN);
}

static void
install_permissions (void)
{
  properties[PROP_TAKE_CHILD_PERMS] = banyan_param_mutable (
      banyan_param_flags ("take-child-perms", "Take permissions",
                          "Permissions to take on image besides those that users need",
                          permissions_get_type (), 0,
                          G_STRUCT_OFFSET (BanyanBlkdebug, take_permissions)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_UNSHARE_CHILD_PERMS] = banyan_param_mutable (
      banyan_param_flags ("unshare-child-perms", "Unshare permissions",
                          "Permissions on image that no other user of it may have",
                          permissions_get_type (), 0,
                          G_STRUCT_OFFSET (BanyanBlkdebug, unshare_permissions)),
      BANYAN_MUTABLE_REOPEN);
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
  object_class->finalize = banyan_blkdebug_finalize;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_blkdebug_check;
  element_class->open = banyan_blkdebug_open;
  element_class->close = banyan_blkdebug_close;
  element_class->drain_begin = banyan_blkdebug_drain_begin;
  element_class->drain_end = banyan_blkdebug_drain_end;
  element_class->prepare = banyan_blkdebug_prepare;
  element_class->commit = banyan_blkdebug_commit;
  element_class->child_permissions = banyan_blkdebug_child_permissions;
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
  install_qemu_rules ();
  install_permissions ();
  install_limits ();
  properties[PROP_TRIGGERED] = banyan_param_counter (
      "triggered", "Triggered", "How often a rule struck since the rules were set",
      BANYAN_UNIT_NONE, BANYAN_NO_FIELD);
  properties[PROP_SUSPENDED] = banyan_param_state (banyan_param_list (
      "suspended", "Suspended", "Tags of the requests that are held at breakpoints",
      banyan_param_string ("tag", "Tag", "One tag of the list", NULL, BANYAN_NO_FIELD),
      BANYAN_NO_FIELD));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_blkdebug_init (BanyanBlkdebug *self)
{
  blkdebug_breaks_init (&self->breaks);
}

BANYAN_PLUGIN_DEFINE (blkdebug, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = banyan_blkdebug_register_type,
                      .summary = "Fail and delay requests by rules, for tests")
