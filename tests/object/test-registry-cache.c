/* test-registry-cache.c - when what was scanned before is believed
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Linked with the library's parts, this program is a build of its own, with an id of its own. */

#include "plugin-folder.h"

#include "banyan-registry-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static char *cache;

/* A folder with a copy of the module @name, which may be changed. */
static char *
make_folder_with_copy (const char *name)
{
  char *folder = test_make_folder ("");

  test_copy_module (folder, name, name);
  return folder;
}

/* Whether the plugin at @path would be scanned by the next process. */
static gboolean
is_known (const char *path)
{
  g_autoptr (GHashTable) records = banyan_registry_cache_load (cache);
  GVariant *record = g_hash_table_lookup (records, path);
  BanyanFileKey key = { 0 };
  gboolean known;

  banyan_file_key_read (&key, path);
  known = record != NULL && banyan_plugin_record_has_key (record, &key);
  g_free (key.build_id);
  return known;
}

/* Looks for plugins with nothing known, and keeps what was found. */
static void
scan (const char *folder)
{
  g_autoptr (BanyanRegistry) registry = NULL;

  g_unlink (cache);
  g_setenv ("BANYAN_PLUGIN_PATH", folder, TRUE);
  registry = g_object_new (BANYAN_TYPE_REGISTRY, NULL);
  g_assert_null (banyan_registry_lookup (registry, G_MAXUINT, "nothing"));
}

static void
set_mtime (const char *path, gint64 ns)
{
  const struct timespec times[2]
      = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 } };

  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

static gint64
get_mtime (const char *path)
{
  struct stat status;

  g_assert_cmpint (stat (path, &status), ==, 0);
  return (gint64) status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
}

/* Another id of the same length: the note's name is "GNU", and the id follows. */
static void
change_build_id (const char *path)
{
  static const char head[] = { 3, 0, 0, 0, 'G', 'N', 'U', 0 };
  g_autofree char *bytes = NULL;
  gsize length;
  char *note;

  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  note = memmem (bytes, length, head, sizeof head);
  g_assert_nonnull (note);
  note[sizeof head] ^= 1;
  g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));
}

static void
test_time (void)
{
  g_autoptr (Folder) folder = make_folder_with_copy ("pear");
  g_autofree char *path = test_path_in (folder, "pear");
  gint64 mtime = get_mtime (path);

  g_test_summary ("A file with another time is scanned again, be it older");

  scan (folder);
  g_assert_true (is_known (path));
  set_mtime (path, mtime - 1);
  g_assert_false (is_known (path));
  set_mtime (path, mtime);
  g_assert_true (is_known (path));
}

static void
test_build_id (void)
{
  g_autoptr (Folder) folder = make_folder_with_copy ("pear");
  g_autofree char *path = test_path_in (folder, "pear");
  gint64 mtime = get_mtime (path);

  g_test_summary ("A file of another build is scanned again, be its size and time the same");

  scan (folder);
  change_build_id (path);
  set_mtime (path, mtime);
  g_assert_false (is_known (path));
  change_build_id (path);
  set_mtime (path, mtime);
  g_assert_true (is_known (path));
}

static void
test_size (void)
{
  g_autoptr (Folder) folder = make_folder_with_copy ("pear");
  g_autofree char *path = test_path_in (folder, "pear");
  gint64 mtime = get_mtime (path);
  struct stat status;

  g_test_summary ("A file of another size is scanned again, be its time and build the same");

  scan (folder);
  g_assert_cmpint (stat (path, &status), ==, 0);
  g_assert_cmpint (truncate (path, status.st_size + 1), ==, 0);
  set_mtime (path, mtime);
  g_assert_false (is_known (path));
  g_assert_cmpint (truncate (path, status.st_size), ==, 0);
  set_mtime (path, mtime);
  g_assert_true (is_known (path));
}

static void
test_path (void)
{
  g_autoptr (Folder) folder = make_folder_with_copy ("pear");
  g_autoptr (Folder) other = test_make_folder ("");
  g_autofree char *path = test_path_in (folder, "pear");
  g_autofree char *moved = test_path_in (other, "pear");

  g_test_summary ("A file at another path is scanned, be it the same file");

  scan (folder);
  g_assert_cmpint (g_rename (path, moved), ==, 0);
  g_assert_false (is_known (moved));
}

static void
test_library (void)
{
  g_autoptr (Folder) folder = test_make_folder ("pear");
  g_autofree char *path = test_path_in (folder, "pear");
  g_autofree char *command
      = g_build_filename (g_getenv ("BANYAN_BUILD_DIR"), "frontends/cli/banyan", NULL);
  const char *arguments[] = { command, "inspect", "pear", "--json", NULL };
  g_autoptr (GError) error = NULL;
  int status;

  g_test_summary ("What another build of the library knew is not believed");

  scan (folder);
  g_assert_true (is_known (path));

  g_unlink (cache);
  g_spawn_sync (NULL, (char **) arguments, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
  g_assert_true (g_file_test (cache, G_FILE_TEST_EXISTS));
  g_assert_false (is_known (path));
}

static void
test_format (void)
{
  g_autoptr (Folder) folder = test_make_folder ("pear");
  g_autofree char *path = test_path_in (folder, "pear");
  g_autofree char *bytes = NULL;
  gsize length;

  g_test_summary ("A cache of another format is not believed");

  scan (folder);
  g_assert_true (g_file_get_contents (cache, &bytes, &length, NULL));
  bytes[sizeof (guint64)]++;
  g_assert_true (g_file_set_contents (cache, bytes, (gssize) length, NULL));
  g_assert_false (is_known (path));
}

static void
test_rename (void)
{
  g_autoptr (Folder) folder = test_make_folder ("pear");
  g_autofree char *path = test_path_in (folder, "pear");
  g_autofree char *kept = g_strconcat (cache, ".kept", NULL);
  g_autofree char *before = NULL, *after = NULL;
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  gsize length;

  g_test_summary ("A new cache takes the place of the old, which who reads it still has whole");

  scan (folder);
  g_assert_cmpint (link (cache, kept), ==, 0);
  g_assert_true (g_file_get_contents (kept, &before, &length, NULL));
  banyan_registry_cache_save (cache, none);
  g_assert_false (is_known (path));
  g_assert_true (g_file_get_contents (kept, &after, NULL, NULL));
  g_assert_cmpmem (before, length, after, length);
  g_unlink (kept);
}

static void
test_tried_again (void)
{
  g_autoptr (Folder) folder = test_make_folder ("moody");
  g_autofree char *path = test_path_in (folder, "moody");
  g_autoptr (BanyanRegistry) registry = NULL;
  g_autoptr (BanyanTypeInfo) type = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A failure that is in the cache is tried again when the type is asked for");

  scan (folder);
  g_assert_true (is_known (path));
  g_setenv ("TEST_DURIANS_WELCOME", "yes", TRUE);
  registry = g_object_new (BANYAN_TYPE_REGISTRY, NULL);
  type = banyan_registry_lookup (registry, G_MAXUINT, "durian");
  g_assert_null (type);

  /* The file's name promises "moody", so that is what leads to it. */
  banyan_registry_get_type_by_name (registry, G_MAXUINT, "moody", &error);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE);
  type = banyan_registry_lookup (registry, G_MAXUINT, "durian");
  g_assert_nonnull (type);
  g_unsetenv ("TEST_DURIANS_WELCOME");
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("banyan-cache-XXXXXX", NULL);
  /* The library looks beside itself, where there is none. */
  g_autofree char *scanner
      = g_build_filename (g_getenv ("BANYAN_BUILD_DIR"), "banyan-plugin-scan", NULL);
  int result;

  g_setenv ("BANYAN_PLUGIN_SCANNER", scanner, TRUE);
  cache = g_build_filename (folder, "cache", NULL);
  g_setenv ("BANYAN_REGISTRY_CACHE", cache, TRUE);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registry/cache/time-counts", test_time);
  g_test_add_func ("/registry/cache/build-id-counts", test_build_id);
  g_test_add_func ("/registry/cache/size-counts", test_size);
  g_test_add_func ("/registry/cache/path-counts", test_path);
  g_test_add_func ("/registry/cache/library-counts", test_library);
  g_test_add_func ("/registry/cache/format-counts", test_format);
  g_test_add_func ("/registry/cache/is-replaced-by-rename", test_rename);
  g_test_add_func ("/registry/cache/failure-is-tried-again", test_tried_again);
  result = g_test_run ();

  g_unlink (cache);
  g_rmdir (folder);
  g_free (cache);
  return result;
}
