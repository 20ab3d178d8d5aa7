/* replay.c - runs a fuzzer once over each input that we keep, as one test case each
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <gio/gio.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
replay_input (gconstpointer path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  gsize size;

  g_test_summary ("An input that once was interesting neither crashes nor leaks");

  g_file_get_contents (path, &data, &size, &error);
  g_assert_no_error (error);
  g_assert_cmpint (LLVMFuzzerTestOneInput ((const guint8 *) data, size), ==, 0);
}

/* Arguments: the test path to begin with, and the folder of inputs. */
int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) folder = NULL;
  const char *name;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 3);

  folder = g_dir_open (argv[2], 0, &error);
  g_assert_no_error (error);
  while ((name = g_dir_read_name (folder)))
    {
      g_autofree char *test_path = g_strconcat (argv[1], "/", name, NULL);

      g_test_add_data_func_full (test_path, g_build_filename (argv[2], name, NULL), replay_input,
                                 g_free);
    }

  return g_test_run ();
}
