/* banyan-failures.c - requests that failed, told to those who watch the graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-channel-private.h"

#include <errno.h>
#include <string.h>

#define PACE_MS 1000

static void
failure_clear (BanyanFailure *self)
{
  g_free (self->node);
  g_free (self->reason);
  memset (self, 0, sizeof *self);
}

/* @other is empty afterwards. */
static void
failure_take (BanyanFailure *self, BanyanFailure *other)
{
  guint64 count = self->count + other->count;

  failure_clear (self);
  *self = *other;
  self->count = count;
  memset (other, 0, sizeof *other);
}

static void
failures_take (BanyanFailure *kinds, BanyanFailure *others)
{
  for (guint i = 0; i < BANYAN_FAILURE_KINDS; i++)
    if (others[i].count > 0)
      failure_take (&kinds[i], &others[i]);
}

/* -- Telling, at a pace: main thread. -- */

/* A user whose failures were told of less than PACE_MS ago. */
typedef struct
{
  BanyanGraph *graph; /* (unowned): whose table it is in */
  char *path;         /* (owned) */
  char *device;       /* (owned) */
  BanyanFailure kinds[BANYAN_FAILURE_KINDS];
  guint timer;
} Pace;

static void
pace_free (gpointer data)
{
  Pace *self = data;

  g_source_remove (self->timer);
  for (guint i = 0; i < BANYAN_FAILURE_KINDS; i++)
    failure_clear (&self->kinds[i]);
  g_free (self->path);
  g_free (self->device);
  g_free (self);
}

/* In QEMU's words. Nothing but a report to the client follows an error here. */
static void
tell_kind (Pace *self, const BanyanFailure *failure, guint kind)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) data = NULL;

  banyan_spec_builder_add_string (map, "qom-path", self->path);
  banyan_spec_builder_add_string (map, "device", self->device);
  banyan_spec_builder_add_string (map, "node-name", failure->node);
  banyan_spec_builder_add_string (map, "operation", kind & BANYAN_FAILURE_WRITE ? "write" : "read");
  banyan_spec_builder_add_string (map, "action", "report");
  banyan_spec_builder_add_boolean (map, "nospace", kind & BANYAN_FAILURE_NO_SPACE);
  banyan_spec_builder_add_string (map, "reason", failure->reason);
  banyan_spec_builder_add_uint (map, "count", failure->count);
  data = banyan_spec_builder_end (map);
  banyan_graph_emit_event (self->graph, "BLOCK_IO_ERROR", data);
}

/* FALSE: there was nothing. */
static gboolean
tell (Pace *self)
{
  gboolean has_told = FALSE;

  for (guint i = 0; i < BANYAN_FAILURE_KINDS; i++)
    if (self->kinds[i].count > 0)
      {
        tell_kind (self, &self->kinds[i], i);
        failure_clear (&self->kinds[i]);
        has_told = TRUE;
      }
  return has_told;
}

static gboolean
on_time (gpointer data)
{
  Pace *self = data;

  if (!tell (self))
    g_hash_table_remove (banyan_graph_get_paces (self->graph), self->path);
  return G_SOURCE_CONTINUE;
}

GHashTable *
banyan_paces_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, pace_free);
}

void
banyan_paces_flush (GHashTable *paces)
{
  GHashTableIter iter;
  gpointer pace;

  g_hash_table_iter_init (&iter, paces);
  while (g_hash_table_iter_next (&iter, NULL, &pace))
    tell (pace);
}

static void
hear (BanyanGraph *graph, BanyanBackend *backend, BanyanFailure *kinds)
{
  BanyanObject *owner = (BanyanObject *) backend->owner;
  g_autofree char *path
      = owner != NULL ? banyan_object_dup_path (owner) : banyan_backend_dup_path (backend);
  Pace *pace = g_hash_table_lookup (banyan_graph_get_paces (graph), path);

  if (pace != NULL)
    {
      failures_take (pace->kinds, kinds);
      return;
    }

  pace = g_new0 (Pace, 1);
  pace->graph = graph;
  pace->path = g_steal_pointer (&path);
  pace->device = g_strdup (owner != NULL ? banyan_object_get_id (owner) : "");
  pace->timer = g_timeout_add (PACE_MS, on_time, pace);
  g_hash_table_insert (banyan_graph_get_paces (graph), pace->path, pace);
  failures_take (pace->kinds, kinds);
  tell (pace);
}

/* -- From where it fails to the main thread. -- */

static BanyanGraph *
find_graph (BanyanBackend *backend)
{
  gpointer member = backend->owner != NULL ? (gpointer) backend->owner : backend->edge->node;
  BanyanObject *root = member != NULL ? banyan_object_get_root (member) : NULL;

  return root != NULL && BANYAN_IS_GRAPH (root) ? BANYAN_GRAPH (root) : NULL;
}

static void
deliver (BanyanTask *task)
{
  BanyanBackend *backend
      = (BanyanBackend *) ((char *) task - G_STRUCT_OFFSET (BanyanBackend, failures.message));
  g_autoptr (GObject) owner = (GObject *) backend->owner;
  BanyanFailures *self = &backend->failures;
  BanyanGraph *graph = find_graph (backend);
  BanyanFailure kinds[BANYAN_FAILURE_KINDS];

  g_mutex_lock (&self->mutex);
  memcpy (kinds, self->kinds, sizeof kinds);
  memset (self->kinds, 0, sizeof self->kinds);
  self->is_posted = FALSE;
  g_mutex_unlock (&self->mutex);

  if (graph != NULL)
    hear (graph, backend, kinds);
  for (guint i = 0; i < BANYAN_FAILURE_KINDS; i++)
    failure_clear (&kinds[i]);
  g_object_unref (backend);
}

/* The request is in flight: whose backend it is stays until the message has a hold of its own. */
static void
post (BanyanBackend *backend)
{
  g_object_ref (backend);
  if (backend->owner != NULL)
    g_object_ref (backend->owner);
  backend->failures.message.func = deliver;
  banyan_loop_post (banyan_loop_get_main (), &backend->failures.message);
}

/* What the user should not have asked for says nothing about the storage. */
static gboolean
is_users_fault (BanyanChannel *self, gboolean is_write, const BanyanRequest *request)
{
  guint64 length = banyan_channel_get_length (self);

  if (request == NULL)
    return FALSE;
  if (request->offset > length || request->length > length - request->offset)
    return TRUE;

  return is_write && !banyan_child_is_writable (self->edge);
}

void
banyan_channel_note_failure (BanyanChannel *self, gboolean is_write, const BanyanRequest *request,
                             const GError *error)
{
  BanyanFailures *failures = &self->backend->failures;
  int number = error != NULL ? banyan_error_get_errno (error) : EIO;
  BanyanFailure failure = { .count = 1 };
  guint kind = 0;
  gboolean is_first;

  if (number == ECANCELED || is_users_fault (self, is_write, request))
    return;

  kind |= is_write ? BANYAN_FAILURE_WRITE : 0;
  kind |= number == ENOSPC ? BANYAN_FAILURE_NO_SPACE : 0;
  if (self->edge->node != NULL)
    failure.node = g_strdup (banyan_node_get_name (self->edge->node));
  failure.reason = g_strdup (error != NULL ? error->message : g_strerror (number));

  g_mutex_lock (&failures->mutex);
  failure_take (&failures->kinds[kind], &failure);
  is_first = !failures->is_posted;
  failures->is_posted = TRUE;
  g_mutex_unlock (&failures->mutex);

  if (is_first)
    post (self->backend);
}

void
banyan_failures_init (BanyanFailures *self)
{
  g_mutex_init (&self->mutex);
}

void
banyan_failures_clear (BanyanFailures *self)
{
  g_mutex_clear (&self->mutex);
  for (guint i = 0; i < BANYAN_FAILURE_KINDS; i++)
    failure_clear (&self->kinds[i]);
}
