/* mapped.c - what formats that are only read share: the node
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "mapped.h"

#include <errno.h>

#define TABLES_SIZE (4u << 20)
#define UNITS_SIZE (16u << 20)
#define MIN_SLOTS 2

/* An extent that is told of at once takes no more work than this: a disk that claims petabytes has
 * many entries, and a client waits. To ask the driver costs as much as to look at so many. */
#define MAX_WORK (1u << 20)
#define MAP_WORK 64

/* -- Errors. -- */

gboolean
mapped_throw_field (Mapped *self, GError **error, const char *field, guint64 value, guint64 offset,
                    const char *rule, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, rule);
  text = g_strdup_vprintf (rule, arguments);
  va_end (arguments);
  return banyan_throw_errno (error, EINVAL,
                             "%s: the image's %s is %" G_GUINT64_FORMAT
                             ", at byte %" G_GUINT64_FORMAT "; %s",
                             self->name, field, value, offset, text);
}

gboolean
mapped_throw_unsupported (Mapped *self, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return banyan_throw_errno (error, ENOTSUP, "%s: %s", self->name, text);
}

gboolean
mapped_throw_damaged (Mapped *self, const Mapping *mapping, GError **error)
{
  return banyan_throw_errno (error, EIO,
                             "%s: the %" G_GUINT64_FORMAT
                             " bytes of packed data at byte %" G_GUINT64_FORMAT
                             " of the image are damaged",
                             self->name, mapping->packed_size, mapping->place);
}

/* -- Reading the image's own data. -- */

static gboolean
check_inside (Mapped *self, BanyanChild *child, guint64 offset, guint64 length, const char *what,
              int number, GError **error)
{
  guint64 end = banyan_child_get_length (child);

  if (offset <= end && length <= end - offset)
    return TRUE;

  return banyan_throw_errno (error, number,
                             "%s: the image's %s has %" G_GUINT64_FORMAT
                             " bytes from byte %" G_GUINT64_FORMAT
                             " on, and the file ends at byte %" G_GUINT64_FORMAT,
                             self->name, what, length, offset, end);
}

gboolean
mapped_check_inside (Mapped *self, BanyanChild *child, guint64 offset, guint64 length,
                     const char *what, GError **error)
{
  return check_inside (self, child, offset, length, what, EINVAL, error);
}

gboolean
mapped_check_there (Mapped *self, BanyanChild *child, guint64 offset, guint64 length,
                    const char *what, GError **error)
{
  return check_inside (self, child, offset, length, what, EIO, error);
}

gboolean BANYAN_COROUTINE
mapped_read_bytes (Mapped *self, BanyanChild *child, guint64 offset, gpointer bytes, gsize length,
                   const char *what, GError **error)
{
  return mapped_check_inside (self, child, offset, length, what, error)
         && banyan_child_pread (child, offset, bytes, length, error);
}

BanyanBuffer *BANYAN_COROUTINE
mapped_read_packed (Mapped *self, const Mapping *mapping, GError **error)
{
  g_autoptr (BanyanBuffer) packed = NULL;

  if (!mapped_check_there (self, mapping->child, mapping->place, mapping->packed_size,
                           "packed data", error))
    return NULL;
  packed = banyan_buffer_new (MAX (mapping->packed_size, 1));
  if (packed == NULL)
    {
      banyan_throw_errno (error, ENOMEM, "%s: %" G_GUINT64_FORMAT " bytes to unpack", self->name,
                          mapping->packed_size);
      return NULL;
    }
  if (mapping->packed_size > 0
      && !banyan_child_pread (mapping->child, mapping->place, packed->data, mapping->packed_size,
                              error))
    return NULL;

  return g_steal_pointer (&packed);
}

/* -- Where things are. -- */

static gboolean
goes_on (const Mapping *mapping, const Mapping *next)
{
  if (next->kind != mapping->kind)
    return FALSE;

  return mapping->kind != MAPPED_DATA
         || (next->child == mapping->child && next->place == mapping->place + mapping->length
             && next->place < banyan_child_get_length (next->child));
}

static guint64
count_work (const Mapping *mapping)
{
  return MAP_WORK + mapping->n_looked_at;
}

/* As far as all is of one kind; data also lies in one piece, and each packed unit is read by
 * itself. Suspends only where @mapping may. */
static gboolean BANYAN_COROUTINE
map_all (Mapped *self, guint64 offset, guint64 length, gboolean joins_packed, Mapping *mapping,
         GError **error)
{
  if (!self->driver->map (self, offset, length, mapping, error))
    return FALSE;
  mapping->length = MIN (mapping->length, length);

  for (guint64 work = count_work (mapping); work < MAX_WORK && mapping->length < length
                                            && (mapping->kind != MAPPED_PACKED || joins_packed);)
    {
      guint64 done = mapping->length;
      Mapping next = { .at_once = mapping->at_once };

      /* What is wrong there is told when it is asked for. */
      if (!self->driver->map (self, offset + done, length - done, &next, NULL)
          || !goes_on (mapping, &next))
        break;
      mapping->length += MIN (next.length, length - done);
      work += count_work (&next);
    }
  return TRUE;
}

/* -- Reading. -- */

/* What a child does not reach to is zero. */
static gboolean BANYAN_COROUTINE
read_from (BanyanChild *child, const BanyanRequest *request, guint64 place, GError **error)
{
  guint64 end = banyan_child_get_length (child);
  guint64 there = place < end ? MIN (request->length, end - place) : 0;
  BanyanRequest below;

  if (there < request->length && request->iov != NULL)
    banyan_request_fill (request, there, 0, request->length - there);
  if (there == 0)
    return TRUE;

  below = banyan_request_slice (request, 0, there, place);
  return banyan_child_read (child, &below, error);
}

/* A block may be cut by the end of its file; one that begins there was never written. */
static gboolean BANYAN_COROUTINE
read_data (Mapped *self, const Mapping *mapping, const BanyanRequest *request, GError **error)
{
  guint64 end = banyan_child_get_length (mapping->child);

  if (G_UNLIKELY (mapping->place - mapping->skip >= end))
    return banyan_throw_errno (
        error, EIO,
        "%s: byte %" G_GUINT64_FORMAT " of the disk is at byte %" G_GUINT64_FORMAT
        " of the image, by its tables, and %s ends at byte %" G_GUINT64_FORMAT,
        self->name, request->offset, mapping->place, banyan_child_get_role (mapping->child), end);

  return read_from (mapping->child, request, mapping->place, error);
}

static gboolean BANYAN_COROUTINE
read_below (Mapped *self, const BanyanRequest *request, GError **error)
{
  if (self->backing != NULL)
    return read_from (self->backing, request, request->offset, error);

  if (request->iov != NULL)
    banyan_request_fill (request, 0, 0, request->length);
  return TRUE;
}

typedef struct
{
  Mapped *self;
  const Mapping *mapping;
} Wanted;

static gboolean BANYAN_COROUTINE
load_unit (gpointer data, guint64 key, guint8 *bytes, GError **error)
{
  const Wanted *wanted = data;

  return wanted->self->driver->unpack (wanted->self, key, wanted->mapping, bytes, error);
}

/* Where a unit begins tells it from all others. */
static gboolean BANYAN_COROUTINE
read_packed (Mapped *self, const Mapping *mapping, const BanyanRequest *request, GError **error)
{
  Wanted wanted = { self, mapping };
  MappedSlot *slot
      = mapped_cache_get (&self->units, request->offset - mapping->skip, load_unit, &wanted, error);

  if (slot == NULL)
    return FALSE;

  if (request->iov != NULL)
    banyan_request_copy_in (request, 0, mapped_slot_get_bytes (slot) + mapping->skip,
                            request->length);
  mapped_cache_put (&self->units, slot);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
read_mapped (Mapped *self, const Mapping *mapping, const BanyanRequest *request, GError **error)
{
  switch (mapping->kind)
    {
    case MAPPED_DATA:
      return read_data (self, mapping, request, error);
    case MAPPED_PACKED:
      return read_packed (self, mapping, request, error);
    case MAPPED_BELOW:
      return read_below (self, request, error);
    default:
      if (request->iov != NULL)
        banyan_request_fill (request, 0, 0, request->length);
      return TRUE;
    }
}

static gboolean BANYAN_COROUTINE
mapped_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  Mapped *self = BANYAN_NODE_SELF (Mapped, node);
  Mapping mapping = { 0 };

  for (guint64 done = 0; done < request->length; done += mapping.length)
    {
      guint64 offset = request->offset + done;
      BanyanRequest part;

      if (!map_all (self, offset, request->length - done, FALSE, &mapping, error))
        return FALSE;
      part = banyan_request_slice (request, done, mapping.length, offset);
      if (!read_mapped (self, &mapping, &part, error))
        return FALSE;
    }
  return TRUE;
}

/* -- Sending. -- */

/* Where the tables are in memory, and what they lead to lies in a child as it is. */
static BanyanAnswer
mapped_send (BanyanNode *node, guint64 offset, gsize length, int socket, gsize *sent)
{
  Mapped *self = BANYAN_NODE_SELF (Mapped, node);
  Mapping mapping = { .at_once = TRUE };

  if (!map_all (self, offset, length, FALSE, &mapping, NULL) || mapping.length < length)
    return BANYAN_UNSUPPORTED;
  if (mapping.kind == MAPPED_DATA)
    return banyan_child_send (mapping.child, mapping.place, length, socket, sent);
  if (mapping.kind == MAPPED_BELOW && self->backing != NULL)
    return banyan_child_send (self->backing, offset, length, socket, sent);
  return BANYAN_UNSUPPORTED;
}

/* -- Status. -- */

/* What the child knows beyond that the data is there: where that is, and whether it is a hole. */
static BanyanAnswer BANYAN_COROUTINE
ask_below (const Mapping *mapping, BanyanBlockStatus *status, GError **error)
{
  guint64 end = banyan_child_get_length (mapping->child);

  status->length = mapping->length;
  status->flags = BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED;
  if (mapping->place >= end)
    return BANYAN_DONE;
  if (banyan_child_block_status (mapping->child, mapping->place,
                                 MIN (mapping->length, end - mapping->place), status, error)
      == BANYAN_FAILED)
    return BANYAN_FAILED;

  status->flags |= BANYAN_BLOCK_ALLOCATED;
  return BANYAN_DONE;
}

static BanyanAnswer BANYAN_COROUTINE
mapped_block_status (BanyanNode *node, guint64 offset, guint64 length, BanyanBlockStatus *status,
                     GError **error)
{
  Mapped *self = BANYAN_NODE_SELF (Mapped, node);
  Mapping mapping = { 0 };

  if (!map_all (self, offset, length, TRUE, &mapping, error))
    return BANYAN_FAILED;

  status->length = mapping.length;
  switch (mapping.kind)
    {
    case MAPPED_DATA:
      return ask_below (&mapping, status, error);
    case MAPPED_PACKED:
      status->flags = BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_COMPRESSED;
      return BANYAN_DONE;
    case MAPPED_BELOW:
      status->flags = self->backing == NULL ? BANYAN_BLOCK_ZERO : 0;
      return BANYAN_DONE;
    default:
      status->flags = BANYAN_BLOCK_ZERO | BANYAN_BLOCK_ALLOCATED;
      return BANYAN_DONE;
    }
}

/* Nothing of ours ever waits to be written. */
static gboolean BANYAN_COROUTINE
mapped_flush (BanyanNode *node, GError **error)
{
  return TRUE;
}

static const BanyanNodeOps mapped_ops = {
  .size = sizeof mapped_ops,
  .read = mapped_read,
  .flush = mapped_flush,
  .block_status = mapped_block_status,
  .send = mapped_send,
};

/* -- Opening. -- */

gboolean
mapped_set_length (Mapped *self, guint64 length, guint64 offset, GError **error)
{
  if (length > G_MAXINT64)
    return mapped_throw_field (self, error, "size in bytes", length, offset,
                               "the most that a disk can have is %" G_GINT64_FORMAT, G_MAXINT64);

  banyan_node_publish_length (BANYAN_NODE (self), length);
  return TRUE;
}

void
mapped_set_backing (Mapped *self, const char *name, const char *format)
{
  g_free (self->backing_file);
  g_free (self->backing_format);
  self->backing_file = name != NULL ? g_utf8_make_valid (name, -1) : NULL;
  self->backing_format = g_strdup (format);
  banyan_node_publish_backing (BANYAN_NODE (self), "backing", name, format);
}

gboolean
mapped_set_unit_size (Mapped *self, gsize size, GError **error)
{
  if (mapped_cache_init (&self->units, size, UNITS_SIZE, MIN_SLOTS, error))
    return TRUE;

  g_prefix_error (error, "%s: ", self->name);
  return FALSE;
}

static void
let_go (Mapped *self)
{
  if (self->driver->close != NULL)
    self->driver->close (self);
  mapped_cache_clear (&self->tables);
  mapped_cache_clear (&self->units);
}

static gboolean BANYAN_COROUTINE
open_image (Mapped *self, GError **error)
{
  gboolean opened
      = mapped_cache_init (&self->tables, MAPPED_SLICE_SIZE, TABLES_SIZE, MIN_SLOTS, error)
        && self->driver->open (self, error);

  if (!opened)
    let_go (self);
  return opened;
}

static gboolean BANYAN_COROUTINE
mapped_open (BanyanElement *element, GError **error)
{
  Mapped *self = BANYAN_NODE_SELF (Mapped, element);

  self->name = banyan_object_get_id (BANYAN_OBJECT (self));
  if (!open_image (self, error))
    return FALSE;

  banyan_node_publish_read_only (BANYAN_NODE (self), TRUE);
  return TRUE;
}

static void
mapped_close (BanyanElement *element)
{
  let_go (BANYAN_NODE_SELF (Mapped, element));
}

static gboolean BANYAN_COROUTINE
mapped_inactivate (BanyanElement *element, GError **error)
{
  return TRUE;
}

/* Others may have written to the image meanwhile: everything is read again. */
static gboolean BANYAN_COROUTINE
mapped_reactivate (BanyanElement *element, GError **error)
{
  Mapped *self = BANYAN_NODE_SELF (Mapped, element);

  let_go (self);
  return open_image (self, error);
}

/* Nothing is ever written below, and nobody else may change what the tables say. */
static void
mapped_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                          const BanyanProposal *proposal, guint used, guint shared,
                          guint *child_used, guint *child_shared)
{
  guint writing = BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE;

  *child_used = BANYAN_PERMISSION_CONSISTENT_READ;
  *child_shared = BANYAN_PERMISSIONS_ALL & ~writing;
  if (role_flags & BANYAN_CHILD_COW)
    {
      *child_used &= used;
      if (shared & BANYAN_PERMISSION_WRITE)
        *child_shared |= writing;
    }
}

static guint
mapped_get_capabilities (BanyanNode *node, guint inherited)
{
  return inherited | BANYAN_CAN_MULTI_CONN;
}

static void
mapped_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  guint64 size = BANYAN_NODE_SELF (Mapped, node)->cluster_size;

  if (size > 0 && size <= 64 << 20 && (size & (size - 1)) == 0)
    limits->preferred_size = size;
}

/* -- The class. -- */

void
mapped_init (Mapped *self, const MappedDriver *driver)
{
  self->driver = driver;
}

static void
install (GObjectClass *object_class, guint id, GParamSpec *property)
{
  g_object_class_install_property (object_class, id, banyan_param_state (property));
}

static void
install_properties (GObjectClass *object_class, guint flags)
{
  install (object_class, MAPPED_PROP_CLUSTER_SIZE,
           banyan_param_uint64 ("cluster-size", "Cluster size",
                                "In what units the image gives out space; 0: in none",
                                BANYAN_UNIT_BYTES, 0, G_MAXINT64, 0,
                                G_STRUCT_OFFSET (Mapped, cluster_size)));
  if (flags & MAPPED_CAN_BE_FIXED)
    install (object_class, MAPPED_PROP_FIXED,
             banyan_param_boolean ("fixed", "Fixed",
                                   "Whether it had space for the whole disk from the beginning",
                                   FALSE, G_STRUCT_OFFSET (Mapped, is_fixed)));
  if (flags & MAPPED_CAN_BE_DIRTY)
    install (object_class, MAPPED_PROP_DIRTY,
             banyan_param_boolean ("dirty", "Dirty",
                                   "Whether somebody has it open, or did not close it in order",
                                   FALSE, G_STRUCT_OFFSET (Mapped, is_dirty)));
  if (flags & MAPPED_HAS_BACKING)
    {
      install (object_class, MAPPED_PROP_BACKING_FILE,
               banyan_param_string ("backing-file", "Backing file",
                                    "What the image says that it lies on", NULL,
                                    G_STRUCT_OFFSET (Mapped, backing_file)));
      install (object_class, MAPPED_PROP_BACKING_FORMAT,
               banyan_param_string ("backing-format", "Backing format",
                                    "The format of that file, according to the image", NULL,
                                    G_STRUCT_OFFSET (Mapped, backing_format)));
    }
}

void
mapped_class_init (BanyanFormatClass *klass, const MappedDriver *driver)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  element_class->open = mapped_open;
  element_class->close = mapped_close;
  element_class->inactivate = mapped_inactivate;
  element_class->reactivate = mapped_reactivate;
  element_class->child_permissions = mapped_child_permissions;
  klass->probe = driver->probe;
  klass->probe_end = driver->probe_end;
  klass->only_reads = "images of its format are only read: banyan img convert -O qcow2 makes one "
                      "that can be written to, or let a new qcow2 image have it as its backing";
  node_class->get_capabilities = mapped_get_capabilities;
  node_class->get_limits = mapped_get_limits;
  banyan_node_class_set_ops (node_class, &mapped_ops);
  banyan_node_class_add_child_role (
      node_class, "file", BANYAN_CHILD_DATA | BANYAN_CHILD_METADATA | BANYAN_CHILD_PRIMARY,
      "Node that the image is in", G_STRUCT_OFFSET (Mapped, file));
  if (driver->flags & MAPPED_HAS_BACKING)
    banyan_node_class_add_child_role (
        node_class, "backing", BANYAN_CHILD_COW | BANYAN_CHILD_OPTIONAL,
        "Node that shows through where the image has nothing", G_STRUCT_OFFSET (Mapped, backing));
  install_properties (object_class, driver->flags);
}
