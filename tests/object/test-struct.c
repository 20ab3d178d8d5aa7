/* test-struct.c - values with fields: frozen, copied, compared, written and read
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-classes.h"

static BanyanStruct *
read_struct (GType type, const char *yaml)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_yaml (yaml, -1, "test", problems);
  BanyanStruct *self = banyan_struct_from_spec (type, spec, "value", problems);

  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 0);
  return self;
}

static char *
write_struct (BanyanStruct *self)
{
  g_autoptr (BanyanSpec) spec = banyan_struct_to_spec (self, NULL);

  return banyan_spec_to_json (spec, FALSE);
}

static void
test_defaults (void)
{
  g_autoptr (BanyanStruct) cache = g_object_new (TEST_TYPE_CACHE, NULL);

  g_test_summary ("A new struct has its class's defaults and can be changed");

  g_assert_cmpstr (((TestCache *) cache)->hint, ==, "none");
  g_assert_false (banyan_struct_is_frozen (cache));
  g_object_set (cache, "direct", TRUE, "hint", "fast", NULL);
  g_assert_true (((TestCache *) cache)->direct);
}

static void
test_frozen (void)
{
  g_autoptr (BanyanStruct) cache = read_struct (TEST_TYPE_CACHE, "{ direct: true }");
  g_autoptr (BanyanStruct) copy = NULL;

  g_test_summary ("What was read is frozen; a copy can be changed and leaves it alone");

  g_assert_true (banyan_struct_is_frozen (cache));
  g_test_expect_message ("Banyan", G_LOG_LEVEL_CRITICAL, "*direct cannot be set*frozen*copy*");
  g_object_set (cache, "direct", FALSE, NULL);
  g_test_assert_expected_messages ();
  g_assert_true (((TestCache *) cache)->direct);

  copy = banyan_struct_copy (cache);
  g_assert_true (banyan_struct_equal (copy, cache));
  g_object_set (copy, "direct", FALSE, NULL);
  g_assert_false (banyan_struct_equal (copy, cache));
  g_assert_true (((TestCache *) cache)->direct);
}

static void
test_equal (void)
{
  g_autoptr (BanyanStruct) one = read_struct (TEST_TYPE_CACHE, "{ hint: a, direct: true }");
  g_autoptr (BanyanStruct) same = read_struct (TEST_TYPE_CACHE, "{ direct: yes, hint: a }");
  g_autoptr (BanyanStruct) other = read_struct (TEST_TYPE_CACHE, "{ direct: true, hint: b }");
  g_autoptr (BanyanStruct) address = read_struct (TEST_TYPE_ADDRESS, "/a");

  g_test_summary ("Structs are equal by class and fields");

  g_assert_true (banyan_struct_equal (one, same));
  g_assert_false (banyan_struct_equal (one, other));
  g_assert_false (banyan_struct_equal (one, address));
}

static void
test_writes (void)
{
  static const struct
  {
    const char *read;
    const char *written;
  } cases[] = {
    { "{ type: inet, host: h }", "{\"type\": \"inet\", \"host\": \"h\"}" },
    { "{ type: inet, host: h, port: 10809 }", "{\"type\": \"inet\", \"host\": \"h\"}" },
    { "{ port: 5, host: h, type: inet }", "{\"type\": \"inet\", \"host\": \"h\", \"port\": 5}" },
    { "{ type: unix, path: /s }", "{\"type\": \"unix\", \"path\": \"/s\"}" },
    { "/s", "{\"type\": \"unix\", \"path\": \"/s\"}" },
    { "\"s\"", "{\"type\": \"unix\", \"path\": \"s\"}" },
  };

  g_test_summary (
      "A struct is written with its discriminator and without defaults, and reads back");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanStruct) address = read_struct (TEST_TYPE_ADDRESS, cases[i].read);
      g_autofree char *written = write_struct (address);
      g_autoptr (BanyanStruct) again = read_struct (TEST_TYPE_ADDRESS, written);

      g_assert_cmpstr (written, ==, cases[i].written);
      g_assert_true (banyan_struct_equal (address, again));
    }
}

static void
test_variants (void)
{
  g_autofree GType *variants = NULL;
  guint n_variants;

  g_test_summary ("The classes that a document may mean can be listed");

  variants = banyan_struct_list_variants (TEST_TYPE_ADDRESS, &n_variants);
  g_assert_cmpuint (n_variants, ==, 2);
  g_assert_true (g_type_is_a (variants[0], TEST_TYPE_ADDRESS));
  g_assert_true (variants[0] != variants[1]);
}

static void
test_property_freezes (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", NULL);
  g_autoptr (BanyanStruct) cache = g_object_new (TEST_TYPE_CACHE, "direct", TRUE, NULL);

  g_test_summary ("Setting a property to a struct freezes it");

  g_object_set (file, "cache", cache, NULL);
  g_assert_true (banyan_struct_is_frozen (cache));
  g_assert_true ((gpointer) TEST_FILE (file)->cache == cache);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_type_ensure (TEST_TYPE_INET);
  g_type_ensure (TEST_TYPE_UNIX);
  g_test_add_func ("/object/struct/has-defaults", test_defaults);
  g_test_add_func ("/object/struct/is-frozen", test_frozen);
  g_test_add_func ("/object/struct/is-compared-by-value", test_equal);
  g_test_add_func ("/object/struct/is-written", test_writes);
  g_test_add_func ("/object/struct/lists-variants", test_variants);
  g_test_add_func ("/object/struct/property-freezes", test_property_freezes);
  return g_test_run ();
}
