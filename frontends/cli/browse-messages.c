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
  { BROWSE_ASK_RATES, "rates", "query-blockstats" },
};

/* -- Questions. -- */

static void
add_arguments (BrowseModel *self, BanyanSpecBuilder *message, BrowseAsk ask)
{
  BanyanSpecBuilder *arguments = banyan_spec_builder_new_map ();

  if (ask == BROWSE_ASK_PROPERTIES)
    banyan_spec_builder_add_string (arguments, "path", self->properties_path);
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
take_rates (BrowseModel *self, BanyanSpec *answer, gint64 now_us)
{
  g_clear_pointer (&self->rates, g_ptr_array_unref);
  self->rates = live_rates_new (self->counts, answer, (now_us - self->counts_us) / 1e6);
  g_clear_pointer (&self->counts, banyan_spec_unref);
  self->counts = banyan_spec_ref (answer);
  self->counts_us = now_us;
  browse_model_update_items (self);
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
      take_rates (self, answer, now_us);
      return;
    case BROWSE_ASK_SET:
      browse_model_say (self, FALSE, "%s.%s is set", self->edited_path, self->edited);
      self->wanted |= BROWSE_ASK_PROPERTIES | BROWSE_ASK_GRAPH;
      return;
    case BROWSE_ASK_EVENTS:
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
  else if (ask == BROWSE_ASK_PROPERTIES)
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
