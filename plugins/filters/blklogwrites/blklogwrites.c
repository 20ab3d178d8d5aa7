/* blklogwrites.c - filter that logs all that is written, as the dm-log-writes target does
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The log (Documentation/admin-guide/device-mapper/log-writes.rst in Linux) begins with a sector
 * for the super block, which says how many entries follow. Each entry is a sector that tells what
 * was written, and the data. An entry is made when the request has been carried out, so the log has
 * them in the order in which they ended; entries are written one after the other, and the super
 * block counts those that are there. */

#include <banyan/banyan-plugin.h>

#include <errno.h>
#include <string.h>

#define LOG_MAGIC G_GUINT64_CONSTANT (0x6a736677736872)
#define LOG_VERSION 1

#define LOG_FLUSH (1 << 0)
#define LOG_FUA (1 << 1)
#define LOG_DISCARD (1 << 2)

/* A log that has to grow grows by so much. */
#define GROWTH (G_GUINT64_CONSTANT (1) << 20)

/* All numbers are little-endian. */
typedef struct
{
  guint64 magic;
  guint64 version;
  guint64 n_entries;
  guint32 sector_size; /* bytes */
} LogSuper;

typedef struct
{
  guint64 sector;
  guint64 n_sectors;
  guint64 flags;
  guint64 data_length; /* of a mark */
} LogEntry;

G_DECLARE_FINAL_TYPE (BanyanBlklogwrites, banyan_blklogwrites, BANYAN, BLKLOGWRITES, BanyanFilter)

struct _BanyanBlklogwrites
{
  BanyanFilter parent_instance;

  BanyanChild *file; /* (unowned): bound to role "file" while the node is open */
  BanyanChild *log;  /* (unowned): bound to role "log" */
  guint sector_size;
  gboolean append;
  guint64 super_interval; /* live */

  BanyanRangeLock ranges; /* what overlaps is carried out in the order in which it is logged */
  BanyanCoMutex mutex;    /* held while an entry is written */
  gboolean is_new;        /* the log has no super block of ours yet */
  guint64 n_entries;      /* written under the mutex, read atomically */
  guint64 next;           /* byte in the log at which the next entry begins */
};

enum
{
  PROP_0,
  PROP_SECTOR_SIZE,
  PROP_APPEND,
  PROP_SUPER_INTERVAL,
  PROP_ENTRIES,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanBlklogwrites, banyan_blklogwrites, BANYAN_TYPE_FILTER)

/* -- Writing the log. Under the mutex. -- */

static guint64
round_up (guint64 number, guint64 unit)
{
  return (number + unit - 1) / unit * unit;
}

static gboolean BANYAN_COROUTINE
make_room (BanyanBlklogwrites *self, guint64 end, GError **error)
{
  guint64 length = banyan_child_get_length (self->log);
  BanyanResize resize = { .size = sizeof resize, .length = MAX (end, length + GROWTH) };
  BanyanAnswer answer;

  if (end <= length)
    return TRUE;

  answer = banyan_child_resize (self->log, &resize, error);
  if (answer == BANYAN_UNSUPPORTED)
    return banyan_throw_errno (error, ENOSPC, "%s: the log is full, and cannot grow",
                               banyan_object_get_id (BANYAN_OBJECT (self)));
  return answer == BANYAN_DONE;
}

/* @header is the sector's beginning; the rest is zero. */
static gboolean BANYAN_COROUTINE
write_sector (BanyanBlklogwrites *self, guint64 offset, gconstpointer header, gsize length,
              GError **error)
{
  g_autoptr (BanyanBuffer) sector = banyan_buffer_new (self->sector_size);

  if (sector == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to log what is written",
                               banyan_object_get_id (BANYAN_OBJECT (self)));
  memset (sector->data, 0, self->sector_size);
  memcpy (sector->data, header, length);
  return banyan_child_pwrite (self->log, offset, sector->data, self->sector_size, 0, error);
}

static gboolean BANYAN_COROUTINE
write_super (BanyanBlklogwrites *self, GError **error)
{
  LogSuper super = { .magic = GUINT64_TO_LE (LOG_MAGIC),
                     .version = GUINT64_TO_LE (LOG_VERSION),
                     .n_entries = GUINT64_TO_LE (self->n_entries),
                     .sector_size = GUINT32_TO_LE (self->sector_size) };

  return make_room (self, self->sector_size, error)
         && write_sector (self, 0, &super, G_STRUCT_OFFSET (LogSuper, sector_size) + 4, error);
}

static gboolean BANYAN_COROUTINE
write_zeroes (BanyanBlklogwrites *self, guint64 offset, guint64 length, GError **error)
{
  BanyanRequest zeroes = BANYAN_REQUEST (offset, length, NULL, 0);

  return length == 0 || banyan_child_write_zeroes (self->log, &zeroes, error) == BANYAN_DONE;
}

/* What fills the last sector up is zero. */
static gboolean BANYAN_COROUTINE
write_data (BanyanBlklogwrites *self, guint64 offset, const BanyanRequest *request, GError **error)
{
  guint64 padded = round_up (request->length, self->sector_size);
  guint64 present = request->iov != NULL ? request->length : 0;
  BanyanRequest data = banyan_request_slice (request, 0, present, offset);

  data.flags = 0;
  return (present == 0 || banyan_child_write (self->log, &data, error))
         && write_zeroes (self, offset + present, padded - present, error);
}

/* The next entry. FALSE leaves the log as if there had been none. */
static gboolean BANYAN_COROUTINE
write_entry (BanyanBlklogwrites *self, guint flags, const BanyanRequest *request, GError **error)
{
  guint64 n_sectors = round_up (request->length, self->sector_size) / self->sector_size;
  guint64 data_length = flags & LOG_DISCARD ? 0 : n_sectors * self->sector_size;
  guint64 data = self->next + self->sector_size;
  LogEntry entry = { .sector = GUINT64_TO_LE (request->offset / self->sector_size),
                     .n_sectors = GUINT64_TO_LE (n_sectors),
                     .flags = GUINT64_TO_LE (flags) };

  if (!make_room (self, data + data_length, error)
      || !write_sector (self, self->next, &entry, sizeof entry, error)
      || (data_length > 0 && !write_data (self, data, request, error)))
    return FALSE;

  self->next = data + data_length;
  __atomic_store_n (&self->n_entries, self->n_entries + 1, __ATOMIC_RELAXED);
  if (!(flags & LOG_FLUSH) && self->n_entries % BANYAN_LIVE (self->super_interval) != 0)
    return TRUE;

  return write_super (self, error)
         && (!(flags & LOG_FLUSH) || banyan_child_flush (self->log, error));
}

static gboolean BANYAN_COROUTINE
log_entry (BanyanBlklogwrites *self, guint flags, const BanyanRequest *request, GError **error)
{
  gboolean written;

  if (request->flags & BANYAN_REQUEST_FUA)
    flags |= LOG_FUA;

  banyan_co_mutex_lock (&self->mutex);
  written = write_entry (self, flags, request, error);
  banyan_co_mutex_unlock (&self->mutex);
  return written;
}

/* -- Requests. -- */

static gboolean BANYAN_COROUTINE
banyan_blklogwrites_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlklogwrites *self = BANYAN_NODE_SELF (BanyanBlklogwrites, node);
  BANYAN_HOLD_RANGE (&self->ranges, request->offset, request->length, TRUE);

  return banyan_child_write (self->file, request, error) && log_entry (self, 0, request, error);
}

static gboolean BANYAN_COROUTINE
banyan_blklogwrites_flush (BanyanNode *node, GError **error)
{
  static const BanyanRequest nothing = { .size = sizeof nothing };
  BanyanBlklogwrites *self = BANYAN_NODE_SELF (BanyanBlklogwrites, node);

  return banyan_child_flush (self->file, error) && log_entry (self, LOG_FLUSH, &nothing, error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_blklogwrites_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlklogwrites *self = BANYAN_NODE_SELF (BanyanBlklogwrites, node);
  BanyanRequest below = *request;
  BanyanRangeGuard guard;
  BanyanAnswer answer;

  /* A refusal may have zeroed a part, which the log would not have. */
  if (request->flags & BANYAN_REQUEST_NO_FALLBACK)
    return BANYAN_UNSUPPORTED;

  below.size = sizeof below;
  banyan_range_lock_acquire (&self->ranges, &guard, request->offset, request->length, TRUE);
  answer = banyan_child_write_zeroes (self->file, &below, error);
  if (answer == BANYAN_DONE && !log_entry (self, 0, request, error))
    answer = BANYAN_FAILED;
  banyan_range_lock_release (&self->ranges, &guard);
  return answer;
}

static BanyanAnswer BANYAN_COROUTINE
banyan_blklogwrites_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  BanyanBlklogwrites *self = BANYAN_NODE_SELF (BanyanBlklogwrites, node);
  BANYAN_HOLD_RANGE (&self->ranges, request->offset, request->length, TRUE);
  BanyanAnswer answer = banyan_child_discard (self->file, request, error);

  return answer != BANYAN_DONE || log_entry (self, LOG_DISCARD, request, error) ? answer
                                                                                : BANYAN_FAILED;
}

/* Data that does not come by cannot be logged. */
static BanyanAnswer
banyan_blklogwrites_copy_range (BanyanNode *node, const BanyanRequest *target, BanyanNode *source,
                                guint64 source_offset, GError **error)
{
  return BANYAN_UNSUPPORTED;
}

static const BanyanNodeOps banyan_blklogwrites_ops = {
  .size = sizeof banyan_blklogwrites_ops,
  .write = banyan_blklogwrites_write,
  .flush = banyan_blklogwrites_flush,
  .discard = banyan_blklogwrites_discard,
  .write_zeroes = banyan_blklogwrites_write_zeroes,
  .copy_range = banyan_blklogwrites_copy_range,
};

/* Entries are of whole sectors. */
static void
banyan_blklogwrites_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  BanyanBlklogwrites *self = BANYAN_NODE_SELF (BanyanBlklogwrites, node);

  limits->request_alignment = MAX (limits->request_alignment, self->sector_size);
  limits->discard_alignment = MAX (limits->discard_alignment, self->sector_size);
  limits->zeroes_alignment = MAX (limits->zeroes_alignment, self->sector_size);
  limits->max_zeroes = 1 << 26;
  limits->max_zeroes = round_up (limits->max_zeroes, limits->zeroes_alignment);
}

static guint
banyan_blklogwrites_get_capabilities (BanyanNode *node, guint inherited)
{
  return (inherited & ~(BANYAN_CAN_COPY_RANGE | BANYAN_CAN_FAST_ZERO)) | BANYAN_CAN_FUA
         | BANYAN_NEEDS_STABLE_DATA;
}

/* -- Opening. -- */

static gboolean
throw_log (BanyanBlklogwrites *self, const char *what, GError **error)
{
  return banyan_throw_errno (error, EINVAL, "%s: cannot append to the log: %s",
                             banyan_object_get_id (BANYAN_OBJECT (self)), what);
}

static gboolean BANYAN_COROUTINE
read_super (BanyanBlklogwrites *self, LogSuper *super, GError **error)
{
  if (banyan_child_get_length (self->log) < self->sector_size)
    return throw_log (self, "it is too short to be one", error);
  if (!banyan_child_pread (self->log, 0, super, sizeof *super, error))
    return FALSE;

  if (GUINT64_FROM_LE (super->magic) != LOG_MAGIC)
    return throw_log (self, "it does not begin like one", error);
  if (GUINT64_FROM_LE (super->version) != LOG_VERSION)
    return throw_log (self, "it is of another version", error);
  if (GUINT32_FROM_LE (super->sector_size) != self->sector_size)
    return throw_log (self, "log-sector-size is another one there", error);
  return TRUE;
}

/* What the log says of itself is not to be relied on. */
static gboolean BANYAN_COROUTINE
skip_entry (BanyanBlklogwrites *self, GError **error)
{
  guint64 end = banyan_child_get_length (self->log);
  guint64 n_sectors;
  LogEntry entry;

  if (self->next > end || self->sector_size > end - self->next)
    return throw_log (self, "it ends before its last entry", error);
  if (!banyan_child_pread (self->log, self->next, &entry, sizeof entry, error))
    return FALSE;

  self->next += self->sector_size;
  n_sectors = GUINT64_FROM_LE (entry.flags) & LOG_DISCARD ? 0 : GUINT64_FROM_LE (entry.n_sectors);
  if (n_sectors > (end - self->next) / self->sector_size)
    return throw_log (self, "it ends before its last entry", error);
  self->next += n_sectors * self->sector_size;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
find_end (BanyanBlklogwrites *self, GError **error)
{
  guint64 n_entries;
  LogSuper super;

  if (!read_super (self, &super, error))
    return FALSE;

  n_entries = GUINT64_FROM_LE (super.n_entries);
  for (guint64 i = 0; i < n_entries; i++)
    if (!skip_entry (self, error))
      return FALSE;
  self->n_entries = n_entries;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_blklogwrites_open (BanyanElement *element, GError **error)
{
  BanyanBlklogwrites *self = BANYAN_NODE_SELF (BanyanBlklogwrites, element);

  banyan_co_mutex_init (&self->mutex);
  banyan_range_lock_init (&self->ranges);
  self->n_entries = 0;
  self->next = self->sector_size;
  self->is_new = !self->append;
  return self->is_new || find_end (self, error);
}

/* The log may have been in use before: until here it was only read. */
static gboolean BANYAN_COROUTINE
banyan_blklogwrites_settle (BanyanElement *element, BanyanChange *change, GError **error)
{
  BanyanBlklogwrites *self = BANYAN_NODE_SELF (BanyanBlklogwrites, element);

  if (!self->is_new)
    return TRUE;

  self->is_new = FALSE;
  return write_super (self, error);
}

static void
banyan_blklogwrites_check (BanyanObject *object, const BanyanProposal *proposal,
                           BanyanProblems *problems)
{
  guint size = g_value_get_uint (banyan_proposal_get (proposal, "log-sector-size"));

  if (size & (size - 1))
    banyan_proposal_problem (proposal, problems, "log-sector-size", "%u is not a power of two",
                             size);
}

static void
banyan_blklogwrites_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                                       const BanyanProposal *proposal, guint used, guint shared,
                                       guint *child_used, guint *child_shared)
{
  *child_used = used;
  *child_shared = shared;
  if (role_flags & BANYAN_CHILD_FILTERED)
    return;

  *child_used
      = BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE;
  *child_shared = BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE_UNCHANGED;
}

static void
install_properties (GObjectClass *object_class)
{
  properties[PROP_SECTOR_SIZE] = banyan_param_mutable (
      banyan_param_uint ("log-sector-size", "Log sector size",
                         "Unit of the log, to which requests are widened; a power of two",
                         BANYAN_UNIT_BYTES, 512, 1 << 23, 512,
                         G_STRUCT_OFFSET (BanyanBlklogwrites, sector_size)),
      BANYAN_MUTABLE_BEFORE_OPEN);
  properties[PROP_APPEND] = banyan_param_mutable (
      banyan_param_boolean ("log-append", "Log append",
                            "Whether to go on with the log that is there, rather than begin anew",
                            FALSE, G_STRUCT_OFFSET (BanyanBlklogwrites, append)),
      BANYAN_MUTABLE_BEFORE_OPEN);
  properties[PROP_SUPER_INTERVAL] = banyan_param_uint64 (
      "log-super-update-interval", "Super update interval",
      "After how many entries, at the latest, the log says that they are there", BANYAN_UNIT_NONE,
      1, G_MAXINT64, 4096, G_STRUCT_OFFSET (BanyanBlklogwrites, super_interval));
  properties[PROP_ENTRIES] = banyan_param_state (banyan_param_uint64 (
      "entries", "Entries", "How many requests are in the log", BANYAN_UNIT_NONE, 0, G_MAXUINT64, 0,
      G_STRUCT_OFFSET (BanyanBlklogwrites, n_entries)));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_blklogwrites_class_init (BanyanBlklogwritesClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_blklogwrites_check;
  element_class->open = banyan_blklogwrites_open;
  element_class->settle = banyan_blklogwrites_settle;
  element_class->child_permissions = banyan_blklogwrites_child_permissions;
  node_class->get_limits = banyan_blklogwrites_get_limits;
  node_class->get_capabilities = banyan_blklogwrites_get_capabilities;
  banyan_node_class_set_ops (node_class, &banyan_blklogwrites_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED,
                                    "Node that is read and written",
                                    G_STRUCT_OFFSET (BanyanBlklogwrites, file));
  banyan_node_class_add_child_role (node_class, "log", BANYAN_CHILD_DATA,
                                    "Node that the log is written to",
                                    G_STRUCT_OFFSET (BanyanBlklogwrites, log));
  install_properties (object_class);
}

static void
banyan_blklogwrites_init (BanyanBlklogwrites *self)
{
  self->sector_size = 512;
  self->super_interval = 4096;
}

BANYAN_PLUGIN_DEFINE (blklogwrites, .kind = BANYAN_PLUGIN_FILTER,
                      .register_type = banyan_blklogwrites_register_type,
                      .summary = "Log all that is written, as the dm-log-writes target does")
