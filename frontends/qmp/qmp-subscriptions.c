/* qmp-subscriptions.c - what one client wants to be told, beyond what all are
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * While somebody wants to know of properties, every object of the graph is listened to. A change is
 * noted once for each object and property, and what is told is the value at that time: at once
 * where it was quiet, and else after PACE_MS, or when a client that reads slowly has room again. So
 * however fast something changes, what waits for a client is bounded by what there is. */

#include "qmp-subscriptions.h"

#include <string.h>

#define PACE_MS 50
#define MAX_SUBSCRIPTIONS 1000

typedef struct
{
  const char *name; /* static */
  gboolean is_for_all;
} EventInfo;

static const EventInfo known_events[] = {
#define QMP_EVENT(name, is_for_all, data, summary) { name, is_for_all },
#include "qmp-event-list.h"
#undef QMP_EVENT
};

typedef struct
{
  char *path;    /* (owned) */
  char **events; /* (owned) (nullable): all */
} Subscription;

typedef struct
{
  BanyanObject *object; /* (owned) */
  GParamSpec *pspec;    /* (unowned): the class's */
} Change;

struct _QmpSubscriptions
{
  GObject *client;    /* (unowned) */
  BanyanGraph *graph; /* (unowned): the client's */
  QmpSink sink;
  GPtrArray *list;    /* (owned) (element-type Subscription) */
  GPtrArray *changes; /* (owned) (element-type Change): not told yet */
  GHashTable *noted;  /* (owned): of @changes */
  gboolean is_watching;
  guint timer;    /* 0: none */
  gint64 told_us; /* monotonic: when changes were last told */
};

static void
subscription_free (gpointer data)
{
  Subscription *self = data;

  g_free (self->path);
  g_strfreev (self->events);
  g_free (self);
}

static void
change_free (gpointer data)
{
  Change *self = data;

  g_object_unref (self->object);
  g_free (self);
}

static guint
hash_change (gconstpointer data)
{
  const Change *change = data;

  return g_direct_hash (change->object) ^ g_direct_hash (change->pspec) * 31;
}

static gboolean
are_equal_changes (gconstpointer a, gconstpointer b)
{
  const Change *one = a, *other = b;

  return one->object == other->object && one->pspec == other->pspec;
}

/* -- Whether a client wants it. -- */

/* "/nodes/disk" is above "/nodes/disk:file" and "/nodes/disk/x", not above "/nodes/disk0". */
static gboolean
is_below (const char *path, const char *prefix)
{
  gsize length = strlen (prefix);

  if (strcmp (prefix, "/") == 0)
    return TRUE;
  return strncmp (path, prefix, length) == 0 && strchr ("/:", path[length]) != NULL;
}

static gboolean
lists_below (BanyanSpec *paths, const char *prefix)
{
  for (guint i = 0; i < banyan_spec_get_length (paths); i++)
    if (is_below (banyan_spec_get_text (banyan_spec_get_item (paths, i)), prefix))
      return TRUE;

  return FALSE;
}

/* What is about nothing in particular is for who asked for it by name, or for everything. */
static gboolean
is_about (const Subscription *subscription, BanyanSpec *data)
{
  BanyanSpec *gates = data != NULL ? banyan_spec_lookup (data, "gates") : NULL;
  const char *path = data != NULL ? banyan_spec_lookup_text (data, "path") : NULL;

  if (gates != NULL)
    return lists_below (gates, subscription->path);
  if (path != NULL)
    return is_below (path, subscription->path);

  return subscription->events != NULL || strcmp (subscription->path, "/") == 0;
}

static gboolean
wants_name (const Subscription *subscription, const char *event)
{
  return subscription->events == NULL
         || g_strv_contains ((const char *const *) subscription->events, event);
}

static gboolean
is_for_all (const char *event)
{
  for (guint i = 0; i < G_N_ELEMENTS (known_events); i++)
    if (strcmp (known_events[i].name, event) == 0)
      return known_events[i].is_for_all;

  return FALSE;
}

gboolean
qmp_subscriptions_want (QmpSubscriptions *self, const char *event, BanyanSpec *data)
{
  if (is_for_all (event))
    return TRUE;

  for (guint i = 0; i < self->list->len; i++)
    {
      const Subscription *subscription = self->list->pdata[i];

      if (wants_name (subscription, event) && is_about (subscription, data))
        return TRUE;
    }
  return FALSE;
}

/* -- Telling of properties. -- */

static void
tell (QmpSubscriptions *self, const Change *change)
{
  g_autofree char *path = banyan_object_dup_path (change->object);
  g_autofree char *origin_text = NULL;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (BanyanSpec) data = NULL;
  BanyanSpecBuilder *map;
  BanyanOrigin origin;

  if (path == NULL)
    return;

  banyan_object_get_origin (change->object, change->pspec->name, &origin);
  origin_text = banyan_origin_to_string (&origin);
  g_value_init (&value, change->pspec->value_type);
  g_object_get_property (G_OBJECT (change->object), change->pspec->name, &value);
  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_add_string (map, "property", change->pspec->name);
  banyan_spec_builder_take (map, "value",
                            banyan_param_value_to_spec (change->pspec, &value, &origin));
  banyan_spec_builder_add_string (map, "origin", origin_text);
  data = banyan_spec_builder_end (map);
  if (qmp_subscriptions_want (self, "PROPERTY_CHANGED", data))
    self->sink.send (self->client, "PROPERTY_CHANGED", data);
}

void
qmp_subscriptions_flush (QmpSubscriptions *self)
{
  g_autoptr (GPtrArray) changes = NULL;

  if (self->changes->len == 0 || !self->sink.has_room (self->client))
    return;

  changes = g_steal_pointer (&self->changes);
  self->changes = g_ptr_array_new_with_free_func (change_free);
  g_hash_table_remove_all (self->noted);
  self->told_us = g_get_monotonic_time ();
  for (guint i = 0; i < changes->len; i++)
    tell (self, changes->pdata[i]);
}

void
qmp_subscriptions_catch_up (QmpSubscriptions *self)
{
  if (g_get_monotonic_time () - self->told_us >= PACE_MS * 1000)
    qmp_subscriptions_flush (self);
}

static gboolean
on_time (gpointer data)
{
  QmpSubscriptions *self = data;

  self->timer = 0;
  qmp_subscriptions_flush (self);
  return G_SOURCE_REMOVE;
}

/* What is being opened may never come to be; collections are never opened. */
static gboolean
is_hidden (BanyanObject *object)
{
  BanyanObjectState state = banyan_object_get_state (object);

  return state == BANYAN_OBJECT_CONFIGURED || state == BANYAN_OBJECT_CLOSED;
}

static void
note (GObject *object, GParamSpec *pspec, QmpSubscriptions *self)
{
  Change wanted = { BANYAN_OBJECT (object), pspec };
  gint64 quiet_ms = (g_get_monotonic_time () - self->told_us) / 1000;
  Change *change;

  if (is_hidden (wanted.object) || g_hash_table_contains (self->noted, &wanted))
    return;

  change = g_new0 (Change, 1);
  change->object = g_object_ref (wanted.object);
  change->pspec = pspec;
  g_ptr_array_add (self->changes, change);
  g_hash_table_add (self->noted, change);
  if (self->timer == 0)
    self->timer = g_timeout_add (quiet_ms < PACE_MS ? PACE_MS - quiet_ms : 0, on_time, self);
}

/* -- Listening to the whole tree. -- */

static void follow (QmpSubscriptions *self, BanyanObject *object);

static void
on_child_added (BanyanObject *object, BanyanObject *child, QmpSubscriptions *self)
{
  follow (self, child);
}

static void
leave (QmpSubscriptions *self, BanyanObject *object)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (object);

  g_signal_handlers_disconnect_by_data (object, self);
  for (guint i = 0; i < children->len; i++)
    leave (self, children->pdata[i]);
}

/* What is noted of it keeps it alive no longer. */
static void
on_child_removed (BanyanObject *object, BanyanObject *child, QmpSubscriptions *self)
{
  leave (self, child);
  for (guint i = self->changes->len; i-- > 0;)
    {
      Change *change = self->changes->pdata[i];

      if (banyan_object_get_root (change->object) == BANYAN_OBJECT (self->graph)
          && change->object != child)
        continue;
      g_hash_table_remove (self->noted, change);
      g_ptr_array_remove_index (self->changes, i);
    }
}

static void
follow (QmpSubscriptions *self, BanyanObject *object)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (object);

  g_signal_connect (object, "notify", G_CALLBACK (note), self);
  g_signal_connect (object, "child-added", G_CALLBACK (on_child_added), self);
  g_signal_connect (object, "child-removed", G_CALLBACK (on_child_removed), self);
  for (guint i = 0; i < children->len; i++)
    follow (self, children->pdata[i]);
}

static gboolean
wants_properties (QmpSubscriptions *self)
{
  for (guint i = 0; i < self->list->len; i++)
    if (wants_name (self->list->pdata[i], "PROPERTY_CHANGED"))
      return TRUE;

  return FALSE;
}

static void
update_watching (QmpSubscriptions *self)
{
  gboolean is_wanted = wants_properties (self);

  if (self->is_watching == is_wanted)
    return;

  self->is_watching = is_wanted;
  if (is_wanted)
    follow (self, BANYAN_OBJECT (self->graph));
  else
    leave (self, BANYAN_OBJECT (self->graph));
}

/* -- The list. -- */

static Subscription *
find (QmpSubscriptions *self, const char *path)
{
  for (guint i = 0; i < self->list->len; i++)
    {
      Subscription *subscription = self->list->pdata[i];

      if (strcmp (subscription->path, path) == 0)
        return subscription;
    }
  return NULL;
}

static gboolean
check_event (const char *event, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *near;

  for (guint i = 0; i < G_N_ELEMENTS (known_events); i++)
    g_ptr_array_add (names, (gpointer) known_events[i].name);
  g_ptr_array_add (names, NULL);
  if (g_strv_contains ((const char *const *) names->pdata, event))
    return TRUE;

  near = banyan_did_you_mean (event, (const char *const *) names->pdata);
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_KEY,
               "there is no event \"%s\"%s%s%s", event, near != NULL ? "; did you mean \"" : "",
               near != NULL ? near : "", near != NULL ? "\"?" : "");
  return FALSE;
}

static gboolean
check_subscription (QmpSubscriptions *self, const char *path, BanyanList *events, GError **error)
{
  for (guint i = 0; i < banyan_list_get_length (events); i++)
    if (!check_event (banyan_list_get_string (events, i), error))
      return FALSE;

  if (path[0] != '/')
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_SYNTAX,
                 "path: \"%s\" does not begin with \"/\"; write /nodes/disk0, or / for everything",
                 path);
  else if (self->list->len >= MAX_SUBSCRIPTIONS && find (self, path) == NULL)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE,
                 "a client has %d subscriptions at most; one to \"/\" is to everything",
                 MAX_SUBSCRIPTIONS);
  else
    return TRUE;

  return FALSE;
}

static char **
dup_strings (BanyanList *list)
{
  GPtrArray *strings;

  if (list == NULL)
    return NULL;

  strings = g_ptr_array_new ();
  for (guint i = 0; i < banyan_list_get_length (list); i++)
    g_ptr_array_add (strings, g_strdup (banyan_list_get_string (list, i)));
  g_ptr_array_add (strings, NULL);
  return (char **) g_ptr_array_free (strings, FALSE);
}

gboolean
qmp_subscriptions_add (QmpSubscriptions *self, const char *path, BanyanList *events, GError **error)
{
  Subscription *subscription;

  if (!check_subscription (self, path, events, error))
    return FALSE;

  subscription = find (self, path);
  if (subscription == NULL)
    {
      subscription = g_new0 (Subscription, 1);
      subscription->path = g_strdup (path);
      g_ptr_array_add (self->list, subscription);
    }
  g_strfreev (subscription->events);
  subscription->events = dup_strings (events);
  update_watching (self);
  return TRUE;
}

gboolean
qmp_subscriptions_remove (QmpSubscriptions *self, const char *path)
{
  Subscription *subscription = path != NULL ? find (self, path) : NULL;

  if (path != NULL && subscription == NULL)
    return FALSE;

  if (path != NULL)
    g_ptr_array_remove (self->list, subscription);
  else
    g_ptr_array_set_size (self->list, 0);
  update_watching (self);
  return TRUE;
}

/* -- The whole. -- */

QmpSubscriptions *
qmp_subscriptions_new (GObject *client, BanyanGraph *graph, const QmpSink *sink)
{
  QmpSubscriptions *self = g_new0 (QmpSubscriptions, 1);

  self->client = client;
  self->graph = graph;
  self->sink = *sink;
  self->list = g_ptr_array_new_with_free_func (subscription_free);
  self->changes = g_ptr_array_new_with_free_func (change_free);
  self->noted = g_hash_table_new (hash_change, are_equal_changes);
  return self;
}

void
qmp_subscriptions_free (QmpSubscriptions *self)
{
  qmp_subscriptions_remove (self, NULL);
  if (self->timer != 0)
    g_source_remove (self->timer);
  g_hash_table_unref (self->noted);
  g_ptr_array_unref (self->changes);
  g_ptr_array_unref (self->list);
  g_free (self);
}
