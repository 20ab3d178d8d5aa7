/* test-classes.c - classes like those of a block layer, for the tests of the object model
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-classes.h"

#define FIELD(Type, field) G_STRUCT_OFFSET (Type, field)

static void
install (gpointer klass, guint id, GParamSpec *pspec)
{
  g_object_class_install_property (klass, id, pspec);
}

static void
serve_fields (gpointer klass)
{
  G_OBJECT_CLASS (klass)->set_property = banyan_object_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_object_get_field;
}

static void
serve_struct_fields (gpointer klass)
{
  G_OBJECT_CLASS (klass)->set_property = banyan_struct_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_struct_get_field;
}

/* -- Values. -- */

typedef BanyanStructClass TestCacheClass;
G_DEFINE_TYPE (TestCache, test_cache, BANYAN_TYPE_STRUCT)

static void
test_cache_check (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                  BanyanProblems *problems)
{
  TestCache *cache = (TestCache *) self;

  if (cache->no_flush && cache->direct)
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_CONFLICT, origin, path,
                         "direct and no-flush exclude each other here");
}

static void
test_cache_class_init (TestCacheClass *klass)
{
  serve_struct_fields (klass);
  klass->check = test_cache_check;
  install (klass, 1,
           banyan_param_boolean ("direct", "Direct", "Go past the host's page cache", FALSE,
                                 FIELD (TestCache, direct)));
  install (klass, 2,
           banyan_param_alias (banyan_param_boolean ("no-flush", "No flush",
                                                     "Promise nothing when asked to make durable",
                                                     FALSE, FIELD (TestCache, no_flush)),
                               "noflush"));
  install (klass, 3,
           banyan_param_string ("hint", "Hint", "Words for whoever tunes it", "none",
                                FIELD (TestCache, hint)));
}

static void
test_cache_init (TestCache *self)
{
}

typedef BanyanStruct TestAddress;
typedef BanyanStructClass TestAddressClass;
G_DEFINE_ABSTRACT_TYPE (TestAddress, test_address, BANYAN_TYPE_STRUCT)

static void
test_address_class_init (TestAddressClass *klass)
{
  banyan_struct_class_set_discriminator (klass, "type");
}

static void
test_address_init (TestAddress *self)
{
}

typedef struct
{
  BanyanStruct parent_instance;
  char *host;
  guint port;
} TestInet;
typedef BanyanStructClass TestInetClass;
G_DEFINE_TYPE (TestInet, test_inet, TEST_TYPE_ADDRESS)

static void
test_inet_class_init (TestInetClass *klass)
{
  serve_struct_fields (klass);
  banyan_struct_class_set_name (klass, "inet");
  install (klass, 1,
           banyan_param_required (banyan_param_string (
               "host", "Host", "Name or number of the machine", NULL, FIELD (TestInet, host))));
  install (klass, 2,
           banyan_param_uint ("port", "Port", "Where the service listens", BANYAN_UNIT_NONE, 0,
                              65535, 10809, FIELD (TestInet, port)));
}

static void
test_inet_init (TestInet *self)
{
}

typedef struct
{
  BanyanStruct parent_instance;
  char *path;
} TestUnix;
typedef BanyanStructClass TestUnixClass;
G_DEFINE_TYPE (TestUnix, test_unix, TEST_TYPE_ADDRESS)

static void
test_unix_class_init (TestUnixClass *klass)
{
  serve_struct_fields (klass);
  banyan_struct_class_set_name (klass, "unix");
  banyan_struct_class_set_short_form (klass, "path");
  install (klass, 1,
           banyan_param_required (banyan_param_path (
               banyan_param_string ("path", "Path", "Where the socket is in the file system", NULL,
                                    FIELD (TestUnix, path)))));
}

static void
test_unix_init (TestUnix *self)
{
}

/* -- Nodes. -- */

typedef struct
{
  gboolean read_only;
} TestNodePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (TestNode, test_node, BANYAN_TYPE_OBJECT)

static void
test_node_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  TestNodePrivate *private = test_node_get_instance_private (TEST_NODE (object));

  if (banyan_object_accept_set (BANYAN_OBJECT (object), value, pspec))
  private->read_only = g_value_get_boolean (value);
}

static void
test_node_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  TestNodePrivate *private = test_node_get_instance_private (TEST_NODE (object));

  g_value_set_boolean (value, private->read_only);
}

static void
test_node_class_init (TestNodeClass *klass)
{
  G_OBJECT_CLASS (klass)->set_property = test_node_set_property;
  G_OBJECT_CLASS (klass)->get_property = test_node_get_property;
  install (klass, 1,
           banyan_param_alias (banyan_param_mutable (banyan_param_inherited (banyan_param_boolean (
                                                         "read-only", "Read only",
                                                         "Refuse all that would change data", FALSE,
                                                         BANYAN_NO_FIELD)),
                                                     BANYAN_MUTABLE_REOPEN),
                               "readonly"));
}

static void
test_node_init (TestNode *self)
{
}

static GType
test_locking_get_type (void)
{
  static const GEnumValue values[] = {
    { 0, "TEST_LOCKING_OFF", "off" },
    { 1, "TEST_LOCKING_ON", "on" },
    { 2, "TEST_LOCKING_AUTO", "auto" },
    { 0, NULL, NULL },
  };
  static GType type;

  if (!type)
    type = g_enum_register_static ("TestLocking", values);
  return type;
}

static GType
test_features_get_type (void)
{
  static const GFlagsValue values[] = {
    { 1, "TEST_FEATURE_ZERO", "zero" },
    { 2, "TEST_FEATURE_DISCARD", "discard" },
    { 4, "TEST_FEATURE_COPY", "copy" },
    { 0, NULL, NULL },
  };
  static GType type;

  if (!type)
    type = g_flags_register_static ("TestFeatures", values);
  return type;
}

G_DEFINE_FINAL_TYPE (TestFile, test_file, TEST_TYPE_NODE)

static void
test_file_class_init (TestFileClass *klass)
{
  serve_fields (klass);
  install (klass, 1,
           banyan_param_identifying (banyan_param_required (banyan_param_path (
               banyan_param_string ("filename", "File name", "Path of what holds the data", NULL,
                                    FIELD (TestFile, filename))))));
  install (klass, 2,
           banyan_param_inherited (banyan_param_struct ("cache", "Cache",
                                                        "How the host's page cache is used",
                                                        TEST_TYPE_CACHE, FIELD (TestFile, cache))));
  install (klass, 3,
           banyan_param_value_alias (
               banyan_param_value_alias (
                   banyan_param_enum ("locking", "Locking", "Whether to keep others out",
                                      test_locking_get_type (), 2, FIELD (TestFile, locking)),
                   "yes", "on"),
               "maybe", "auto"));
  install (klass, 4,
           banyan_param_flags ("features", "Features", "What may be asked of the host",
                               test_features_get_type (), 3, FIELD (TestFile, features)));
  install (klass, 5,
           banyan_param_state (banyan_param_uint64 ("length", "Length", "How large it is now",
                                                    BANYAN_UNIT_BYTES, 0, G_MAXUINT64, 0,
                                                    FIELD (TestFile, length))));
  install (klass, 6,
           banyan_param_statistic (banyan_param_uint64 ("reads", "Reads", "Requests served so far",
                                                        BANYAN_UNIT_OPERATIONS, 0, G_MAXUINT64, 0,
                                                        FIELD (TestFile, reads))));
  install (klass, 7,
           banyan_param_mutable (
               banyan_param_uint64 ("offset", "Offset", "Where the data begins in the file",
                                    BANYAN_UNIT_BYTES, 0, 1024 * 1024, 0, FIELD (TestFile, offset)),
               BANYAN_MUTABLE_BEFORE_OPEN));
}

static void
test_file_init (TestFile *self)
{
}

G_DEFINE_FINAL_TYPE (TestQcow2, test_qcow2, TEST_TYPE_NODE)

static void
test_qcow2_class_init (TestQcow2Class *klass)
{
  serve_fields (klass);
  install (klass, 1,
           banyan_param_required (banyan_param_link ("file", "File", "Node that holds the image",
                                                     "TestNode", FIELD (TestQcow2, file))));
  install (klass, 2,
           banyan_param_link ("backing", "Backing", "Node read where nothing is allocated",
                              "TestNode", FIELD (TestQcow2, backing)));
  install (klass, 3,
           banyan_param_boolean ("lazy-refcounts", "Lazy refcounts",
                                 "Put off writing reference counts", FALSE,
                                 FIELD (TestQcow2, lazy_refcounts)));
  install (
      klass, 4,
      banyan_param_computed (banyan_param_uint64 ("cache-size", "Cache size", "Memory for tables",
                                                  BANYAN_UNIT_BYTES, 65536, 1024 * 1024 * 1024,
                                                  1024 * 1024, FIELD (TestQcow2, cache_size)),
                             "enough for the whole image, at most 32 MiB"));
}

static void
test_qcow2_init (TestQcow2 *self)
{
}

G_DEFINE_FINAL_TYPE (TestDelay, test_delay, TEST_TYPE_NODE)

static void
test_delay_class_init (TestDelayClass *klass)
{
  serve_fields (klass);
  install (klass, 1,
           banyan_param_required (banyan_param_link ("file", "File", "Node that serves the request",
                                                     "TestNode", FIELD (TestDelay, file))));
  install (klass, 2,
           banyan_param_link ("throttle-group", "Throttle group", "Whose limits are shared",
                              "TestGroup", FIELD (TestDelay, group)));
  install (klass, 3,
           banyan_param_uint ("read-delay", "Read delay", "Time to hold each read", BANYAN_UNIT_MS,
                              0, 600000, 0, FIELD (TestDelay, read_delay_ms)));
  install (klass, 4,
           banyan_param_int ("skew", "Skew", "Steps by which clocks disagree", BANYAN_UNIT_NONE,
                             -10, 10, 0, FIELD (TestDelay, skew)));
  install (klass, 5,
           banyan_param_int64 ("skew-ns", "Fine skew", "Time by which clocks disagree",
                               BANYAN_UNIT_NS, G_MININT64, G_MAXINT64, 0,
                               FIELD (TestDelay, skew_ns)));
  install (klass, 6,
           banyan_param_double ("probability", "Probability", "Share of requests that are held",
                                BANYAN_UNIT_NONE, 0, 1, 1, FIELD (TestDelay, probability)));
}

static void
test_delay_init (TestDelay *self)
{
}

G_DEFINE_FINAL_TYPE (TestQuorum, test_quorum, TEST_TYPE_NODE)

static void
test_quorum_check (BanyanObject *self, const BanyanProposal *proposal, BanyanProblems *problems)
{
  guint threshold = g_value_get_uint (banyan_proposal_get (proposal, "vote-threshold"));
  BanyanList *children = g_value_get_boxed (banyan_proposal_get (proposal, "children"));
  BanyanList *tags = g_value_get_boxed (banyan_proposal_get (proposal, "tags"));

  if (threshold > banyan_list_get_length (children))
    banyan_proposal_problem (proposal, problems, "vote-threshold",
                             "%u votes are wanted of %u children", threshold,
                             banyan_list_get_length (children));
  if (banyan_list_get_length (tags) > 8)
    banyan_proposal_problem (proposal, problems, "tags", "more than 8 tags are too many");
}

static void
test_quorum_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  TestQuorum *self = TEST_QUORUM (object);

  if (id != 1)
    banyan_object_set_field (object, id, value, pspec);
  else if (banyan_object_accept_set (BANYAN_OBJECT (object), value, pspec))
    {
      g_clear_pointer (&self->children, banyan_list_unref);
      self->children = g_value_dup_boxed (value);
    }
}

static void
test_quorum_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == 1)
    g_value_set_boxed (value, TEST_QUORUM (object)->children);
  else
    banyan_object_get_field (object, id, value, pspec);
}

static void
test_quorum_finalize (GObject *object)
{
  g_clear_pointer (&TEST_QUORUM (object)->children, banyan_list_unref);

  G_OBJECT_CLASS (test_quorum_parent_class)->finalize (object);
}

static void
test_quorum_class_init (TestQuorumClass *klass)
{
  G_OBJECT_CLASS (klass)->set_property = test_quorum_set_property;
  G_OBJECT_CLASS (klass)->get_property = test_quorum_get_property;
  G_OBJECT_CLASS (klass)->finalize = test_quorum_finalize;
  BANYAN_OBJECT_CLASS (klass)->check = test_quorum_check;
  install (
      klass, 1,
      banyan_param_required (banyan_param_list (
          "children", "Children", "Nodes that vote",
          banyan_param_link ("child", NULL, NULL, "TestNode", BANYAN_NO_FIELD), BANYAN_NO_FIELD)));
  install (klass, 2,
           banyan_param_uint ("vote-threshold", "Vote threshold", "How many must agree",
                              BANYAN_UNIT_NONE, 1, 32, 1, FIELD (TestQuorum, vote_threshold)));
  install (klass, 3,
           banyan_param_list ("tags", "Tags", "Words to find it by",
                              banyan_param_string ("tag", NULL, NULL, NULL, BANYAN_NO_FIELD),
                              FIELD (TestQuorum, tags)));
  install (klass, 4,
           banyan_param_map ("limits", "Limits", "The most bytes a second by client",
                             banyan_param_uint64 ("limit", NULL, NULL, BANYAN_UNIT_BYTES_PER_SECOND,
                                                  0, G_MAXINT64, 0, BANYAN_NO_FIELD),
                             FIELD (TestQuorum, limits)));
  install (klass, 5,
           banyan_param_list (
               "caches", "Caches", "One page cache policy a child",
               banyan_param_struct ("cache", NULL, NULL, TEST_TYPE_CACHE, BANYAN_NO_FIELD),
               FIELD (TestQuorum, caches)));
  install (
      klass, 6,
      banyan_param_inherited (banyan_param_struct ("cache", "Cache", "What its children do",
                                                   TEST_TYPE_CACHE, FIELD (TestQuorum, cache))));
}

static void
test_quorum_init (TestQuorum *self)
{
}

/* -- Others. -- */

G_DEFINE_FINAL_TYPE (TestGroup, test_group, BANYAN_TYPE_OBJECT)

static void
test_group_class_init (TestGroupClass *klass)
{
  serve_fields (klass);
  install (klass, 1,
           banyan_param_uint64 ("bps-total", "Bandwidth", "The most bytes moved in a second",
                                BANYAN_UNIT_BYTES_PER_SECOND, 0, G_MAXINT64, 0,
                                FIELD (TestGroup, bps)));
  install (klass, 2,
           banyan_param_uint64 ("iops-total", "Operations", "The most requests in a second",
                                BANYAN_UNIT_OPERATIONS_PER_SECOND, 0, G_MAXINT64, 0,
                                FIELD (TestGroup, iops)));
  install (klass, 3,
           banyan_param_secret (banyan_param_string ("data", "Data", "What nobody else may know",
                                                     NULL, FIELD (TestGroup, data))));
}

static void
test_group_init (TestGroup *self)
{
}

G_DEFINE_FINAL_TYPE (TestExport, test_export, BANYAN_TYPE_OBJECT)

static void
test_export_class_init (TestExportClass *klass)
{
  serve_fields (klass);
  install (klass, 1,
           banyan_param_required (banyan_param_link ("node", "Node", "What clients read and write",
                                                     "TestNode", FIELD (TestExport, node))));
  install (klass, 2,
           banyan_param_boolean ("writable", "Writable", "Whether clients may change data", FALSE,
                                 FIELD (TestExport, writable)));
}

static void
test_export_init (TestExport *self)
{
}

G_DEFINE_FINAL_TYPE (TestServer, test_server, BANYAN_TYPE_OBJECT)

static void
test_server_class_init (TestServerClass *klass)
{
  serve_fields (klass);
  g_type_ensure (TEST_TYPE_INET);
  g_type_ensure (TEST_TYPE_UNIX);
  g_type_ensure (TEST_TYPE_EXPORT);
  install (klass, 1,
           banyan_param_struct ("listen", "Listen", "Where clients connect", TEST_TYPE_ADDRESS,
                                FIELD (TestServer, listen)));
  install (klass, 2,
           banyan_param_members ("exports", "Exports", "What clients find by name", "TestExport",
                                 FIELD (TestServer, exports)));
}

static void
test_server_init (TestServer *self)
{
}

/* -- Documents. -- */

#define NODE_KINDS \
  (1u << BANYAN_PLUGIN_PROTOCOL | 1u << BANYAN_PLUGIN_FORMAT | 1u << BANYAN_PLUGIN_FILTER)

BanyanRoot *
test_root_new (void)
{
  BanyanRegistry *registry = banyan_registry_get_default ();
  BanyanRoot *root = g_object_new (BANYAN_TYPE_ROOT, NULL);

  banyan_registry_add_builtin (registry, "file", BANYAN_PLUGIN_PROTOCOL, TEST_TYPE_FILE, "a file");
  banyan_registry_add_builtin (registry, "qcow2", BANYAN_PLUGIN_FORMAT, TEST_TYPE_QCOW2, "qcow2");
  banyan_registry_add_builtin (registry, "delay", BANYAN_PLUGIN_FILTER, TEST_TYPE_DELAY, "slow");
  banyan_registry_add_builtin (registry, "quorum", BANYAN_PLUGIN_FORMAT, TEST_TYPE_QUORUM, "votes");
  banyan_registry_add_builtin (registry, "throttle-group", BANYAN_PLUGIN_OBJECT, TEST_TYPE_GROUP,
                               "limits");
  banyan_registry_add_builtin (registry, "nbd-server", BANYAN_PLUGIN_FRONTEND, TEST_TYPE_SERVER,
                               "serves");

  banyan_root_add_collection (root, "objects", BANYAN_TYPE_OBJECT, "type",
                              1u << BANYAN_PLUGIN_OBJECT);
  banyan_root_add_collection (root, "nodes", TEST_TYPE_NODE, "driver", NODE_KINDS);
  banyan_root_add_collection (root, "frontends", TEST_TYPE_SERVER, "type",
                              1u << BANYAN_PLUGIN_FRONTEND);
  return root;
}

BanyanCollection *
test_root_get (BanyanRoot *root, const char *id)
{
  return BANYAN_COLLECTION (banyan_object_get_child (BANYAN_OBJECT (root), id));
}

GPtrArray *
test_build (BanyanRoot *root, const char *yaml, BanyanProblems *problems)
{
  g_autoptr (BanyanSpec) document = banyan_spec_parse_yaml (yaml, -1, "disk.yaml", problems);
  g_autoptr (BanyanMapper) mapper = banyan_mapper_new (root, "/images", problems);

  for (guint i = 0; document && i < banyan_spec_get_length (document); i++)
    {
      BanyanSpec *members = banyan_spec_get_item (document, i);
      BanyanCollection *collection = test_root_get (root, banyan_spec_get_key (document, i));

      for (guint j = 0; j < banyan_spec_get_length (members); j++)
        banyan_mapper_declare (mapper, collection, banyan_spec_get_key (members, j),
                               banyan_spec_get_key_origin (members, j),
                               banyan_spec_get_item (members, j));
    }

  return banyan_mapper_build (mapper);
}

gpointer
test_find (GPtrArray *objects, const char *id)
{
  for (guint i = 0; i < objects->len; i++)
    if (g_str_equal (banyan_object_get_id (objects->pdata[i]), id))
      return objects->pdata[i];

  g_error ("%s was not built", id);
}

void
test_add_all (BanyanRoot *root, GPtrArray *objects)
{
  for (guint i = 0; i < objects->len; i++)
    {
      BanyanCollection *collection
          = banyan_root_get_collection_for_type (root, G_OBJECT_TYPE (objects->pdata[i]));
      g_autoptr (GError) error = NULL;

      if (!banyan_object_get_parent (objects->pdata[i]))
        banyan_object_add_child (BANYAN_OBJECT (collection), objects->pdata[i], &error);
      g_assert_no_error (error);
    }
}
