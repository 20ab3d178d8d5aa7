/* test-registry-changes.c - plugin files that are replaced while the process runs
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each test loads a plugin of its own: a class stays in the process. */

#include "plugin-folder.h"

#include <glib/gstdio.h>
#include <string.h>

#define ANY_KIND G_MAXUINT

/* One that has scanned @folder, or has found it in the cache. */
static BanyanRegistry *
make_registry (const char *folder)
{
  BanyanRegistry *registry;

  g_setenv ("BANYAN_PLUGIN_PATH", folder, TRUE);
  registry = g_object_new (BANYAN_TYPE_REGISTRY, NULL);
  g_assert_null (banyan_registry_lookup (registry, ANY_KIND, "nothing"));
  return registry;
}

static void
assert_loads (BanyanRegistry *registry, const char *name, const char *class_name)
{
  g_autoptr (GError) error = NULL;
  GType type = banyan_registry_get_type_by_name (registry, ANY_KIND, name, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (g_type_name (type), ==, class_name);
}

static void
assert_refused (BanyanRegistry *registry, const char *name, int code, const char *message)
{
  g_autoptr (GError) error = NULL;
  GType type = banyan_registry_get_type_by_name (registry, ANY_KIND, name, &error);

  g_assert_cmpuint (type, ==, G_TYPE_INVALID);
  g_assert_error (error, BANYAN_CONFIG_ERROR, code);
  if (strstr (error->message, message) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, message);
}

/* The file itself: what is there may be a link to the module of the build tree. */
static void
replace (const char *folder, const char *name, const char *by)
{
  g_autofree char *path = test_path_in (folder, name);

  g_assert_cmpint (g_unlink (path), ==, 0);
  test_copy_module (folder, by, name);
}

static void
test_broken (void)
{
  static const struct
  {
    const char *module;
    const char *message;
  } broken[] = {
    { "moody", "banyan-pear.so, which should have it, is broken: ended the scanner" },
    { "crash", "banyan-pear.so, which should have it, is broken: crashed while scanning" },
    { "hang", "banyan-pear.so, which should have it, is broken: did not finish scanning" },
    { "fruits", "no type is called \"pear\"" },
  };

  g_test_summary ("A plugin that was replaced by a broken one is refused, and runs nothing here");

  g_setenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS", "1000", TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autoptr (Folder) folder = test_make_folder ("pear");
      g_autoptr (BanyanRegistry) registry = make_registry (folder);

      replace (folder, "pear", broken[i].module);
      for (guint n = 0; n < 2; n++)
        assert_refused (registry, "pear", BANYAN_CONFIG_ERROR_UNKNOWN_TYPE, broken[i].message);
    }
  g_unsetenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS");
}

static void
test_same (void)
{
  g_autoptr (Folder) folder = test_make_folder ("noise");
  g_autoptr (BanyanRegistry) registry = make_registry (folder);

  g_test_summary ("A plugin that was replaced by one that is sound is loaded, and stays");

  replace (folder, "noise", "noise");
  assert_loads (registry, "berry", "TestBerry");

  test_copy_module (folder, "moody", "noise");
  assert_loads (registry, "berry", "TestBerry");
}

static void
test_other (void)
{
  g_autoptr (Folder) folder = test_make_folder ("fruits");
  g_autoptr (BanyanRegistry) registry = make_registry (folder);

  g_test_summary ("Of a plugin that was replaced, the types that it has now are known");

  replace (folder, "fruits", "larger");
  assert_refused (registry, "apple", BANYAN_CONFIG_ERROR_UNKNOWN_TYPE, "no type is called");
  assert_loads (registry, "nectarine", "TestNectarine");
}

static void
test_swapped (void)
{
  g_autoptr (Folder) folder = test_make_folder ("pear");
  g_autoptr (BanyanRegistry) registry = make_registry (folder);

  g_test_summary ("A plugin that was another one for a while is known again once it is back");

  replace (folder, "pear", "fruits");
  assert_refused (registry, "pear", BANYAN_CONFIG_ERROR_UNKNOWN_TYPE, "no type is called");
  test_copy_module (folder, "pear", "pear");
  assert_loads (registry, "pear", "TestPear");
}

static void
test_no_scanner (void)
{
  g_autoptr (Folder) folder = test_make_folder ("smaller");
  g_autoptr (BanyanRegistry) registry = make_registry (folder);
  g_autofree char *path = test_path_in (folder, "smaller");
  g_autofree char *kept = g_strconcat (path, ".kept", NULL);

  g_test_summary ("A plugin that was replaced is not loaded unscanned, and is once it is back");

  g_assert_cmpint (g_rename (path, kept), ==, 0);
  test_copy_module (folder, "moody", "smaller");
  g_setenv ("BANYAN_PLUGIN_SCANNER", "/nonexistent/scanner", TRUE);
  for (guint n = 0; n < 2; n++)
    assert_refused (registry, "olive", BANYAN_CONFIG_ERROR_PLUGIN,
                    "banyan-smaller.so was changed since it was scanned, and is not scanned: "
                    "starting /nonexistent/scanner: No such file or directory; put the old file "
                    "back, or restart");

  g_assert_cmpint (g_rename (kept, path), ==, 0);
  assert_loads (registry, "olive", "TestOlive");
  g_unsetenv ("BANYAN_PLUGIN_SCANNER");
}

static void
test_known_crash (void)
{
  g_autoptr (Folder) folder = test_make_folder ("moody");
  g_autoptr (BanyanRegistry) registry = make_registry (folder);

  g_test_summary ("A plugin that is known to crash is not loaded where it cannot be scanned again");

  g_setenv ("BANYAN_PLUGIN_SCANNER", "/nonexistent/scanner", TRUE);
  for (guint n = 0; n < 2; n++)
    assert_refused (registry, "moody", BANYAN_CONFIG_ERROR_UNKNOWN_TYPE, "ended the scanner");
  g_unsetenv ("BANYAN_PLUGIN_SCANNER");
}

/* A scanner that makes the file younger each time. */
static void
test_restless (void)
{
  g_autoptr (Folder) folder = test_make_folder ("");
  g_autofree char *scanner = g_build_filename (folder, "scanner", NULL);
  g_autofree char *script
      = g_strdup_printf ("#!/bin/sh\necho >>\"$2\"\nexec \"%s/banyan-plugin-scan\" \"$@\"\n",
                         g_getenv ("BANYAN_BUILD_DIR"));
  g_autoptr (BanyanRegistry) registry = NULL;

  g_test_summary ("A plugin that changes while it is scanned is not loaded");

  test_copy_module (folder, "basket", "basket");
  g_assert_true (
      g_file_set_contents_full (scanner, script, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
  g_setenv ("BANYAN_PLUGIN_SCANNER", scanner, TRUE);
  registry = make_registry (folder);
  assert_refused (registry, "basket", BANYAN_CONFIG_ERROR_PLUGIN,
                  "was changed since it was scanned, and again meanwhile: ask again");
  g_unsetenv ("BANYAN_PLUGIN_SCANNER");
  assert_loads (registry, "basket", "TestBasket");
}

int
main (int argc, char **argv)
{
  g_setenv ("BANYAN_REGISTRY_CACHE", "", TRUE);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registry/changes/broken-is-refused", test_broken);
  g_test_add_func ("/registry/changes/sound-is-loaded", test_same);
  g_test_add_func ("/registry/changes/types-are-those-of-now", test_other);
  g_test_add_func ("/registry/changes/swapped-is-known-again", test_swapped);
  g_test_add_func ("/registry/changes/unscanned-is-refused", test_no_scanner);
  g_test_add_func ("/registry/changes/known-crash-is-not-loaded", test_known_crash);
  g_test_add_func ("/registry/changes/restless-is-refused", test_restless);
  return g_test_run ();
}
