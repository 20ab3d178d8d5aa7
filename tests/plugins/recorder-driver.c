/* recorder-driver.c - a protocol that remembers each write and each flush, for power cuts
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "recorder-driver.h"

#include <errno.h>
#include <string.h>

#define SECTOR 512

G_DECLARE_FINAL_TYPE (TestRecorder, test_recorder, TEST, RECORDER, BanyanProtocol)

struct _TestRecorder
{
  BanyanProtocol parent_instance;

  guint8 *bytes; /* (owned): RECORDER_MAX_LENGTH of them */
};

G_DEFINE_FINAL_TYPE (TestRecorder, test_recorder, BANYAN_TYPE_PROTOCOL)

static struct
{
  GMutex mutex;
  GPtrArray *log;
  guint step;
  gint left; /* operations until one fails */
  RecorderFailure how;
  guint n_operations;
  gboolean has_failed;
  const guint8 *bytes;
  gsize length;
} state;

static void
entry_free (gpointer data)
{
  RecorderEntry *entry = data;

  g_free (entry->data);
  g_free (entry);
}

/* TRUE: this one fails. */
static gboolean
fails (GError **error)
{
  gboolean does;

  g_mutex_lock (&state.mutex);
  does = state.left == 0;
  state.left -= state.left >= 0;
  state.n_operations++;
  state.has_failed |= does;
  g_mutex_unlock (&state.mutex);
  if (does)
    banyan_throw_errno (error, state.how == RECORDER_ENOSPC ? ENOSPC : EIO,
                        "the recorder was told to");
  return does;
}

static void
note (RecorderKind kind, guint64 offset, gsize length, const guint8 *data)
{
  RecorderEntry *entry = g_new0 (RecorderEntry, 1);

  *entry = (RecorderEntry){ kind, state.step, offset, length, NULL };
  if (data != NULL)
    entry->data = g_memdup2 (data, length);
  g_mutex_lock (&state.mutex);
  g_ptr_array_add (state.log, entry);
  g_mutex_unlock (&state.mutex);
}

static gboolean
test_recorder_read (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  if (fails (error))
    return FALSE;
  banyan_request_copy_in (request, 0, TEST_RECORDER (node)->bytes + request->offset,
                          request->length);
  return TRUE;
}

static gboolean
test_recorder_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  guint8 *at = TEST_RECORDER (node)->bytes + request->offset;
  gboolean does_fail = fails (error);
  guint64 half = (request->offset + request->length / 2) & ~(guint64) (SECTOR - 1);
  gsize length = does_fail ? 0 : request->length;

  /* A sector is written, or not. */
  if (does_fail && state.how == RECORDER_SHORT && half > request->offset)
    length = half - request->offset;
  if (length > 0)
    {
      banyan_request_copy_out (request, 0, at, length);
      note (RECORDER_WRITE, request->offset, length, at);
    }
  return !does_fail;
}

static BanyanAnswer
test_recorder_write_zeroes (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  guint8 *at = TEST_RECORDER (node)->bytes + request->offset;

  if (fails (error))
    return BANYAN_FAILED;
  memset (at, 0, request->length);
  note (RECORDER_WRITE, request->offset, request->length, at);
  return BANYAN_DONE;
}

/* What was discarded is gone in the worst way. */
static BanyanAnswer
test_recorder_discard (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  guint8 *at = TEST_RECORDER (node)->bytes + request->offset;

  if (fails (error))
    return BANYAN_FAILED;
  memset (at, 0xdd, request->length);
  note (RECORDER_WRITE, request->offset, request->length, at);
  return BANYAN_DONE;
}

static gboolean
test_recorder_flush (BanyanNode *node, GError **error)
{
  if (fails (error))
    return FALSE;
  note (RECORDER_FLUSH, 0, 0, NULL);
  return TRUE;
}

static BanyanAnswer
test_recorder_resize (BanyanNode *node, const BanyanResize *resize, GError **error)
{
  guint64 length = banyan_node_get_length (node);

  if (fails (error))
    return BANYAN_FAILED;
  if (resize->length > RECORDER_MAX_LENGTH)
    {
      banyan_throw_errno (error, ENOSPC, "the recorder is full");
      return BANYAN_FAILED;
    }
  if (resize->length < length)
    memset (TEST_RECORDER (node)->bytes + resize->length, 0, length - resize->length);
  note (RECORDER_RESIZE, resize->length, 0, NULL);
  banyan_node_publish_length (node, resize->length);
  return BANYAN_DONE;
}

static const BanyanNodeOps test_recorder_ops = {
  .size = sizeof test_recorder_ops,
  .read = test_recorder_read,
  .write = test_recorder_write,
  .flush = test_recorder_flush,
  .discard = test_recorder_discard,
  .write_zeroes = test_recorder_write_zeroes,
  .resize = test_recorder_resize,
};

static gboolean
test_recorder_open (BanyanElement *element, GError **error)
{
  TestRecorder *self = TEST_RECORDER (element);

  g_assert_cmpuint (state.length, <=, RECORDER_MAX_LENGTH);
  self->bytes = g_malloc0 (RECORDER_MAX_LENGTH);
  memcpy (self->bytes, state.bytes, state.length);
  banyan_node_publish_length (BANYAN_NODE (self), state.length);
  return TRUE;
}

static void
test_recorder_close (BanyanElement *element)
{
  g_clear_pointer (&TEST_RECORDER (element)->bytes, g_free);
}

static void
test_recorder_class_init (TestRecorderClass *klass)
{
  BANYAN_ELEMENT_CLASS (klass)->open = test_recorder_open;
  BANYAN_ELEMENT_CLASS (klass)->close = test_recorder_close;
  banyan_node_class_set_ops (BANYAN_NODE_CLASS (klass), &test_recorder_ops);
}

static void
test_recorder_init (TestRecorder *self)
{
}

void
recorder_register (void)
{
  banyan_registry_add_builtin (banyan_registry_get_default (), "recorder", BANYAN_PLUGIN_PROTOCOL,
                               test_recorder_get_type (), "Remember each write and each flush");
}

void
recorder_prepare (const guint8 *bytes, gsize length)
{
  g_clear_pointer (&state.log, g_ptr_array_unref);
  state.log = g_ptr_array_new_with_free_func (entry_free);
  state.bytes = bytes;
  state.length = length;
  state.step = 0;
  state.left = -1;
  state.how = RECORDER_EIO;
  state.n_operations = 0;
  state.has_failed = FALSE;
}

GPtrArray *
recorder_get_log (void)
{
  return state.log;
}

void
recorder_set_step (guint step)
{
  state.step = step;
}

void
recorder_fail_after (gint operations)
{
  g_mutex_lock (&state.mutex);
  state.left = operations;
  state.n_operations = 0;
  state.has_failed = FALSE;
  g_mutex_unlock (&state.mutex);
}

void
recorder_fail_as (RecorderFailure how)
{
  state.how = how;
}

guint
recorder_get_n_operations (void)
{
  return state.n_operations;
}

gboolean
recorder_has_failed (void)
{
  return state.has_failed;
}
