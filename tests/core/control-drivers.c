/* control-drivers.c - drivers made for tests of the control path
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control-drivers.h"

#include <errno.h>
#include <string.h>

/* -- What happened. -- */

static GMutex log_lock;
static GString *log_text; /* (owned) (nullable) */
static gint balance;      /* atomic */

static void
note (const char *what, gpointer element)
{
  g_mutex_lock (&log_lock);
  if (log_text == NULL)
    log_text = g_string_new (NULL);
  g_string_append_printf (log_text, "%s %s\n", what, banyan_object_get_id (element));
  g_mutex_unlock (&log_lock);
}

char *
control_take_log (void)
{
  char *text;

  g_mutex_lock (&log_lock);
  text = log_text != NULL ? g_string_free (g_steal_pointer (&log_text), FALSE) : g_strdup ("");
  g_mutex_unlock (&log_lock);
  return text;
}

gint
control_get_balance (void)
{
  return g_atomic_int_get (&balance);
}

static gboolean
noting_open (BanyanElement *element, GError **error)
{
  note ("open", element);
  g_atomic_int_inc (&balance);
  return TRUE;
}

static void
noting_close (BanyanElement *element)
{
  note ("close", element);
  g_atomic_int_add (&balance, -1);
}

static gboolean
noting_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  note ("prepare", element);
  g_atomic_int_inc (&balance);
  return TRUE;
}

static gboolean
noting_settle (BanyanElement *element, BanyanChange *change, GError **error)
{
  note ("settle", element);
  return TRUE;
}

static void
noting_commit (BanyanElement *element, BanyanChange *change)
{
  note ("commit", element);
}

static void
noting_abort (BanyanElement *element, BanyanChange *change)
{
  note ("abort", element);
  g_atomic_int_add (&balance, -1);
}

static void
noting_finish (BanyanElement *element, BanyanChange *change)
{
  note ("finish", element);
  g_atomic_int_add (&balance, -1);
}

static void
noting_start (BanyanElement *element)
{
  note ("start", element);
}

static void
note_all (BanyanElementClass *klass)
{
  klass->open = noting_open;
  klass->close = noting_close;
  klass->prepare = noting_prepare;
  klass->settle = noting_settle;
  klass->commit = noting_commit;
  klass->abort = noting_abort;
  klass->finish = noting_finish;
  klass->start = noting_start;
}

/* -- test-memory. -- */

#define TEST_TYPE_MEMORY (test_memory_get_type ())
G_DECLARE_FINAL_TYPE (TestMemory, test_memory, TEST, MEMORY, BanyanProtocol)

struct _TestMemory
{
  BanyanProtocol parent_instance;
  guint64 size;
  guint alignment; /* of requests; 0: none */
  gboolean fail_open;
  gboolean fail_resize;
  gboolean is_locked; /* storage takes no writes */
  guint open_delay_ms;
  guint8 *data;
};

G_DEFINE_FINAL_TYPE (TestMemory, test_memory, BANYAN_TYPE_PROTOCOL)

/* Nothing may be written that nobody was given the right to write. */
static gboolean
test_memory_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestMemory *self = BANYAN_NODE_SELF (TestMemory, node);

  banyan_request_copy_in (request, 0, self->data + request->offset, request->length);
  return TRUE;
}

static gboolean
test_memory_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestMemory *self = BANYAN_NODE_SELF (TestMemory, node);

  banyan_request_copy_out (request, 0, self->data + request->offset, request->length);
  return TRUE;
}

static BanyanAnswer
test_memory_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  TestMemory *self = BANYAN_NODE_SELF (TestMemory, node);

  if (resize->length > self->size)
    return BANYAN_UNSUPPORTED;
  if (self->fail_resize)
    {
      banyan_throw_errno (error, EIO, "resizing it as told");
      return BANYAN_FAILED;
    }

  note ("resize", node);
  memset (self->data + resize->length, 0, self->size - resize->length);
  banyan_node_publish_length (node, resize->length);
  return BANYAN_DONE;
}

static gboolean
test_memory_flush (BanyanNode *node, GError **error)
{
  note ("flush", node);
  return TRUE;
}

static const BanyanNodeOps test_memory_ops = {
  .size = sizeof test_memory_ops,
  .read = test_memory_read,
  .write = test_memory_write,
  .flush = test_memory_flush,
  .resize = test_memory_resize,
};

static void
test_memory_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  limits->request_alignment = MAX (1, TEST_MEMORY (node)->alignment);
}

void
control_set_alignment (BanyanNode *memory, guint alignment)
{
  TEST_MEMORY (memory)->alignment = alignment;
  banyan_node_limits_changed (memory);
}

static gboolean
test_memory_open (BanyanElement *element, GError **error)
{
  TestMemory *self = TEST_MEMORY (element);

  if (self->fail_open)
    return banyan_throw_errno (error, EIO, "opening it as told");
  if (self->open_delay_ms > 0 && !banyan_co_sleep_ms (self->open_delay_ms, error))
    return FALSE;

  self->data = g_malloc0 (self->size);
  banyan_node_publish_length (BANYAN_NODE (self), self->size);
  banyan_node_publish_read_only (BANYAN_NODE (self), self->is_locked);
  return noting_open (element, error);
}

static void
test_memory_close (BanyanElement *element)
{
  noting_close (element);
  g_clear_pointer (&TEST_MEMORY (element)->data, g_free);
}

static void
test_memory_class_init (TestMemoryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;
  note_all (BANYAN_ELEMENT_CLASS (klass));
  BANYAN_ELEMENT_CLASS (klass)->open = test_memory_open;
  BANYAN_ELEMENT_CLASS (klass)->close = test_memory_close;
  BANYAN_NODE_CLASS (klass)->get_limits = test_memory_get_limits;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_memory_ops);

  g_object_class_install_property (
      object_class, 1,
      banyan_param_mutable (banyan_param_uint64 ("size", "Size", "How much it holds",
                                                 BANYAN_UNIT_BYTES, 0, 1 << 30, 1 << 20,
                                                 G_STRUCT_OFFSET (TestMemory, size)),
                            BANYAN_MUTABLE_BEFORE_OPEN));
  g_object_class_install_property (object_class, 2,
                                   banyan_param_boolean ("fail-open", "Fail",
                                                         "Whether opening it fails", FALSE,
                                                         G_STRUCT_OFFSET (TestMemory, fail_open)));
  g_object_class_install_property (
      object_class, 3,
      banyan_param_uint ("open-delay", "Open delay", "How long it takes to open", BANYAN_UNIT_MS, 0,
                         G_MAXUINT, 0, G_STRUCT_OFFSET (TestMemory, open_delay_ms)));
  g_object_class_install_property (
      object_class, 4,
      banyan_param_boolean ("locked", "Locked", "Whether it finds that it cannot be written", FALSE,
                            G_STRUCT_OFFSET (TestMemory, is_locked)));
  g_object_class_install_property (
      object_class, 5,
      banyan_param_boolean ("fail-resize", "Fail", "Whether it keeps its length", FALSE,
                            G_STRUCT_OFFSET (TestMemory, fail_resize)));
}

static void
test_memory_init (TestMemory *self)
{
}

/* -- test-pass. -- */

#define TEST_TYPE_PASS (test_pass_get_type ())
G_DECLARE_FINAL_TYPE (TestPass, test_pass, TEST, PASS, BanyanFilter)

struct _TestPass
{
  BanyanFilter parent_instance;
  BanyanChild *file;
  char *label;
  guint level;
};

G_DEFINE_FINAL_TYPE (TestPass, test_pass, BANYAN_TYPE_FILTER)

const char *
control_get_label (BanyanNode *pass)
{
  return TEST_PASS (pass)->label;
}

static void
test_pass_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  if (g_strcmp0 (g_value_get_string (banyan_proposal_get (proposal, "label")), "bad") == 0)
    banyan_proposal_problem (proposal, problems, "label", "\"bad\" is no good label");
}

static const BanyanNodeOps test_pass_ops = { .size = sizeof test_pass_ops };

static void
test_pass_class_init (TestPassClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;
  BANYAN_OBJECT_CLASS (klass)->check = test_pass_check;
  note_all (BANYAN_ELEMENT_CLASS (klass));
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_pass_ops);
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file", BANYAN_CHILD_FILTERED,
                                    "Node that is shown", G_STRUCT_OFFSET (TestPass, file));
  g_object_class_install_property (
      object_class, 1,
      banyan_param_mutable (banyan_param_string ("label", "Label", "What it is called", NULL,
                                                 G_STRUCT_OFFSET (TestPass, label)),
                            BANYAN_MUTABLE_REOPEN));
  g_object_class_install_property (
      object_class, 2,
      banyan_param_uint ("level", "Level", "A number that changes live", BANYAN_UNIT_NONE, 0, 100,
                         0, G_STRUCT_OFFSET (TestPass, level)));
}

static void
test_pass_init (TestPass *self)
{
}

/* -- test-flushing. -- */

#define TEST_TYPE_FLUSHING (test_flushing_get_type ())
G_DECLARE_FINAL_TYPE (TestFlushing, test_flushing, TEST, FLUSHING, BanyanFilter)

struct _TestFlushing
{
  BanyanFilter parent_instance;
  BanyanChild *file;
  gboolean fail;
};

G_DEFINE_FINAL_TYPE (TestFlushing, test_flushing, BANYAN_TYPE_FILTER)

static gboolean
test_flushing_flush (BanyanNode *node, GError **error)
{
  TestFlushing *self = BANYAN_NODE_SELF (TestFlushing, node);

  note ("flush", node);
  if (self->fail)
    return banyan_throw_errno (error, EIO, "flushing it as told");
  return banyan_child_flush (self->file, error);
}

static const BanyanNodeOps test_flushing_ops
    = { .size = sizeof test_flushing_ops, .flush = test_flushing_flush };

static void
test_flushing_class_init (TestFlushingClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;
  note_all (BANYAN_ELEMENT_CLASS (klass));
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_flushing_ops);
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file", BANYAN_CHILD_FILTERED,
                                    "Node that is shown", G_STRUCT_OFFSET (TestFlushing, file));
  g_object_class_install_property (object_class, 1,
                                   banyan_param_boolean ("fail", "Fail", "Whether flushes fail",
                                                         FALSE,
                                                         G_STRUCT_OFFSET (TestFlushing, fail)));
}

static void
test_flushing_init (TestFlushing *self)
{
}

/* -- test-format. -- */

#define TEST_TYPE_FORMAT (test_format_get_type ())
G_DECLARE_FINAL_TYPE (TestFormat, test_format, TEST, FORMAT, BanyanFormat)

struct _TestFormat
{
  BanyanFormat parent_instance;
  BanyanChild *file;
  BanyanChild *backing;
};

G_DEFINE_FINAL_TYPE (TestFormat, test_format, BANYAN_TYPE_FORMAT)

static gboolean
test_format_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_child_read (BANYAN_NODE_SELF (TestFormat, node)->file, request, error);
}

static gboolean
test_format_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  return banyan_child_write (BANYAN_NODE_SELF (TestFormat, node)->file, request, error);
}

static const BanyanNodeOps test_format_ops = {
  .size = sizeof test_format_ops,
  .read = test_format_read,
  .write = test_format_write,
};

static gboolean
test_format_open (BanyanElement *element, GError **error)
{
  TestFormat *self = TEST_FORMAT (element);

  banyan_node_publish_length (BANYAN_NODE (self), banyan_child_get_length (self->file));
  return noting_open (element, error);
}

static void
test_format_class_init (TestFormatClass *klass)
{
  note_all (BANYAN_ELEMENT_CLASS (klass));
  BANYAN_ELEMENT_CLASS (klass)->open = test_format_open;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_format_ops);
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file",
                                    BANYAN_CHILD_DATA | BANYAN_CHILD_METADATA
                                        | BANYAN_CHILD_PRIMARY,
                                    "Node with the image", G_STRUCT_OFFSET (TestFormat, file));
  banyan_node_class_add_child_role (
      BANYAN_NODE_CLASS (klass), "backing", BANYAN_CHILD_COW | BANYAN_CHILD_OPTIONAL,
      "Node with what is not in the image", G_STRUCT_OFFSET (TestFormat, backing));
}

static void
test_format_init (TestFormat *self)
{
}

/* -- test-cached. -- */

#define TEST_TYPE_CACHED (test_cached_get_type ())
G_DECLARE_FINAL_TYPE (TestCached, test_cached, TEST, CACHED, BanyanFormat)

#define CACHED_HEADER_BYTES 512

struct _TestCached
{
  BanyanFormat parent_instance;
  BanyanChild *file;
  guint64 count; /* atomic */
  gboolean is_inactive;
  gboolean fail_inactivate;
  gboolean fail_reactivate;
};

G_DEFINE_FINAL_TYPE (TestCached, test_cached, BANYAN_TYPE_FORMAT)

guint64
control_get_count (BanyanNode *cached)
{
  return __atomic_load_n (&TEST_CACHED (cached)->count, __ATOMIC_RELAXED);
}

static gboolean
test_cached_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestCached *self = BANYAN_NODE_SELF (TestCached, node);
  BanyanRequest below
      = banyan_request_slice (request, 0, request->length, request->offset + CACHED_HEADER_BYTES);

  g_assert_false (self->is_inactive);
  return banyan_child_read (self->file, &below, error);
}

static gboolean
test_cached_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestCached *self = BANYAN_NODE_SELF (TestCached, node);
  BanyanRequest below
      = banyan_request_slice (request, 0, request->length, request->offset + CACHED_HEADER_BYTES);

  g_assert_false (self->is_inactive);
  __atomic_add_fetch (&self->count, 1, __ATOMIC_RELAXED);
  return banyan_child_write (self->file, &below, error);
}

static gboolean
test_cached_flush (BanyanNode *node, GError **error)
{
  TestCached *self = BANYAN_NODE_SELF (TestCached, node);

  g_assert_false (self->is_inactive);
  return banyan_child_pwrite (self->file, 0, &self->count, sizeof self->count, 0, error)
         && banyan_child_flush (self->file, error);
}

static const BanyanNodeOps test_cached_ops = {
  .size = sizeof test_cached_ops,
  .read = test_cached_read,
  .write = test_cached_write,
  .flush = test_cached_flush,
};

static gboolean
test_cached_open (BanyanElement *element, GError **error)
{
  TestCached *self = TEST_CACHED (element);

  banyan_node_publish_length (BANYAN_NODE (self),
                              banyan_child_get_length (self->file) - CACHED_HEADER_BYTES);
  return banyan_child_pread (self->file, 0, &self->count, sizeof self->count, error)
         && noting_open (element, error);
}

static gboolean
test_cached_inactivate (BanyanElement *element, GError **error)
{
  TestCached *self = TEST_CACHED (element);

  if (self->fail_inactivate)
    return banyan_throw_errno (error, EIO, "inactivating it as told");
  note ("inactivate", element);
  g_assert_false (self->is_inactive);
  self->is_inactive = TRUE;
  g_atomic_int_inc (&balance);
  return TRUE;
}

static gboolean
test_cached_reactivate (BanyanElement *element, GError **error)
{
  TestCached *self = TEST_CACHED (element);

  note ("reactivate", element);
  g_assert_true (self->is_inactive);
  self->is_inactive = FALSE;
  g_atomic_int_add (&balance, -1);
  if (self->fail_reactivate)
    return banyan_throw_errno (error, EIO, "reactivating it as told");
  return banyan_child_pread (self->file, 0, &self->count, sizeof self->count, error);
}

static void
test_cached_close (BanyanElement *element)
{
  TestCached *self = TEST_CACHED (element);

  if (self->is_inactive)
    g_atomic_int_add (&balance, -1);
  noting_close (element);
}

static void
test_cached_class_init (TestCachedClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;
  note_all (element_class);
  element_class->open = test_cached_open;
  element_class->close = test_cached_close;
  element_class->inactivate = test_cached_inactivate;
  element_class->reactivate = test_cached_reactivate;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_cached_ops);
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file",
                                    BANYAN_CHILD_METADATA | BANYAN_CHILD_PRIMARY,
                                    "Node with the image", G_STRUCT_OFFSET (TestCached, file));
  g_object_class_install_property (
      object_class, 1,
      banyan_param_boolean ("fail-inactivate", "Fail", "Whether inactivating it fails", FALSE,
                            G_STRUCT_OFFSET (TestCached, fail_inactivate)));
  g_object_class_install_property (
      object_class, 2,
      banyan_param_boolean ("fail-reactivate", "Fail", "Whether reactivating it fails", FALSE,
                            G_STRUCT_OFFSET (TestCached, fail_reactivate)));
}

static void
test_cached_init (TestCached *self)
{
}

/* -- test-mirror. -- */

#define TEST_TYPE_MIRROR (test_mirror_get_type ())
G_DECLARE_FINAL_TYPE (TestMirror, test_mirror, TEST, MIRROR, BanyanFormat)

struct _TestMirror
{
  BanyanFormat parent_instance;
  GPtrArray *children;
};

G_DEFINE_FINAL_TYPE (TestMirror, test_mirror, BANYAN_TYPE_FORMAT)

static gboolean
test_mirror_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestMirror *self = BANYAN_NODE_SELF (TestMirror, node);

  return banyan_child_read (self->children->pdata[0], request, error);
}

static gboolean
test_mirror_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestMirror *self = BANYAN_NODE_SELF (TestMirror, node);

  for (guint i = 0; i < self->children->len; i++)
    if (!banyan_child_write (self->children->pdata[i], request, error))
      return FALSE;

  return TRUE;
}

static const BanyanNodeOps test_mirror_ops = {
  .size = sizeof test_mirror_ops,
  .read = test_mirror_read,
  .write = test_mirror_write,
};

static gboolean
test_mirror_open (BanyanElement *element, GError **error)
{
  TestMirror *self = TEST_MIRROR (element);

  banyan_node_publish_length (BANYAN_NODE (self),
                              banyan_child_get_length (self->children->pdata[0]));
  return noting_open (element, error);
}

static void
test_mirror_class_init (TestMirrorClass *klass)
{
  note_all (BANYAN_ELEMENT_CLASS (klass));
  BANYAN_ELEMENT_CLASS (klass)->open = test_mirror_open;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_mirror_ops);
  banyan_node_class_add_child_role (
      BANYAN_NODE_CLASS (klass), "children", BANYAN_CHILD_DATA | BANYAN_CHILD_MANY,
      "Nodes with the same data", G_STRUCT_OFFSET (TestMirror, children));
}

static void
test_mirror_init (TestMirror *self)
{
}

/* -- test-stuck. -- */

#define TEST_TYPE_STUCK (test_stuck_get_type ())
G_DECLARE_FINAL_TYPE (TestStuck, test_stuck, TEST, STUCK, BanyanFilter)

struct _TestStuck
{
  BanyanFilter parent_instance;
  BanyanChild *file;
};

G_DEFINE_FINAL_TYPE (TestStuck, test_stuck, BANYAN_TYPE_FILTER)

static BanyanCoSemaphore stuck;
static gint n_stuck; /* atomic */

gint
control_count_stuck (void)
{
  return g_atomic_int_get (&n_stuck);
}

void
control_let_go (void)
{
  banyan_co_semaphore_release (&stuck);
}

static gboolean
test_stuck_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  g_atomic_int_inc (&n_stuck);
  banyan_co_semaphore_acquire (&stuck);
  g_atomic_int_add (&n_stuck, -1);
  return banyan_child_read (BANYAN_NODE_SELF (TestStuck, node)->file, request, error);
}

static const BanyanNodeOps test_stuck_ops = {
  .size = sizeof test_stuck_ops,
  .read = test_stuck_read,
};

static void
test_stuck_class_init (TestStuckClass *klass)
{
  note_all (BANYAN_ELEMENT_CLASS (klass));
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_stuck_ops);
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file", BANYAN_CHILD_FILTERED,
                                    "Node that is shown", G_STRUCT_OFFSET (TestStuck, file));
}

static void
test_stuck_init (TestStuck *self)
{
}

/* -- test-server. -- */

#define TEST_TYPE_EXPORT (test_export_get_type ())
G_DECLARE_FINAL_TYPE (TestExport, test_export, TEST, EXPORT, BanyanExport)

struct _TestExport
{
  BanyanExport parent_instance;
};

G_DEFINE_FINAL_TYPE (TestExport, test_export, BANYAN_TYPE_EXPORT)

static void
test_export_class_init (TestExportClass *klass)
{
  note_all (BANYAN_ELEMENT_CLASS (klass));
}

static void
test_export_init (TestExport *self)
{
}

#define TEST_TYPE_SERVER (test_server_get_type ())
G_DECLARE_FINAL_TYPE (TestServer, test_server, TEST, SERVER, BanyanFrontend)

struct _TestServer
{
  BanyanFrontend parent_instance;
  BanyanMap *exports;
};

G_DEFINE_FINAL_TYPE (TestServer, test_server, BANYAN_TYPE_FRONTEND)

static void
test_server_class_init (TestServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_element_set_field;
  object_class->get_property = banyan_element_get_field;
  note_all (BANYAN_ELEMENT_CLASS (klass));
  g_object_class_install_property (object_class, 1,
                                   banyan_param_members ("exports", "Exports", "What it offers",
                                                         "TestExport",
                                                         G_STRUCT_OFFSET (TestServer, exports)));
}

static void
test_server_init (TestServer *self)
{
}

/* -- All of them. -- */

void
control_drivers_register (void)
{
  BanyanRegistry *registry = banyan_registry_get_default ();

  banyan_co_semaphore_init (&stuck, 0);
  g_type_ensure (TEST_TYPE_EXPORT);
  banyan_registry_add_builtin (registry, "test-memory", BANYAN_PLUGIN_PROTOCOL, TEST_TYPE_MEMORY,
                               "Memory");
  banyan_registry_add_builtin (registry, "test-pass", BANYAN_PLUGIN_FILTER, TEST_TYPE_PASS,
                               "Nothing done on the way");
  banyan_registry_add_builtin (registry, "test-flushing", BANYAN_PLUGIN_FILTER, TEST_TYPE_FLUSHING,
                               "Flushes that are noted");
  banyan_registry_add_builtin (registry, "test-format", BANYAN_PLUGIN_FORMAT, TEST_TYPE_FORMAT,
                               "A format with a backing node");
  banyan_registry_add_builtin (registry, "test-cached", BANYAN_PLUGIN_FORMAT, TEST_TYPE_CACHED,
                               "A format that caches what it has to write");
  banyan_registry_add_builtin (registry, "test-mirror", BANYAN_PLUGIN_FORMAT, TEST_TYPE_MIRROR,
                               "The same data several times");
  banyan_registry_add_builtin (registry, "test-stuck", BANYAN_PLUGIN_FILTER, TEST_TYPE_STUCK,
                               "Reads that wait");
  banyan_registry_add_builtin (registry, "test-server", BANYAN_PLUGIN_FRONTEND, TEST_TYPE_SERVER,
                               "A server without clients");
}
