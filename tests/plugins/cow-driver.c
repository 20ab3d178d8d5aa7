/* cow-driver.c - a format that shows its backing where nothing was written, for tests
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cow-driver.h"

#define MAX_BLOCKS 1024

G_DECLARE_FINAL_TYPE (TestCow, test_cow, TEST, COW, BanyanFormat)

struct _TestCow
{
  BanyanFormat parent_instance;

  BanyanChild *file;
  BanyanChild *backing;    /* (nullable) */
  BanyanCoMutex mutex;     /* held by who allocates */
  gint blocks[MAX_BLOCKS]; /* atomic: whether it is in file */
};

G_DEFINE_FINAL_TYPE (TestCow, test_cow, BANYAN_TYPE_FORMAT)

static gboolean
has_block (TestCow *self, guint64 offset)
{
  return __atomic_load_n (&self->blocks[offset / COW_BLOCK], __ATOMIC_ACQUIRE);
}

gboolean
cow_driver_has_block (BanyanNode *node, guint64 offset)
{
  return has_block (TEST_COW (node), offset);
}

static guint64
to_block_end (guint64 offset, guint64 length)
{
  return MIN (length, COW_BLOCK - offset % COW_BLOCK);
}

static gboolean BANYAN_COROUTINE
read_below (TestCow *self, const BanyanRequest *request, GError **error)
{
  guint64 end = self->backing != NULL ? banyan_child_get_length (self->backing) : 0;
  guint64 there = request->offset < end ? MIN (request->length, end - request->offset) : 0;
  BanyanRequest first = banyan_request_slice (request, 0, there, request->offset);

  banyan_request_fill (request, there, 0, request->length - there);
  return there == 0 || banyan_child_read (self->backing, &first, error);
}

static gboolean BANYAN_COROUTINE
test_cow_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestCow *self = TEST_COW (node);
  guint64 length;

  for (guint64 done = 0; done < request->length; done += length)
    {
      guint64 offset = request->offset + done;
      BanyanRequest part;

      length = to_block_end (offset, request->length - done);
      part = banyan_request_slice (request, done, length, offset);
      if (!(has_block (self, offset) ? banyan_child_read (self->file, &part, error)
                                     : read_below (self, &part, error)))
        return FALSE;
    }
  return TRUE;
}

/* The rest of the block comes from below. */
static gboolean BANYAN_COROUTINE
write_block (TestCow *self, const BanyanRequest *part, GError **error)
{
  guint64 start = part->offset - part->offset % COW_BLOCK;
  guint64 length = MIN (COW_BLOCK, banyan_node_get_length (BANYAN_NODE (self)) - start);
  guint8 block[COW_BLOCK];
  struct iovec iov = { block, length };
  BanyanRequest whole = BANYAN_REQUEST (start, length, &iov, 1);

  if (has_block (self, start))
    return banyan_child_write (self->file, part, error);
  if (!read_below (self, &whole, error))
    return FALSE;

  banyan_request_copy_out (part, 0, block + (part->offset - start), part->length);
  if (!banyan_child_write (self->file, &whole, error))
    return FALSE;
  __atomic_store_n (&self->blocks[start / COW_BLOCK], TRUE, __ATOMIC_RELEASE);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
test_cow_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestCow *self = TEST_COW (node);
  gboolean written = TRUE;
  guint64 length;

  banyan_co_mutex_lock (&self->mutex);
  for (guint64 done = 0; written && done < request->length; done += length)
    {
      guint64 offset = request->offset + done;
      BanyanRequest part;

      length = to_block_end (offset, request->length - done);
      part = banyan_request_slice (request, done, length, offset);
      written = write_block (self, &part, error);
    }
  banyan_co_mutex_unlock (&self->mutex);
  return written;
}

static BanyanAnswer
test_cow_block_status (BanyanNode *node, guint64 offset, guint64 length, BanyanBlockStatus *status,
                       GError **error)
{
  TestCow *self = TEST_COW (node);
  gboolean has = has_block (self, offset);
  guint64 known = to_block_end (offset, length);

  while (known < length && has_block (self, offset + known) == has)
    known += to_block_end (offset + known, length - known);

  status->length = known;
  status->flags = has ? BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED : 0;
  return BANYAN_DONE;
}

static const BanyanNodeOps test_cow_ops = {
  .size = sizeof test_cow_ops,
  .read = test_cow_read,
  .write = test_cow_write,
  .block_status = test_cow_block_status,
};

static gboolean
test_cow_open (BanyanElement *element, GError **error)
{
  TestCow *self = TEST_COW (element);

  g_assert_cmpuint (banyan_child_get_length (self->file), <=, MAX_BLOCKS * COW_BLOCK);
  banyan_node_publish_length (BANYAN_NODE (self), banyan_child_get_length (self->file));
  return TRUE;
}

static void
test_cow_class_init (TestCowClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  BANYAN_ELEMENT_CLASS (klass)->open = test_cow_open;
  banyan_node_class_set_ops (node_class, &test_cow_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_DATA | BANYAN_CHILD_PRIMARY,
                                    "Where blocks are kept that were written",
                                    G_STRUCT_OFFSET (TestCow, file));
  banyan_node_class_add_child_role (node_class, "backing", BANYAN_CHILD_COW | BANYAN_CHILD_OPTIONAL,
                                    "Where all others are read from",
                                    G_STRUCT_OFFSET (TestCow, backing));
}

static void
test_cow_init (TestCow *self)
{
}

void
cow_driver_register (void)
{
  banyan_registry_add_builtin (banyan_registry_get_default (), "test-cow", BANYAN_PLUGIN_FORMAT,
                               test_cow_get_type (), "Show the backing where nothing was written");
}
