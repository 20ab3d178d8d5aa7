/* test-socket-address.c - where a server listens, as a value
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static BanyanSocketAddress *
read_address (const char *yaml, BanyanProblems *problems)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_yaml (yaml, -1, "test.yaml", problems);

  return (BanyanSocketAddress *) banyan_struct_from_spec (BANYAN_TYPE_SOCKET_ADDRESS, spec,
                                                          "listen", problems);
}

static BanyanSocketAddress *
must_read (const char *yaml)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  BanyanSocketAddress *address = read_address (yaml, problems);

  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 0);
  g_assert_nonnull (address);
  return address;
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void
test_refuses (void)
{
  static const char *const bad[] = {
    "{ type: inet, host: localhost, port: 65536 }",
    "{ type: inet, host: localhost, port: 70000 }",
    "{ type: inet, host: localhost, port: -1 }",
    "{ type: inet, host: localhost, port: 10x }",
    "{ type: unix, path: /" HUNDRED TEN " }",
    "{ type: vsock, cid: 2, port: 99999999999 }",
    "{ type: vsock, cid: nobody, port: 1 }",
    "{ type: fd, str: '99999999999999' }",
    "{ type: fd, str: '-1' }",
  };

  g_test_summary ("What cannot be an address is refused when it is read");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();

      g_test_message ("%s", bad[i]);
      g_assert_null (read_address (bad[i], problems));
      g_assert_cmpuint (banyan_problems_get_length (problems), ==, 1);
      g_assert_cmpint (banyan_problems_get_code (problems, 0), ==, BANYAN_CONFIG_ERROR_RANGE);
    }
}

static void
test_accepts (void)
{
  static const char *const good[] = {
    "{ type: inet, host: localhost, port: 65535 }", "{ type: inet, host: '', port: 0 }",
    "{ type: inet, host: localhost, port: nbd }",   "{ type: unix, path: /" HUNDRED " }",
    "{ type: vsock, cid: 4294967295, port: 1 }",    "{ type: fd, str: nbd }",
  };

  g_test_summary ("Numbers within their range, names of services and of descriptors are addresses");

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_object_unref (must_read (good[i]));
}

static char *
listening_name (const char *folder, gboolean is_abstract)
{
  g_autofree char *text = g_strdup_printf ("version: 1\n"
                                           "frontends:\n"
                                           "  s:\n"
                                           "    type: test-server\n"
                                           "    listen: { type: unix, path: name, abstract: %s }\n",
                                           is_abstract ? "true" : "false");
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (GPtrArray) objects = banyan_graph_map (graph, text, -1, "test.yaml", folder, problems);
  g_autoptr (BanyanSocketAddress) address = NULL;

  g_assert_cmpuint (banyan_problems_get_length (problems), ==, 0);
  g_object_get (objects->pdata[0], "listen", &address, NULL);
  return banyan_socket_address_to_string (address);
}

static void
test_relative (void)
{
  g_autofree char *file = listening_name ("/folder", FALSE);
  g_autofree char *abstract = listening_name ("/folder", TRUE);

  g_test_summary ("A relative path is the document's folder's, an abstract name nobody's");

  g_assert_cmpstr (file, ==, "unix socket /folder/name");
  g_assert_cmpstr (abstract, ==, "abstract unix socket name");
}

static GArray *
must_listen (BanyanSocketAddress *address)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GError) error = NULL;

  banyan_socket_address_listen (address, fds, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fds->len, ==, 1);
  return fds;
}

static void
stop (BanyanSocketAddress *address, GArray *fds)
{
  close (g_array_index (fds, int, 0));
  g_array_unref (fds);
  banyan_socket_address_forget (address);
}

static void
test_forgets_its_own (void)
{
  g_autofree char *folder = g_dir_make_tmp ("banyan-socket-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "s", NULL);
  g_autofree char *yaml = g_strdup_printf ("{ type: unix, path: %s }", path);
  g_autoptr (BanyanSocketAddress) address = must_read (yaml);
  GArray *fds = must_listen (address);

  g_test_summary ("What lies where a socket was is removed only if it is that socket");

  stop (address, fds);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));

  fds = must_listen (address);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  stop (address, fds);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));

  g_unlink (path);
  g_rmdir (folder);
}

static void
test_replaces_stale (void)
{
  g_autofree char *folder = g_dir_make_tmp ("banyan-socket-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "s", NULL);
  g_autofree char *yaml = g_strdup_printf ("{ type: unix, path: %s }", path);
  g_autoptr (BanyanSocketAddress) first = must_read (yaml);
  g_autoptr (BanyanSocketAddress) second = must_read (yaml);
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GError) error = NULL;
  GArray *fds = must_listen (first);

  g_test_summary ("A socket that somebody listens on is refused, one left behind replaced");

  g_assert_false (banyan_socket_address_listen (second, none, &error));
  g_assert_error (error, BANYAN_ERRNO, EADDRINUSE);
  g_assert_cmpuint (none->len, ==, 0);

  close (g_array_index (fds, int, 0));
  g_array_unref (fds);
  fds = must_listen (second);
  banyan_socket_address_forget (first);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  stop (second, fds);
  g_rmdir (folder);
}

/* -- A frontend with an address. -- */

G_DECLARE_FINAL_TYPE (TestServer, test_server, TEST, SERVER, BanyanFrontend)

struct _TestServer
{
  BanyanFrontend parent_instance;
  BanyanSocketAddress *listen; /* (owned) */
};

G_DEFINE_FINAL_TYPE (TestServer, test_server, BANYAN_TYPE_FRONTEND)

static void
test_server_class_init (TestServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_element_set_field;
  object_class->get_property = banyan_element_get_field;
  g_object_class_install_property (
      object_class, 1,
      banyan_param_struct ("listen", "Listen", "Address that a test asks about",
                           BANYAN_TYPE_SOCKET_ADDRESS, G_STRUCT_OFFSET (TestServer, listen)));
}

static void
test_server_init (TestServer *self)
{
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  banyan_registry_add_builtin (banyan_registry_get_default (), "test-server",
                               BANYAN_PLUGIN_FRONTEND, test_server_get_type (),
                               "A server that tests ask about");
  g_test_add_func ("/socket-address/refuses-bad", test_refuses);
  g_test_add_func ("/socket-address/accepts-good", test_accepts);
  g_test_add_func ("/socket-address/relative-path", test_relative);
  g_test_add_func ("/socket-address/forgets-its-own", test_forgets_its_own);
  g_test_add_func ("/socket-address/replaces-stale", test_replaces_stale);
  return g_test_run ();
}
