/* banyan-socket-address.c - where a server listens or a client connects, as a value
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-socket-address.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
#define SOCKET_FLAGS (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define FIRST_ACTIVATED_FD 3

/* -- The abstract class. -- */

G_DEFINE_ABSTRACT_TYPE (BanyanSocketAddress, banyan_socket_address, BANYAN_TYPE_STRUCT)

GType banyan_unix_address_get_type (void);
GType banyan_inet_address_get_type (void);
GType banyan_vsock_address_get_type (void);
GType banyan_fd_address_get_type (void);

/* Whoever asks for the variants finds all of them. */
static void
banyan_socket_address_class_init (BanyanSocketAddressClass *klass)
{
  g_type_ensure (banyan_unix_address_get_type ());
  g_type_ensure (banyan_inet_address_get_type ());
  g_type_ensure (banyan_vsock_address_get_type ());
  g_type_ensure (banyan_fd_address_get_type ());
  banyan_struct_class_set_discriminator (BANYAN_STRUCT_CLASS (klass), "type");
}

static void
banyan_socket_address_init (BanyanSocketAddress *self)
{
}

static void
close_from (GArray *fds, guint first)
{
  for (guint i = first; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  g_array_set_size (fds, first);
}

/**
 * banyan_socket_address_listen: (skip)
 * @self: an address
 * @fds: (element-type int): where to add the sockets
 * @error: where to put the error, or NULL
 *
 * Listens at @self: at each of the addresses that a host name stands for.
 *
 * Returns: FALSE on error, and then nothing has been added
 */
gboolean
banyan_socket_address_listen (BanyanSocketAddress *self, GArray *fds, GError **error)
{
  guint before = fds->len;

  g_return_val_if_fail (BANYAN_IS_SOCKET_ADDRESS (self), FALSE);

  if (BANYAN_SOCKET_ADDRESS_GET_CLASS (self)->listen (self, fds, error))
    return TRUE;

  close_from (fds, before);
  return FALSE;
}

/**
 * banyan_socket_address_to_string:
 * @self: an address
 *
 * Returns: (transfer full): the address in a form for people
 */
char *
banyan_socket_address_to_string (BanyanSocketAddress *self)
{
  g_return_val_if_fail (BANYAN_IS_SOCKET_ADDRESS (self), NULL);

  return BANYAN_SOCKET_ADDRESS_GET_CLASS (self)->describe (self);
}

/**
 * banyan_socket_address_forget:
 * @self: an address whose sockets have been closed
 *
 * Removes the file of a unix socket; does nothing for other addresses.
 */
void
banyan_socket_address_forget (BanyanSocketAddress *self)
{
  BanyanSocketAddressClass *klass = BANYAN_SOCKET_ADDRESS_GET_CLASS (self);

  if (klass->forget != NULL)
    klass->forget (self);
}

static gboolean
parse_number (const char *text, guint *number)
{
  guint64 value;

  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &value, NULL))
    return FALSE;
  *number = value;
  return TRUE;
}

/* A word that begins like a number is one: getaddrinfo() takes 70000 for 4464. */
static gboolean
looks_like_number (const char *text)
{
  return g_ascii_isdigit (text[0]) || (text[0] == '-' && g_ascii_isdigit (text[1]));
}

static void
check_number (const char *what, const char *text, guint64 maximum, const BanyanOrigin *origin,
              const char *path, BanyanProblems *problems)
{
  guint64 value;

  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 0, maximum, &value, NULL))
    banyan_problems_add (problems, BANYAN_CONFIG_ERROR_RANGE, origin, path,
                         "%s is \"%s\"; it is a number from 0 to %" G_GUINT64_FORMAT, what,
                         text != NULL ? text : "", maximum);
}

static gboolean
listen_at (const struct sockaddr *address, socklen_t length, const char *name, GArray *fds,
           GError **error)
{
  int fd = socket (address->sa_family, SOCKET_FLAGS, 0);
  int yes = 1;

  if (fd < 0)
    return banyan_throw_errno (error, errno, "making a socket for %s", name);

  if (address->sa_family == AF_INET || address->sa_family == AF_INET6)
    setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  /* Else [::] would take 0.0.0.0's port, which has a socket of its own. */
  if (address->sa_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);

  if (bind (fd, address, length) < 0 || listen (fd, BACKLOG) < 0)
    {
      int number = errno;

      close (fd);
      return banyan_throw_errno (error, number, "listening on %s", name);
    }

  g_array_append_val (fds, fd);
  return TRUE;
}

/* -- unix: a path. -- */

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
  int fd = socket (AF_UNIX, SOCKET_FLAGS, 0);
  gboolean is_stale;
  struct stat status;

  if (fd < 0)
    return FALSE;
  is_stale = connect (fd, (const struct sockaddr *) address, length) < 0 && errno == ECONNREFUSED;
  close (fd);

  return is_stale && lstat (self->path, &status) == 0 && S_ISSOCK (status.st_mode)
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
  socklen_t length;

  if (!unix_sockaddr (self, &where, &length, error))
    return FALSE;
  if (!listen_at ((struct sockaddr *) &where, length, name, fds, &failed)
      && g_error_matches (failed, BANYAN_ERRNO, EADDRINUSE) && !self->is_abstract
      && remove_stale (self, &where, length))
    {
      g_clear_error (&failed);
      listen_at ((struct sockaddr *) &where, length, name, fds, &failed);
    }
  if (failed != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }

  if (!self->is_abstract && lstat (self->path, &self->made) < 0)
    self->made = (struct stat){ 0 };
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

/* -- inet: a host and a port. -- */

G_DECLARE_FINAL_TYPE (BanyanInetAddress, banyan_inet_address, BANYAN, INET_ADDRESS,
                      BanyanSocketAddress)

struct _BanyanInetAddress
{
  BanyanSocketAddress parent_instance;

  char *host; /* (owned) */
  char *port; /* (owned) */
  gboolean ipv4;
  gboolean ipv6;
};

G_DEFINE_FINAL_TYPE (BanyanInetAddress, banyan_inet_address, BANYAN_TYPE_SOCKET_ADDRESS)

static char *
banyan_inet_address_describe (BanyanSocketAddress *address)
{
  BanyanInetAddress *self = BANYAN_INET_ADDRESS (address);
  const char *host = self->host != NULL && self->host[0] != '\0' ? self->host : "*";

  return g_strdup_printf (strchr (host, ':') != NULL ? "[%s]:%s" : "%s:%s", host,
                          self->port != NULL ? self->port : "");
}

static int
inet_family (const BanyanInetAddress *self)
{
  return self->ipv4 == self->ipv6 ? AF_UNSPEC : self->ipv4 ? AF_INET : AF_INET6;
}

/* All addresses of the name, or none. A machine without IPv6 is no error where the name stands for
 * both. */
static gboolean
banyan_inet_address_listen (BanyanSocketAddress *address, GArray *fds, GError **error)
{
  BanyanInetAddress *self = BANYAN_INET_ADDRESS (address);
  g_autofree char *name = banyan_inet_address_describe (address);
  struct addrinfo hints
      = { .ai_family = inet_family (self), .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
  const char *host = self->host != NULL && self->host[0] != '\0' ? self->host : NULL;
  struct addrinfo *found = NULL;
  g_autoptr (GError) failed = NULL;
  guint before = fds->len;
  int code = getaddrinfo (host, self->port, &hints, &found);

  if (code != 0)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE, "looking up %s: %s",
                   name, gai_strerror (code));
      return FALSE;
    }

  for (struct addrinfo *each = found; each != NULL && failed == NULL; each = each->ai_next)
    {
      listen_at (each->ai_addr, each->ai_addrlen, name, fds, &failed);
      if (g_error_matches (failed, BANYAN_ERRNO, EAFNOSUPPORT)
          || g_error_matches (failed, BANYAN_ERRNO, EADDRNOTAVAIL))
        if (each->ai_next != NULL || fds->len > before)
          g_clear_error (&failed);
    }
  freeaddrinfo (found);

  if (failed == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failed));
  return FALSE;
}

/* A service's name is looked up when it is listened to. */
static void
banyan_inet_address_check (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                           BanyanProblems *problems)
{
  const char *port = BANYAN_INET_ADDRESS (self)->port;

  if (port == NULL || port[0] == '\0' || looks_like_number (port))
    check_number ("port", port, G_MAXUINT16, origin, path, problems);
}

static void
banyan_inet_address_class_init (BanyanInetAddressClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanSocketAddressClass *address_class = BANYAN_SOCKET_ADDRESS_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  address_class->listen = banyan_inet_address_listen;
  address_class->describe = banyan_inet_address_describe;
  BANYAN_STRUCT_CLASS (klass)->check = banyan_inet_address_check;
  banyan_struct_class_set_name (BANYAN_STRUCT_CLASS (klass), "inet");

  g_object_class_install_property (
      object_class, 1,
      banyan_param_required (banyan_param_string (
          "host", "Host", "Name or address to listen on or connect to; empty: every address", NULL,
          G_STRUCT_OFFSET (BanyanInetAddress, host))));
  g_object_class_install_property (
      object_class, 2,
      banyan_param_required (banyan_param_string (
          "port", "Port", "Number of the port or name of the service; 0 takes any free one", NULL,
          G_STRUCT_OFFSET (BanyanInetAddress, port))));
  g_object_class_install_property (
      object_class, 3,
      banyan_param_boolean ("ipv4", "IPv4", "Whether to use IPv4 alone, where ipv6 is off", FALSE,
                            G_STRUCT_OFFSET (BanyanInetAddress, ipv4)));
  g_object_class_install_property (
      object_class, 4,
      banyan_param_boolean ("ipv6", "IPv6", "Whether to use IPv6 alone, where ipv4 is off", FALSE,
                            G_STRUCT_OFFSET (BanyanInetAddress, ipv6)));
}

static void
banyan_inet_address_init (BanyanInetAddress *self)
{
}

/* -- vsock: a virtual machine's socket. -- */

G_DECLARE_FINAL_TYPE (BanyanVsockAddress, banyan_vsock_address, BANYAN, VSOCK_ADDRESS,
                      BanyanSocketAddress)

struct _BanyanVsockAddress
{
  BanyanSocketAddress parent_instance;

  char *cid;  /* (owned) */
  char *port; /* (owned) */
};

G_DEFINE_FINAL_TYPE (BanyanVsockAddress, banyan_vsock_address, BANYAN_TYPE_SOCKET_ADDRESS)

static char *
banyan_vsock_address_describe (BanyanSocketAddress *address)
{
  BanyanVsockAddress *self = BANYAN_VSOCK_ADDRESS (address);

  return g_strdup_printf ("vsock %s:%s", self->cid != NULL ? self->cid : "",
                          self->port != NULL ? self->port : "");
}

static gboolean
banyan_vsock_address_listen (BanyanSocketAddress *address, GArray *fds, GError **error)
{
  BanyanVsockAddress *self = BANYAN_VSOCK_ADDRESS (address);
  g_autofree char *name = banyan_vsock_address_describe (address);
  struct sockaddr_vm where = { .svm_family = AF_VSOCK };

  if (!parse_number (self->cid, &where.svm_cid) || !parse_number (self->port, &where.svm_port))
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE,
                   "%s: cid and port are numbers from 0 to 4294967295", name);
      return FALSE;
    }
  return listen_at ((struct sockaddr *) &where, sizeof where, name, fds, error);
}

static void
banyan_vsock_address_check (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                            BanyanProblems *problems)
{
  const BanyanVsockAddress *vsock = BANYAN_VSOCK_ADDRESS (self);

  check_number ("cid", vsock->cid, G_MAXUINT32, origin, path, problems);
  check_number ("port", vsock->port, G_MAXUINT32, origin, path, problems);
}

static void
banyan_vsock_address_class_init (BanyanVsockAddressClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanSocketAddressClass *address_class = BANYAN_SOCKET_ADDRESS_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  address_class->listen = banyan_vsock_address_listen;
  address_class->describe = banyan_vsock_address_describe;
  BANYAN_STRUCT_CLASS (klass)->check = banyan_vsock_address_check;
  banyan_struct_class_set_name (BANYAN_STRUCT_CLASS (klass), "vsock");

  g_object_class_install_property (
      object_class, 1,
      banyan_param_required (
          banyan_param_string ("cid", "Context", "Number of the machine; 4294967295 stands for any",
                               NULL, G_STRUCT_OFFSET (BanyanVsockAddress, cid))));
  g_object_class_install_property (object_class, 2,
                                   banyan_param_required (banyan_param_string (
                                       "port", "Port", "Number of the port on that machine", NULL,
                                       G_STRUCT_OFFSET (BanyanVsockAddress, port))));
}

static void
banyan_vsock_address_init (BanyanVsockAddress *self)
{
}

/* -- fd: a descriptor that this process was started with. -- */

G_DECLARE_FINAL_TYPE (BanyanFdAddress, banyan_fd_address, BANYAN, FD_ADDRESS, BanyanSocketAddress)

struct _BanyanFdAddress
{
  BanyanSocketAddress parent_instance;

  char *str; /* (owned) */
};

G_DEFINE_FINAL_TYPE (BanyanFdAddress, banyan_fd_address, BANYAN_TYPE_SOCKET_ADDRESS)

/**
 * banyan_socket_activation_get_n_fds:
 *
 * Returns: how many sockets systemd handed to this process, from descriptor 3 on
 */
guint
banyan_socket_activation_get_n_fds (void)
{
  guint pid, n_fds;

  if (!parse_number (g_getenv ("LISTEN_PID"), &pid) || pid != (guint) getpid ()
      || !parse_number (g_getenv ("LISTEN_FDS"), &n_fds))
    return 0;
  return n_fds;
}

static int
find_activated_fd (const char *name)
{
  const char *names = g_getenv ("LISTEN_FDNAMES");
  g_auto (GStrv) list = g_strsplit (names != NULL ? names : "", ":", -1);
  guint n_fds = banyan_socket_activation_get_n_fds ();

  for (guint i = 0; list[i] != NULL && i < n_fds; i++)
    if (strcmp (list[i], name) == 0)
      return FIRST_ACTIVATED_FD + i;
  return -1;
}

static char *
banyan_fd_address_describe (BanyanSocketAddress *address)
{
  return g_strconcat ("descriptor ", BANYAN_FD_ADDRESS (address)->str, NULL);
}

/* A duplicate, so that closing the server leaves the process what it was given. */
static gboolean
banyan_fd_address_listen (BanyanSocketAddress *address, GArray *fds, GError **error)
{
  BanyanFdAddress *self = BANYAN_FD_ADDRESS (address);
  int listens = 0;
  socklen_t length = sizeof listens;
  guint number;
  int fd;

  if (!parse_number (self->str, &number))
    number = find_activated_fd (self->str);
  if (number > G_MAXINT)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                   "\"%s\" is neither a descriptor's number nor one of the names in LISTEN_FDNAMES",
                   self->str);
      return FALSE;
    }

  if (getsockopt (number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 || !listens)
    return banyan_throw_errno (error,
                               listens      ? EINVAL
                               : errno != 0 ? errno
                                            : EINVAL,
                               "descriptor %u is not a listening socket", number);
  fd = fcntl (number, F_DUPFD_CLOEXEC, 3);
  if (fd < 0 || fcntl (fd, F_SETFL, O_NONBLOCK) < 0)
    return banyan_throw_errno (error, errno, "duplicating descriptor %u", number);

  g_array_append_val (fds, fd);
  return TRUE;
}

static void
banyan_fd_address_check (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                         BanyanProblems *problems)
{
  const char *str = BANYAN_FD_ADDRESS (self)->str;

  if (str == NULL || str[0] == '\0' || looks_like_number (str))
    check_number ("str", str, G_MAXINT, origin, path, problems);
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
          "str", "Descriptor", "Number of an inherited socket, or its name in LISTEN_FDNAMES", NULL,
          G_STRUCT_OFFSET (BanyanFdAddress, str))));
}

static void
banyan_fd_address_init (BanyanFdAddress *self)
{
}
