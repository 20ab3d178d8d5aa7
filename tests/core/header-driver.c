/* header-driver.c - a format whose images name their backing, for tests
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An image begins with HEADER_BYTES of text: "banyan-test-header", then lines "backing: NAME" and
 * "format: FORMAT", either of which may be missing; data follows. What was not written since it was
 * opened is read from the backing, as far as that goes. */

#include <banyan/banyan-plugin.h>

#include <string.h>

#define HEADER_BYTES 4096
#define BLOCK 4096
#define MAX_BLOCKS 1024

G_DECLARE_FINAL_TYPE (TestHeader, test_header, TEST, HEADER, BanyanFormat)

struct _TestHeader
{
  BanyanFormat parent_instance;

  BanyanChild *file;
  BanyanChild *backing;    /* (nullable) */
  guint ordinal;           /* the how manieth image it is that was opened */
  gint blocks[MAX_BLOCKS]; /* atomic: whether it was written */
};

BANYAN_DEFINE_DRIVER (TestHeader, test_header, BANYAN_TYPE_FORMAT)

static gboolean BANYAN_COROUTINE
read_part (TestHeader *self, const BanyanRequest *part, GError **error)
{
  BanyanRequest below = banyan_request_slice (part, 0, part->length, part->offset + HEADER_BYTES);
  guint64 end = self->backing != NULL ? banyan_child_get_length (self->backing) : 0;
  guint64 there = part->offset < end ? MIN (part->length, end - part->offset) : 0;

  if (self->backing == NULL
      || __atomic_load_n (&self->blocks[part->offset / BLOCK], __ATOMIC_ACQUIRE))
    return banyan_child_read (self->file, &below, error);

  banyan_request_fill (part, there, 0, part->length - there);
  below = banyan_request_slice (part, 0, there, part->offset);
  return there == 0 || banyan_child_read (self->backing, &below, error);
}

static gboolean BANYAN_COROUTINE
test_header_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  guint64 length;

  for (guint64 done = 0; done < request->length; done += length)
    {
      BanyanRequest part;

      length = MIN (request->length - done, BLOCK - (request->offset + done) % BLOCK);
      part = banyan_request_slice (request, done, length, request->offset + done);
      if (!read_part ((TestHeader *) node, &part, error))
        return FALSE;
    }
  return TRUE;
}

/* Whole blocks only. */
static gboolean BANYAN_COROUTINE
test_header_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestHeader *self = (TestHeader *) node;
  BanyanRequest below
      = banyan_request_slice (request, 0, request->length, request->offset + HEADER_BYTES);

  if (!banyan_child_write (self->file, &below, error))
    return FALSE;
  for (guint64 i = request->offset / BLOCK; i * BLOCK < request->offset + request->length; i++)
    __atomic_store_n (&self->blocks[i], TRUE, __ATOMIC_RELEASE);
  return TRUE;
}

static const BanyanNodeOps test_header_ops = {
  .size = sizeof test_header_ops,
  .read = test_header_read,
  .write = test_header_write,
};

static void
test_header_get_limits (BanyanNode *node, BanyanLimits *limits)
{
  limits->request_alignment = BLOCK;
}

static guint n_opened; /* atomic */

/* (nullable) */
static char *
find_line (char **lines, const char *key)
{
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], key))
      return lines[i] + strlen (key);

  return NULL;
}

static gboolean
test_header_open (BanyanElement *element, GError **error)
{
  TestHeader *self = (TestHeader *) element;
  g_autofree char *header = g_malloc0 (HEADER_BYTES + 1);
  g_auto (GStrv) lines = NULL;

  if (!banyan_child_pread (self->file, 0, header, HEADER_BYTES, error))
    return FALSE;

  self->ordinal = __atomic_add_fetch (&n_opened, 1, __ATOMIC_RELAXED);
  lines = g_strsplit (header, "\n", -1);
  if (g_strcmp0 (lines[0], "banyan-test-header") != 0)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_TYPE,
                   "this is no image of test-header's");
      return FALSE;
    }

  banyan_node_publish_length (BANYAN_NODE (self),
                              banyan_child_get_length (self->file) - HEADER_BYTES);
  banyan_node_publish_backing (BANYAN_NODE (self), "backing", find_line (lines, "backing: "),
                               find_line (lines, "format: "));
  return TRUE;
}

/* Before the first request the backing is there. */
static gboolean
test_header_settle (BanyanElement *element, BanyanChange *change, GError **error)
{
  g_assert (!banyan_element_is_implied (element, "backing")
            || ((TestHeader *) element)->backing != NULL);
  return TRUE;
}

static void
test_header_class_init (TestHeaderClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  object_class->set_property = banyan_node_set_field;
  object_class->get_property = banyan_node_get_field;

  BANYAN_ELEMENT_CLASS (klass)->open = test_header_open;
  BANYAN_ELEMENT_CLASS (klass)->settle = test_header_settle;
  node_class->get_limits = test_header_get_limits;
  banyan_node_class_set_ops (node_class, &test_header_ops);
  banyan_node_class_add_child_role (
      node_class, "file", BANYAN_CHILD_DATA | BANYAN_CHILD_METADATA | BANYAN_CHILD_PRIMARY,
      "Node with the image", G_STRUCT_OFFSET (TestHeader, file));
  banyan_node_class_add_child_role (node_class, "backing", BANYAN_CHILD_COW | BANYAN_CHILD_OPTIONAL,
                                    "Where what was not written is read from",
                                    G_STRUCT_OFFSET (TestHeader, backing));
  g_object_class_install_property (
      object_class, 1,
      banyan_param_state (banyan_param_uint (
          "ordinal", "Ordinal", "How many images had been opened when this one was",
          BANYAN_UNIT_NONE, 0, G_MAXUINT, 0, G_STRUCT_OFFSET (TestHeader, ordinal))));
}

static void
test_header_init (TestHeader *self)
{
}

BANYAN_PLUGIN_DEFINE (test_header, .kind = BANYAN_PLUGIN_FORMAT,
                      .register_type = test_header_register_type,
                      .summary = "Images that name their backing, for tests")
