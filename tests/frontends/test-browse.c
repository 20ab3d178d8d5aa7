/* test-browse.c - the model of banyan inspect -i, without a terminal and without a server
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "../../frontends/cli/browse.h"
#include "banyan-test.h"

#define EDGE(path, role, node) \
  "{\"path\":\"" path "\",\"role\":\"" role "\",\"node\":\"" node "\",\"used\":[\"write\"]," \
  "\"shared\":[]}"
#define OBJECT(path, id, type, edges) \
  "{\"path\":\"" path "\",\"id\":\"" id "\",\"type\":\"" type "\",\"gtype\":\"X\"," \
  "\"properties\":{},\"edges\":[" edges "]}"

/* A server with two exports, which reach one disk, one of them through a filter. */
#define GRAPH \
  "[" OBJECT ("/nodes/disk", "disk", "memory", "") "," OBJECT ( \
      "/nodes/slow", "slow", "delay", \
      EDGE ( \
          "/nodes/slow:file", "file", \
          "/nodes/disk")) "," OBJECT ("/frontends/srv", "srv", "nbd-server", \
                                      "") "," OBJECT ("/frontends/srv/a", "a", "export", \
                                                      EDGE ( \
                                                          "/frontends/srv/a:node", "node", \
                                                          "/nodes/slow")) "," OBJECT ("/frontends" \
                                                                                      "/srv/b", \
                                                                                      "b", \
                                                                                      "export", \
                                                                                      EDGE ( \
                                                                                          "/front" \
                                                                                          "ends/" \
                                                                                          "srv/" \
                                                                                          "b:" \
                                                                                          "node", \
                                                                                          "node", \
                                                                                          "/nodes" \
                                                                                          "/dis" \
                                                                                          "k")) "]"

static BanyanSpec *
parse (const char *json)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  BanyanSpec *spec = banyan_spec_parse_json (json, -1, &origin, problems);

  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 0);
  return spec;
}

/* As if the server had sent it. */
static void
take (BrowseModel *model, const char *json, gint64 now_us)
{
  g_autoptr (BanyanSpec) message = parse (json);

  browse_model_take (model, message, now_us);
}

/* What it would send next: "query-graph", or the whole message where @whole. NULL: nothing. */
static char *
next_request (BrowseModel *model, gboolean whole)
{
  g_autoptr (BanyanSpec) message = browse_model_next_request (model);

  if (message == NULL)
    return NULL;
  return whole ? g_strchomp (banyan_spec_to_json (message, FALSE))
               : g_strdup (banyan_spec_lookup_text (message, "execute"));
}

static void
drop_requests (BrowseModel *model)
{
  char *request;

  while ((request = next_request (model, FALSE)) != NULL)
    g_free (request);
}

static BrowseModel *
model_with_graph (void)
{
  BrowseModel *model = browse_model_new ();

  drop_requests (model);
  take (model, "{\"return\":" GRAPH ",\"id\":\"graph\"}", 0);
  return model;
}

static const char *
selected (BrowseModel *model)
{
  return browse_model_get_row (model)->object->path;
}

static char *
draw (BrowseModel *model)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < model->rows->len; i++)
    {
      BrowseRow *row = model->rows->pdata[i];

      g_string_append_printf (text, "%s%s%s\n", row->indent,
                              banyan_spec_lookup_text (row->object->facts, "id"),
                              row->is_repeated ? " ^" : "");
    }
  return g_string_free (text, FALSE);
}

static void
press (BrowseModel *model, const char *keys)
{
  for (; *keys != '\0'; keys = g_utf8_next_char (keys))
    browse_model_press (model, g_utf8_get_char (keys), 5);
}

static void
press_enter (BrowseModel *model)
{
  browse_model_press (model, BROWSE_KEY_ENTER, 5);
}

static const BrowseItem *
find_item (BrowseModel *model, const char *name)
{
  for (guint i = 0; i < model->items->len; i++)
    {
      const BrowseItem *item = model->items->pdata[i];

      if (g_str_equal (item->name, name))
        return item;
    }

  g_test_message ("no item %s", name);
  g_test_fail ();
  return NULL;
}

static void
test_draws_tree (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();
  g_autofree char *down = draw (model), *up = NULL, *closed = NULL;

  g_test_summary ("The tree goes down from servers, or up from leaves, and repeats nothing");

  g_assert_cmpstr (down, ==, "srv\n├─ a\n│  └─ slow\n│     └─ disk\n└─ b\n   └─ disk ^\n");
  press (model, "s");
  up = draw (model);
  g_assert_cmpstr (up, ==, "disk\n├─ slow\n│  └─ a\n│     └─ srv\n└─ b\n   └─ srv ^\n");
  press (model, "sj");
  browse_model_press (model, BROWSE_KEY_LEFT, 5);
  closed = draw (model);
  g_assert_cmpstr (closed, ==, "srv\n├─ a\n└─ b\n   └─ disk\n");
}

static void
test_asks_once (void)
{
  g_autoptr (BrowseModel) model = browse_model_new ();
  g_autofree char *first = next_request (model, TRUE);
  g_autofree char *second = next_request (model, FALSE);
  g_autofree char *third = next_request (model, FALSE);
  g_autofree char *fourth = NULL;

  g_test_summary ("What has been asked and not been answered is not asked again");

  g_assert_cmpstr (first, ==,
                   "{\"execute\": \"subscribe\", \"arguments\": {}, \"id\": \"events\"}");
  g_assert_cmpstr (second, ==, "query-graph");
  g_assert_cmpstr (third, ==, "query-blockstats");
  model->wanted |= BROWSE_ASK_GRAPH;
  g_assert_null (next_request (model, FALSE));
  take (model, "{\"return\":" GRAPH ",\"id\":\"graph\"}", 0);
  fourth = next_request (model, FALSE);
  g_assert_cmpstr (fourth, ==, "query-graph");
}

static void
test_keeps_selection (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();

  g_test_summary ("A graph that has changed keeps what is selected selected, if it is there");

  press (model, "jjj");
  g_assert_cmpstr (selected (model), ==, "/nodes/disk");
  take (model,
        "{\"return\":[" OBJECT ("/nodes/new", "new", "memory", "") "," OBJECT (
            "/nodes/disk", "disk", "memory", "") "],\"id\":\"graph\"}",
        0);
  g_assert_cmpstr (selected (model), ==, "/nodes/disk");
  take (model, "{\"return\":[" OBJECT ("/nodes/new", "new", "memory", "") "],\"id\":\"graph\"}", 0);
  g_assert_cmpstr (selected (model), ==, "/nodes/new");
  take (model, "{\"return\":[],\"id\":\"graph\"}", 0);
  g_assert_null (browse_model_get_row (model));
  press (model, "jkeg?n");
  press_enter (model);
}

static void
test_follows_and_comes_back (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();

  g_test_summary ("Enter follows an edge and what stands above already, b goes back");

  press (model, "jjjjj");
  g_assert_true (browse_model_get_row (model)->is_repeated);
  press_enter (model);
  g_assert_false (browse_model_get_row (model)->is_repeated);
  browse_model_press (model, BROWSE_KEY_TAB, 5);
  g_assert_cmpstr (browse_model_get_item (model)->target, ==, "/nodes/slow");
  press_enter (model);
  g_assert_cmpstr (selected (model), ==, "/nodes/slow");
  press (model, "b");
  g_assert_cmpstr (selected (model), ==, "/nodes/disk");
  press (model, "bb");
  g_assert_cmpstr (model->message, ==, "there is nothing to go back to");
}

static void
test_searches (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();

  g_test_summary ("Search finds names, n the next, t types; what is not there is told");

  press (model, "/SRV/");
  press_enter (model);
  g_assert_cmpstr (selected (model), ==, "/frontends/srv/a");
  press (model, "n");
  g_assert_cmpstr (selected (model), ==, "/frontends/srv/b");
  press (model, "tdelay");
  press_enter (model);
  g_assert_cmpstr (selected (model), ==, "/nodes/slow");
  press (model, "/none");
  press_enter (model);
  g_assert_cmpstr (model->message, ==, "nothing is called \"none\"");
  g_assert_true (model->is_refusal);
  press (model, "/abü");
  browse_model_press (model, BROWSE_KEY_BACKSPACE, 5);
  g_assert_cmpstr (model->input->str, ==, "ab");
  browse_model_press (model, BROWSE_KEY_ESCAPE, 5);
  g_assert_cmpint (model->prompt, ==, BROWSE_NO_PROMPT);
}

#define PROPERTIES \
  "{\"return\":[" \
  "{\"name\":\"read-delay\",\"type\":\"uint64\",\"value\":2,\"unit\":\"ms\"," \
  "\"origin\":\"disk.yaml:6:51\",\"mutability\":\"live\"}," \
  "{\"name\":\"file\",\"type\":\"link to node\",\"value\":\"disk\"}],\"id\":\"properties\"}"

static void
test_edits (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();
  g_autofree char *request = NULL, *again = NULL;

  g_test_summary ("A value is sent as it was typed, and a refusal leaves it there to be mended");

  press (model, "jj");
  g_assert_cmpstr (selected (model), ==, "/nodes/slow");
  drop_requests (model);
  take (model, PROPERTIES, 0);
  g_assert_cmpstr (find_item (model, "read-delay")->value, ==, "2 ms");
  g_assert_cmpstr (find_item (model, "read-delay")->note, ==, "disk.yaml:6:51, live");
  press (model, "e");
  browse_model_press (model, BROWSE_KEY_END, 5);
  browse_model_press (model, BROWSE_KEY_UP, 5);
  press (model, "e");
  g_assert_cmpstr (model->edited, ==, "read-delay");
  press (model, "x");
  g_assert_cmpstr (model->input->str, ==, "2x");
  press_enter (model);
  request = next_request (model, TRUE);
  g_assert_nonnull (strstr (request, "{\"path\": \"/nodes/slow\", \"property\": \"read-delay\", "
                                     "\"value\": \"2x\"}"));
  take (model, "{\"error\":{\"desc\":\"client c.1:1:2: it is no number\"},\"id\":\"set\"}", 0);
  g_assert_cmpint (model->prompt, ==, BROWSE_EDIT);
  g_assert_cmpstr (model->message, ==, "it is no number");
  browse_model_press (model, BROWSE_KEY_BACKSPACE, 5);
  press_enter (model);
  again = next_request (model, TRUE);
  g_assert_nonnull (strstr (again, "\"value\": 2}"));
  take (model, "{\"return\":{},\"id\":\"set\"}", 0);
  g_assert_cmpint (model->prompt, ==, BROWSE_NO_PROMPT);
  g_assert_true (model->wanted & BROWSE_ASK_PROPERTIES);
}

static void
test_hears_events (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();

  g_test_summary (
      "A property that changed is asked for if it is seen, a graph that changed always");

  drop_requests (model);
  model->asked = 0;
  take (model, "{\"event\":\"PROPERTY_CHANGED\",\"data\":{\"path\":\"/nodes/slow\"}}", 0);
  g_assert_cmpuint (model->wanted, ==, 0);
  take (model, "{\"event\":\"PROPERTY_CHANGED\",\"data\":{\"path\":\"/frontends/srv\"}}", 0);
  g_assert_cmpuint (model->wanted, ==, BROWSE_ASK_PROPERTIES);
  take (model, "{\"event\":\"NODE_ADDED\",\"data\":{\"path\":\"/nodes/x\"}}", 0);
  g_assert_true (model->wanted & BROWSE_ASK_GRAPH);
}

#define COUNTS(n) \
  "{\"return\":[{\"qdev\":\"/frontends/srv/a\",\"node-name\":\"slow\",\"stats\":{" \
  "\"rd_operations\":" n ",\"rd_bytes\":" n "000,\"wr_operations\":0,\"in_flight\":3}}]," \
  "\"id\":\"rates\"}"

static void
test_tells_rates (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();

  g_test_summary ("Rates are what is between two counts, by the time between them");

  press (model, "j");
  take (model, COUNTS ("100"), 1000000);
  take (model, COUNTS ("300"), 3000000);
  g_assert_cmpstr (find_item (model, "reads")->value, ==, "100/s, 97.7K bytes/s");
  g_assert_cmpstr (find_item (model, "in flight")->value, ==, "3");
}

#define EDGE_COUNTS(edges) \
  "{\"return\":[{\"node-name\":\"disk\",\"stats\":{},\"edges\":[" edges "]}],\"id\":\"edges\"}"
#define EDGE_COUNT(n) \
  "{\"path\":\"/nodes/slow:file\",\"stats\":{\"rd_operations\":" n ",\"rd_bytes\":" n "000}}"
#define TOLD_TO_COUNT(enable, id) \
  "{\"execute\": \"transaction\", \"arguments\": {\"actions\": [{\"type\": \"edge-statistics\", " \
  "\"data\": {\"edge\": \"/nodes/slow:file\", \"enable\": " enable "}}]}, \"id\": \"" id "\"}"

static void
test_counts_edges (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();
  g_autoptr (BanyanSpec) last = NULL;
  g_autofree char *told = NULL, *taken_back = NULL;

  g_test_summary ("Edges count while they are looked at: they are told to, and told to stop");

  drop_requests (model);
  take (model, EDGE_COUNTS (""), 0);
  told = next_request (model, TRUE);
  g_assert_cmpstr (told, ==, TOLD_TO_COUNT ("true", "count"));
  take (model, EDGE_COUNTS (EDGE_COUNT ("100")), 1000000);
  take (model, EDGE_COUNTS (EDGE_COUNT ("300")), 3000000);
  g_assert_true (browse_model_go (model, "/nodes/slow"));
  g_assert_nonnull (find_item (model, "Rates of file"));
  browse_model_move_item (model, 100);
  take (model, EDGE_COUNTS (""), 4000000);
  g_assert_cmpstr (browse_model_get_item (model)->value, ==, "/frontends/srv/a");
  take (model, EDGE_COUNTS (EDGE_COUNT ("300")), 4000000);
  g_assert_cmpstr (browse_model_get_item (model)->value, ==, "/frontends/srv/a");
  take (model, EDGE_COUNTS (EDGE_COUNT ("500")), 6000000);
  g_assert_cmpstr (find_item (model, "reads")->value, ==, "100/s, 97.7K bytes/s");
  last = browse_model_last_request (model);
  taken_back = g_strchomp (banyan_spec_to_json (last, FALSE));
  g_assert_cmpstr (taken_back, ==, TOLD_TO_COUNT ("false", "last"));
}

static void
test_leaves_counting_edges (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();

  g_test_summary ("An edge that counted before goes on");

  drop_requests (model);
  take (model, EDGE_COUNTS (EDGE_COUNT ("1")), 0);
  g_assert_null (next_request (model, FALSE));
  g_assert_null (browse_model_last_request (model));
}

static void
test_draws_neighbours (void)
{
  g_autoptr (BrowseModel) model = model_with_graph ();
  g_autoptr (GPtrArray) lines = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  g_test_summary ("The graph around an object has its users above and what it uses below");

  press (model, "jjg");
  lines = browse_model_list_graph (model);
  for (guint i = 0; i < lines->len; i++)
    g_string_append_printf (text, "%s\n", ((BrowseLine *) lines->pdata[i])->text);
  g_assert_cmpstr (text->str, ==,
                   "a (export) ─ node ─┐\n"
                   "           ┌───────┴──────┐\n"
                   "           │ slow (delay) │\n"
                   "           └───────┬──────┘\n"
                   "                   └─ file ─ disk (memory)\n");
  browse_model_press (model, BROWSE_KEY_DOWN, 5);
  press_enter (model);
  g_assert_cmpstr (selected (model), ==, "/nodes/disk");
  g_assert_cmpint (model->screen, ==, BROWSE_GRAPH);
  browse_model_press (model, BROWSE_KEY_ESCAPE, 5);
  g_assert_cmpint (model->screen, ==, BROWSE_TREE);
  press (model, "q");
  g_assert_true (model->is_at_end);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/browse/draws-tree", test_draws_tree);
  g_test_add_func ("/browse/asks-once", test_asks_once);
  g_test_add_func ("/browse/keeps-selection", test_keeps_selection);
  g_test_add_func ("/browse/follows-and-comes-back", test_follows_and_comes_back);
  g_test_add_func ("/browse/searches", test_searches);
  g_test_add_func ("/browse/edits", test_edits);
  g_test_add_func ("/browse/hears-events", test_hears_events);
  g_test_add_func ("/browse/tells-rates", test_tells_rates);
  g_test_add_func ("/browse/counts-edges", test_counts_edges);
  g_test_add_func ("/browse/leaves-counting-edges", test_leaves_counting_edges);
  g_test_add_func ("/browse/draws-neighbours", test_draws_neighbours);
  return g_test_run ();
}
