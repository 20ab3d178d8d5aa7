/* test-describe.c - what the registry tells about a type
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All is about one type, basket, which has a property of each sort; its plugin is never loaded
 * here. */

#include "plugin-folder.h"

static BanyanSpec *basket;

/* What @key of the property @name is, as JSON; NULL if it has none. */
static char *
dup_json (const char *name, const char *key)
{
  BanyanSpec *properties = banyan_spec_lookup (basket, "properties");

  for (guint i = 0; i < banyan_spec_get_length (properties); i++)
    {
      BanyanSpec *property = banyan_spec_get_item (properties, i);
      BanyanSpec *value = banyan_spec_lookup (property, key);

      if (g_str_equal (banyan_spec_get_text (banyan_spec_lookup (property, "name")), name))
        return value != NULL ? banyan_spec_to_json (value, FALSE) : NULL;
    }

  g_error ("there is no property %s", name);
}

typedef struct
{
  const char *name;
  const char *key;
  const char *json; /* (nullable): it is left out */
} Fact;

static void
assert_facts (const Fact *facts, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *json = dup_json (facts[i].name, facts[i].key);
      g_autofree char *plain = json != NULL ? g_strstrip (g_strdup (json)) : NULL;

      if (g_strcmp0 (plain, facts[i].json) != 0)
        g_error ("%s of %s is %s, not %s", facts[i].key, facts[i].name, plain, facts[i].json);
    }
}

static void
test_type (void)
{
  static const char *const facts[][2] = {
    { "name", "\"basket\"" },
    { "kind", "\"object\"" },
    { "summary", "\"Something to carry fruit in\"" },
    { "gtype", "\"TestBasket\"" },
    { "chain", "[\"TestBasket\",\"BanyanObject\",\"GObject\"]" },
  };
  BanyanSpec *plugin = banyan_spec_lookup (basket, "plugin");

  g_test_summary ("A description has the type's names, and the classes that it is derived from");

  for (gsize i = 0; i < G_N_ELEMENTS (facts); i++)
    {
      g_autofree char *json = banyan_spec_to_json (banyan_spec_lookup (basket, facts[i][0]), FALSE);
      g_autofree char *packed = NULL;
      g_auto (GStrv) parts = g_strsplit (json, ", ", -1);

      packed = g_strstrip (g_strjoinv (",", parts));
      g_assert_cmpstr (packed, ==, facts[i][1]);
    }
  g_assert_true (g_str_has_suffix (banyan_spec_get_text (plugin), "/banyan-basket.so"));
}

static void
test_scalars (void)
{
  static const Fact facts[] = {
    { "size", "blurb", "\"How much goes into it\"" },
    { "size", "type", "\"integer\"" },
    { "size", "type-text", "\"size\"" },
    { "size", "unit", "\"bytes\"" },
    { "size", "minimum", "512" },
    { "size", "maximum", "18446744073709551615" },
    { "size", "aliases", "[\"volume\"]" },
    { "size", "defined-by", "\"TestBasket\"" },
    { "size", "mutability", "\"live\"" },
    { "size", "required", NULL },
    { "delay", "minimum", "-5" },
    { "delay", "unit", "\"ms\"" },
    { "delay", "range-text", "\"-5 to 600 ms\"" },
    { "weight", "type", "\"number\"" },
    { "weight", "maximum", "2.5" },
    { "closed", "type", "\"boolean\"" },
    { "closed", "unit", NULL },
    { "id", "defined-by", "\"BanyanObject\"" },
    { "owner", "secret", "true" },
    { "owner", "mutability", "\"before-open\"" },
    { "opened", "kind", "\"statistic\"" },
    { "opened", "mutability", NULL },
    { "state", "kind", "\"state\"" },
  };

  g_test_summary ("A property has its blurb, type, unit, range, aliases, and when it may change");

  assert_facts (facts, G_N_ELEMENTS (facts));
}

static void
test_defaults (void)
{
  static const Fact facts[] = {
    { "delay", "default", "7" },
    { "delay", "default-text", "\"7 ms\"" },
    { "weight", "default", "0.5" },
    { "closed", "default", "true" },
    { "shape", "default", "\"mx\"" },
    { "size", "default", NULL },
    { "size", "computed-default", "\"What its contents need\"" },
    { "owner", "default", NULL },
    { "owner", "default-text", NULL },
    { "opened", "default", NULL },
    { "beside", "default", NULL },
  };

  g_test_summary ("A default is a value or a sentence; secrets and what is counted have none");

  assert_facts (facts, G_N_ELEMENTS (facts));
}

static void
test_containers (void)
{
  static const Fact facts[] = {
    { "sizes", "type", "\"list\"" },  { "contents", "type", "\"members\"" },
    { "beside", "type", "\"link\"" }, { "beside", "target", "\"TestBasket\"" },
    { "beside", "required", "true" }, { "label", "type", "\"struct\"" },
  };
  g_autofree char *element = dup_json ("sizes", "element");
  g_autofree char *member = dup_json ("contents", "element");

  g_test_summary ("Lists and maps have their element, links their target");

  assert_facts (facts, G_N_ELEMENTS (facts));
  g_assert_nonnull (strstr (element, "\"maximum\": 9"));
  g_assert_nonnull (strstr (member, "\"target\": \"TestPear\""));
}

static void
test_values (void)
{
  g_autofree char *json = dup_json ("shape", "values");

  g_test_summary ("A choice has its values, each with the other spellings that documents may use");

  g_assert_nonnull (strstr (json, "{\"nick\": \"mx\", \"value\": 2, \"aliases\": [\"round\"]}"));
  g_assert_nonnull (strstr (json, "{\"nick\": \"txt\", \"value\": 3}"));
}

static void
test_struct (void)
{
  g_autofree char *json = dup_json ("label", "struct");

  g_test_summary ("A struct has its variants and their fields, and one within itself comes once");

  g_assert_nonnull (strstr (json, "\"discriminator\": \"type\""));
  g_assert_nonnull (strstr (json, "\"name\": \"paper\""));
  g_assert_nonnull (strstr (json, "\"short-form\": \"text\""));
  g_assert_nonnull (strstr (json, "\"blurb\": \"What is written on it\""));
  g_assert_nonnull (strstr (json, "\"recursive\": true"));
}

static void
test_describer (void)
{
  g_test_summary ("A base class adds what only it knows");

  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (basket, "handle")), ==, "willow");
}

int
main (int argc, char **argv)
{
  g_autoptr (Folder) folder = test_make_folder ("basket");
  g_autoptr (BanyanTypeInfo) info = NULL;
  int result;

  g_setenv ("BANYAN_PLUGIN_PATH", folder, TRUE);
  g_setenv ("BANYAN_REGISTRY_CACHE", "", TRUE);
  info = banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, "basket");
  g_assert_nonnull (info);
  basket = banyan_type_info_describe (info);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/describe/type-has-names-and-chain", test_type);
  g_test_add_func ("/describe/scalars-say-what-they-take", test_scalars);
  g_test_add_func ("/describe/defaults-are-values-or-sentences", test_defaults);
  g_test_add_func ("/describe/containers-have-their-element", test_containers);
  g_test_add_func ("/describe/choices-have-their-values", test_values);
  g_test_add_func ("/describe/structs-have-their-variants", test_struct);
  g_test_add_func ("/describe/base-class-adds-to-it", test_describer);
  result = g_test_run ();

  banyan_spec_unref (basket);
  return result;
}
