/* file.c - protocol for regular files and block devices
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The node's open file is a handle that iothreads read and only a switch exchanges. A change that
 * needs another descriptor opens a second handle in prepare; one that changes permissions only
 * grows the locks in prepare, and shrinks them once the change can no longer fail. */

#include "file-image.h"
#include "file-io.h"

#include <errno.h>

G_DECLARE_FINAL_TYPE (BanyanFile, banyan_file, BANYAN, FILE, BanyanProtocol)

struct _BanyanFile
{
  BanyanProtocol parent_instance;

  char *filename; /* (owned) */
  FileLocking locking;
  FileAio aio;
  gboolean drop_cache;
  gboolean check_dropped;
  gboolean split_folios;
  guint64 n_splits; /* atomic */
  char *pr_manager; /* (owned) (nullable) */

  FileHandle *handle; /* (owned): while open; changed in a switch only */
};

enum
{
  PROP_0,
  PROP_FILENAME,
  PROP_LOCKING,
  PROP_AIO,
  PROP_DROP_CACHE,
  PROP_CHECK_CACHE_DROPPED,
  PROP_SPLIT_FOLIOS,
  PROP_FOLIO_SPLITS,
  PROP_PR_MANAGER,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (BanyanFile, banyan_file, BANYAN_TYPE_PROTOCOL)

/* -- Operations. -- */

static const char *
node_id (BanyanNode *node)
{
  return banyan_object_get_id (BANYAN_NODE_SELF (BanyanObject, node));
}

static gboolean BANYAN_COROUTINE
banyan_file_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return file_io_read (BANYAN_NODE_SELF (BanyanFile, node)->handle, node_id (node), request, error);
}

static gboolean BANYAN_COROUTINE
banyan_file_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return file_io_write (BANYAN_NODE_SELF (BanyanFile, node)->handle, node_id (node), request,
                        error);
}

static gboolean BANYAN_COROUTINE
banyan_file_flush (BanyanNode *node, GError **error)
{
  FileHandle *handle = BANYAN_NODE_SELF (BanyanFile, node)->handle;

  return handle->read_only || file_io_flush (handle, node_id (node), error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_file_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return file_io_discard (BANYAN_NODE_SELF (BanyanFile, node)->handle, node_id (node), request,
                          error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_file_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return file_io_write_zeroes (BANYAN_NODE_SELF (BanyanFile, node)->handle, node_id (node), request,
                               error);
}

static BanyanAnswer BANYAN_COROUTINE
banyan_file_block_status (BanyanNode *node, guint64 offset, guint64 length,
                          BanyanBlockStatus *status, GError **error)
{
  FileHandle *handle = BANYAN_NODE_SELF (BanyanFile, node)->handle;
  gboolean is_data = TRUE;

  if (file_io_find_extent (handle, offset, &length, &is_data) == BANYAN_UNSUPPORTED)
    is_data = TRUE;

  status->flags = BANYAN_BLOCK_LOCATED;
  status->flags |= is_data ? BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED
                           : BANYAN_BLOCK_ZERO | BANYAN_BLOCK_ALLOCATED;
  status->length = length;
  status->leaf = node;
  status->leaf_offset = offset;
  return BANYAN_DONE;
}

static BanyanAnswer BANYAN_COROUTINE
banyan_file_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  if (!file_io_resize (BANYAN_NODE_SELF (BanyanFile, node)->handle, node_id (node),
                       banyan_node_get_length (node), resize, error))
    return BANYAN_FAILED;

  banyan_node_publish_length (node, resize->length);
  return BANYAN_DONE;
}

static BanyanAnswer BANYAN_COROUTINE
banyan_file_copy_range (BanyanNode *node, const BanyanRequest *target, BanyanNode *source,
                        guint64 source_offset, GError **error)
{
  if (G_OBJECT_TYPE (source) != G_OBJECT_TYPE (node))
    return BANYAN_UNSUPPORTED;

  return file_io_copy_range (BANYAN_NODE_SELF (BanyanFile, node)->handle, node_id (node),
                             BANYAN_NODE_SELF (BanyanFile, source)->handle, source_offset,
                             target->offset, target->length, error);
}

static BanyanAnswer
banyan_file_send (BanyanNode *node, guint64 offset, gsize length, int socket, gsize *sent)
{
  return file_io_send (BANYAN_NODE_SELF (BanyanFile, node)->handle, offset, length, socket, sent);
}

static const BanyanNodeOps banyan_file_ops = {
  .size = sizeof banyan_file_ops,
  .read = banyan_file_read,
  .write = banyan_file_write,
  .flush = banyan_file_flush,
  .discard = banyan_file_discard,
  .write_zeroes = banyan_file_write_zeroes,
  .block_status = banyan_file_block_status,
  .resize = banyan_file_resize,
  .copy_range = banyan_file_copy_range,
  .send = banyan_file_send,
};

static guint
banyan_file_get_capabilities (BanyanNode *node, guint inherited)
{
  const FileHandle *handle = BANYAN_NODE_SELF (BanyanFile, node)->handle;

  return BANYAN_CAN_FUA | BANYAN_CAN_DISCARD | BANYAN_CAN_WRITE_ZEROES | BANYAN_CAN_COPY_RANGE
         | BANYAN_CAN_MULTI_CONN
         | (handle != NULL && handle->is_device
                ? 0
                : BANYAN_CAN_FAST_ZERO | BANYAN_CAN_BLOCK_STATUS | BANYAN_CAN_RESIZE);
}

static void
banyan_file_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  const FileHandle *handle = BANYAN_NODE_SELF (BanyanFile, node)->handle;

  /* Asked once before it is open, too. */
  if (handle == NULL)
    return;

  limits->request_alignment = handle->request_alignment;
  limits->memory_alignment = handle->memory_alignment;
  limits->preferred_size = 4096;
  limits->discard_alignment = limits->zeroes_alignment = handle->block_size;
}

/* -- Opening and changing. -- */

static void
banyan_file_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  BANYAN_OBJECT_CLASS (banyan_file_parent_class)->check (object, proposal, problems);
  file_options_check (proposal, problems);
}

static gboolean
caches_so (const BanyanProposal *proposal, const char *option)
{
  GObject *cache = g_value_get_object (banyan_proposal_get (proposal, "cache"));
  gboolean is_on = FALSE;

  if (cache != NULL)
    g_object_get (cache, option, &is_on, NULL);
  return is_on;
}

/* Who writes to an image is alone in that, whatever the users of this node let each other do: two
 * nodes, here or in two processes, know nothing of each other's requests. Somebody may say that he
 * does not mind. */
static void
fill_permissions (FileOpen *how, gboolean force_share, guint used, guint shared)
{
  how->used = used;
  how->shared = shared;
  if (used & BANYAN_PERMISSION_WRITE)
    how->shared &= ~BANYAN_PERMISSION_WRITE;

  if (force_share)
    {
      how->used &= ~BANYAN_PERMISSION_CONSISTENT_READ;
      how->shared = BANYAN_PERMISSIONS_ALL;
    }
}

static FileOpen
how_to_open (BanyanFile *self, const BanyanProposal *proposal, guint used, guint shared)
{
  FileLocking locking = g_value_get_enum (banyan_proposal_get (proposal, "locking"));
  FileOpen how = {
    .node = BANYAN_NODE (self),
    .descriptors
    = banyan_graph_get_descriptors (BANYAN_GRAPH (banyan_object_get_root (BANYAN_OBJECT (self)))),
    .path = g_value_get_string (banyan_proposal_get (proposal, "filename")),
    .read_only = g_value_get_boolean (banyan_proposal_get (proposal, "read-only")),
    .auto_read_only = g_value_get_boolean (banyan_proposal_get (proposal, "auto-read-only")),
    .direct = caches_so (proposal, "direct"),
    .lock = locking != FILE_LOCKING_OFF,
    .must_lock = locking == FILE_LOCKING_ON,
    .aio = g_value_get_enum (banyan_proposal_get (proposal, "aio")),
    .drop_cache = g_value_get_boolean (banyan_proposal_get (proposal, "drop-cache")),
    .check_dropped = g_value_get_boolean (banyan_proposal_get (proposal, "x-check-cache-dropped")),
    .split_folios = g_value_get_boolean (banyan_proposal_get (proposal, "split-folios"))
                    && !caches_so (proposal, "no-flush"),
    .n_splits = &self->n_splits,
  };

  fill_permissions (&how, g_value_get_boolean (banyan_proposal_get (proposal, "force-share")), used,
                    shared);
  return how;
}

/* Opening a file can wait for a network or a sleeping disk: a thread of the pool does it. */
typedef struct
{
  const FileOpen *how;
  FileHandle *handle;
  GError *error;
} OpenJob;

static gssize
run_open (gpointer data)
{
  OpenJob *job = data;

  job->handle = file_handle_open (job->how, &job->error);
  return 0;
}

static FileHandle *BANYAN_COROUTINE
co_open (const FileOpen *how, GError **error)
{
  OpenJob job = { .how = how };

  banyan_co_offload (run_open, &job);
  if (job.error != NULL)
    g_propagate_error (error, job.error);
  return job.handle;
}

static gboolean BANYAN_COROUTINE
banyan_file_open (BanyanElement *element, GError **error)
{
  BanyanFile *self = BANYAN_NODE_SELF (BanyanFile, element);
  g_autoptr (BanyanProposal) proposal = banyan_proposal_new (BANYAN_OBJECT (self));
  FileOpen how = how_to_open (self, proposal, banyan_element_get_used (element),
                              banyan_element_get_shared (element));
  g_autoptr (FileHandle) handle = co_open (&how, error);

  if (handle == NULL || !file_handle_take_lock (handle, &how, error))
    return FALSE;

  banyan_node_publish_length (BANYAN_NODE (self), handle->length);
  banyan_node_publish_read_only (BANYAN_NODE (self), handle->has_settled);
  self->handle = g_steal_pointer (&handle);
  return TRUE;
}

static void
banyan_file_close (BanyanElement *element)
{
  BanyanFile *self = BANYAN_NODE_SELF (BanyanFile, element);

  g_clear_pointer (&self->handle, file_handle_free);
}

/* -- Changing: the old handle serves until the switch. Locks of one and the same file are handed
 * over rather than taken twice. -- */

typedef struct
{
  FileHandle *handle; /* (owned) (nullable): the new one; after the switch the old one */
  FileLock *old_lock; /* (unowned) (nullable) */
  FileLock *new_lock; /* (unowned) (nullable): the same, where it is handed over */
} FileChange;

static void
file_change_free (gpointer data)
{
  FileChange *self = data;

  g_clear_pointer (&self->handle, file_handle_free);
  g_free (self);
}

static gboolean
needs_another_handle (BanyanChange *change)
{
  static const char *const names[] = { "filename",       "locking",     "aio",   "read-only",
                                       "auto-read-only", "force-share", "cache", "split-folios" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (banyan_change_touches (change, names[i]))
      return TRUE;
  return FALSE;
}

/* Who writes was told that it may, and tells its clients so: that is not taken back behind them. An
 * image that takes no writes already is another matter, of which they know. */
static gboolean
check_writers (BanyanFile *self, const FileHandle *handle, const FileOpen *how, GError **error)
{
  if (!handle->has_settled || self->handle->has_settled || !(how->used & BANYAN_PERMISSION_WRITE))
    return TRUE;

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT,
               "%s takes no writes, and those who use the node write to it; make them read-only in "
               "the same change",
               how->path);
  return FALSE;
}

static gboolean BANYAN_COROUTINE
prepare_handle (BanyanFile *self, FileChange *file_change, const FileOpen *how, GError **error)
{
  file_change->handle = co_open (how, error);
  if (file_change->handle == NULL || !check_writers (self, file_change->handle, how, error))
    return FALSE;
  if (how->lock && file_change->old_lock != NULL
      && file_handle_is_same_file (self->handle, file_change->handle))
    return TRUE;

  if (!file_handle_take_lock (file_change->handle, how, error))
    return FALSE;
  file_change->new_lock = file_change->handle->lock;
  if (file_change->old_lock != NULL)
    file_lock_plan_to_leave (file_change->old_lock);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_file_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  BanyanFile *self = BANYAN_NODE_SELF (BanyanFile, element);
  FileOpen how = how_to_open (self, banyan_change_get_proposal (change),
                              banyan_change_get_used (change), banyan_change_get_shared (change));
  FileChange *file_change = g_new0 (FileChange, 1);

  file_change->old_lock = file_change->new_lock = self->handle->lock;
  banyan_change_set_data (change, file_change, file_change_free);

  if (needs_another_handle (change) && !prepare_handle (self, file_change, &how, error))
    return FALSE;

  return file_change->new_lock == NULL || file_change->new_lock != file_change->old_lock
         || file_lock_grow (file_change->old_lock, how.used, how.shared, error);
}

static gssize
run_update_length (gpointer handle)
{
  return file_handle_update_length (handle) ? 0 : -errno;
}

/* By now every node that changes has said what it will need, and nobody resizes the file any more
 * through the old handle. What has just been opened has no change. */
static gboolean BANYAN_COROUTINE
banyan_file_settle (BanyanElement *element, BanyanChange *change, GError **error)
{
  FileChange *file_change = banyan_change_get_data (change);
  FileLock *lock = file_change != NULL ? file_change->new_lock
                                       : BANYAN_NODE_SELF (BanyanFile, element)->handle->lock;
  gssize result = 0;

  if (file_change != NULL && file_change->handle != NULL)
    result = banyan_co_offload (run_update_length, file_change->handle);
  if (result < 0)
    return banyan_throw_errno (error, result, "asking for the length of the file");

  return lock == NULL || file_lock_check (lock, error);
}

static void
banyan_file_commit (BanyanElement *element, BanyanChange *change)
{
  BanyanFile *self = BANYAN_NODE_SELF (BanyanFile, element);
  FileChange *file_change = banyan_change_get_data (change);
  FileHandle *old = self->handle;

  if (file_change == NULL || file_change->handle == NULL)
    return;

  self->handle = file_change->handle;
  file_change->handle = old;
  /* Whoever wrote must come to know. */
  self->handle->lost_data = old->lost_data && !old->has_told_loss;
  if (file_change->new_lock == file_change->old_lock)
    self->handle->lock = g_steal_pointer (&old->lock);
  banyan_node_publish_read_only (BANYAN_NODE (self), self->handle->has_settled);
  if (self->handle->length != banyan_node_get_length (BANYAN_NODE (self)))
    banyan_node_publish_length (BANYAN_NODE (self), self->handle->length);
}

static void
banyan_file_finish (BanyanElement *element, BanyanChange *change)
{
  FileChange *file_change = banyan_change_get_data (change);

  if (file_change != NULL && file_change->new_lock != NULL)
    file_lock_shrink (file_change->new_lock);
}

static void
banyan_file_abort (BanyanElement *element, BanyanChange *change)
{
  FileChange *file_change = banyan_change_get_data (change);

  if (file_change != NULL && file_change->old_lock != NULL)
    file_lock_restore (file_change->old_lock);
}

static void
install_properties (GObjectClass *object_class)
{
  properties[PROP_FILENAME] = banyan_param_mutable (
      banyan_param_required (banyan_param_identifying (banyan_param_path (
          banyan_param_string ("filename", "File name",
                               "Path of the image, taken as it is: a colon is a colon; "
                               "/dev/fdset/N stands for a descriptor that was passed",
                               NULL, G_STRUCT_OFFSET (BanyanFile, filename))))),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_LOCKING] = banyan_param_mutable (
      banyan_param_enum ("locking", "Locking",
                         "Whether to take the image locks that keep QEMU and others from writing "
                         "to it; auto: where the file system has them",
                         file_locking_get_type (), FILE_LOCKING_AUTO,
                         G_STRUCT_OFFSET (BanyanFile, locking)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_AIO] = banyan_param_mutable (
      banyan_param_enum ("aio", "Asynchronous I/O",
                         "How requests that must wait are handed to the kernel; native is kept for "
                         "QEMU's sake and means io_uring",
                         file_aio_get_type (), FILE_AIO_AUTO, G_STRUCT_OFFSET (BanyanFile, aio)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_DROP_CACHE] = banyan_param_mutable (
      banyan_param_boolean ("drop-cache", "Drop cache",
                            "Whether opening drops what the page cache holds of the image, which "
                            "another host may have written since",
                            FALSE, G_STRUCT_OFFSET (BanyanFile, drop_cache)),
      BANYAN_MUTABLE_BEFORE_OPEN);
  properties[PROP_CHECK_CACHE_DROPPED] = banyan_param_mutable (
      banyan_param_boolean ("x-check-cache-dropped", "Check cache dropped",
                            "Whether to refuse an image that drop-cache left something of in the "
                            "page cache; for tests",
                            FALSE, G_STRUCT_OFFSET (BanyanFile, check_dropped)),
      BANYAN_MUTABLE_BEFORE_OPEN);
  properties[PROP_SPLIT_FOLIOS] = banyan_param_mutable (
      banyan_param_boolean ("split-folios", "Split folios",
                            "Whether the large folios in which the page cache has the image are "
                            "split where small writes are slow",
                            TRUE, G_STRUCT_OFFSET (BanyanFile, split_folios)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_FOLIO_SPLITS]
      = banyan_param_counter ("folio-splits", "Folio splits",
                              "How many times the folios of a region of 2 MiB were to be split",
                              BANYAN_UNIT_NONE, G_STRUCT_OFFSET (BanyanFile, n_splits));
  properties[PROP_PR_MANAGER] = banyan_param_mutable (
      banyan_param_string ("pr-manager", "Persistent reservations",
                           "QEMU's helper for persistent reservations, which are not supported: "
                           "it is refused",
                           NULL, G_STRUCT_OFFSET (BanyanFile, pr_manager)),
      BANYAN_MUTABLE_BEFORE_OPEN);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_file_class_init (BanyanFileClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  BANYAN_OBJECT_CLASS (klass)->check = banyan_file_check;
  element_class->open = banyan_file_open;
  element_class->close = banyan_file_close;
  element_class->prepare = banyan_file_prepare;
  element_class->settle = banyan_file_settle;
  element_class->commit = banyan_file_commit;
  element_class->finish = banyan_file_finish;
  element_class->abort = banyan_file_abort;
  node_class->get_capabilities = banyan_file_get_capabilities;
  node_class->get_limits = banyan_file_get_limits;
  banyan_node_class_set_ops (node_class, &banyan_file_ops);

  install_properties (object_class);
}

static void
banyan_file_init (BanyanFile *self)
{
}

static const BanyanPluginType types[] = {
  { "file", BANYAN_PLUGIN_PROTOCOL, banyan_file_register_type, "A regular file or a block device",
    "host_device" },
  { "file", BANYAN_PLUGIN_IMAGE, file_image_register, "A regular file that is to be made" },
  { NULL },
};

BANYAN_PLUGIN_DEFINE (file, .types = types, .summary = "A regular file or a block device")
