/* test-spec-tree.c - the option tree itself, without any notation
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-spec.h>

static BanyanSpec *
text (const char *word)
{
  return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, word, NULL);
}

/* A map of @n keys, "k0" to its own name and so on, written backwards. */
static BanyanSpec *
numbered_map (guint n)
{
  BanyanSpecBuilder *builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, NULL);

  for (guint i = n; i-- > 0;)
    {
      g_autofree char *key = g_strdup_printf ("k%u", i);
      g_autoptr (BanyanSpec) value = text (key);

      g_assert_true (banyan_spec_builder_add (builder, key, NULL, value));
    }

  return banyan_spec_builder_end (builder);
}

static const guint sizes[] = { 0, 1, 15, 16, 17, 18, 1000 };

static void
test_map_finds_every_key (void)
{
  g_test_summary ("A map of any size finds each of its keys, and no other");

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (BanyanSpec) map = numbered_map (sizes[i]);

      for (guint k = 0; k < sizes[i]; k++)
        {
          g_autofree char *key = g_strdup_printf ("k%u", k);
          g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (map, key)), ==, key);
        }
      g_assert_null (banyan_spec_lookup (map, "k"));
      g_assert_null (banyan_spec_lookup (map, "k1001"));
      g_assert_null (banyan_spec_lookup (map, ""));
    }
}

static void
test_map_keeps_order (void)
{
  g_autoptr (BanyanSpec) map = numbered_map (100);

  g_test_summary ("A map keeps its keys in the order written");

  g_assert_cmpuint (banyan_spec_get_length (map), ==, 100);
  g_assert_cmpstr (banyan_spec_get_key (map, 0), ==, "k99");
  g_assert_cmpstr (banyan_spec_get_key (map, 99), ==, "k0");
  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_get_item (map, 99)), ==, "k0");
}

static void
test_builder_refuses_second_key (void)
{
  g_test_summary ("A key that is there already is not added, in small maps and large ones");

  for (gsize i = 1; i < G_N_ELEMENTS (sizes); i++)
    {
      BanyanSpecBuilder *builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, NULL);
      g_autoptr (BanyanSpec) map = numbered_map (sizes[i]), other = text ("other"), built = NULL;

      for (guint k = 0; k < sizes[i]; k++)
        banyan_spec_builder_add (builder, banyan_spec_get_key (map, k), NULL,
                                 banyan_spec_get_item (map, k));
      g_assert_false (banyan_spec_builder_add (builder, "k0", NULL, other));

      built = banyan_spec_builder_end (builder);
      g_assert_true (banyan_spec_equal (built, map));
    }
}

static void
test_with (void)
{
  g_autoptr (BanyanSpec) map = numbered_map (3), value = text ("new");
  g_autoptr (BanyanSpec) replaced = banyan_spec_with (map, "k1", value);
  g_autoptr (BanyanSpec) added = banyan_spec_with (map, "zz", value);
  g_autoptr (BanyanSpec) removed = banyan_spec_with (map, "k1", NULL);
  g_autoptr (BanyanSpec) same = banyan_spec_with (map, "zz", NULL);

  g_test_summary ("A changed copy keeps the order, and leaves the original as it was");

  g_assert_cmpstr (banyan_spec_get_key (replaced, 1), ==, "k1");
  g_assert_true (banyan_spec_lookup (replaced, "k1") == value);
  g_assert_cmpstr (banyan_spec_get_key (added, 3), ==, "zz");
  g_assert_cmpuint (banyan_spec_get_length (removed), ==, 2);
  g_assert_null (banyan_spec_lookup (removed, "k1"));
  g_assert_true (banyan_spec_equal (map, same));
  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (map, "k1")), ==, "k1");
}

static void
test_with_nested (void)
{
  g_autoptr (BanyanSpec) value = text ("new"), short_form = text ("short");
  g_autoptr (BanyanSpec) first = banyan_spec_with_nested (NULL, "a.b", value);
  g_autoptr (BanyanSpec) second = banyan_spec_with_nested (first, "a.c", value);
  g_autoptr (BanyanSpec) deeper = banyan_spec_with_nested (short_form, "x", second);
  g_autoptr (BanyanSpec) list
      = banyan_spec_builder_end (banyan_spec_builder_new (BANYAN_SPEC_LIST, NULL));
  g_autoptr (BanyanSpec) with_list = banyan_spec_with_nested (NULL, "l", list);
  g_autofree char *json = banyan_spec_to_json (deeper, FALSE);

  g_test_summary ("A dotted key makes the maps that it leads through, and never enters a list");

  g_assert_cmpstr (g_strchomp (json), ==, "{\"x\": {\"a\": {\"b\": \"new\", \"c\": \"new\"}}}");
  g_assert_null (banyan_spec_with_nested (with_list, "l.0", value));
}

static void
test_equality_of_kinds (void)
{
  static const struct
  {
    BanyanSpecKind a;
    BanyanSpecKind b;
    const char *text;
    gboolean equal;
  } cases[] = {
    { BANYAN_SPEC_TEXT, BANYAN_SPEC_TEXT, "1", TRUE },
    { BANYAN_SPEC_TEXT, BANYAN_SPEC_NUMBER, "1", TRUE },
    { BANYAN_SPEC_STRING, BANYAN_SPEC_TEXT, "1", TRUE },
    { BANYAN_SPEC_STRING, BANYAN_SPEC_NUMBER, "1", FALSE },
    { BANYAN_SPEC_BOOLEAN, BANYAN_SPEC_TEXT, "true", TRUE },
    { BANYAN_SPEC_BOOLEAN, BANYAN_SPEC_STRING, "true", FALSE },
  };

  g_test_summary ("Text equals any scalar of the same text; other kinds only their own");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BanyanSpec) a = banyan_spec_new_scalar (cases[i].a, cases[i].text, NULL);
      g_autoptr (BanyanSpec) b = banyan_spec_new_scalar (cases[i].b, cases[i].text, NULL);

      g_assert_cmpint (banyan_spec_equal (a, b), ==, cases[i].equal);
      g_assert_cmpint (banyan_spec_equal (b, a), ==, cases[i].equal);
    }
}

static void
test_equality_of_containers (void)
{
  g_autoptr (BanyanSpec) map = numbered_map (40), null = banyan_spec_new_null (NULL);
  g_autoptr (BanyanSpec) without = banyan_spec_with (map, "k39", NULL);
  g_autoptr (BanyanSpec) last = text ("k39"), word = text ("null");
  g_autoptr (BanyanSpec) reordered = banyan_spec_with (without, "k39", last);
  g_autoptr (BanyanSpec) nulled = banyan_spec_with (map, "k39", null);
  BanyanSpec *list = banyan_spec_builder_end (banyan_spec_builder_new (BANYAN_SPEC_LIST, NULL));
  g_autoptr (BanyanSpec) empty = numbered_map (0);

  g_test_summary ("The order of keys does not count; absent and null are not the same");

  g_assert_true (banyan_spec_equal (map, reordered));
  g_assert_false (banyan_spec_equal (map, without));
  g_assert_false (banyan_spec_equal (nulled, without));
  g_assert_false (banyan_spec_equal (list, empty));
  g_assert_true (banyan_spec_equal (null, word));
  banyan_spec_unref (list);
}

static gpointer
take_and_give (gpointer spec)
{
  for (int i = 0; i < 20000; i++)
    banyan_spec_unref (banyan_spec_ref (spec));

  return NULL;
}

static void
test_threads_share (void)
{
  g_autoptr (BanyanSpec) map = numbered_map (20);
  GThread *threads[4];

  g_test_summary ("Threads take and give references to one tree at the same time");

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("sharer", take_and_give, map);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  g_assert_cmpuint (banyan_spec_get_length (map), ==, 20);
}

static void
test_origins_in_words (void)
{
  static const struct
  {
    BanyanOrigin origin;
    const char *words;
  } cases[] = {
    { { BANYAN_ORIGIN_DOCUMENT, "disk.yaml", 14, 7 }, "disk.yaml:14:7" },
    { { BANYAN_ORIGIN_DOCUMENT, "disk.yaml", 0, 0 }, "disk.yaml" },
    { { BANYAN_ORIGIN_DOCUMENT, NULL, 1, 2 }, "document:1:2" },
    { { BANYAN_ORIGIN_COMMAND_LINE, NULL, 0, 0 }, "command line" },
    { { BANYAN_ORIGIN_COMMAND_LINE, "--blockdev", 1, 3 }, "--blockdev:1:3" },
    { { BANYAN_ORIGIN_CLIENT, "qmp0", 0, 0 }, "client qmp0" },
    { { BANYAN_ORIGIN_CLIENT, NULL, 0, 0 }, "client" },
    { { BANYAN_ORIGIN_PROGRAM, NULL, 0, 0 }, "program" },
    { { BANYAN_ORIGIN_JOB, "backup0", 0, 0 }, "job backup0" },
    { { BANYAN_ORIGIN_IMAGE, "a.qcow2", 0, 0 }, "image a.qcow2" },
    { { BANYAN_ORIGIN_INHERITED, "/nodes/a", 0, 0 }, "inherited from /nodes/a" },
    { { BANYAN_ORIGIN_INHERITED, NULL, 0, 0 }, "inherited" },
    { { BANYAN_ORIGIN_DEFAULT, NULL, 0, 0 }, "default" },
  };

  g_test_summary ("Each kind of origin has its words");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *words = banyan_origin_to_string (&cases[i].origin);
      g_assert_cmpstr (words, ==, cases[i].words);
    }
}

static void
test_is_boxed (void)
{
  g_auto (GValue) value = G_VALUE_INIT, copy = G_VALUE_INIT;
  g_autoptr (BanyanSpec) map = numbered_map (2);

  g_test_summary ("A GValue holds a spec by reference, an origin by copy");

  g_value_init (&value, BANYAN_TYPE_SPEC);
  g_value_set_boxed (&value, map);
  g_assert_true (g_value_get_boxed (&value) == map);

  g_value_init (&copy, BANYAN_TYPE_ORIGIN);
  g_value_set_boxed (&copy, banyan_spec_get_origin (map));
  g_assert_true (g_value_get_boxed (&copy) != banyan_spec_get_origin (map));
  g_assert_cmpint (((BanyanOrigin *) g_value_get_boxed (&copy))->kind, ==, BANYAN_ORIGIN_PROGRAM);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spec/map/finds-every-key", test_map_finds_every_key);
  g_test_add_func ("/spec/map/keeps-order", test_map_keeps_order);
  g_test_add_func ("/spec/builder/refuses-second-key", test_builder_refuses_second_key);
  g_test_add_func ("/spec/with/changes-a-copy", test_with);
  g_test_add_func ("/spec/with/makes-what-is-between", test_with_nested);
  g_test_add_func ("/spec/equal/kinds", test_equality_of_kinds);
  g_test_add_func ("/spec/equal/containers", test_equality_of_containers);
  g_test_add_func ("/spec/threads-share", test_threads_share);
  g_test_add_func ("/spec/origin/in-words", test_origins_in_words);
  g_test_add_func ("/spec/is-boxed", test_is_boxed);
  return g_test_run ();
}
