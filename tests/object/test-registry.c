/* test-registry.c - types are found by name, in whichever plugin they are
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-registry.h>

#define ANY_KIND G_MAXUINT
#define OBJECTS (1u << BANYAN_PLUGIN_OBJECT)
#define FORMATS (1u << BANYAN_PLUGIN_FORMAT)

static void
test_finds_type (void)
{
  BanyanRegistry *registry = banyan_registry_get_default ();
  g_autoptr (GError) error = NULL;
  GType type = banyan_registry_get_type_by_name (registry, OBJECTS, "pear", &error);

  g_test_summary ("A type is found by its name, and its name by the class");

  g_assert_no_error (error);
  g_assert_cmpstr (g_type_name (type), ==, "TestPear");
  g_assert_cmpstr (banyan_registry_get_name_of_type (registry, type), ==, "pear");
}

static void
test_finds_alias (void)
{
  BanyanRegistry *registry = banyan_registry_get_default ();
  g_autoptr (BanyanTypeInfo) info = banyan_registry_lookup (registry, OBJECTS, "birne");

  g_test_summary ("A type is found by each of its other names");

  g_assert_nonnull (info);
  g_assert_cmpstr (banyan_type_info_get_name (info), ==, "pear");
}

static void
test_several_types (void)
{
  BanyanRegistry *registry = banyan_registry_get_default ();
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
test_kind_counts (void)
{
  g_autoptr (GError) error = NULL;
  GType type
      = banyan_registry_get_type_by_name (banyan_registry_get_default (), FORMATS, "pear", &error);

  g_test_summary ("A type is not found among the types of another kind");

  g_assert_cmpuint (type, ==, G_TYPE_INVALID);
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE);
}

static void
test_builtin (void)
{
  BanyanRegistry *registry = banyan_registry_get_default ();
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

int
main (int argc, char **argv)
{

  g_autofree char *folder
      = g_build_filename (g_getenv ("BANYAN_BUILD_DIR"), "tests/object/plugins/good", NULL);
  g_setenv ("BANYAN_PLUGIN_PATH", folder, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registry/finds-type", test_finds_type);
  g_test_add_func ("/registry/finds-alias", test_finds_alias);
  g_test_add_func ("/registry/several-types", test_several_types);
  g_test_add_func ("/registry/kind-counts", test_kind_counts);
  g_test_add_func ("/registry/builtin", test_builtin);
  return g_test_run ();
}
