/* browse-messages.c - what the browser asks, and what it makes of answers and events
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each question is on its way once at most. What changes meanwhile is asked for again when the
 * answer has come, so a server that is slow gets no queue of questions. */

#include "browse.h"

#include <string.h>

static const struct
{
  BrowseAsk ask;
  const char *id;
  const char *command;
} questions[] = {
  { BROWSE_ASK_EVENTS, "events", "subscribe" },
  { BROWSE_ASK_SET, "set", "qom-set" },
  { BROWSE_ASK_GRAPH, "graph", "query-graph" },
  { BROWSE_ASK_PROPERTIES, "properties", "qom-describe" },
  { BROWSE_ASK_COUNT, "count", "transaction" },
  { BROWSE_ASK_RATES, "rates", "query-blockstats" },
  { BROWSE_ASK_EDGES, "edges", "query-blockstats" },
};

/* -- Edges count while somebody looks. -- */

static void
add_action (BanyanSpecBuilder *actions, const char *edge, gboolean enable)
{
  BanyanSpecBuilder *data = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *action = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (data, "edge", edge);
  banyan_spec_builder_add_boolean (data, "enable", enable);
  banyan_spec_builder_add_string (action, "type", "edge-statistics");
  banyan_spec_builder_take_built (action, "data", data);
  banyan_spec_builder_take_built (actions, NULL, action);
}

/* One that cannot be told, for it went away meanwhile, is not told again. */
static void
add_silent (BrowseModel *self, BanyanSpecBuilder *arguments)
{
  BanyanSpecBuilder *actions = banyan_spec_builder_new_list ();

  for (guint i = 0; i < self->silent->len; i++)
    add_action (actions, self->silent->pdata[i], TRUE);
  banyan_spec_builder_take_built (arguments, "actions", actions);
  g_ptr_array_extend_and_steal (self->switched, self->silent);
  self->silent = g_ptr_array_new_with_free_func (g_free);
}

static void
note_edges_of (BrowseModel *self, GraphObject *object)
{
  BanyanSpec *edges = cli_spec_get (object->facts, "edges");

  for (guint i = 0; i < cli_spec_count (edges); i++)
    {
      const char *path = banyan_spec_lookup_text (banyan_spec_get_item (edges, i), "path");

      if (g_hash_table_add (self->counting, g_strdup (path)))
        g_ptr_array_add (self->silent, g_strdup (path));
    }
}

/* Who is no node has a backend, which counts anyhow. */
void
browse_model_note_edges (BrowseModel *self)
{
  if (self->counting == NULL)
    return;

  for (guint i = 0; self->graph != NULL && i < self->graph->objects->len; i++)
    {
      GraphObject *object = self->graph->objects->pdata[i];

      if (object->is_node)
        note_edges_of (self, object);
    }
  if (self->silent->len > 0)
    self->wanted |= BROWSE_ASK_COUNT;
}

static gboolean
has_edge (BrowseModel *self, const char *path)
{
  g_autofree char *owner = g_strndup (path, strrchr (path, ':') - path);
  GraphObject *object = self->graph != NULL ? graph_model_find (self->graph, owner) : NULL;
  BanyanSpec *edges = object != NULL ? cli_spec_get (object->facts, "edges") : NULL;

  for (guint i = 0; i < cli_spec_count (edges); i++)
    if (g_strcmp0 (banyan_spec_lookup_text (banyan_spec_get_item (edges, i), "path"), path) == 0)
      return TRUE;
  return FALSE;
}

BanyanSpec *
browse_model_last_request (BrowseModel *self)
{
  BanyanSpecBuilder *message, *arguments, *actions;
  guint n = 0;

  actions = banyan_spec_builder_new_list ();
  for (guint i = 0; i < self->switched->len; i++)
    if (has_edge (self, self->switched->pdata[i]))
      {
        add_action (actions, self->switched->pdata[i], FALSE);
        n++;
      }
  if (n == 0)
    {
      banyan_spec_builder_free (actions);
      return NULL;
    }

  arguments = banyan_spec_builder_new_map ();
  banyan_spec_builder_take_built (arguments, "actions", actions);
  message = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (message, "execute", "transaction");
  banyan_spec_builder_take_built (message, "arguments", arguments);
  banyan_spec_builder_add_string (message, "id", "last");
  return banyan_spec_builder_end (message);
}

/* -- Questions. -- */

static void
add_arguments (BrowseModel *self, BanyanSpecBuilder *message, BrowseAsk ask)
{
  BanyanSpecBuilder *arguments = banyan_spec_builder_new_map ();

  if (ask == BROWSE_ASK_PROPERTIES)
    banyan_spec_builder_add_string (arguments, "path", self->properties_path);
  if (ask == BROWSE_ASK_EDGES)
    banyan_spec_builder_add_boolean (arguments, "query-nodes", TRUE);
  if (ask == BROWSE_ASK_COUNT)
    add_silent (self, arguments);
  if (ask == BROWSE_ASK_SET)
    {
      GraphObject *object = graph_model_find (self->graph, self->edited_path);
      g_autoptr (BanyanSpec) value = object != NULL
                                         ? live_read_value (object, self->edited, self->input->str)
                                         : cli_read_value (self->input->str);

      banyan_spec_builder_add_string (arguments, "path", self->edited_path);
      banyan_spec_builder_add_string (arguments, "property", self->edited);
      cli_add (arguments, "value", value);
    }
  banyan_spec_builder_take_built (message, "arguments", arguments);
}

BanyanSpec *
browse_model_next_request (BrowseModel *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    {
      BrowseAsk ask = questions[i].ask;
      BanyanSpecBuilder *message;

      if (!(self->wanted & ask) || (self->asked & ask))
        continue;

      self->wanted &= ~ask;
      self->asked |= ask;
      message = banyan_spec_builder_new_map ();
      banyan_spec_builder_add_string (message, "execute", questions[i].command);
      add_arguments (self, message, ask);
      banyan_spec_builder_add_string (message, "id", questions[i].id);
      return banyan_spec_builder_end (message);
    }

  return NULL;
}

void
browse_model_set_edited (BrowseModel *self)
{
  self->wanted |= BROWSE_ASK_SET;
  browse_model_say (self, FALSE, "setting %s...", self->edited);
}

/* -- Answers. -- */

static void
take_properties (BrowseModel *self, BanyanSpec *answer)
{
  g_clear_pointer (&self->properties, banyan_spec_unref);
  self->properties = banyan_spec_ref (answer);
  browse_model_update_items (self);
}

static void
take_rates (BrowseModel *self, BrowseRates *rates, BanyanSpec *answer, gint64 now_us)
{
  g_clear_pointer (&rates->rates, g_ptr_array_unref);
  rates->rates = live_rates_new (rates->counts, answer, (now_us - rates->counts_us) / 1e6);
  g_clear_pointer (&rates->counts, banyan_spec_unref);
  rates->counts = banyan_spec_ref (answer);
  rates->counts_us = now_us;
  browse_model_update_items (self);
}

/* Those that count at first do so for somebody else, and go on when this has ended. */
static void
take_edges (BrowseModel *self, BanyanSpec *nodes, gint64 now_us)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();
  g_autoptr (BanyanSpec) edges = NULL;

  live_add_edge_counts (list, nodes);
  edges = banyan_spec_builder_end (list);
  take_rates (self, &self->edges, edges, now_us);
  if (self->counting != NULL)
    return;

  self->counting = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < cli_spec_count (edges); i++)
    g_hash_table_add (self->counting,
                      g_strdup (banyan_spec_lookup_text (banyan_spec_get_item (edges, i), "qdev")));
  browse_model_note_edges (self);
}

static void
take_answer (BrowseModel *self, BrowseAsk ask, BanyanSpec *answer, gint64 now_us)
{
  switch (ask)
    {
    case BROWSE_ASK_GRAPH:
      browse_model_set_graph (self, answer);
      return;
    case BROWSE_ASK_PROPERTIES:
      take_properties (self, answer);
      return;
    case BROWSE_ASK_RATES:
      take_rates (self, &self->backends, answer, now_us);
      return;
    case BROWSE_ASK_EDGES:
      take_edges (self, answer, now_us);
      return;
    case BROWSE_ASK_SET:
      browse_model_say (self, FALSE, "%s.%s is set", self->edited_path, self->edited);
      self->wanted |= BROWSE_ASK_PROPERTIES | BROWSE_ASK_GRAPH;
      return;
    case BROWSE_ASK_EVENTS:
    case BROWSE_ASK_COUNT:
      return;
    }
}

/* A value that is refused is there to be put right. An object that went away while it was asked for
 * is no news: the graph is asked for anyhow. */
static void
take_refusal (BrowseModel *self, BrowseAsk ask, BanyanSpec *error)
{
  const char *words = live_skip_place (banyan_spec_lookup_text (error, "desc"));

  if (ask == BROWSE_ASK_SET)
    {
      self->prompt = BROWSE_EDIT;
      browse_model_say (self, TRUE, "%s", words);
    }
  else if (ask == BROWSE_ASK_PROPERTIES || ask == BROWSE_ASK_COUNT)
    self->wanted |= BROWSE_ASK_GRAPH;
  else
    browse_model_say (self, TRUE, "%s", words);
}

static void
take_event (BrowseModel *self, BanyanSpec *event)
{
  const char *name = banyan_spec_lookup_text (event, "event");
  const char *path = banyan_spec_lookup_text (cli_spec_get (event, "data"), "path");

  if (g_str_equal (name, "PROPERTY_CHANGED"))
    {
      if (g_strcmp0 (path, self->properties_path) == 0)
        self->wanted |= BROWSE_ASK_PROPERTIES;
      return;
    }
  if (!g_str_has_prefix (name, "DRAIN_"))
    self->wanted |= BROWSE_ASK_GRAPH | BROWSE_ASK_PROPERTIES;
}

void
browse_model_take (BrowseModel *self, BanyanSpec *message, gint64 now_us)
{
  const char *id = banyan_spec_lookup_text (message, "id");
  BanyanSpec *error = cli_spec_get (message, "error");

  if (cli_spec_get (message, "event") != NULL)
    {
      take_event (self, message);
      return;
    }

  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    {
      if (g_strcmp0 (id, questions[i].id) != 0)
        continue;
      self->asked &= ~questions[i].ask;
      if (error != NULL)
        take_refusal (self, questions[i].ask, error);
      else
        take_answer (self, questions[i].ask, cli_spec_get (message, "return"), now_us);
    }
}
