/* banyan-fd-address.c - a descriptor that this process was started with
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-socket-address-private.h"

#include "banyan-descriptors-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

G_DECLARE_FINAL_TYPE (BanyanFdAddress, banyan_fd_address, BANYAN, FD_ADDRESS, BanyanSocketAddress)

struct _BanyanFdAddress
{
  BanyanSocketAddress parent_instance;

  char *str; /* (owned) */
};

G_DEFINE_FINAL_TYPE (BanyanFdAddress, banyan_fd_address, BANYAN_TYPE_SOCKET_ADDRESS)

static char *
banyan_fd_address_describe (BanyanSocketAddress *address)
{
  return g_strconcat ("descriptor ", BANYAN_FD_ADDRESS (address)->str, NULL);
}

/* A duplicate, so that closing the server leaves the process what it was given. -1 with @error. */
static int
duplicate (int given, gboolean must_listen, GError **error)
{
  const char *wanted = must_listen ? "listening" : "connected";
  int listens = 0;
  socklen_t length = sizeof listens;
  int number = 0;
  int fd;

  if (getsockopt (given, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0)
    number = errno;
  else if ((listens != 0) != must_listen)
    number = EINVAL;
  if (number != 0)
    {
      banyan_throw_errno (error, number, "descriptor %d is not a %s socket", given, wanted);
      return -1;
    }

  fd = fcntl (given, F_DUPFD_CLOEXEC, BANYAN_INHERITED_FIRST);
  if (fd < 0)
    {
      banyan_throw_errno (error, errno, "duplicating descriptor %d", given);
      return -1;
    }
  if (fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK) < 0)
    {
      number = errno;
      close (fd);
      banyan_throw_errno (error, number, "making descriptor %d non-blocking", given);
      return -1;
    }
  return fd;
}

static gboolean
listen_at_duplicate (int given, GArray *fds, GError **error)
{
  int fd = duplicate (given, TRUE, error);

  if (fd < 0)
    return FALSE;
  g_array_append_val (fds, fd);
  return TRUE;
}

/* systemd's OpenFile= hands files over beside sockets. */
static gboolean
is_opened_file (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 && !S_ISSOCK (status.st_mode);
}

static gboolean
throw_no_socket (GError **error)
{
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_MISSING,
               "listen is missing, and there is no socket from systemd (LISTEN_FDS)");
  return FALSE;
}

/**
 * banyan_socket_activation_listen: (skip)
 * @fds: (element-type int): where to add the sockets
 * @error: where to put the error, or NULL
 *
 * Listens at the sockets that systemd handed to this process.
 *
 * Returns: FALSE on error, also when there is none, and then nothing has been added
 */
gboolean
banyan_socket_activation_listen (GArray *fds, GError **error)
{
  guint n_fds = banyan_inherited_count ();
  guint before = fds->len;

  for (guint i = 0; i < n_fds; i++)
    if (i > G_MAXINT - BANYAN_INHERITED_FIRST
        || (!is_opened_file (BANYAN_INHERITED_FIRST + i)
            && !listen_at_duplicate (BANYAN_INHERITED_FIRST + i, fds, error)))
      {
        banyan_socket_close_from (fds, before);
        return FALSE;
      }
  return fds->len > before || throw_no_socket (error);
}

/* From who ever knows it: a client of a monitor, whose it is no longer then, or the service
 * manager. -1 with @error. */
static int
take_by_name (const char *name, gboolean *is_ours, GError **error)
{
  int fd = banyan_named_fds_take (name);

  *is_ours = fd >= 0;
  if (fd < 0)
    fd = banyan_inherited_find (name, -1);
  if (fd < 0)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                 "\"%s\" is neither a descriptor's number nor one of the names in LISTEN_FDNAMES "
                 "or of getfd",
                 name);
  return fd;
}

/* A duplicate of what the address stands for, or -1 with @error. */
static int
take (BanyanSocketAddress *address, gboolean must_listen, GError **error)
{
  BanyanFdAddress *self = BANYAN_FD_ADDRESS (address);
  gboolean is_ours = FALSE;
  guint number;
  int given, fd;

  given = banyan_socket_parse_number (self->str, &number)
              ? (int) number
              : take_by_name (self->str, &is_ours, error);
  if (given < 0)
    return -1;

  fd = duplicate (given, must_listen, error);
  if (is_ours)
    close (given);
  return fd;
}

static gboolean
banyan_fd_address_listen (BanyanSocketAddress *address, GArray *fds, GError **error)
{
  int fd = take (address, TRUE, error);

  if (fd < 0)
    return FALSE;
  g_array_append_val (fds, fd);
  return TRUE;
}

gboolean
banyan_fd_address_find_peers (BanyanSocketAddress *address, GArray *peers, int *connected,
                              GError **error)
{
  *connected = take (address, FALSE, error);
  return *connected >= 0;
}

static void
banyan_fd_address_check (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                         BanyanProblems *problems)
{
  const char *str = BANYAN_FD_ADDRESS (self)->str;

  if (str == NULL || str[0] == '\0' || banyan_socket_looks_like_number (str))
    banyan_socket_check_number ("str", str, G_MAXINT, origin, path, problems);
}

static void
banyan_fd_address_class_init (BanyanFdAddressClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanSocketAddressClass *address_class = BANYAN_SOCKET_ADDRESS_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  address_class->listen = banyan_fd_address_listen;
  address_class->describe = banyan_fd_address_describe;
  BANYAN_STRUCT_CLASS (klass)->check = banyan_fd_address_check;
  banyan_struct_class_set_name (BANYAN_STRUCT_CLASS (klass), "fd");

  g_object_class_install_property (
      object_class, 1,
      banyan_param_required (banyan_param_string (
          "str", "Descriptor",
          "Number of an inherited socket, or its name: in LISTEN_FDNAMES or by getfd", NULL,
          G_STRUCT_OFFSET (BanyanFdAddress, str))));
}

static void
banyan_fd_address_init (BanyanFdAddress *self)
{
}
