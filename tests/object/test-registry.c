/* test-registry.c - types are found by name, in whichever plugin they are
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each registry here is one of its own with a search path of its own, so none sees another's
 * plugins. GObject's table of classes they share: a plugin that one test loads, no other may. */

#include "plugin-folder.h"

#include <glib/gstdio.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANY_KIND G_MAXUINT
#define OBJECTS (1u << BANYAN_PLUGIN_OBJECT)
#define FORMATS (1u << BANYAN_PLUGIN_FORMAT)

static char *cache;

static BanyanRegistry *
make_registry (const char *path)
{
  g_setenv ("BANYAN_PLUGIN_PATH", path, TRUE);
  return g_object_new (BANYAN_TYPE_REGISTRY, NULL);
}

/* With nothing in the cache. */
static BanyanRegistry *
make_cold_registry (const char *path)
{
  g_unlink (cache);
  return make_registry (path);
}

static BanyanPluginInfo *
find_plugin (BanyanRegistry *registry, const char *path)
{
  g_autofree BanyanPluginInfo **list = banyan_registry_list_plugins (registry);
  BanyanPluginInfo *found = NULL;

  for (guint i = 0; list[i] != NULL; i++)
    if (found == NULL && g_str_equal (banyan_plugin_info_get_path (list[i]), path))
      found = list[i];
    else
      banyan_plugin_info_unref (list[i]);

  g_assert_nonnull (found);
  return found;
}

/* Why the plugin @name in @folder is broken; NULL if it is not. (transfer full) */
static char *
dup_broken (BanyanRegistry *registry, const char *folder, const char *name)
{
  g_autofree char *path = test_path_in (folder, name);
  g_autoptr (BanyanPluginInfo) info = find_plugin (registry, path);

  return g_strdup (banyan_plugin_info_get_broken (info));
}

static int
count_module (struct dl_phdr_info *object, size_t size, gpointer data)
{
  if (strstr (object->dlpi_name, "/banyan-") != NULL && g_str_has_suffix (object->dlpi_name, ".so"))
    (*(guint *) data)++;

  return 0;
}

static guint
count_loaded_modules (void)
{
  guint n = 0;

  dl_iterate_phdr (count_module, &n);
  return n;
}

static void
assert_has (const char *text, const char *part)
{
  if (text == NULL || strstr (text, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", text, part);
}

/* -- Finding types. -- */

static void
test_loads_one (void)
{
  g_autoptr (Folder) folder = test_make_folder ("fruits noise pear");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autofree BanyanTypeInfo **types = banyan_registry_list_types (registry);
  g_autoptr (GError) error = NULL;
  guint before = count_loaded_modules ();
  guint n;
  GType type;

  g_test_summary ("Listing types loads nothing, and asking for one loads one file");

  for (n = 0; types[n] != NULL; n++)
    {
      banyan_spec_unref (banyan_type_info_describe (types[n]));
      banyan_type_info_unref (types[n]);
    }
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpuint (before, ==, 0);

  type = banyan_registry_get_type_by_name (registry, OBJECTS, "pear", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_type_name (type), ==, "TestPear");
  g_assert_cmpstr (banyan_registry_get_name_of_type (registry, type), ==, "pear");
  g_assert_cmpuint (count_loaded_modules (), ==, 1);
}

static void
test_finds_alias (void)
{
  g_autoptr (Folder) folder = test_make_folder ("pear");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autoptr (BanyanTypeInfo) info = banyan_registry_lookup (registry, OBJECTS, "birne");

  g_test_summary ("A type is found by each of its other names");

  g_assert_nonnull (info);
  g_assert_cmpstr (banyan_type_info_get_name (info), ==, "pear");
  g_assert_cmpstr (banyan_type_info_get_summary (info), ==, "A fruit of one kind");
  g_assert_cmpstr (banyan_type_info_get_aliases (info)[0], ==, "poire");
  g_assert_cmpstr (banyan_type_info_get_aliases (info)[1], ==, "birne");
  g_assert_null (banyan_type_info_get_aliases (info)[2]);
}

static void
test_several_types (void)
{
  g_autoptr (Folder) folder = test_make_folder ("fruits");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autoptr (BanyanTypeInfo) cherry = banyan_registry_lookup (registry, FORMATS, "sour-cherry");
  g_autoptr (BanyanTypeInfo) apple = banyan_registry_lookup (registry, ANY_KIND, "apple");

  g_test_summary ("A plugin may have several types; '_' in a name of theirs stands for '-'");

  g_assert_nonnull (cherry);
  g_assert_nonnull (apple);
  g_assert_cmpint (banyan_type_info_get_kind (apple), ==, BANYAN_PLUGIN_FILTER);
  g_assert_cmpstr (banyan_type_info_get_plugin_path (apple), ==,
                   banyan_type_info_get_plugin_path (cherry));
}

static void
test_lists_by_kind_and_name (void)
{
  static const char *const expected[] = { "sour-cherry", "apple", "berry", "pear" };
  g_autoptr (Folder) folder = test_make_folder ("fruits noise pear");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autofree BanyanTypeInfo **types = banyan_registry_list_types (registry);

  g_test_summary ("Types are listed by kind, then by name");

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_assert_nonnull (types[i]);
      g_assert_cmpstr (banyan_type_info_get_name (types[i]), ==, expected[i]);
      banyan_type_info_unref (types[i]);
    }
  g_assert_null (types[G_N_ELEMENTS (expected)]);
}

static void
test_builtin (void)
{
  g_autoptr (Folder) folder = test_make_folder ("");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autoptr (BanyanTypeInfo) info = NULL;

  g_test_summary ("A type of the program's own is found like any other, and is in no file");

  banyan_registry_add_builtin (registry, "cancel", BANYAN_PLUGIN_OBJECT, G_TYPE_CANCELLABLE,
                               "Ends things early");
  info = banyan_registry_lookup (registry, OBJECTS, "cancel");
  g_assert_nonnull (info);
  g_assert_null (banyan_type_info_get_plugin_path (info));
  g_assert_cmpuint (banyan_registry_get_type_by_name (registry, OBJECTS, "cancel", NULL), ==,
                    G_TYPE_CANCELLABLE);
}

static void
test_builtin_wins (void)
{
  g_autoptr (Folder) folder = test_make_folder ("fruits pear");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autofree char *broken = NULL;

  g_test_summary ("A plugin cannot take the name of a type that the library has");

  banyan_registry_add_builtin (registry, "pear", BANYAN_PLUGIN_OBJECT, G_TYPE_CANCELLABLE, "Ours");
  broken = dup_broken (registry, folder, "pear");
  g_assert_cmpstr (broken, ==, "type \"pear\" is taken by the library itself");
}

/* -- Refusals. -- */

static void
test_did_you_mean (void)
{
  static const struct
  {
    guint kinds;
    const char *name;
    const char *message;
  } bad[] = {
    { ANY_KIND, "paer", "no type is called \"paer\"; did you mean \"pear\"?" },
    { ANY_KIND, "sour-chery", "did you mean \"sour-cherry\"?" },
    { FORMATS, "pear", "\"pear\" is of kind object, which cannot be used here" },
    { ANY_KIND, "watermelon", "no type is called \"watermelon\"" },
  };
  g_autoptr (Folder) folder = test_make_folder ("fruits pear");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);

  g_test_summary ("An unknown type is refused with what was probably meant");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      GType type = banyan_registry_get_type_by_name (registry, bad[i].kinds, bad[i].name, &error);

      g_assert_cmpuint (type, ==, G_TYPE_INVALID);
      g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE);
      assert_has (error->message, bad[i].message);
    }
}

static void
test_broken (void)
{
  static const struct
  {
    const char *name;
    const char *reason;
  } broken[] = {
    { "bad-name", "\"Blood Orange\" cannot be the name of a plugin" },
    { "crash", "crashed while scanning (SIGSEGV)" },
    { "critical", "it logged \"Banyan: lemons are sour\" while it was loaded" },
    { "empty", "file too short" },
    { "exit", "ended the scanner (exit status 3)" },
    { "wrong-pear", "the class name TestPear is taken by " },
    { "folder", "cannot read file data: Is a directory" },
    { "intruder", "wrote into what the scanner reports" },
    { "lost", "No such file or directory" },
    { "missing-library", "libbanyan-test-gone.so.7: cannot open shared object file" },
    { "no-descriptor", "it has no symbol banyan_plugin_descriptor" },
    { "no-summary", "does not say what it is for: set .summary" },
    { "no-type", "its function for type \"grape\" registered nothing" },
    { "other-abi",
      "it was built for plugin ABI 2, and this library has ABI 1: install the library" },
    { "second-pear", "type \"pear\" is taken by " },
    { "stolen-class", "the class name BanyanPlugin is taken by the program or a library" },
    { "text", "invalid ELF header" },
    { "undefined-symbol", "undefined symbol: test_function_that_nothing_has" },
  };
  g_autoptr (Folder) folder
      = test_make_folder ("bad-name crash critical exit wrong-pear fruits intruder missing-library "
                          "no-descriptor no-summary no-type noise other-abi pear second-pear "
                          "stolen-class undefined-symbol");
  g_autofree char *empty = test_path_in (folder, "empty");
  g_autofree char *text = test_path_in (folder, "text");
  g_autofree char *lost = test_path_in (folder, "lost");
  g_autofree char *subfolder = test_path_in (folder, "folder");
  g_autoptr (BanyanRegistry) registry = NULL;

  g_test_summary ("A broken plugin is listed with the reason and hides none of the others");

  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_true (g_file_set_contents (text,
                                      "this is not a shared object at all, but longer than "
                                      "the header of one, which has 64 bytes",
                                      -1, NULL));
  g_assert_cmpint (symlink ("/nonexistent/banyan-lost.so", lost), ==, 0);
  g_assert_cmpint (g_mkdir (subfolder, 0700), ==, 0);

  registry = make_cold_registry (folder);
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autofree char *reason = dup_broken (registry, folder, broken[i].name);

      assert_has (reason, broken[i].reason);
    }
  g_assert_null (dup_broken (registry, folder, "pear"));
  g_assert_null (dup_broken (registry, folder, "noise"));
  g_assert_null (dup_broken (registry, folder, "fruits"));
}

static void
test_innocent (void)
{
  g_autoptr (Folder) folder = test_make_folder ("mean pear");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);

  g_test_summary ("A plugin is not blamed for what one before it has done to the scanner");

  g_assert_null (dup_broken (registry, folder, "mean"));
  g_assert_null (dup_broken (registry, folder, "pear"));
}

static void
test_broken_class (void)
{
  g_autoptr (Folder) folder = test_make_folder (
      "not-a-node presumptuous role-and-property role-twice shadowing twice undocumented");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autofree char *presumptuous = dup_broken (registry, folder, "presumptuous");
  g_autofree char *undocumented = dup_broken (registry, folder, "undocumented");
  g_autofree char *shadowing = dup_broken (registry, folder, "shadowing");

  g_autofree char *twice = dup_broken (registry, folder, "twice");
  g_autofree char *role_twice = dup_broken (registry, folder, "role-twice");
  g_autofree char *role_and_property = dup_broken (registry, folder, "role-and-property");
  g_autofree char *not_a_node = dup_broken (registry, folder, "not-a-node");

  g_test_summary (
      "A class with a property that it does not explain, or that its parent has, is refused");

  assert_has (undocumented, "property \"ripeness\" is not documented: it has no blurb");
  assert_has (shadowing, "property \"state\" shadows the one that it inherits from BanyanObject");
  assert_has (twice, "type 'TestQuince' already has a property named 'ripeness'");
  assert_has (role_twice, "type 'TestRoleTwice' already has a property named 'file'");
  assert_has (role_and_property, "type 'TestRoleAndProperty' already has a property named 'file'");
  assert_has (not_a_node, "class TestSloe, which is not derived from BanyanNode");
  assert_has (presumptuous, "has a key that begins with banyan-: \"banyan-age\"");
}

static void
test_unreadable (void)
{
  g_autoptr (Folder) folder = test_make_folder ("");
  g_autofree char *path = test_path_in (folder, "secret");
  g_autoptr (BanyanRegistry) registry = NULL;
  g_autofree char *reason = NULL;

  g_test_summary ("A file that may not be read is listed as broken");

  if (geteuid () == 0)
    {
      g_test_skip ("root may read everything");
      return;
    }

  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  g_assert_cmpint (g_chmod (path, 0), ==, 0);
  registry = make_cold_registry (folder);
  reason = dup_broken (registry, folder, "secret");
  assert_has (reason, "Permission denied");
}

static void
test_hang (void)
{
  g_autoptr (Folder) folder = test_make_folder ("hang");
  g_autofree char *fifo = test_path_in (folder, "fifo");
  g_autoptr (BanyanRegistry) registry = NULL;
  g_autofree char *hang = NULL;
  g_autofree char *waits = NULL;

  g_test_summary ("A plugin that does not come back is given up after a time limit");

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_setenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS", "1000", TRUE);
  registry = make_cold_registry (folder);
  hang = dup_broken (registry, folder, "hang");
  waits = dup_broken (registry, folder, "fifo");
  g_unsetenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS");

  g_assert_cmpstr (hang, ==, "did not finish scanning within 1 s");
  g_assert_cmpstr (waits, ==, "did not finish scanning within 1 s");
}

static void
test_hang_once (void)
{
  g_autoptr (Folder) folder = test_make_folder ("hang");
  g_autoptr (BanyanRegistry) registry = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A plugin that hung is not waited for again, in the next process either");

  g_setenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS", "1000", TRUE);
  registry = make_cold_registry (folder);
  g_free (dup_broken (registry, folder, "hang"));
  g_unsetenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS");
  g_clear_object (&registry);

  /* Scanned again without a scanner, it would be "not scanned", and then loaded here. */
  g_setenv ("BANYAN_PLUGIN_SCANNER", "/nonexistent/scanner", TRUE);
  registry = make_registry (folder);
  banyan_registry_get_type_by_name (registry, ANY_KIND, "hang", &error);
  g_unsetenv ("BANYAN_PLUGIN_SCANNER");
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE);
  assert_has (error->message, "did not finish scanning within 1 s");
}

static void
test_asked_for_broken (void)
{
  g_autoptr (Folder) folder = test_make_folder ("missing-library");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Who asks for a type of a broken plugin is told why there is none");

  banyan_registry_get_type_by_name (registry, ANY_KIND, "missing-library", &error);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE);
  assert_has (error->message, "banyan-missing-library.so, which should have it, is broken: "
                              "libbanyan-test-gone.so.7: cannot open shared object file");
}

static void
test_tried_again (void)
{
  g_autoptr (Folder) folder = test_make_folder ("");
  g_autofree char *path = test_path_in (folder, "smaller");
  g_autoptr (BanyanRegistry) registry = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *broken = NULL;
  GType type;

  g_test_summary ("A plugin that was broken is looked at again when its type is asked for");

  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  registry = make_cold_registry (folder);
  broken = dup_broken (registry, folder, "smaller");
  assert_has (broken, "file too short");

  g_assert_cmpint (g_unlink (path), ==, 0);
  test_add_module (folder, "smaller");
  type = banyan_registry_get_type_by_name (registry, ANY_KIND, "smaller", &error);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE);
  g_assert_cmpuint (type, ==, G_TYPE_INVALID);
  type = banyan_registry_get_type_by_name (registry, ANY_KIND, "olive", NULL);
  g_assert_cmpstr (g_type_name (type), ==, "TestOlive");
}

/* -- Descriptors of other times. -- */

static void
test_larger_descriptor (void)
{
  g_autoptr (Folder) folder = test_make_folder ("larger");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autofree char *path = test_path_in (folder, "larger");
  g_autoptr (BanyanPluginInfo) plugin = find_plugin (registry, path);
  g_autoptr (GError) error = NULL;
  GType type = banyan_registry_get_type_by_name (registry, OBJECTS, "nectarine", &error);

  g_test_summary ("Of a descriptor that is longer than ours, what we know is used");

  g_assert_no_error (error);
  g_assert_cmpstr (g_type_name (type), ==, "TestNectarine");
  g_assert_cmpstr (banyan_plugin_info_get_version (plugin), ==, "7.0");
  g_assert_cmpstr (banyan_plugin_info_get_licence (plugin), ==, "MIT");
  g_assert_true (banyan_plugin_info_is_loaded (plugin));
}

/* -- The search path. -- */

static void
test_first_folder_wins (void)
{
  g_autoptr (Folder) first = test_make_folder ("pear");
  g_autoptr (Folder) second = test_make_folder ("fruits pear");
  g_autofree char *both = g_strdup_printf ("%s::%s:%s", first, second, first);
  g_autoptr (BanyanRegistry) registry = make_cold_registry (both);
  g_autofree char *used = test_path_in (first, "pear");
  g_autofree char *hidden = test_path_in (second, "pear");
  g_autoptr (BanyanPluginInfo) shadowed = find_plugin (registry, hidden);
  g_autoptr (BanyanTypeInfo) pear = banyan_registry_lookup (registry, ANY_KIND, "pear");
  g_autoptr (BanyanTypeInfo) apple = banyan_registry_lookup (registry, ANY_KIND, "apple");

  g_test_summary (
      "Of two files with one name, the first on the search path is used, and both are listed");

  g_assert_cmpstr (banyan_plugin_info_get_shadowed_by (shadowed), ==, used);
  g_assert_cmpstr (banyan_type_info_get_plugin_path (pear), ==, used);
  g_assert_nonnull (apple);
}

static void
test_no_scanner (void)
{
  g_autoptr (Folder) folder = test_make_folder ("noise");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autofree char *broken = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "Without the scanner nothing is known, but a type is still found by its file's name");

  g_setenv ("BANYAN_PLUGIN_SCANNER", "/nonexistent/scanner", TRUE);
  broken = dup_broken (registry, folder, "noise");
  assert_has (broken, "not scanned: starting /nonexistent/scanner: No such file or directory");

  banyan_registry_get_type_by_name (registry, ANY_KIND, "noise", &error);
  g_unsetenv ("BANYAN_PLUGIN_SCANNER");
  /* The file promised the type "noise", and has "berry". */
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE);
  g_assert_cmpuint (banyan_registry_get_type_by_name (registry, ANY_KIND, "berry", NULL), !=,
                    G_TYPE_INVALID);
}

static void
assert_scanner_is_told_of (const char *folder, const char *script, const char *what)
{
  g_autofree char *scanner = g_build_filename (folder, "scanner", NULL);
  g_autofree char *told = g_strdup_printf ("not scanned: %s %s: run it by hand", scanner, what);
  g_autoptr (BanyanRegistry) registry = NULL;
  g_autofree char *broken = NULL;

  g_assert_true (
      g_file_set_contents_full (scanner, script, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
  g_setenv ("BANYAN_PLUGIN_SCANNER", scanner, TRUE);
  registry = make_cold_registry (folder);
  broken = dup_broken (registry, folder, "pear");
  g_unsetenv ("BANYAN_PLUGIN_SCANNER");
  assert_has (broken, told);
}

static void
test_scanner_does_nothing (void)
{
  g_autoptr (Folder) folder = test_make_folder ("pear");

  g_test_summary ("Of a scanner that does nothing it is told whether it ended or was too slow");

  assert_scanner_is_told_of (folder, "#!/bin/false\n", "ended at once");
  g_setenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS", "100", TRUE);
  assert_scanner_is_told_of (folder, "#!/bin/sh\nexec sleep 600\n", "did not begin within 0.1 s");
  g_unsetenv ("BANYAN_PLUGIN_SCAN_LIMIT_MS");
}

/* -- The cache. -- */

/* What is known without a scanner is known from the cache. */
static void
assert_in_cache (const char *folder, const char *type, gboolean expected)
{
  g_autoptr (BanyanRegistry) registry = make_registry (folder);
  g_autoptr (BanyanTypeInfo) info = NULL;

  g_setenv ("BANYAN_PLUGIN_SCANNER", "/nonexistent/scanner", TRUE);
  info = banyan_registry_lookup (registry, ANY_KIND, type);
  g_unsetenv ("BANYAN_PLUGIN_SCANNER");
  g_assert_cmpint (info != NULL, ==, expected);
}

static void
scan (const char *folder)
{
  g_autoptr (BanyanRegistry) registry = make_registry (folder);

  g_free (banyan_registry_lookup (registry, ANY_KIND, "nothing"));
}

static void
test_cache_knows (void)
{
  g_autoptr (Folder) folder = test_make_folder ("crash fruits");
  g_autoptr (BanyanRegistry) registry = NULL;
  g_autofree char *broken = NULL;

  g_test_summary ("The second start scans nothing and knows the same, failures too");

  g_unlink (cache);
  scan (folder);
  assert_in_cache (folder, "apple", TRUE);
  assert_in_cache (folder, "sour-cherry", TRUE);

  g_setenv ("BANYAN_PLUGIN_SCANNER", "/nonexistent/scanner", TRUE);
  registry = make_registry (folder);
  broken = dup_broken (registry, folder, "crash");
  g_unsetenv ("BANYAN_PLUGIN_SCANNER");
  g_assert_cmpstr (broken, ==, "crashed while scanning (SIGSEGV)");
}

static void
test_cache_notices_change (void)
{
  g_autoptr (Folder) folder = test_make_folder ("fruits");
  g_autofree char *path = test_path_in (folder, "fruits");
  g_autofree char *other = test_path_of_module ("pear");

  g_test_summary ("A file that has changed is scanned again");

  g_unlink (cache);
  scan (folder);
  assert_in_cache (folder, "apple", TRUE);

  g_unlink (path);
  g_assert_cmpint (symlink (other, path), ==, 0);
  assert_in_cache (folder, "apple", FALSE);
}

static void
test_cache_damaged (void)
{
  g_autoptr (Folder) folder = test_make_folder ("fruits");
  g_autofree char *contents = NULL;
  gsize length;

  g_test_summary ("A cache that was damaged anywhere, or cut short, is as good as none");

  g_unlink (cache);
  scan (folder);
  g_assert_true (g_file_get_contents (cache, &contents, &length, NULL));

  for (gsize i = 0; i < length; i += 1 + length / 64)
    {
      contents[i] ^= 0x20;
      g_assert_true (g_file_set_contents (cache, contents, (gssize) length, NULL));
      assert_in_cache (folder, "apple", FALSE);
      contents[i] ^= 0x20;
      g_assert_true (g_file_set_contents (cache, contents, (gssize) i, NULL));
      assert_in_cache (folder, "apple", FALSE);
    }

  g_assert_true (g_file_set_contents (cache, contents, (gssize) length, NULL));
  assert_in_cache (folder, "apple", TRUE);
}

static void
test_cache_unwritable (void)
{
  static const char *const paths[] = { "/proc/nowhere/registry", "", "/dev/null" };
  g_autoptr (Folder) folder = test_make_folder ("fruits");

  g_test_summary ("Where no cache can be written, all still works");

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (BanyanRegistry) registry = NULL;
      g_autoptr (BanyanTypeInfo) info = NULL;

      if (geteuid () == 0 && g_str_equal (paths[i], "/dev/null"))
        continue; /* root would replace it */
      g_setenv ("BANYAN_REGISTRY_CACHE", paths[i], TRUE);
      registry = make_registry (folder);
      info = banyan_registry_lookup (registry, ANY_KIND, "apple");
      g_assert_nonnull (info);
    }
  g_setenv ("BANYAN_REGISTRY_CACHE", cache, TRUE);
}

/* -- The rest of a registry's life. -- */

static void
test_sealed (void)
{
  g_autoptr (Folder) folder = test_make_folder ("fruits");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autoptr (BanyanTypeInfo) info = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A sealed registry knows all types and loads none");

  banyan_registry_seal (registry);
  info = banyan_registry_lookup (registry, ANY_KIND, "apple");
  g_assert_nonnull (info);

  banyan_registry_get_type_by_name (registry, ANY_KIND, "apple", &error);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE);
  assert_has (error->message, "type \"apple\" is in ");
}

static void
test_rescan (void)
{
  g_autoptr (Folder) folder = test_make_folder ("fruits");
  g_autoptr (BanyanRegistry) registry = make_cold_registry (folder);
  g_autoptr (BanyanTypeInfo) before = banyan_registry_lookup (registry, ANY_KIND, "berry");
  g_autoptr (BanyanTypeInfo) after = NULL;

  g_test_summary ("Scanning again finds a plugin that has come since");

  g_assert_null (before);
  test_add_module (folder, "pear");
  after = banyan_registry_lookup (registry, ANY_KIND, "pear");
  g_assert_null (after);

  banyan_registry_rescan (registry);
  after = banyan_registry_lookup (registry, ANY_KIND, "pear");
  g_assert_nonnull (after);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("banyan-registry-XXXXXX", NULL);
  int result;

  cache = g_build_filename (folder, "cache", NULL);
  g_setenv ("BANYAN_REGISTRY_CACHE", cache, TRUE);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registry/loads-one", test_loads_one);
  g_test_add_func ("/registry/finds-alias", test_finds_alias);
  g_test_add_func ("/registry/several-types", test_several_types);
  g_test_add_func ("/registry/lists-by-kind-and-name", test_lists_by_kind_and_name);
  g_test_add_func ("/registry/finds-builtin", test_builtin);
  g_test_add_func ("/registry/builtin-wins", test_builtin_wins);
  g_test_add_func ("/registry/did-you-mean", test_did_you_mean);
  g_test_add_func ("/registry/broken-hides-no-other", test_broken);
  g_test_add_func ("/registry/innocent-is-not-blamed", test_innocent);
  g_test_add_func ("/registry/broken-class-is-refused", test_broken_class);
  g_test_add_func ("/registry/unreadable-is-listed", test_unreadable);
  g_test_add_func ("/registry/hang-is-given-up", test_hang);
  g_test_add_func ("/registry/hang-is-waited-for-once", test_hang_once);
  g_test_add_func ("/registry/asked-for-broken", test_asked_for_broken);
  g_test_add_func ("/registry/broken-is-tried-again", test_tried_again);
  g_test_add_func ("/registry/larger-descriptor", test_larger_descriptor);
  g_test_add_func ("/registry/first-folder-wins", test_first_folder_wins);
  g_test_add_func ("/registry/does-without-scanner", test_no_scanner);
  g_test_add_func ("/registry/tells-of-scanner-that-does-nothing", test_scanner_does_nothing);
  g_test_add_func ("/registry/cache-knows", test_cache_knows);
  g_test_add_func ("/registry/cache-notices-change", test_cache_notices_change);
  g_test_add_func ("/registry/cache-damaged", test_cache_damaged);
  g_test_add_func ("/registry/cache-unwritable", test_cache_unwritable);
  g_test_add_func ("/registry/sealed-loads-none", test_sealed);
  g_test_add_func ("/registry/rescan-finds-more", test_rescan);
  result = g_test_run ();

  g_unlink (cache);
  g_rmdir (folder);
  g_free (cache);
  return result;
}
