/* encrypted.c - encrypted images for tests, and what is done with their passphrases
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "encrypted.h"

/* Bound to what is loaded. NULL with @error */
static BanyanImageOptions *
new_options (Images *images, const char *driver, const char *json, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_json (json, -1, NULL, problems);
  g_autoptr (BanyanImageOptions) options = NULL;

  g_assert_nonnull (spec);
  options = banyan_image_options_new (driver, spec, error);
  if (options == NULL
      || !banyan_image_options_bind (options, banyan_test_graph_get (images->graph), error))
    return NULL;
  return g_steal_pointer (&options);
}

static gboolean BANYAN_COROUTINE
make (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanNode *holder = banyan_channel_get_node (channel);

  return banyan_image_options_create (
      data, banyan_element_get_child ((BanyanElement *) holder, "file"), error);
}

gboolean
encrypted_try_make (Images *images, const char *driver, const char *name, const char *json,
                    GError **error)
{
  g_autofree char *path = g_build_filename (images->folder, name, NULL);
  g_autofree char *document = g_strdup_printf (
      ENCRYPTED ("holder: { driver: raw, file: { driver: file, filename: %s } }"), path);
  g_autoptr (BanyanImageOptions) options = NULL;
  gboolean made;

  g_file_set_contents (path, "what was there before", -1, NULL);
  images_load (images, document);
  options = new_options (images, driver, json, error);
  made = options != NULL && banyan_test_run (images->graph, "holder", make, options, error);
  g_clear_object (&options);
  images_close (images);
  return made;
}

void
encrypted_must_make (Images *images, const char *driver, const char *name, const char *json)
{
  g_autoptr (GError) error = NULL;

  encrypted_try_make (images, driver, name, json, &error);
  g_assert_no_error (error);
}

static gboolean BANYAN_COROUTINE
amend (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_image_options_amend (data, banyan_channel_get_node (channel), NULL, error);
}

gboolean
encrypted_amend (Images *images, const char *driver, const char *json, gboolean is_forced,
                 GError **error)
{
  g_autoptr (BanyanImageOptions) options = new_options (images, driver, json, error);

  if (options == NULL)
    return FALSE;

  banyan_image_options_set_forced (options, is_forced);
  return banyan_test_run (images->graph, "disk", amend, options, error);
}
