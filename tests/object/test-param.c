/* test-param.c - properties tell what they take, and bad declarations are refused
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-classes.h"

static GParamSpec *
find (GType type, const char *name)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);
  GParamSpec *pspec = g_object_class_find_property ((GObjectClass *) klass, name);

  g_assert_nonnull (pspec);
  return pspec;
}

static void
test_describes (void)
{
  static const struct
  {
    const char *property;
    const char *type;
    const char *range;
    const char *initial;
  } file[] = {
    { "filename", "path", NULL, NULL },
    { "cache", "struct test-cache", NULL, NULL },
    { "locking", "enum", "off, on, auto", "auto" },
    { "features", "flags", "zero, discard, copy", "zero, discard" },
    { "length", "size", NULL, NULL },
    { "reads", "integer", NULL, NULL },
    { "offset", "size", "0 to 1 MiB", "0 B" },
    { "read-only", "boolean", NULL, "false" },
  }, quorum[] = {
    { "children", "list of link to test-node", NULL, NULL },
    { "vote-threshold", "integer", "1 to 32", "1" },
    { "tags", "list of string", NULL, NULL },
    { "limits", "map of size per second", "0 to 9223372036854775807 B/s", NULL },
  }, delay[] = {
    { "read-delay", "duration", "0 to 600000 ms", "0 ms" },
    { "skew", "integer", "-10 to 10", "0" },
    { "skew-ns", "duration", NULL, "0 ns" },
    { "probability", "number", "0 to 1", "1" },
    { "throttle-group", "link to test-group", NULL, NULL },
  };

  g_test_summary ("Type, range and default are said as people say them");

#define CHECK(type_of_class, table) \
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++) \
    { \
      GParamSpec *pspec = find (type_of_class, table[i].property); \
      g_autofree char *type = banyan_param_describe_type (pspec); \
      g_autofree char *range = banyan_param_describe_range (pspec); \
      g_autofree char *initial = banyan_param_describe_default (pspec); \
\
      g_test_message ("%s", table[i].property); \
      g_assert_cmpstr (type, ==, table[i].type); \
      g_assert_cmpstr (range, ==, table[i].range); \
      g_assert_cmpstr (initial, ==, table[i].initial); \
    }

  CHECK (TEST_TYPE_FILE, file)
  CHECK (TEST_TYPE_QUORUM, quorum)
  CHECK (TEST_TYPE_DELAY, delay)
}

static void
test_metadata (void)
{
  GParamSpec *filename = find (TEST_TYPE_FILE, "filename");
  GParamSpec *length = find (TEST_TYPE_FILE, "length");
  GParamSpec *read_only = find (TEST_TYPE_FILE, "read-only");

  g_test_summary ("Modifiers can be asked for, and read-only kinds cannot be written");

  g_assert_true (banyan_param_is_required (filename));
  g_assert_true (banyan_param_is_identifying (filename));
  g_assert_true (banyan_param_is_path (filename));
  g_assert_cmpint (banyan_param_get_mutability (filename), ==, BANYAN_MUTABLE_BEFORE_OPEN);
  g_assert_cmpint (banyan_param_get_kind (length), ==, BANYAN_PARAM_STATE);
  g_assert_false (length->flags & G_PARAM_WRITABLE);
  g_assert_cmpint (banyan_param_get_unit (length), ==, BANYAN_UNIT_BYTES);
  g_assert_cmpint (banyan_param_get_mutability (read_only), ==, BANYAN_MUTABLE_REOPEN);
  g_assert_true (banyan_param_is_inherited (read_only));
  g_assert_cmpstr (banyan_param_get_aliases (read_only)[0], ==, "readonly");
  g_assert_null (banyan_param_get_aliases (length)[0]);
  g_assert_true (banyan_param_is_secret (find (TEST_TYPE_GROUP, "data")));
  g_assert_cmpstr (banyan_param_get_computed_default (find (TEST_TYPE_QCOW2, "cache-size")), ==,
                   "enough for the whole image, at most 32 MiB");
  g_assert_true (banyan_param_has_members (find (TEST_TYPE_SERVER, "exports")));
}

static void
test_plain_pspec (void)
{
  GParamSpec *plain = g_param_spec_ref_sink (
      g_param_spec_int ("plain", "Plain", "One of GLib's own", 0, 9, 3, G_PARAM_READWRITE));

  g_test_summary ("A GParamSpec of someone else has the defaults");

  g_assert_cmpint (banyan_param_get_unit (plain), ==, BANYAN_UNIT_NONE);
  g_assert_cmpint (banyan_param_get_kind (plain), ==, BANYAN_PARAM_CONFIGURATION);
  g_assert_cmpuint (banyan_param_get_offset (plain), ==, BANYAN_NO_FIELD);
  g_assert_null (banyan_param_get_link_target (plain));
  g_assert_null (banyan_param_get_element (plain));
  g_param_spec_unref (plain);
}

/* -- Classes that no one should have to use. -- */

typedef struct
{
  BanyanObject parent_instance;
  guint number;
  char *text;
} Bad;

static GParamSpec *(*make_bad) (void);

static void
bad_class_init (gpointer klass, gpointer data)
{
  G_OBJECT_CLASS (klass)->set_property = banyan_object_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_object_get_field;
  g_object_class_install_property (klass, 1, make_bad ());
}

static GType
register_bad (GType parent, GParamSpec *(*make) (void) )
{
  static guint count;
  g_autofree char *name = g_strdup_printf ("Bad%u", count++);
  GTypeQuery query;
  GTypeInfo info = { .class_init = bad_class_init };
  GType type;

  g_type_query (parent, &query);
  info.class_size = query.class_size;
  info.instance_size = MAX (query.instance_size, sizeof (Bad));
  type = g_type_register_static (parent, name, &info, 0);
  make_bad = make;
  g_type_class_unref (g_type_class_ref (type));
  return type;
}

#define BAD(name, nick, blurb) \
  banyan_param_uint (name, nick, blurb, BANYAN_UNIT_NONE, 0, 9, 0, G_STRUCT_OFFSET (Bad, number))

static GParamSpec *
make_silent (void)
{
  return BAD ("port", "Port", NULL);
}
static GParamSpec *
make_empty (void)
{
  return BAD ("port", "Port", "");
}
static GParamSpec *
make_echo (void)
{
  return BAD ("port", "Port number", "The port number");
}
static GParamSpec *
make_no_nick (void)
{
  return BAD ("port", NULL, "Where to listen");
}
static GParamSpec *
make_driver (void)
{
  return BAD ("driver", "Driver", "Which way to go");
}
static GParamSpec *
make_node_name (void)
{
  return BAD ("node-name", "Node", "Which way to go");
}
static GParamSpec *
make_id (void)
{
  return BAD ("id", "Ident", "Which way to go");
}
static GParamSpec *
make_shadow (void)
{
  return BAD ("read-only", "Read", "Which way to go");
}
static GParamSpec *
make_state (void)
{
  return BAD ("state", "State", "Which way to go");
}

static GParamSpec *
make_shadow_alias (void)
{
  return BAD ("readonly", "Read", "Which way to go");
}

static GParamSpec *
make_reserved_alias (void)
{
  return banyan_param_alias (BAD ("port", "Port", "Where to listen"), "type");
}

static GParamSpec *
make_bad_default (void)
{
  return banyan_param_uint ("port", "Port", "Where to listen", BANYAN_UNIT_NONE, 1, 9, 10,
                            G_STRUCT_OFFSET (Bad, number));
}

static GParamSpec *
make_empty_range (void)
{
  return banyan_param_uint ("port", "Port", "Where to listen", BANYAN_UNIT_NONE, 9, 1, 5,
                            G_STRUCT_OFFSET (Bad, number));
}

static GParamSpec *
make_bad_enum (void)
{
  return banyan_param_enum ("port", "Port", "Where to listen", BANYAN_TYPE_OBJECT_STATE, 77,
                            G_STRUCT_OFFSET (Bad, number));
}

static GParamSpec *
make_bad_value_alias (void)
{
  return banyan_param_value_alias (banyan_param_enum ("port", "Port", "Where to listen",
                                                      BANYAN_TYPE_OBJECT_STATE, 0,
                                                      G_STRUCT_OFFSET (Bad, number)),
                                   "ajar", "opne");
}

static GParamSpec *
make_bad_link (void)
{
  return banyan_param_link ("port", "Port", "Where to listen", "no type", BANYAN_NO_FIELD);
}

static GParamSpec *
make_bad_link_list (void)
{
  return banyan_param_list ("ports", "Ports", "Where to listen",
                            banyan_param_link ("port", NULL, NULL, "", BANYAN_NO_FIELD),
                            BANYAN_NO_FIELD);
}

static GParamSpec *
make_good (void)
{
  return BAD ("port", "Port", "Where to listen");
}

static void
test_class_check (void)
{
  static const struct
  {
    GParamSpec *(*make) (void);
    const char *reason;
  } cases[] = {
    { make_silent, "property \"port\" is not documented: it has no blurb" },
    { make_empty, "property \"port\" is not documented: it has no blurb" },
    { make_echo, "property \"port\" has a blurb that says no more than its name" },
    { make_no_nick, "property \"port\" has no nick" },
    { make_driver, "property \"driver\" takes the reserved key \"driver\"" },
    { make_node_name, "property \"node-name\" takes the reserved key \"node-name\"" },
    { make_id, "property \"id\" takes the reserved key \"id\"" },
    { make_shadow, "property \"read-only\" shadows the one that it inherits from TestNode" },
    { make_shadow_alias, "property \"readonly\" shadows the one that it inherits from TestNode" },
    { make_state, "property \"state\" shadows the one that it inherits from BanyanObject" },
    { make_reserved_alias, "property \"port\" takes the reserved key \"type\"" },
    { make_bad_default, "the default 10 is outside the range 1 to 9" },
    { make_empty_range, "the range 9 to 1 is empty" },
    { make_bad_enum, "the default 77 is not a value of BanyanObjectState" },
    { make_bad_value_alias, "\"ajar\" is an alias of \"opne\", which is not a value" },
    { make_bad_link, "\"no type\" cannot be the name of a type to link to" },
    { make_bad_link_list, "\"\" cannot be the name of a type to link to" },
  };

  g_test_summary ("A class that people could not understand is refused with the reason");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      GType type = register_bad (TEST_TYPE_NODE, cases[i].make);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].reason);
      g_assert_false (banyan_object_class_check (type, &error));
      g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_PLUGIN);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].reason));
    }
}

static void
test_good_classes (void)
{
  const GType types[]
      = { TEST_TYPE_FILE,   TEST_TYPE_QCOW2,  TEST_TYPE_DELAY,
          TEST_TYPE_QUORUM, TEST_TYPE_SERVER, register_bad (TEST_TYPE_NODE, make_good) };

  g_test_summary ("Good classes pass, with the structs that they take");

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GError) error = NULL;

      banyan_object_class_check (types[i], &error);
      g_assert_no_error (error);
    }
}

static void
test_list (void)
{
  GValue values[2] = { G_VALUE_INIT, G_VALUE_INIT };
  g_autoptr (BanyanList) list = NULL;

  g_test_summary ("A list copies its elements; none at all has the length 0");

  g_value_init (&values[0], G_TYPE_STRING);
  g_value_init (&values[1], G_TYPE_STRING);
  g_value_set_string (&values[0], "a");
  list = banyan_list_new (G_TYPE_STRING, values, 2);
  g_value_set_string (&values[0], "b");

  g_assert_cmpuint (banyan_list_get_length (list), ==, 2);
  g_assert_cmpstr (banyan_list_get_string (list, 0), ==, "a");
  g_assert_null (banyan_list_get_string (list, 1));
  g_assert_cmpuint (banyan_list_get_length (NULL), ==, 0);
  g_assert_cmpuint (banyan_map_get_length (NULL), ==, 0);
  g_value_unset (&values[0]);
  g_value_unset (&values[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/object/param/describes-itself", test_describes);
  g_test_add_func ("/object/param/has-metadata", test_metadata);
  g_test_add_func ("/object/param/foreign-pspec-has-defaults", test_plain_pspec);
  g_test_add_func ("/object/param/refuses-bad-classes", test_class_check);
  g_test_add_func ("/object/param/accepts-good-classes", test_good_classes);
  g_test_add_func ("/object/param/list-copies", test_list);
  return g_test_run ();
}
