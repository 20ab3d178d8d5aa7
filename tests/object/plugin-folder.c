/* plugin-folder.c - folders with the test plugins that a test wants
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plugin-folder.h"

#include <glib/gstdio.h>
#include <unistd.h>

char *
test_path_of_module (const char *name)
{
  g_autofree char *file = g_strdup_printf ("banyan-%s.so", name);

  return g_build_filename (g_getenv ("BANYAN_BUILD_DIR"), "tests/object/plugins", file, NULL);
}

char *
test_path_in (const char *folder, const char *name)
{
  g_autofree char *file = g_strdup_printf ("banyan-%s.so", name);

  return g_build_filename (folder, file, NULL);
}

void
test_add_module (const char *folder, const char *name)
{
  g_autofree char *module = test_path_of_module (name);
  g_autofree char *link = test_path_in (folder, name);

  g_assert_cmpint (symlink (module, link), ==, 0);
}

void
test_copy_module (const char *folder, const char *name, const char *as)
{
  g_autofree char *from = test_path_of_module (name);
  g_autofree char *to = test_path_in (folder, as);
  g_autofree char *bytes = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (from, &bytes, &length, NULL));
  g_assert_true (g_file_set_contents (to, bytes, (gssize) length, NULL));
}

/* A folder with the modules named in @names, separated by spaces. */
char *
test_make_folder (const char *names)
{
  char *folder = g_dir_make_tmp ("banyan-registry-XXXXXX", NULL);
  g_auto (GStrv) list = g_strsplit (names, " ", -1);

  g_assert_nonnull (folder);
  for (guint i = 0; list[i] != NULL; i++)
    if (list[i][0] != '\0')
      test_add_module (folder, list[i]);

  return folder;
}

void
test_drop_folder (char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_assert_cmpint (remove (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_free (folder);
}
