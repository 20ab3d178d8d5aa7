/* live-complete.c - completes the words about a running graph: paths, properties, values
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whoever presses tab wants words, and no complaint: what goes wrong offers nothing. */

#include "live.h"

#include <string.h>
#include <unistd.h>

/* A shell waits for the words, and a server that does not answer must not hold it. */
#define PATIENCE_S 2

static void
offer_words (GString *text, const char *prefix)
{
  for (guint i = 0; live_words[i].name != NULL; i++)
    cli_offer (text, prefix, live_words[i].name, live_words[i].summary);
}

/* Who begins with a slash writes whole paths, all others the shortest that will do. */
static void
offer_paths (GString *text, const char *prefix, LiveSession *session)
{
  gboolean is_path = *prefix == '/';

  for (guint i = 0; i < session->graph->objects->len; i++)
    {
      GraphObject *object = session->graph->objects->pdata[i];
      const char *id = banyan_spec_lookup_text (object->facts, "id");
      guint n_found;

      live_look_up (session->graph, id, &n_found);
      cli_offer (text, prefix, is_path || n_found > 1 ? object->path : id, live_name_type (object));
    }
}

static BanyanSpec *
list_properties (LiveSession *session, const char *path)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  CliStatus status;

  banyan_spec_builder_add_string (map, "path", path);
  return cli_call (session->connection, "qom-list", banyan_spec_builder_end (map), &status, NULL);
}

static void
offer_properties_of (GString *text, const char *prefix, LiveSession *session, const char *name,
                     const char *path)
{
  g_autoptr (BanyanSpec) list = list_properties (session, path);

  for (guint i = 0; i < cli_spec_count (list); i++)
    {
      BanyanSpec *entry = banyan_spec_get_item (list, i);
      g_autofree char *word
          = g_strconcat (name, ".", banyan_spec_lookup_text (entry, "name"), NULL);

      if (!g_str_has_prefix (banyan_spec_lookup_text (entry, "type"), "child<"))
        cli_offer (text, prefix, word, banyan_spec_lookup_text (entry, "description"));
    }
}

/* Whatever stands before a dot may be an object, whose properties come behind it. */
static void
offer_properties (GString *text, const char *prefix, LiveSession *session)
{
  for (const char *dot = strchr (prefix, '.'); dot != NULL; dot = strchr (dot + 1, '.'))
    {
      g_autofree char *name = g_strndup (prefix, dot - prefix);
      guint n_found;
      GraphObject *object = live_look_up (session->graph, name, &n_found);

      if (object != NULL)
        offer_properties_of (text, prefix, session, name, object->path);
    }
  offer_paths (text, prefix, session);
}

/* What an enumeration or a flag may be. */
static void
offer_values (GString *text, const char *prefix, LiveSession *session, const char *name)
{
  const char *property;
  guint n_found;
  GraphObject *object = live_look_up_property (session->graph, name, &property, &n_found);
  BanyanSpecBuilder *map;
  g_autoptr (BanyanSpec) list = NULL;
  BanyanSpec *facts, *values;
  CliStatus status;

  if (object == NULL)
    return;

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (map, "path", object->path);
  banyan_spec_builder_add_string (map, "property", property);
  list = cli_call (session->connection, "qom-describe", banyan_spec_builder_end (map), &status,
                   NULL);
  facts = cli_spec_count (list) > 0 ? banyan_spec_get_item (list, 0) : NULL;
  values = cli_spec_get (facts, "values");
  for (guint i = 0; i < cli_spec_count (values); i++)
    cli_offer (text, prefix, banyan_spec_get_text (banyan_spec_get_item (values, i)), NULL);
  if (g_strcmp0 (banyan_spec_lookup_text (facts, "type"), "boolean") == 0)
    {
      cli_offer (text, prefix, "true", NULL);
      cli_offer (text, prefix, "false", NULL);
    }
}

/* @words: those before @prefix, the first of them one of ours. */
static void
offer_arguments (GString *text, const char *const *words, const char *prefix)
{
  static const LiveOptions options = { .interval = 1 };
  const LiveWord *word = live_word_find (words[0]);
  g_autoptr (LiveSession) session = NULL;
  CliStatus status;

  if (word == NULL || word->takes == LIVE_TAKES_NOTHING
      || (words[1] != NULL && (word->max_arguments == 1 || words[2] != NULL)))
    return;

  session = live_session_new (&options, &status);
  if (session == NULL)
    return;
  if (words[1] != NULL && word->takes == LIVE_TAKES_PROPERTY)
    offer_values (text, prefix, session, words[1]);
  else if (word->takes == LIVE_TAKES_PROPERTY)
    offer_properties (text, prefix, session);
  else
    {
      if (word->takes == LIVE_TAKES_EDGE)
        live_offer_edges (text, prefix, session);
      offer_paths (text, prefix, session);
    }
}

void
live_complete (GString *text, const char *const *words, const char *prefix)
{
  alarm (PATIENCE_S);
  if (words[0] == NULL)
    offer_words (text, prefix);
  else
    offer_arguments (text, words, prefix);
  alarm (0);
}
