/* banyan-unix-address.c - a path
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-socket-address-private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

G_DECLARE_FINAL_TYPE (BanyanUnixAddress, banyan_unix_address, BANYAN, UNIX_ADDRESS,
                      BanyanSocketAddress)

struct _BanyanUnixAddress
{
  BanyanSocketAddress parent_instance;

  char *path; /* (owned) */
  gboolean is_abstract;

  /* The file that listening made: another may lie there when it is to be removed, with the same
   * inode's number even, but not of the same moment. */
  struct stat made;
};

G_DEFINE_FINAL_TYPE (BanyanUnixAddress, banyan_unix_address, BANYAN_TYPE_SOCKET_ADDRESS)

static gboolean
unix_sockaddr (BanyanUnixAddress *self, struct sockaddr_un *address, socklen_t *length,
               GError **error)
{
  gsize path_length = self->path != NULL ? strlen (self->path) : 0;
  gsize start = self->is_abstract ? 1 : 0;

  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  if (path_length == 0 || path_length + 1 > sizeof address->sun_path)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE,
                   "a unix socket's path has 1 to %zu bytes, this one has %zu: %s",
                   sizeof address->sun_path - 1, path_length, self->path != NULL ? self->path : "");
      return FALSE;
    }

  memcpy (address->sun_path + start, self->path, path_length);
  *length = offsetof (struct sockaddr_un, sun_path) + path_length + 1;
  return TRUE;
}

/* A socket's file outlives who made it. Whether somebody still listens is found by calling. */
static gboolean
remove_stale (BanyanUnixAddress *self, const struct sockaddr_un *address, socklen_t length)
{
  struct stat status;

  return banyan_socket_is_abandoned ((const struct sockaddr *) address, length)
         && lstat (self->path, &status) == 0 && S_ISSOCK (status.st_mode)
         && unlink (self->path) == 0;
}

static char *
banyan_unix_address_describe (BanyanSocketAddress *address)
{
  BanyanUnixAddress *self = BANYAN_UNIX_ADDRESS (address);

  return g_strconcat (self->is_abstract ? "abstract unix socket " : "unix socket ",
                      self->path != NULL ? self->path : "", NULL);
}

static gboolean
banyan_unix_address_listen (BanyanSocketAddress *address, GArray *fds, GError **error)
{
  BanyanUnixAddress *self = BANYAN_UNIX_ADDRESS (address);
  g_autofree char *name = banyan_unix_address_describe (address);
  g_autoptr (GError) failed = NULL;
  struct sockaddr_un where;
  struct stat status;
  socklen_t length;

  if (!unix_sockaddr (self, &where, &length, error))
    return FALSE;
  if (!banyan_socket_listen_at ((struct sockaddr *) &where, length, name, fds, &failed)
      && g_error_matches (failed, BANYAN_ERRNO, EADDRINUSE) && !self->is_abstract
      && remove_stale (self, &where, length))
    {
      g_clear_error (&failed);
      banyan_socket_listen_at ((struct sockaddr *) &where, length, name, fds, &failed);
    }
  if (g_error_matches (failed, BANYAN_ERRNO, EADDRINUSE) && !self->is_abstract
      && lstat (self->path, &status) == 0 && !S_ISSOCK (status.st_mode))
    return banyan_throw_errno (error, EADDRINUSE,
                               "listening on %s, where there is something that is no socket "
                               "(choose another path)",
                               name);
  if (failed != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }

  if (!self->is_abstract && lstat (self->path, &self->made) < 0)
    self->made = (struct stat){ 0 };
  return TRUE;
}

gboolean
banyan_unix_address_find_peers (BanyanSocketAddress *address, GArray *peers, int *connected,
                                GError **error)
{
  struct sockaddr_un where;
  socklen_t length;

  if (!unix_sockaddr (BANYAN_UNIX_ADDRESS (address), &where, &length, error))
    return FALSE;
  banyan_socket_add_peer (peers, (struct sockaddr *) &where, length);
  return TRUE;
}

static gboolean
is_same (const struct stat *one, const struct stat *other)
{
  return one->st_dev == other->st_dev && one->st_ino == other->st_ino
         && one->st_ctim.tv_sec == other->st_ctim.tv_sec
         && one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static void
banyan_unix_address_forget (BanyanSocketAddress *address)
{
  BanyanUnixAddress *self = BANYAN_UNIX_ADDRESS (address);

  struct stat status;

  if (!self->is_abstract && lstat (self->path, &status) == 0 && is_same (&status, &self->made))
    unlink (self->path);
}

/* An abstract name is no file's. */
static gboolean
banyan_unix_address_is_file_name (BanyanStruct *self, const char *property)
{
  return !BANYAN_UNIX_ADDRESS (self)->is_abstract;
}

static void
banyan_unix_address_check (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                           BanyanProblems *problems)
{
  g_autoptr (GError) error = NULL;
  struct sockaddr_un where;
  socklen_t length;

  if (!unix_sockaddr (BANYAN_UNIX_ADDRESS (self), &where, &length, &error))
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_RANGE, origin, path, "%s", error->message);
}

static void
banyan_unix_address_class_init (BanyanUnixAddressClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanSocketAddressClass *address_class = BANYAN_SOCKET_ADDRESS_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  address_class->listen = banyan_unix_address_listen;
  address_class->describe = banyan_unix_address_describe;
  address_class->forget = banyan_unix_address_forget;
  BANYAN_STRUCT_CLASS (klass)->check = banyan_unix_address_check;
  BANYAN_STRUCT_CLASS (klass)->is_file_name = banyan_unix_address_is_file_name;
  banyan_struct_class_set_name (BANYAN_STRUCT_CLASS (klass), "unix");

  g_object_class_install_property (
      object_class, 1,
      banyan_param_required (banyan_param_path (banyan_param_string (
          "path", "Path",
          "File name of the socket; one that nobody listens on any more is replaced", NULL,
          G_STRUCT_OFFSET (BanyanUnixAddress, path)))));
  g_object_class_install_property (
      object_class, 2,
      banyan_param_boolean ("abstract", "Abstract",
                            "Whether the path names a socket in the abstract namespace, not a file",
                            FALSE, G_STRUCT_OFFSET (BanyanUnixAddress, is_abstract)));
}

static void
banyan_unix_address_init (BanyanUnixAddress *self)
{
}
