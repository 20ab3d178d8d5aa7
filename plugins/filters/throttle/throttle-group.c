/* throttle-group.c - limits that several nodes share, and who waits for them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One mutex, held for a few additions, protects the buckets and the lines; a request that need not
 * wait takes it once. Those that wait stand in a line for their node, and the lines of a direction
 * in a ring. One of them, the first of the line whose turn it is, sleeps until there is room; all
 * others sleep until they are woken. Who leaves gives the turn to the next line, whichever thread
 * that one waits on. A drain ends all of these sleeps: the request goes, and what it takes from the
 * buckets is made up for later. */

#include "throttle-group.h"

#include "throttle-bucket.h"

#define MAX_VALUE (G_GUINT64_CONSTANT (1000) * 1000 * 1000 * 1000 * 1000)

enum
{
  IOPS_TOTAL,
  IOPS_READ,
  IOPS_WRITE,
  BPS_TOTAL,
  BPS_READ,
  BPS_WRITE,
  N_LIMITS
};

/* As declared. */
typedef struct
{
  guint64 average;
  guint64 max;
  guint64 length_s;
} Limit;

struct _BanyanThrottleGroup
{
  BanyanObject parent_instance;

  gboolean is_limited[THROTTLE_N_DIRECTIONS]; /* live */

  GMutex mutex; /* protects what follows, and all members */
  Limit limits[N_LIMITS];
  guint64 iops_size;
  ThrottleBucket buckets[N_LIMITS];
  gboolean is_shared;                         /* reads and writes take from one bucket */
  ThrottleLine *turns[THROTTLE_N_DIRECTIONS]; /* (nullable) (unowned) */
  guint queued;
  ThrottleMember sum;
};

enum
{
  PROP_0,
  PROP_LIMITS, /* three for each */
  PROP_IOPS_SIZE = PROP_LIMITS + 3 * N_LIMITS,
  PROP_QUEUED,
  PROP_THROTTLED,
  PROP_WAITED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static const struct
{
  const char *name;
  const char *nick;
  const char *units;
} descriptions[N_LIMITS] = {
  [IOPS_TOTAL] = { "iops-total", "Total operations", "requests" },
  [IOPS_READ] = { "iops-read", "Read operations", "reads" },
  [IOPS_WRITE] = { "iops-write", "Write operations", "writes" },
  [BPS_TOTAL] = { "bps-total", "Total bytes", "bytes" },
  [BPS_READ] = { "bps-read", "Bytes read", "bytes read" },
  [BPS_WRITE] = { "bps-write", "Bytes written", "bytes written" },
};

BANYAN_DEFINE_DRIVER (BanyanThrottleGroup, banyan_throttle_group, BANYAN_TYPE_OBJECT)

void
banyan_throttle_group_register (GTypeModule *module)
{
  banyan_throttle_group_register_type (module);
}

/* -- Buckets. Under the mutex. -- */

/* What a request has to do with: totals and its own direction's; those without a limit have room.
 */
static const guint8 buckets_of[THROTTLE_N_DIRECTIONS][4] = {
  [THROTTLE_READ] = { IOPS_TOTAL, IOPS_READ, BPS_TOTAL, BPS_READ },
  [THROTTLE_WRITE] = { IOPS_TOTAL, IOPS_WRITE, BPS_TOTAL, BPS_WRITE },
};

static gint64
get_wait_ns (BanyanThrottleGroup *self, ThrottleDirection direction, gint64 now_ns)
{
  gint64 wait_ns = 0;

  for (guint i = 0; i < G_N_ELEMENTS (buckets_of[direction]); i++)
    {
      ThrottleBucket *bucket = &self->buckets[buckets_of[direction][i]];

      if (bucket->average == 0)
        continue;
      throttle_bucket_leak (bucket, now_ns);
      wait_ns = MAX (wait_ns, throttle_bucket_get_wait_ns (bucket));
    }

  return wait_ns;
}

static void
charge (BanyanThrottleGroup *self, ThrottleDirection direction, guint64 length, gint64 now_ns)
{
  guint64 iops_size = self->iops_size;
  double operations = iops_size > 0 && length > iops_size ? (double) length / iops_size : 1;

  for (guint i = 0; i < G_N_ELEMENTS (buckets_of[direction]); i++)
    {
      guint index = buckets_of[direction][i];

      if (self->buckets[index].average == 0)
        continue;
      throttle_bucket_leak (&self->buckets[index], now_ns);
      throttle_bucket_add (&self->buckets[index], index < BPS_TOTAL ? operations : (double) length);
    }
}

/* -- Lines. Under the mutex. -- */

static gboolean
has_turn (BanyanThrottleGroup *self, ThrottleDirection direction, ThrottleWaiter *waiter)
{
  return self->turns[direction]->first == waiter;
}

static BanyanCoroutine *
get_next (BanyanThrottleGroup *self, ThrottleDirection direction)
{
  ThrottleLine *turn = self->turns[direction];

  return turn != NULL ? turn->first->coroutine : NULL;
}

/* -- Requests. -- */

static gint64
now (void)
{
  return banyan_loop_now_ns (banyan_loop_current ());
}

/* Gives the mutex up while it sleeps. A sleep that ends without cause was ended by a drain. */
static gboolean BANYAN_COROUTINE
wait_for_turn (BanyanThrottleGroup *self, ThrottleDirection direction, ThrottleWaiter *waiter)
{
  while (TRUE)
    {
      gboolean is_first = has_turn (self, direction, waiter);
      gint64 now_ns = now ();
      gint64 wait_ns = is_first ? get_wait_ns (self, direction, now_ns) : 0;
      BanyanWaitResult result;

      if (is_first && wait_ns == 0)
        return TRUE;

      g_mutex_unlock (&self->mutex);
      result = banyan_co_wait_ns (is_first ? (guint64) wait_ns : G_MAXUINT64);
      g_mutex_lock (&self->mutex);

      if (result == BANYAN_WAIT_CANCELLED)
        return FALSE;
      if (result == BANYAN_WAIT_OVER && (!is_first || now () < now_ns + wait_ns))
        return TRUE;
    }
}

static void
note_wait (BanyanThrottleGroup *self, ThrottleMember *member, gint64 waited_ns)
{
  member->throttled++;
  member->waited_ns += MAX (waited_ns, 0);
  self->sum.throttled++;
  self->sum.waited_ns += MAX (waited_ns, 0);
}

/* Comes with the mutex, and gives it up. */
static __attribute__ ((noinline)) gboolean BANYAN_COROUTINE
wait_in_line (BanyanThrottleGroup *self, ThrottleMember *member, ThrottleDirection direction,
              guint64 length, GError **error)
{
  ThrottleWaiter waiter = { .coroutine = banyan_coroutine_self () };
  ThrottleLine *line = &member->lines[direction];
  gint64 started_ns = now ();
  BanyanCoroutine *next;
  gboolean is_admitted;

  throttle_line_append (line, &self->turns[direction], &waiter);
  self->queued++;
  is_admitted = wait_for_turn (self, direction, &waiter);
  if (is_admitted)
    charge (self, direction, length, now ());
  note_wait (self, member, now () - started_ns);
  throttle_line_remove (line, &self->turns[direction], &waiter);
  self->queued--;
  next = get_next (self, direction);
  g_mutex_unlock (&self->mutex);

  if (next != NULL)
    banyan_coroutine_wake (next);
  if (!is_admitted)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled");
  return is_admitted;
}

/* Nobody overtakes those who wait for the same bucket. */
static gboolean
is_contended (BanyanThrottleGroup *self, ThrottleDirection direction)
{
  return self->turns[direction] != NULL || (self->is_shared && self->turns[!direction] != NULL);
}

gboolean
throttle_group_admit (BanyanThrottleGroup *self, ThrottleMember *member,
                      ThrottleDirection direction, guint64 length, GError **error)
{
  gint64 now_ns;

  if (!BANYAN_LIVE (self->is_limited[direction]))
    return TRUE;

  now_ns = now ();
  g_mutex_lock (&self->mutex);
  if (is_contended (self, direction) || get_wait_ns (self, direction, now_ns) > 0)
    return wait_in_line (self, member, direction, length, error);

  charge (self, direction, length, now_ns);
  g_mutex_unlock (&self->mutex);
  return TRUE;
}

void
throttle_group_get_counts (BanyanThrottleGroup *self, const ThrottleMember *member,
                           guint64 *throttled, guint64 *waited_ns)
{
  g_mutex_lock (&self->mutex);
  *throttled = member->throttled;
  *waited_ns = member->waited_ns;
  g_mutex_unlock (&self->mutex);
}

/* -- Rules. -- */

static guint64
get_value (const BanyanProposal *proposal, const char *name, const char *suffix)
{
  g_autofree char *property = g_strconcat (name, suffix, NULL);

  return g_value_get_uint64 (banyan_proposal_get (proposal, property));
}

static void
check_burst (const BanyanProposal *proposal, const char *name, BanyanProblems *problems)
{
  g_autofree char *max_name = g_strconcat (name, "-max", NULL);
  g_autofree char *length_name = g_strconcat (name, "-max-length", NULL);
  guint64 average = get_value (proposal, name, "");
  guint64 max = get_value (proposal, name, "-max");
  guint64 length = get_value (proposal, name, "-max-length");

  if (max != 0 && average == 0)
    banyan_proposal_problem (proposal, problems, max_name, "needs %s to be set, too", name);
  else if (max != 0 && max < average)
    banyan_proposal_problem (proposal, problems, max_name,
                             "%" G_GUINT64_FORMAT " is below %s, which is %" G_GUINT64_FORMAT, max,
                             name, average);
  if (length > 1 && max == 0)
    banyan_proposal_problem (proposal, problems, length_name, "needs %s to be set, too", max_name);
  if (max != 0 && length > MAX_VALUE / max)
    banyan_proposal_problem (proposal, problems, length_name,
                             "%" G_GUINT64_FORMAT
                             " s are too long for a burst of %" G_GUINT64_FORMAT " a second",
                             length, max);
}

static void
check_total (const BanyanProposal *proposal, guint total, BanyanProblems *problems)
{
  for (guint i = total + 1; i < total + 3; i++)
    if (get_value (proposal, descriptions[total].name, "") != 0
        && get_value (proposal, descriptions[i].name, "") != 0)
      banyan_proposal_problem (proposal, problems, descriptions[i].name,
                               "cannot be combined with %s: set that, or one for each direction",
                               descriptions[total].name);
}

static void
banyan_throttle_group_check (BanyanObject *object, const BanyanProposal *proposal,
                             BanyanProblems *problems)
{
  check_total (proposal, IOPS_TOTAL, problems);
  check_total (proposal, BPS_TOTAL, problems);
  for (guint i = 0; i < N_LIMITS; i++)
    check_burst (proposal, descriptions[i].name, problems);

  if (get_value (proposal, "iops-size", "") != 0 && get_value (proposal, "iops-total", "") == 0
      && get_value (proposal, "iops-read", "") == 0 && get_value (proposal, "iops-write", "") == 0)
    banyan_proposal_problem (proposal, problems, "iops-size",
                             "needs a limit of operations: iops-total, iops-read or iops-write");
}

/* -- Properties. -- */

/* Whoever sleeps for a bucket counted on its old limits. */
static void
configure (BanyanThrottleGroup *self)
{
  BanyanCoroutine *waiters[THROTTLE_N_DIRECTIONS];

  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < N_LIMITS; i++)
    throttle_bucket_configure (&self->buckets[i], self->limits[i].average, self->limits[i].max,
                               self->limits[i].length_s);
  self->is_shared = self->limits[IOPS_TOTAL].average > 0 || self->limits[BPS_TOTAL].average > 0;
  for (guint i = 0; i < THROTTLE_N_DIRECTIONS; i++)
    {
      gboolean is_limited = FALSE;

      for (guint j = 0; j < G_N_ELEMENTS (buckets_of[i]); j++)
        is_limited |= self->limits[buckets_of[i][j]].average > 0;
      BANYAN_LIVE_SET (self->is_limited[i], is_limited);
      waiters[i] = get_next (self, i);
    }
  g_mutex_unlock (&self->mutex);

  for (guint i = 0; i < THROTTLE_N_DIRECTIONS; i++)
    if (waiters[i] != NULL)
      banyan_coroutine_wake (waiters[i]);
}

/* NULL for what is none of them. */
static guint64 *
find_setting (BanyanThrottleGroup *self, guint id)
{
  Limit *limit;

  if (id == PROP_IOPS_SIZE)
    return &self->iops_size;
  if (id < PROP_LIMITS || id > PROP_IOPS_SIZE)
    return NULL;

  limit = &self->limits[(id - PROP_LIMITS) / 3];
  switch ((id - PROP_LIMITS) % 3)
    {
    case 0:
      return &limit->average;
    case 1:
      return &limit->max;
    default:
      return &limit->length_s;
    }
}

static void
banyan_throttle_group_set_property (GObject *object, guint id, const GValue *value,
                                    GParamSpec *pspec)
{
  BanyanThrottleGroup *self = BANYAN_THROTTLE_GROUP (object);
  guint64 *setting = find_setting (self, id);

  if (setting == NULL)
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }
  if (!banyan_object_accept_set (BANYAN_OBJECT (self), value, pspec)
      || *setting == g_value_get_uint64 (value))
    return;

  g_mutex_lock (&self->mutex);
  *setting = g_value_get_uint64 (value);
  g_mutex_unlock (&self->mutex);
  configure (self);
  g_object_notify_by_pspec (object, pspec);
}

static void
banyan_throttle_group_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanThrottleGroup *self = BANYAN_THROTTLE_GROUP (object);

  g_mutex_lock (&self->mutex);
  switch (id)
    {
    case PROP_QUEUED:
      g_value_set_uint (value, self->queued);
      break;
    case PROP_THROTTLED:
      g_value_set_uint64 (value, self->sum.throttled);
      break;
    case PROP_WAITED:
      g_value_set_uint64 (value, self->sum.waited_ns);
      break;
    default:
      g_value_set_uint64 (value, *find_setting (self, id));
    }
  g_mutex_unlock (&self->mutex);
}

static void
banyan_throttle_group_finalize (GObject *object)
{
  g_mutex_clear (&BANYAN_THROTTLE_GROUP (object)->mutex);

  G_OBJECT_CLASS (banyan_throttle_group_parent_class)->finalize (object);
}

/* QEMU's names: those with "x-" of its object, and the fields of its "limits". */
static GParamSpec *
with_aliases (GParamSpec *pspec)
{
  g_autofree char *flat = g_strconcat ("x-", pspec->name, NULL);
  g_autofree char *nested = g_strconcat ("limits.", pspec->name, NULL);

  return banyan_param_alias (banyan_param_alias (pspec, nested), flat);
}

static const char *
words (const char *before, const char *middle, const char *after)
{
  g_autofree char *text = g_strconcat (before, middle, after, NULL);

  return g_intern_string (text);
}

static void
install_limit (guint index)
{
  const char *name = descriptions[index].name;
  const char *nick = descriptions[index].nick;
  const char *units = descriptions[index].units;
  BanyanUnit unit
      = index < BPS_TOTAL ? BANYAN_UNIT_OPERATIONS_PER_SECOND : BANYAN_UNIT_BYTES_PER_SECOND;
  GParamSpec **own = &properties[PROP_LIMITS + 3 * index];

  own[0] = with_aliases (banyan_param_uint64 (name, nick,
                                              words ("How many ", units, " a second; 0: no limit"),
                                              unit, 0, MAX_VALUE, 0, BANYAN_NO_FIELD));
  own[1] = with_aliases (
      banyan_param_uint64 (words (name, "-max", ""), words (nick, " in a burst", ""),
                           words ("How many ", units, " a second for a short time; 0: no bursts"),
                           unit, 0, MAX_VALUE, 0, BANYAN_NO_FIELD));
  own[2] = with_aliases (
      banyan_param_uint64 (words (name, "-max-length", ""), words (nick, " burst length", ""),
                           words ("How long ", name, "-max may be used before the rate falls back"),
                           BANYAN_UNIT_S, 1, G_MAXUINT32, 1, BANYAN_NO_FIELD));
}

static void
install_counts (void)
{
  properties[PROP_QUEUED] = banyan_param_state (
      banyan_param_uint ("queued", "Queued", "How many requests wait for their turn now",
                         BANYAN_UNIT_OPERATIONS, 0, G_MAXUINT, 0, BANYAN_NO_FIELD));
  properties[PROP_THROTTLED]
      = banyan_param_counter ("throttled", "Throttled", "How many requests had to wait",
                              BANYAN_UNIT_OPERATIONS, BANYAN_NO_FIELD);
  properties[PROP_WAITED]
      = banyan_param_counter ("waited", "Waited", "How long they waited, all of them together",
                              BANYAN_UNIT_NS, BANYAN_NO_FIELD);
}

static void
banyan_throttle_group_class_init (BanyanThrottleGroupClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_throttle_group_set_property;
  object_class->get_property = banyan_throttle_group_get_property;
  object_class->finalize = banyan_throttle_group_finalize;
  BANYAN_OBJECT_CLASS (klass)->check = banyan_throttle_group_check;

  for (guint i = 0; i < N_LIMITS; i++)
    install_limit (i);
  properties[PROP_IOPS_SIZE] = with_aliases (
      banyan_param_uint64 ("iops-size", "Operation size",
                           "Larger requests count in proportion to this; 0: each is one operation",
                           BANYAN_UNIT_BYTES, 0, G_MAXINT64, 0, BANYAN_NO_FIELD));
  install_counts ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_throttle_group_init (BanyanThrottleGroup *self)
{
  g_mutex_init (&self->mutex);
  for (guint i = 0; i < N_LIMITS; i++)
    self->limits[i].length_s = 1;
}
