/* blkdebug-inject.c - errors as QEMU's blkdebug injects them: events, states, rules that wait
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The machine has a state, 1 at first. An event wakes the rules that wait for it in this state:
 * errors to inject take the place of those that were awake before, and a new state is in force from
 * the next event on. The first rule awake that is for a request strikes it. */

#include "blkdebug-inject.h"

#include <errno.h>

#define SECTOR_BYTES 512
#define ANY_SECTOR -1
#define ANY_STATE 0
#define FIRST_STATE 1

/* What a rule is for that does not say. */
#define USUAL_OPERATIONS \
  (BLKDEBUG_READ | BLKDEBUG_WRITE | BLKDEBUG_WRITE_ZEROES | BLKDEBUG_DISCARD | BLKDEBUG_FLUSH)

struct _BlkdebugInject
{
  BanyanStruct parent_instance;

  BanyanDebugEvent event;
  guint state;
  guint operations;
  int number;
  gint64 sector;
  gboolean once;
  gboolean immediately;
};

struct _BlkdebugSetState
{
  BanyanStruct parent_instance;

  BanyanDebugEvent event;
  guint state;
  guint new_state;
};

G_DEFINE_FINAL_TYPE (BlkdebugInject, blkdebug_inject, BANYAN_TYPE_STRUCT)
G_DEFINE_FINAL_TYPE (BlkdebugSetState, blkdebug_set_state, BANYAN_TYPE_STRUCT)

enum
{
  INJECT_PROP_0,
  INJECT_PROP_EVENT,
  INJECT_PROP_STATE,
  INJECT_PROP_IOTYPE,
  INJECT_PROP_ERRNO,
  INJECT_PROP_SECTOR,
  INJECT_PROP_ONCE,
  INJECT_PROP_IMMEDIATELY,
  N_INJECT_PROPS
};

enum
{
  STATE_PROP_0,
  STATE_PROP_EVENT,
  STATE_PROP_STATE,
  STATE_PROP_NEW_STATE,
  N_STATE_PROPS
};

static GParamSpec *inject_properties[N_INJECT_PROPS];
static GParamSpec *state_properties[N_STATE_PROPS];

/* One of them, or none: the usual ones. */
static GType
iotype_get_type (void)
{
  static const GEnumValue values[] = {
    { USUAL_OPERATIONS, "BLKDEBUG_IOTYPE_USUAL", "usual" },
    { BLKDEBUG_READ, "BLKDEBUG_IOTYPE_READ", "read" },
    { BLKDEBUG_WRITE, "BLKDEBUG_IOTYPE_WRITE", "write" },
    { BLKDEBUG_WRITE_ZEROES, "BLKDEBUG_IOTYPE_WRITE_ZEROES", "write-zeroes" },
    { BLKDEBUG_DISCARD, "BLKDEBUG_IOTYPE_DISCARD", "discard" },
    { BLKDEBUG_FLUSH, "BLKDEBUG_IOTYPE_FLUSH", "flush" },
    { BLKDEBUG_BLOCK_STATUS, "BLKDEBUG_IOTYPE_BLOCK_STATUS", "block-status" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BlkdebugIotype", values));
  return type;
}

static void
blkdebug_inject_class_init (BlkdebugInjectClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;

  inject_properties[INJECT_PROP_EVENT] = banyan_param_enum (
      "event", "Event", "When the rule awakes; none: at once", BANYAN_TYPE_DEBUG_EVENT,
      BANYAN_DEBUG_EVENT_NONE, G_STRUCT_OFFSET (BlkdebugInject, event));
  inject_properties[INJECT_PROP_STATE] = banyan_param_uint (
      "state", "State", "The state in which the rule awakes; 0: any", BANYAN_UNIT_NONE, 0,
      G_MAXINT32, ANY_STATE, G_STRUCT_OFFSET (BlkdebugInject, state));
  inject_properties[INJECT_PROP_IOTYPE] = banyan_param_enum (
      "iotype", "Type of request",
      "Kind of requests that the rule is for; usual: all but block-status", iotype_get_type (),
      USUAL_OPERATIONS, G_STRUCT_OFFSET (BlkdebugInject, operations));
  inject_properties[INJECT_PROP_ERRNO]
      = banyan_param_int ("errno", "Errno",
                          "Number of the error that the request fails with; 0: it goes on, and "
                          "rules behind this one are not asked",
                          BANYAN_UNIT_NONE, 0, 4095, EIO, G_STRUCT_OFFSET (BlkdebugInject, number));
  inject_properties[INJECT_PROP_SECTOR] = banyan_param_int64 (
      "sector", "Sector", "Sector of 512 bytes that a request must touch; -1: any request will do",
      BANYAN_UNIT_NONE, ANY_SECTOR, G_MAXINT64 / SECTOR_BYTES, ANY_SECTOR,
      G_STRUCT_OFFSET (BlkdebugInject, sector));
  inject_properties[INJECT_PROP_ONCE]
      = banyan_param_boolean ("once", "Once", "Whether the rule is used up by one request", FALSE,
                              G_STRUCT_OFFSET (BlkdebugInject, once));
  inject_properties[INJECT_PROP_IMMEDIATELY] = banyan_param_boolean (
      "immediately", "Immediately",
      "Whether the request fails at once rather than after others had a turn", FALSE,
      G_STRUCT_OFFSET (BlkdebugInject, immediately));
  g_object_class_install_properties (object_class, N_INJECT_PROPS, inject_properties);
}

static void
blkdebug_inject_init (BlkdebugInject *self)
{
  self->operations = USUAL_OPERATIONS;
  self->number = EIO;
  self->sector = ANY_SECTOR;
}

static void
blkdebug_set_state_class_init (BlkdebugSetStateClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;

  state_properties[STATE_PROP_EVENT] = banyan_param_required (
      banyan_param_enum ("event", "Event", "When the state changes", BANYAN_TYPE_DEBUG_EVENT,
                         BANYAN_DEBUG_EVENT_NONE, G_STRUCT_OFFSET (BlkdebugSetState, event)));
  state_properties[STATE_PROP_STATE]
      = banyan_param_uint ("state", "State", "The state that is left; 0: any", BANYAN_UNIT_NONE, 0,
                           G_MAXINT32, ANY_STATE, G_STRUCT_OFFSET (BlkdebugSetState, state));
  state_properties[STATE_PROP_NEW_STATE] = banyan_param_alias (
      banyan_param_required (banyan_param_uint (
          "new-state", "New state", "The state that is entered", BANYAN_UNIT_NONE, 1, G_MAXINT32,
          FIRST_STATE, G_STRUCT_OFFSET (BlkdebugSetState, new_state))),
      "new_state");
  g_object_class_install_properties (object_class, N_STATE_PROPS, state_properties);
}

static void
blkdebug_set_state_init (BlkdebugSetState *self)
{
  self->new_state = FIRST_STATE;
}

/* -- The machine. -- */

typedef struct
{
  BlkdebugInject *rule; /* (owned) */
  gboolean is_awake;
  gboolean is_used_up;
} Injection;

struct _BlkdebugMachine
{
  GMutex mutex;
  guint state;
  guint64 triggered;
  GArray *injections; /* (owned) (element-type Injection) */
  GPtrArray *changes; /* (owned) (element-type BlkdebugSetState) */
};

BlkdebugMachine *
blkdebug_machine_new (void)
{
  BlkdebugMachine *self = g_new0 (BlkdebugMachine, 1);

  g_mutex_init (&self->mutex);
  self->state = FIRST_STATE;
  self->injections = g_array_new (FALSE, TRUE, sizeof (Injection));
  self->changes = g_ptr_array_new_with_free_func (g_object_unref);
  return self;
}

void
blkdebug_machine_add (BlkdebugMachine *self, BanyanList *inject, BanyanList *set_state)
{
  for (guint i = 0; i < banyan_list_get_length (inject); i++)
    {
      Injection injection = { g_object_ref (banyan_list_get_object (inject, i)), FALSE, FALSE };

      g_array_append_val (self->injections, injection);
    }
  for (guint i = 0; i < banyan_list_get_length (set_state); i++)
    g_ptr_array_add (self->changes, g_object_ref (banyan_list_get_object (set_state, i)));
}

static Injection *
injection_at (BlkdebugMachine *self, guint index)
{
  return &g_array_index (self->injections, Injection, index);
}

void
blkdebug_machine_free (BlkdebugMachine *self)
{
  for (guint i = 0; i < self->injections->len; i++)
    g_object_unref (injection_at (self, i)->rule);
  g_array_unref (self->injections);
  g_ptr_array_unref (self->changes);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

/* Rules neither come nor go while requests run. */
static gboolean
is_idle (const BlkdebugMachine *self)
{
  return self->injections->len == 0;
}

static gboolean
is_for (BlkdebugMachine *self, BanyanDebugEvent wanted, guint state, BanyanDebugEvent event)
{
  return wanted == event && (state == ANY_STATE || state == self->state);
}

static void
wake_injections (BlkdebugMachine *self, BanyanDebugEvent event)
{
  gboolean has_slept = FALSE;

  for (guint i = 0; i < self->injections->len; i++)
    {
      Injection *injection = injection_at (self, i);

      if (injection->is_used_up
          || !is_for (self, injection->rule->event, injection->rule->state, event))
        continue;
      for (guint j = 0; !has_slept && j < self->injections->len; j++)
        injection_at (self, j)->is_awake = FALSE;
      has_slept = TRUE;
      injection->is_awake = TRUE;
    }
}

static guint
next_state (BlkdebugMachine *self, BanyanDebugEvent event)
{
  guint state = self->state;

  for (guint i = 0; i < self->changes->len; i++)
    {
      const BlkdebugSetState *rule = self->changes->pdata[i];

      if (is_for (self, rule->event, rule->state, event))
        state = rule->new_state;
    }
  return state;
}

void
blkdebug_machine_event (BlkdebugMachine *self, BanyanDebugEvent event)
{
  g_autoptr (GMutexLocker) locker = NULL;

  if (is_idle (self))
    return;

  locker = g_mutex_locker_new (&self->mutex);
  wake_injections (self, event);
  self->state = next_state (self, event);
}

static gboolean
matches (const Injection *injection, BlkdebugOperations operation, guint64 offset, guint64 length)
{
  const BlkdebugInject *rule = injection->rule;
  guint64 place = (guint64) rule->sector * SECTOR_BYTES;

  if (!injection->is_awake || !(rule->operations & operation))
    return FALSE;
  return rule->sector == ANY_SECTOR || (place >= offset && place - offset < length);
}

/* The first rule awake that is for the request, used up if it is for one only. */
static BlkdebugInject *
strike (BlkdebugMachine *self, BlkdebugOperations operation, guint64 offset, guint64 length)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  for (guint i = 0; i < self->injections->len; i++)
    {
      Injection *injection = injection_at (self, i);

      if (!matches (injection, operation, offset, length))
        continue;
      if (injection->rule->number == 0)
        return NULL;

      injection->is_used_up = injection->rule->once;
      injection->is_awake = !injection->rule->once;
      self->triggered++;
      return injection->rule;
    }
  return NULL;
}

gboolean BANYAN_COROUTINE
blkdebug_machine_check (BlkdebugMachine *self, const char *id, BlkdebugOperations operation,
                        guint64 offset, guint64 length, GError **error)
{
  BlkdebugInject *rule = is_idle (self) ? NULL : strike (self, operation, offset, length);

  if (rule == NULL)
    return TRUE;

  if (!rule->immediately)
    banyan_co_yield ();
  return banyan_throw_errno (error, rule->number,
                             "%s: inject-error struck a request at %" G_GUINT64_FORMAT, id, offset);
}

guint64
blkdebug_machine_get_triggered (BlkdebugMachine *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  return self->triggered;
}
