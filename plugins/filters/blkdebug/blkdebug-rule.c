/* blkdebug-rule.c - one rule: which requests, and what happens to them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "blkdebug-rule.h"

#include <errno.h>

#define SURE (G_GUINT64_CONSTANT (1) << 32)

struct _BlkdebugRule
{
  BanyanStruct parent_instance;

  guint operations;
  guint64 offset;
  guint64 length;
  int number;
  guint64 delay_ns;
  guint64 after;
  guint64 count;
  double probability;
};

enum
{
  PROP_0,
  PROP_OPERATIONS,
  PROP_OFFSET,
  PROP_LENGTH,
  PROP_ERROR,
  PROP_DELAY,
  PROP_AFTER,
  PROP_COUNT,
  PROP_PROBABILITY,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (BlkdebugRule, blkdebug_rule, BANYAN_TYPE_STRUCT)

static GType
operations_get_type (void)
{
  static const GFlagsValue values[] = {
    { BLKDEBUG_READ, "BLKDEBUG_READ", "read" },
    { BLKDEBUG_WRITE, "BLKDEBUG_WRITE", "write" },
    { BLKDEBUG_FLUSH, "BLKDEBUG_FLUSH", "flush" },
    { BLKDEBUG_DISCARD, "BLKDEBUG_DISCARD", "discard" },
    { BLKDEBUG_WRITE_ZEROES, "BLKDEBUG_WRITE_ZEROES", "write-zeroes" },
    { BLKDEBUG_BLOCK_STATUS, "BLKDEBUG_BLOCK_STATUS", "block-status" },
    { BLKDEBUG_RESIZE, "BLKDEBUG_RESIZE", "resize" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("BlkdebugOperations", values));
  return type;
}

static GType
errno_get_type (void)
{
  static const GEnumValue values[] = {
    { 0, "NONE", "none" },
    { EIO, "EIO", "eio" },
    { ENOSPC, "ENOSPC", "enospc" },
    { EDQUOT, "EDQUOT", "edquot" },
    { EPERM, "EPERM", "eperm" },
    { EACCES, "EACCES", "eacces" },
    { EROFS, "EROFS", "erofs" },
    { EINVAL, "EINVAL", "einval" },
    { ENOMEM, "ENOMEM", "enomem" },
    { EBUSY, "EBUSY", "ebusy" },
    { EFBIG, "EFBIG", "efbig" },
    { ENOTSUP, "ENOTSUP", "enotsup" },
    { ENODEV, "ENODEV", "enodev" },
    { ETIMEDOUT, "ETIMEDOUT", "etimedout" },
    { ENOLINK, "ENOLINK", "enolink" },
    { EBADMSG, "EBADMSG", "ebadmsg" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BlkdebugErrno", values));
  return type;
}

static void
blkdebug_rule_class_init (BlkdebugRuleClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;

  properties[PROP_OPERATIONS] = banyan_param_flags (
      "operations", "Operations", "Kinds of requests that the rule is for", operations_get_type (),
      BLKDEBUG_ALL_OPERATIONS, G_STRUCT_OFFSET (BlkdebugRule, operations));
  properties[PROP_OFFSET] = banyan_param_uint64 (
      "offset", "Offset", "Where the range begins that a request must touch", BANYAN_UNIT_BYTES, 0,
      G_MAXINT64, 0, G_STRUCT_OFFSET (BlkdebugRule, offset));
  properties[PROP_LENGTH] = banyan_param_computed (
      banyan_param_uint64 ("length", "Length", "How long the range is that a request must touch",
                           BANYAN_UNIT_BYTES, 0, G_MAXINT64, 0,
                           G_STRUCT_OFFSET (BlkdebugRule, length)),
      "0, which means up to the end");
  properties[PROP_ERROR]
      = banyan_param_enum ("error", "Error", "What the request fails with; none: it goes on",
                           errno_get_type (), 0, G_STRUCT_OFFSET (BlkdebugRule, number));
  properties[PROP_DELAY] = banyan_param_uint64 (
      "delay", "Delay", "Time to hold the request before it fails or goes on", BANYAN_UNIT_NS, 0,
      600 * G_GUINT64_CONSTANT (1000000000), 0, G_STRUCT_OFFSET (BlkdebugRule, delay_ns));
  properties[PROP_AFTER] = banyan_param_uint64 (
      "after", "After", "How many matching requests are let through first", BANYAN_UNIT_NONE, 0,
      G_MAXINT64, 0, G_STRUCT_OFFSET (BlkdebugRule, after));
  properties[PROP_COUNT] = banyan_param_uint64 (
      "count", "Count", "How many requests the rule strikes before it is used up; 0: no end",
      BANYAN_UNIT_NONE, 0, G_MAXINT64, 0, G_STRUCT_OFFSET (BlkdebugRule, count));
  properties[PROP_PROBABILITY] = banyan_param_double (
      "probability", "Probability", "How likely a matching request is struck", BANYAN_UNIT_PERCENT,
      0, 100, 100, G_STRUCT_OFFSET (BlkdebugRule, probability));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
blkdebug_rule_init (BlkdebugRule *self)
{
  self->operations = BLKDEBUG_ALL_OPERATIONS;
  self->probability = 100;
}

/* -- Programs. -- */

static BlkdebugMatcher
matcher_for (const BlkdebugRule *rule)
{
  return (BlkdebugMatcher){
    .operations = rule->operations,
    .offset = rule->offset,
    .end = rule->length == 0 ? G_MAXUINT64 : rule->offset + rule->length,
    .number = rule->number,
    .delay_ns = rule->delay_ns,
    .after = rule->after,
    .count = rule->count,
    .chance = (guint64) (rule->probability / 100 * SURE),
  };
}

BlkdebugProgram *
blkdebug_program_new (BanyanList *rules, guint64 seed)
{
  guint n = banyan_list_get_length (rules);
  BlkdebugProgram *self = g_malloc0 (sizeof *self + n * sizeof self->matchers[0]);

  self->random = seed;
  self->n_matchers = n;
  for (guint i = 0; i < n; i++)
    self->matchers[i] = matcher_for (BLKDEBUG_RULE (banyan_list_get_object (rules, i)));
  return self;
}

/* SplitMix64: each state is one step further, so any number of threads draw different numbers. */
static guint32
draw (BlkdebugProgram *self)
{
  guint64 z = __atomic_add_fetch (&self->random, G_GUINT64_CONSTANT (0x9e3779b97f4a7c15),
                                  __ATOMIC_RELAXED);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return (z ^ (z >> 31)) >> 32;
}

static gboolean
strikes (BlkdebugProgram *self, BlkdebugMatcher *matcher, guint operation, guint64 offset,
         guint64 length)
{
  guint64 nth;

  if (!(matcher->operations & operation) || offset >= matcher->end
      || (matcher->offset > 0 && offset + length <= matcher->offset))
    return FALSE;
  if (matcher->chance < SURE && draw (self) >= matcher->chance)
    return FALSE;

  nth = __atomic_fetch_add (&matcher->matched, 1, __ATOMIC_RELAXED);
  return nth >= matcher->after && (matcher->count == 0 || nth - matcher->after < matcher->count);
}

gboolean BANYAN_COROUTINE
blkdebug_program_run (BlkdebugProgram *self, const char *id, BlkdebugOperations operation,
                      guint64 offset, guint64 length, GError **error)
{
  for (guint i = 0; i < self->n_matchers; i++)
    {
      BlkdebugMatcher *matcher = &self->matchers[i];

      if (!strikes (self, matcher, operation, offset, length))
        continue;
      __atomic_fetch_add (&self->triggered, 1, __ATOMIC_RELAXED);
      if (matcher->delay_ns > 0 && !banyan_co_sleep_ns (matcher->delay_ns, error))
        return FALSE;
      if (matcher->number != 0)
        return banyan_throw_errno (error, matcher->number,
                                   "%s: rule %u struck a request at %" G_GUINT64_FORMAT, id, i,
                                   offset);
    }

  return TRUE;
}
