/* test-object.c - ids and paths, setting and declaring, opening and closing
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-classes.h"

static BanyanObject *
add (BanyanObject *parent, GType type, const char *id)
{
  g_autoptr (BanyanObject) object = g_object_new (type, "id", id, NULL);
  g_autoptr (GError) error = NULL;

  banyan_object_add_child (parent, object, &error);
  g_assert_no_error (error);
  return object; /* lent: the parent has it */
}

static BanyanObject *
collection (BanyanRoot *root, const char *id)
{
  return BANYAN_OBJECT (test_root_get (root, id));
}

/* -- The tree. -- */

static void
test_ids (void)
{
  static const char *const good[] = { "a", "A9", "a-b.c_d", "disk0.file" };
  static const char *const bad[]
      = { NULL, "", "0a", "-a", ".a", "_a", "a/b", "a:b", "a b", "ä", "aä" };

  g_test_summary ("Ids follow QEMU's rule");

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (banyan_id_is_well_formed (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (banyan_id_is_well_formed (bad[i]));
}

static void
test_paths (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (BanyanObject) loose = g_object_new (TEST_TYPE_FILE, "id", "loose", NULL);
  BanyanObject *file = add (collection (root, "nodes"), TEST_TYPE_FILE, "disk0");
  g_autofree char *path = banyan_object_dup_path (file);
  g_autofree char *top = banyan_object_dup_path (BANYAN_OBJECT (root));

  g_test_summary ("A path leads from the root; what is in no tree has none");

  g_assert_cmpstr (path, ==, "/nodes/disk0");
  g_assert_cmpstr (top, ==, "/");
  g_assert_null (banyan_object_dup_path (loose));
  g_assert_null (banyan_object_get_root (loose));
  g_assert_true (banyan_object_get_root (file) == BANYAN_OBJECT (root));
}

static void
test_adding (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  BanyanObject *nodes = collection (root, "nodes");
  g_autoptr (BanyanObject) same = g_object_new (TEST_TYPE_FILE, "id", "disk0", NULL);
  g_autoptr (BanyanObject) bad = g_object_new (TEST_TYPE_FILE, "id", "0", NULL);
  g_autoptr (BanyanObject) nameless = g_object_new (TEST_TYPE_FILE, NULL);
  g_autoptr (BanyanObject) foreign = g_object_new (TEST_TYPE_GROUP, "id", "g", NULL);
  const struct
  {
    BanyanObject *child;
    BanyanConfigError code;
  } cases[] = { { same, BANYAN_CONFIG_ERROR_DUPLICATE },
                { bad, BANYAN_CONFIG_ERROR_SYNTAX },
                { nameless, BANYAN_CONFIG_ERROR_SYNTAX },
                { foreign, BANYAN_CONFIG_ERROR_TYPE } };

  g_test_summary ("A collection refuses bad ids, taken ones and objects of another kind");

  add (nodes, TEST_TYPE_FILE, "disk0");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (banyan_object_add_child (nodes, cases[i].child, &error));
      g_assert_error (error, BANYAN_CONFIG_ERROR, (int) cases[i].code);
      g_assert_null (banyan_object_get_parent (cases[i].child));
    }
  g_assert_cmpuint (banyan_object_get_n_children (nodes), ==, 1);
}

static void
count (guint *counter)
{
  ++*counter;
}

static void
test_ownership (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  BanyanObject *nodes = collection (root, "nodes");
  BanyanObject *file;
  guint n_added = 0, n_removed = 0;

  g_test_summary ("A parent keeps its children and tells of their coming and going");

  g_signal_connect_swapped (nodes, "child-added", G_CALLBACK (count), &n_added);
  g_signal_connect_swapped (nodes, "child-removed", G_CALLBACK (count), &n_removed);
  file = add (nodes, TEST_TYPE_FILE, "disk0");
  g_object_add_weak_pointer (G_OBJECT (file), (gpointer *) &file);
  g_assert_nonnull (file);
  g_assert_true (banyan_object_get_child (nodes, "disk0") == file);
  banyan_object_remove_child (nodes, file);
  g_assert_null (file);
  g_assert_null (banyan_object_get_child (nodes, "disk0"));
  g_assert_cmpuint (n_added, ==, 1);
  g_assert_cmpuint (n_removed, ==, 1);

  file = add (nodes, TEST_TYPE_FILE, "disk1");
  g_object_add_weak_pointer (G_OBJECT (file), (gpointer *) &file);
  g_clear_object (&root);
  g_assert_null (file);
}

static void
test_resolves (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  BanyanObject *top = BANYAN_OBJECT (root);
  BanyanObject *file = add (collection (root, "nodes"), TEST_TYPE_FILE, "disk0");
  BanyanObject *server = add (collection (root, "frontends"), TEST_TYPE_SERVER, "nbd0");
  BanyanObject *export = add (server, TEST_TYPE_EXPORT, "e");
  const struct
  {
    BanyanObject *from;
    const char *path;
    BanyanObject *found;
    const char *message;
  } cases[] = {
    { top, "/", top, NULL },
    { top, "/nodes/disk0", file, NULL },
    { file, "/nodes/disk0", file, NULL },
    { top, "nodes/disk0", file, NULL },
    { top, "nodes", collection (root, "nodes"), NULL },
    { top, "e", export, NULL },
    { top, "nbd0/e", export, NULL },
    { server, "e", export, NULL },
    { top, "disk0", NULL, "\"disk0\" could be any of: /nodes/disk0, /frontends/nbd0/disk0" },
    { top, "nbd0/disk0", banyan_object_get_child (server, "disk0"), NULL },
    { top, "/disk0", NULL, "there is no \"/disk0\"; did you mean \"disk0\"?" },
    { top, "nbd1", NULL, "there is no \"nbd1\"; did you mean \"nbd0\"?" },
    { top, "", NULL, "there is no \"\"" },
    { top, "/nodes/", NULL, "there is no \"/nodes/\"" },
    { top, "nodes/disk0/x", NULL, "there is no \"nodes/disk0/x\"" },
  };

  g_test_summary ("Objects are found by whole and partial paths; an ambiguous one lists them");

  add (server, TEST_TYPE_EXPORT, "disk0");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      BanyanObject *found = banyan_object_resolve (cases[i].from, cases[i].path, &error);

      g_test_message ("%s", cases[i].path);
      g_assert_cmpstr (error ? error->message : NULL, ==, cases[i].message);
      if (cases[i].found)
        g_assert_true (found == cases[i].found);
    }
}

/* -- Setting. -- */

static void
assert_declared (BanyanObject *object, const char *json)
{
  g_autofree char *written = banyan_spec_to_json (banyan_object_get_declaration (object), FALSE);

  g_assert_cmpstr (written, ==, json);
}

static void
test_setters_declare (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", NULL);
  g_autoptr (BanyanObject) image = g_object_new (TEST_TYPE_QCOW2, "id", "q", "file", file, NULL);
  g_autoptr (BanyanObject) secret = g_object_new (TEST_TYPE_GROUP, "data", "hush", NULL);
  const BanyanOrigin client = { BANYAN_ORIGIN_CLIENT, g_intern_string ("qmp0"), 0, 0 };
  BanyanOrigin origin;

  g_test_summary ("Before opening, setters fill the declaration, with the origin asked for");

  assert_declared (file, "{}");
  g_object_set (file, "filename", "a", "offset", (guint64) 512, "locking", 0, "features", 5,
                "read-only", TRUE, NULL);
  assert_declared (file, "{\"filename\": \"a\", \"offset\": 512, \"locking\": \"off\", "
                         "\"features\": [\"zero\", \"copy\"], \"read-only\": true}");
  g_object_set (image, "backing", NULL, NULL);
  assert_declared (image, "{\"file\": \"f\", \"backing\": null}");
  assert_declared (secret, "{\"data\": \"(secret)\"}");

  banyan_object_get_origin (file, "offset", &origin);
  g_assert_cmpint (origin.kind, ==, BANYAN_ORIGIN_PROGRAM);
  banyan_object_get_origin (file, "cache", &origin);
  g_assert_cmpint (origin.kind, ==, BANYAN_ORIGIN_DEFAULT);
  banyan_object_set_origin_for_setters (file, &client);
  g_object_set (file, "offset", (guint64) 1024, NULL);
  banyan_object_get_origin (file, "offset", &origin);
  g_assert_cmpint (origin.kind, ==, BANYAN_ORIGIN_CLIENT);
  g_assert_cmpstr (origin.name, ==, "qmp0");
}

static void
test_open_refuses_setters (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", "filename", "a", NULL);
  g_autoptr (BanyanObject) delay = g_object_new (TEST_TYPE_DELAY, "id", "d", "file", file, NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "On an open object g_object_set works for live numbers, else names the right call");

  banyan_object_open (file, &error);
  g_assert_no_error (error);
  banyan_object_open (delay, &error);
  g_assert_no_error (error);

  g_test_expect_message ("Banyan", G_LOG_LEVEL_CRITICAL, "f: filename cannot*banyan_object_set*");
  g_object_set (file, "filename", "b", NULL);
  g_test_expect_message ("Banyan", G_LOG_LEVEL_CRITICAL, "f: offset cannot*banyan_object_set*");
  g_object_set (file, "offset", (guint64) 512, NULL);
  g_test_expect_message ("Banyan", G_LOG_LEVEL_CRITICAL, "d: file cannot*banyan_object_set*");
  g_object_set (delay, "file", NULL, NULL);
  g_test_assert_expected_messages ();
  g_assert_cmpstr (TEST_FILE (file)->filename, ==, "a");
  assert_declared (file, "{\"filename\": \"a\"}");

  g_object_set (delay, "read-delay", 20, NULL);
  g_assert_cmpuint (TEST_DELAY (delay)->read_delay_ms, ==, 20);
  assert_declared (delay, "{\"file\": \"f\", \"read-delay\": 20}");

  banyan_object_close (delay, &error);
  g_assert_no_error (error);
  g_test_expect_message ("Banyan", G_LOG_LEVEL_CRITICAL, "d: read-delay cannot*closed*");
  g_object_set (delay, "read-delay", 30, NULL);
  g_test_assert_expected_messages ();
}

static void
test_set_by_key (void)
{
  static const struct
  {
    const char *key;
    const char *value;
    const char *message;
  } cases[] = {
    { "offset", "64K", NULL },
    { "readonly", "yes", NULL },
    { "cache.direct", "true", NULL },
    { "cache.hint", "words", NULL },
    { "cache", "{ hint: more }", NULL },
    { "cache.hint", "fewer", NULL },
    { "offset", "2M", "f.offset: 2 MiB is too much; the limit is 1 MiB" },
    { "ofset", "1", "f: file has no property \"ofset\"; did you mean \"offset\"?" },
    { "cache.direkt", "1",
      "f.cache: test-cache has no property \"direkt\"; did you mean \"direct\"?" },
    { "cache.direct.x", "1", "f.cache.direct: a map was given where true or false is wanted" },
    { "offset.x", "1", "f.offset: there is no \"x\" in it that could be set" },
    { "length", "1", "f: the property \"length\" of file tells what is and cannot be set" },
  };
  g_autoptr (BanyanRoot) root = test_root_new ();
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", NULL);

  g_test_summary ("A property, or a field of a struct, is set by its key and told what is wrong");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].key);
      banyan_object_set (file, cases[i].key, cases[i].value, &error);
      if (cases[i].message)
        g_assert_nonnull (error);
      else
        g_assert_no_error (error);
      if (cases[i].message && !g_str_has_suffix (error->message, cases[i].message))
        g_assert_cmpstr (error->message, ==, cases[i].message);
    }

  g_assert_cmpuint (TEST_FILE (file)->offset, ==, 65536);
  g_assert_false (TEST_FILE (file)->cache->direct);
  g_assert_cmpstr (TEST_FILE (file)->cache->hint, ==, "fewer");
  g_assert_true (banyan_struct_is_frozen (BANYAN_STRUCT (TEST_FILE (file)->cache)));
  assert_declared (
      file, "{\"offset\": \"64K\", \"read-only\": \"yes\", \"cache\": {\"hint\": \"fewer\"}}");
}

static void
test_struct_is_replaced (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", NULL);
  g_autoptr (BanyanStruct) before = NULL;

  g_test_summary ("A change to one field replaces the struct and keeps the others");

  g_assert_true (banyan_object_set (file, "cache", "{ direct: true, hint: a }", NULL));
  before = BANYAN_STRUCT (g_object_ref (TEST_FILE (file)->cache));
  g_assert_true (banyan_object_set (file, "cache.hint", "b", NULL));
  g_assert_true (TEST_FILE (file)->cache != (gpointer) before);
  g_assert_true (TEST_FILE (file)->cache->direct);
  g_assert_cmpstr (TEST_FILE (file)->cache->hint, ==, "b");
  g_assert_cmpstr (((TestCache *) before)->hint, ==, "a");
}

static void
test_set_links (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  BanyanObject *nodes = collection (root, "nodes");
  BanyanObject *file = add (nodes, TEST_TYPE_FILE, "f");
  BanyanObject *image = add (nodes, TEST_TYPE_QCOW2, "q");
  g_autoptr (GError) error = NULL;

  g_test_summary ("Links are set by id, and declarations are not taken for links");

  g_assert_true (banyan_object_set (image, "file", "f", NULL));
  g_assert_true ((gpointer) TEST_QCOW2 (image)->file == file);
  g_assert_false (banyan_object_set (image, "backing", "g", &error));
  g_assert_nonnull (strstr (error->message, "nodes.q.backing: no test-node is called \"g\"; there "
                                            "are: f, q"));
  g_clear_error (&error);
  g_assert_false (banyan_object_set (image, "backing", "{ driver: file }", &error));
  g_assert_nonnull (strstr (error->message, "add the object first"));
  g_assert_true (banyan_object_set (image, "backing", NULL, NULL));
  assert_declared (image, "{\"file\": \"f\", \"backing\": null}");
}

static void
test_live_change (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  BanyanObject *group = add (collection (root, "objects"), TEST_TYPE_GROUP, "g");
  g_autoptr (GError) error = NULL;

  g_test_summary ("A plain open object takes live changes and refuses others by name");

  g_assert_true (banyan_object_open (group, NULL));
  g_assert_true (banyan_object_set (group, "bps-total", "1M", NULL));
  g_assert_cmpuint (TEST_GROUP (group)->bps, ==, 1024 * 1024);
  g_assert_false (banyan_object_set (group, "data", "hush", &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE);
  g_assert_cmpstr (error->message, ==, "/objects/g: data may change before opening only");
}

/* -- Life. -- */

static void
test_life (void)
{
  g_autoptr (BanyanObject) group = g_object_new (TEST_TYPE_GROUP, "id", "g", NULL);
  guint n_changes = 0;
  g_autoptr (GError) error = NULL;

  g_test_summary ("An object is constructed, opens once, closes, and stays closed");

  g_signal_connect_swapped (group, "notify::state", G_CALLBACK (count), &n_changes);
  g_assert_cmpint (banyan_object_get_state (group), ==, BANYAN_OBJECT_CONSTRUCTED);
  g_assert_true (banyan_object_open (group, NULL));
  g_assert_cmpint (banyan_object_get_state (group), ==, BANYAN_OBJECT_OPEN);
  g_assert_false (banyan_object_open (group, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE);
  g_clear_error (&error);
  g_assert_true (banyan_object_close (group, NULL));
  g_assert_cmpint (banyan_object_get_state (group), ==, BANYAN_OBJECT_CLOSED);
  g_assert_false (banyan_object_open (group, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE);
  g_assert_cmpuint (n_changes, ==, 2);
}

static void
test_open_checks (void)
{
  g_autoptr (BanyanList) children = banyan_list_new (BANYAN_TYPE_OBJECT, NULL, 0);
  g_autoptr (BanyanObject) quorum
      = g_object_new (TEST_TYPE_QUORUM, "id", "q", "vote-threshold", 2, "children", children, NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Opening runs the class's rules and leaves a refused object as it was");

  g_assert_false (banyan_object_open (quorum, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_nonnull (strstr (error->message, "q.vote-threshold: 2 votes are wanted of 0 children"));
  g_assert_cmpint (banyan_object_get_state (quorum), ==, BANYAN_OBJECT_CONSTRUCTED);
}

static void
test_change_checks (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  BanyanObject *file = add (collection (root, "nodes"), TEST_TYPE_FILE, "f");
  BanyanObject *quorum = add (collection (root, "nodes"), TEST_TYPE_QUORUM, "q");
  g_autoptr (GError) error = NULL;

  g_test_summary (
      "A change of an open object runs the class's rules, and is not made if they say so");

  g_assert_true (banyan_object_set (quorum, "children", "[f]", &error));
  g_object_set (file, "filename", "a", NULL);
  g_assert_true (banyan_object_open (quorum, &error));
  g_assert_false (banyan_object_set (quorum, "vote-threshold", "2", &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_assert_nonnull (
      strstr (error->message, "nodes.q.vote-threshold: 2 votes are wanted of 1 children"));
  g_assert_cmpuint (TEST_QUORUM (quorum)->vote_threshold, ==, 1);
}

static void
test_users (void)
{
  g_autoptr (BanyanRoot) root = test_root_new ();
  BanyanObject *nodes = collection (root, "nodes");
  BanyanObject *group = add (collection (root, "objects"), TEST_TYPE_GROUP, "gold");
  BanyanObject *delay = add (nodes, TEST_TYPE_DELAY, "disk0");
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) users = NULL;

  g_test_summary ("Who is linked to knows by whom, and cannot be closed until they let go");

  g_object_set (delay, "throttle-group", group, NULL);
  users = banyan_object_describe_users (group);
  g_assert_cmpuint (g_strv_length (users), ==, 1);
  g_assert_cmpstr (users[0], ==, "/nodes/disk0 (throttle-group)");

  g_assert_true (banyan_object_open (group, NULL));
  g_assert_false (banyan_object_close (group, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY);
  g_assert_cmpstr (error->message, ==,
                   "/objects/gold is in use by /nodes/disk0 (throttle-group); remove that first");
  banyan_object_remove_child (nodes, delay);
  g_assert_cmpuint (banyan_object_get_n_users (group), ==, 0);
  g_assert_true (banyan_object_close (group, NULL));
}

static void
test_closed_uses_nobody (void)
{
  g_autoptr (BanyanObject) group = g_object_new (TEST_TYPE_GROUP, "id", "g", NULL);
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", NULL);
  g_autoptr (BanyanObject) delay
      = g_object_new (TEST_TYPE_DELAY, "id", "d", "file", file, "throttle-group", group, NULL);

  g_test_summary ("A closed object lets go of what it linked to, and still says what was declared");

  g_assert_true (banyan_object_open (delay, NULL));
  g_assert_true (banyan_object_close (delay, NULL));
  g_assert_cmpuint (banyan_object_get_n_users (group), ==, 0);
  g_assert_null (TEST_DELAY (delay)->group);
  assert_declared (delay, "{\"file\": \"f\", \"throttle-group\": \"g\"}");
}

static gboolean
open_inside (gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (banyan_object_open (data, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&error);
  g_assert_false (banyan_object_close (data, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&error);
  g_assert_false (banyan_object_set (data, "bps-total", "1", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  return G_SOURCE_REMOVE;
}

static void
test_blocking_inside_loop (void)
{
  g_autoptr (BanyanObject) group = g_object_new (TEST_TYPE_GROUP, "id", "g", NULL);

  g_test_summary ("The blocking forms refuse to run inside the main loop");

  g_idle_add (open_inside, group);
  g_assert_true (g_main_context_iteration (NULL, TRUE));
  g_assert_cmpint (banyan_object_get_state (group), ==, BANYAN_OBJECT_CONSTRUCTED);
}

/* -- Notification. -- */

static gpointer
queue_many (gpointer object)
{
  for (guint i = 0; i < 1000; i++)
    {
      banyan_object_queue_notify (object, g_intern_static_string ("length"));
      banyan_object_queue_notify (object, g_intern_static_string ("reads"));
    }
  return NULL;
}

static void
test_notify_is_coalesced (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", NULL);
  guint n_length = 0, n_reads = 0;
  GThread *thread;

  g_test_summary ("Changes queued on other threads are told on the main thread, once");

  g_signal_connect_swapped (file, "notify::length", G_CALLBACK (count), &n_length);
  g_signal_connect_swapped (file, "notify::reads", G_CALLBACK (count), &n_reads);
  thread = g_thread_new ("queue", queue_many, file);
  g_thread_join (thread);
  g_assert_cmpuint (n_length, ==, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (n_length, ==, 1);
  g_assert_cmpuint (n_reads, ==, 1);

  banyan_object_queue_notify (file, g_intern_static_string ("reads"));
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (n_reads, ==, 2);
}

static void
test_notify_on_change (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", NULL);
  guint n_changes = 0;

  g_test_summary ("Setting tells of real changes only");

  g_signal_connect_swapped (file, "notify", G_CALLBACK (count), &n_changes);
  g_object_set (file, "offset", (guint64) 0, NULL);
  g_assert_cmpuint (n_changes, ==, 0);
  g_object_set (file, "offset", (guint64) 512, NULL);
  g_object_set (file, "offset", (guint64) 512, NULL);
  g_assert_cmpuint (n_changes, ==, 1);
}

/* -- Proposals. -- */

static void
test_proposal (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", "filename", "a", NULL);
  g_autoptr (BanyanProposal) proposal = banyan_proposal_new (file);
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  const BanyanOrigin place = { BANYAN_ORIGIN_DOCUMENT, g_intern_string ("d.yaml"), 3, 4 };
  g_autofree char *message = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  g_test_summary ("A proposal has all values, knows which change, and reports at their places");

  g_value_init (&value, G_TYPE_UINT64);
  g_value_set_uint64 (&value, 512);
  banyan_proposal_set (proposal, "offset", &value, &place);
  g_assert_cmpuint (g_value_get_uint64 (banyan_proposal_get (proposal, "offset")), ==, 512);
  g_assert_cmpstr (g_value_get_string (banyan_proposal_get (proposal, "filename")), ==, "a");
  g_assert_cmpint (g_value_get_enum (banyan_proposal_get (proposal, "locking")), ==, 2);
  g_assert_true (banyan_proposal_is_changed (proposal, "offset"));
  g_assert_false (banyan_proposal_is_changed (proposal, "filename"));
  banyan_proposal_problem (proposal, problems, "offset", "is %s", "odd");
  message = banyan_problems_get_message (problems, 0);
  g_assert_cmpstr (message, ==, "d.yaml:3:4: f.offset: is odd");
}

/* -- What has to be given. -- */

static void
assert_open_tells (BanyanObject *object, const char *expected)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (banyan_object_open (object, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_MISSING);
  g_assert_cmpstr (error->message, ==, expected);
  g_assert_cmpint (banyan_object_get_state (object), ==, BANYAN_OBJECT_CONSTRUCTED);
}

static void
test_required (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary ("What is made in code opens only with what a document would have to give");

  assert_open_tells (file, "f: file needs the property \"filename\"");
  g_object_set (file, "filename", NULL, NULL);
  assert_open_tells (file, "f: file needs the property \"filename\"");
  g_object_set (file, "filename", "a", NULL);
  g_assert_true (banyan_object_open (file, &error));
  g_assert_no_error (error);
}

static void
test_structs_are_checked (void)
{
  g_autoptr (BanyanObject) file = g_object_new (TEST_TYPE_FILE, "id", "f", "filename", "a", NULL);
  g_autoptr (BanyanStruct) cache
      = g_object_new (TEST_TYPE_CACHE, "direct", TRUE, "no-flush", TRUE, NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary ("The rules of a struct hold for one that was made in code, too");

  g_object_set (file, "cache", cache, NULL);
  g_assert_false (banyan_object_open (file, &error));
  g_assert_cmpstr (error->message, ==,
                   "program: f.cache: direct and no-flush exclude each other here");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/object/object/ids-are-qemu's", test_ids);
  g_test_add_func ("/object/object/has-path", test_paths);
  g_test_add_func ("/object/object/refuses-bad-children", test_adding);
  g_test_add_func ("/object/object/keeps-children", test_ownership);
  g_test_add_func ("/object/object/resolves-paths", test_resolves);
  g_test_add_func ("/object/object/setters-declare", test_setters_declare);
  g_test_add_func ("/object/object/open-refuses-setters", test_open_refuses_setters);
  g_test_add_func ("/object/object/sets-by-key", test_set_by_key);
  g_test_add_func ("/object/object/struct-is-replaced", test_struct_is_replaced);
  g_test_add_func ("/object/object/sets-links", test_set_links);
  g_test_add_func ("/object/object/open-takes-live-changes", test_live_change);
  g_test_add_func ("/object/object/lives-once", test_life);
  g_test_add_func ("/object/object/open-checks", test_open_checks);
  g_test_add_func ("/object/object/change-checks", test_change_checks);
  g_test_add_func ("/object/object/knows-users", test_users);
  g_test_add_func ("/object/object/closed-uses-nobody", test_closed_uses_nobody);
  g_test_add_func ("/object/object/blocking-forms-refuse-in-loop", test_blocking_inside_loop);
  g_test_add_func ("/object/object/queued-notify-is-coalesced", test_notify_is_coalesced);
  g_test_add_func ("/object/object/notify-tells-changes", test_notify_on_change);
  g_test_add_func ("/object/proposal/has-all-values", test_proposal);
  g_test_add_func ("/object/required/open-refuses-without", test_required);
  g_test_add_func ("/object/required/structs-are-checked", test_structs_are_checked);
  return g_test_run ();
}
