/* made-luks.c - encrypted images: a header of them takes more than a test has, so ours is asked
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "made.h"

#define DOCUMENT \
  "version: 1\n" \
  "objects: { pass: { type: secret, data: " MADE_PASSPHRASE " } }\n" \
  "nodes: { disk: { %s, file: { driver: file, filename: %s } } }\n"

static gboolean BANYAN_COROUTINE
make (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanElement *holder = BANYAN_ELEMENT (banyan_channel_get_node (channel));

  return banyan_image_options_create (data, banyan_element_get_child (holder, "file"), error);
}

static void
make_empty (const char *path, const char *driver, const char *json)
{
  g_autofree char *document = g_strdup_printf (DOCUMENT, "driver: raw", path);
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (json, -1, NULL, problems);
  g_autoptr (BanyanImageOptions) options = NULL;
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);
  graph = banyan_test_graph_must_load (document);
  options = banyan_image_options_new (driver, spec, &error);
  g_assert_no_error (error);
  banyan_image_options_bind (options, banyan_test_graph_get (graph), &error);
  g_assert_no_error (error);
  banyan_test_run (graph, "disk", make, options, &error);
  g_assert_no_error (error);
}

void
make_luks (const char *path, guint64 size)
{
  g_autofree char *document = g_strdup_printf (DOCUMENT, "driver: luks, key-secret: pass", path);
  g_autofree char *json = g_strdup_printf (
      "{ \"size\": %" G_GUINT64_FORMAT ", \"key-secret\": \"pass\", \"iter-time\": 1 }", size);
  g_autoptr (BanyanTestGraph) graph = NULL;
  g_autoptr (GError) error = NULL;

  make_empty (path, "luks", json);
  graph = banyan_test_graph_must_load (document);
  banyan_test_zeroes (graph, "disk", 0, MADE_LENGTH (size), 0, &error);
  g_assert_no_error (error);
}

void
make_qcow2_luks (const char *path, guint64 size)
{
  g_autofree char *json = g_strdup_printf (
      "{ \"size\": %" G_GUINT64_FORMAT ", \"cluster-size\": 16384, \"extended-l2\": true, "
      "\"encrypt\": { \"format\": \"luks\", \"key-secret\": \"pass\", \"iter-time\": 1 } }",
      (guint64) MADE_LENGTH (size));

  make_empty (path, "qcow2", json);
}
