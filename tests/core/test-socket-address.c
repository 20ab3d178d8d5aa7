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

static GArray *
listen_to (const char *yaml)
{
  g_autoptr (BanyanSocketAddress) address = must_read (yaml);
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GError) error = NULL;

  banyan_socket_address_listen (address, fds, &error);
  g_assert_no_error (error);
  return fds;
}

static void
close_all (GArray *fds)
{
  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  g_array_unref (fds);
}

static void
test_tells_port (void)
{
  GArray *one = listen_to ("{ type: inet, host: 127.0.0.1, port: 0 }");
  GArray *all = listen_to ("{ type: inet, host: localhost, port: 0 }");
  g_autofree char *name = banyan_socket_get_name (g_array_index (one, int, 0));
  g_autofree char *first = banyan_socket_get_name (g_array_index (all, int, 0));

  g_test_summary ("A port that was found free is told, and all addresses of a name have the same");

  g_assert_true (g_str_has_prefix (name, "127.0.0.1:"));
  g_assert_cmpstr (name, !=, "127.0.0.1:0");
  for (guint i = 1; i < all->len; i++)
    {
      g_autofree char *other = banyan_socket_get_name (g_array_index (all, int, i));

      g_assert_cmpstr (strrchr (other, ':'), ==, strrchr (first, ':'));
      g_assert_cmpstr (other, !=, first);
    }
  close_all (one);
  close_all (all);
}

static void
test_tells_family (void)
{
  GArray *v4 = listen_to ("{ type: inet, host: localhost, port: 0, ipv4: true }");
  GArray *abstract = listen_to ("{ type: unix, path: banyan-test-name, abstract: true }");
  g_autofree char *name = banyan_socket_get_name (g_array_index (v4, int, 0));
  g_autofree char *unix_name = banyan_socket_get_name (g_array_index (abstract, int, 0));

  g_test_summary ("One family alone where that was asked for, and abstract names as such");

  g_assert_cmpuint (v4->len, ==, 1);
  g_assert_true (g_str_has_prefix (name, "127.0.0.1:"));
  g_assert_cmpstr (unix_name, ==, "@banyan-test-name");
  close_all (v4);
  close_all (abstract);
}

static void
assert_refused (int fd, int number)
{
  g_autofree char *yaml = g_strdup_printf ("{ type: fd, str: '%d' }", fd);
  g_autoptr (BanyanSocketAddress) address = must_read (yaml);
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GError) error = NULL;

  g_assert_false (banyan_socket_address_listen (address, fds, &error));
  g_assert_error (error, BANYAN_ERRNO, number);
  g_assert_cmpuint (fds->len, ==, 0);
}

static void
test_inherits (void)
{
  GArray *given = listen_to ("{ type: inet, host: 127.0.0.1, port: 0 }");
  int fd = g_array_index (given, int, 0);
  g_autofree char *yaml = g_strdup_printf ("{ type: fd, str: '%d' }", fd);
  GArray *taken = listen_to (yaml);
  g_autofree char *one = banyan_socket_get_name (fd);
  g_autofree char *other = banyan_socket_get_name (g_array_index (taken, int, 0));
  int deaf = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_test_summary ("A descriptor's duplicate is listened at, and what does not listen is refused");

  g_assert_cmpint (g_array_index (taken, int, 0), !=, fd);
  g_assert_cmpstr (one, ==, other);
  assert_refused (deaf, EINVAL);
  close (deaf);
  assert_refused (deaf, EBADF);
  assert_refused (G_MAXINT, EBADF);
  close_all (taken);
  close_all (given);
}

static void
test_others_sockets (void)
{
  g_autofree char *other = g_strdup_printf ("%d", getppid ());
  g_autofree char *own = g_strdup_printf ("%d", getpid ());
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GError) error = NULL, too_many = NULL;

  g_test_summary ("Sockets that systemd gave to another process are not ours, and must be there");

  g_setenv ("LISTEN_FDS", "4000000000", TRUE);
  g_setenv ("LISTEN_PID", other, TRUE);
  g_assert_false (banyan_socket_activation_listen (fds, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_MISSING);
  g_setenv ("LISTEN_PID", own, TRUE);
  g_assert_false (banyan_socket_activation_listen (fds, &too_many));
  g_assert_cmpint (too_many->domain, ==, BANYAN_ERRNO);
  g_assert_cmpuint (fds->len, ==, 0);
  g_unsetenv ("LISTEN_PID");
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
  g_test_add_func ("/socket-address/relative-path-is-the-documents", test_relative);
  g_test_add_func ("/socket-address/forgets-its-own", test_forgets_its_own);
  g_test_add_func ("/socket-address/replaces-stale", test_replaces_stale);
  g_test_add_func ("/socket-address/tells-port", test_tells_port);
  g_test_add_func ("/socket-address/tells-family", test_tells_family);
  g_test_add_func ("/socket-address/inherits", test_inherits);
  g_test_add_func ("/socket-address/leaves-others-sockets", test_others_sockets);
  return g_test_run ();
}
