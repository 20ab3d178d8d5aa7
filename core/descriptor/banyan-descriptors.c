/* banyan-descriptors.c - sets of open files that others passed to us, instead of names
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A set is one file, opened in several ways. "/dev/fdset/N" as a file name asks for one of them
 * that allows what is wanted, and gets a duplicate; so a node that goes read-write finds the other
 * descriptor where it was read-only. The numbers are QEMU's. A set with a name is what a service
 * manager handed over under it, made when somebody first asks.
 *
 * A duplicate shares its description, thus also O_DIRECT, with whoever passed it. Where a node
 * wants it otherwise, the file is opened anew through /proc, and if a sandbox is in the way, the
 * description is changed, but not while another uses it. */

#include "banyan-descriptors-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "/dev/fdset/"
#define FIRST_FD 3

typedef struct
{
  int fd;       /* (owned) */
  char *opaque; /* (owned) (nullable) */
  gboolean stays;
  guint n_users;
} Member;

typedef struct
{
  int number;         /* -1: it has a name */
  char *name;         /* (owned) (nullable) */
  GPtrArray *members; /* (owned) (element-type Member) */
  guint n_users;
} Set;

/* One duplicate. */
typedef struct
{
  Set *set;
  int source; /* the member's, which may be gone, and its number another's */
} Use;

struct _BanyanDescriptors
{
  GObject parent_instance;

  GMutex mutex;
  GPtrArray *sets;  /* (owned) (element-type Set), by number; under the mutex, as all below */
  GHashTable *uses; /* (owned): descriptor -> Use */
  guint n_monitors;
  const char *only; /* (nullable): interned */
};

G_DEFINE_FINAL_TYPE (BanyanDescriptors, banyan_descriptors, G_TYPE_OBJECT)

static void
member_free (gpointer data)
{
  Member *self = data;

  close (self->fd);
  g_free (self->opaque);
  g_free (self);
}

static void
set_free (gpointer data)
{
  Set *self = data;

  g_ptr_array_unref (self->members);
  g_free (self->name);
  g_free (self);
}

static void
banyan_descriptors_finalize (GObject *object)
{
  BanyanDescriptors *self = BANYAN_DESCRIPTORS (object);

  g_hash_table_unref (self->uses);
  g_ptr_array_unref (self->sets);
  g_mutex_clear (&self->mutex);

  G_OBJECT_CLASS (banyan_descriptors_parent_class)->finalize (object);
}

static void
banyan_descriptors_class_init (BanyanDescriptorsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = banyan_descriptors_finalize;
}

static void
banyan_descriptors_init (BanyanDescriptors *self)
{
  g_mutex_init (&self->mutex);
  self->sets = g_ptr_array_new_with_free_func (set_free);
  self->uses = g_hash_table_new_full (NULL, NULL, NULL, g_free);
}

/**
 * banyan_descriptors_new:
 *
 * Returns: (transfer full): no descriptors
 */
BanyanDescriptors *
banyan_descriptors_new (void)
{
  return g_object_new (BANYAN_TYPE_DESCRIPTORS, NULL);
}

/* -- Sets. -- */

static Set *
find_number (BanyanDescriptors *self, int number)
{
  for (guint i = 0; i < self->sets->len; i++)
    {
      Set *set = self->sets->pdata[i];

      if (set->number == number)
        return set;
    }
  return NULL;
}

static Set *
find_name (BanyanDescriptors *self, const char *name)
{
  for (guint i = 0; i < self->sets->len; i++)
    {
      Set *set = self->sets->pdata[i];

      if (g_strcmp0 (set->name, name) == 0)
        return set;
    }
  return NULL;
}

static int
lowest_free_number (BanyanDescriptors *self)
{
  int number = 0;

  while (find_number (self, number) != NULL)
    number++;
  return number;
}

static Set *
add_set (BanyanDescriptors *self, int number, const char *name)
{
  Set *set = g_new0 (Set, 1);
  guint place = 0;

  set->number = number;
  set->name = g_strdup (name);
  set->members = g_ptr_array_new_with_free_func (member_free);
  while (place < self->sets->len && ((Set *) self->sets->pdata[place])->number < number)
    place++;
  g_ptr_array_insert (self->sets, place, set);
  return set;
}

static void
add_member (Set *set, int fd, const char *opaque, gboolean stays)
{
  Member *member = g_new0 (Member, 1);

  member->fd = fd;
  member->opaque = g_strdup (opaque);
  member->stays = stays;
  g_ptr_array_add (set->members, member);
}

/* What nobody will ask for any more: once no monitor is there, nobody knows of what a client left,
 * but a node that uses a set may want another member of it. */
static void
collect (BanyanDescriptors *self, Set *set)
{
  for (guint i = set->members->len; i-- > 0;)
    {
      Member *member = set->members->pdata[i];

      if (!member->stays && set->n_users == 0 && self->n_monitors == 0)
        g_ptr_array_remove_index (set->members, i);
    }
  if (set->members->len == 0 && set->n_users == 0)
    g_ptr_array_remove (self->sets, set);
}

/* A set that a service manager named; its descriptors stay what the process was given. */
static Set *
inherit (BanyanDescriptors *self, const char *name)
{
  Set *set = NULL;

  for (int fd = -1; (fd = banyan_inherited_find (name, fd)) >= 0;)
    {
      int duplicate = fcntl (fd, F_DUPFD_CLOEXEC, FIRST_FD);

      if (duplicate < 0)
        continue;
      if (set == NULL)
        set = add_set (self, -1, name);
      add_member (set, duplicate, name, TRUE);
    }
  return set;
}

static gboolean
parse_number (const char *text, guint64 *number)
{
  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, number, NULL);
}

static Set *
find_path (BanyanDescriptors *self, const char *path, GError **error)
{
  const char *text = path + strlen (PREFIX);
  guint64 number;
  Set *set;

  if (parse_number (text, &number))
    set = find_number (self, number);
  else if ((set = find_name (self, text)) == NULL)
    set = inherit (self, text);

  if (set == NULL)
    g_set_error (error, BANYAN_ERRNO, ENOENT,
                 "%s: there is no such set of descriptors; pass one with add-fd (QMP), --add-fd or "
                 "LISTEN_FDNAMES",
                 path);
  return set;
}

/* -- Adding, removing, telling. -- */

static gboolean
check_addition (int set, int fd, GError **error)
{
  if (fcntl (fd, F_GETFD) < 0)
    return banyan_throw_errno (error, errno, "descriptor %d", fd);
  if (set < BANYAN_DESCRIPTORS_ANY_SET)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE,
                   "the number of a set of descriptors is not negative");
      return FALSE;
    }
  return TRUE;
}

/**
 * banyan_descriptors_add:
 * @self: descriptors
 * @set: the number of a set, which is made if it does not exist; -1: the lowest free one
 * @fd: a descriptor, which is taken
 * @opaque: (nullable): what people will know it by
 * @stays: whether it stays until it is removed, though no monitor is connected and nobody uses it
 * @error: where to put the error, or %NULL
 *
 * Adds a descriptor to a set.
 *
 * Returns: the number of the set; -1 with @error, and then @fd has been closed
 */
int
banyan_descriptors_add (BanyanDescriptors *self, int set, int fd, const char *opaque,
                        gboolean stays, GError **error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  Set *found;

  g_return_val_if_fail (BANYAN_IS_DESCRIPTORS (self), -1);
  g_return_val_if_fail (fd >= 0, -1);

  if (!check_addition (set, fd, error))
    {
      close (fd);
      return -1;
    }

  locker = g_mutex_locker_new (&self->mutex);
  if (set == BANYAN_DESCRIPTORS_ANY_SET)
    set = lowest_free_number (self);
  found = find_number (self, set);
  if (found == NULL)
    found = add_set (self, set, NULL);
  add_member (found, fd, opaque, stays);
  return set;
}

/**
 * banyan_descriptors_remove:
 * @self: descriptors
 * @set: the number of a set
 * @fd: one of its descriptors; -1: all
 * @error: where to put the error, or %NULL
 *
 * Closes descriptors. Who has opened one keeps it; the set goes with its last user.
 *
 * Returns: FALSE with @error where there is no such descriptor
 */
gboolean
banyan_descriptors_remove (BanyanDescriptors *self, int set, int fd, GError **error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  gboolean was_there = FALSE;
  Set *found;

  g_return_val_if_fail (BANYAN_IS_DESCRIPTORS (self), FALSE);

  locker = g_mutex_locker_new (&self->mutex);
  found = set >= 0 ? find_number (self, set) : NULL;
  for (guint i = found != NULL ? found->members->len : 0; i-- > 0;)
    if (fd == BANYAN_DESCRIPTORS_ALL_FDS || ((Member *) found->members->pdata[i])->fd == fd)
      {
        g_ptr_array_remove_index (found->members, i);
        was_there = TRUE;
      }

  if (found != NULL)
    collect (self, found);
  if (was_there || (found != NULL && fd == BANYAN_DESCRIPTORS_ALL_FDS))
    return TRUE;

  if (fd == BANYAN_DESCRIPTORS_ALL_FDS)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                 "File descriptor named 'fdset-id:%d' not found", set);
  else
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                 "File descriptor named 'fdset-id:%d, fd:%d' not found", set, fd);
  return FALSE;
}

static const char *
name_access (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  if (flags & O_APPEND && (flags & O_ACCMODE) != O_RDONLY)
    return "append-only";
  switch (flags & O_ACCMODE)
    {
    case O_RDWR:
      return "read-write";
    case O_WRONLY:
      return "write-only";
    default:
      return flags & O_PATH ? "path" : "read-only";
    }
}

static BanyanSpecBuilder *
describe_member (const Member *member)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_int (map, "fd", member->fd);
  if (member->opaque != NULL)
    banyan_spec_builder_add_string (map, "opaque", member->opaque);
  banyan_spec_builder_add_string (map, "access", name_access (member->fd));
  return map;
}

static BanyanSpecBuilder *
describe_set (const Set *set)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *members = banyan_spec_builder_new_list ();

  for (guint i = 0; i < set->members->len; i++)
    banyan_spec_builder_take_built (members, NULL, describe_member (set->members->pdata[i]));
  banyan_spec_builder_add_int (map, "fdset-id", set->number);
  banyan_spec_builder_take_built (map, "fds", members);
  banyan_spec_builder_add_uint (map, "users", set->n_users);
  return map;
}

/**
 * banyan_descriptors_describe:
 * @self: descriptors
 *
 * Returns: (transfer full): a list of the sets that have numbers, as QEMU's query-fdsets answers
 */
BanyanSpec *
banyan_descriptors_describe (BanyanDescriptors *self)
{
  g_autoptr (GMutexLocker) locker = NULL;
  BanyanSpecBuilder *list;

  g_return_val_if_fail (BANYAN_IS_DESCRIPTORS (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);
  list = banyan_spec_builder_new_list ();
  for (guint i = 0; i < self->sets->len; i++)
    if (((Set *) self->sets->pdata[i])->number >= 0)
      banyan_spec_builder_take_built (list, NULL, describe_set (self->sets->pdata[i]));
  return banyan_spec_builder_end (list);
}

/* -- Opening. -- */

/**
 * banyan_descriptors_is_path:
 * @path: a file name
 *
 * Returns: whether it stands for a set of descriptors
 */
gboolean
banyan_descriptors_is_path (const char *path)
{
  g_return_val_if_fail (path != NULL, FALSE);

  return g_str_has_prefix (path, PREFIX) && path[strlen (PREFIX)] != '\0';
}

/* How well @member does: 0: not at all. What allows just what is wanted is better than what allows
 * more, and that is better than what would have to be changed. */
static int
rate (const Member *member, int flags)
{
  int have = fcntl (member->fd, F_GETFL);
  gboolean is_exact = (have & O_ACCMODE) == (flags & O_ACCMODE);
  gboolean is_direct_alike = !((have ^ flags) & O_DIRECT);

  if (have < 0 || have & O_PATH || (have & O_ACCMODE) == O_WRONLY)
    return 0;
  if ((flags & O_ACCMODE) == O_RDWR && (!is_exact || have & O_APPEND))
    return 0;
  return 1 + is_exact + 2 * is_direct_alike;
}

static Member *
choose (const Set *set, int flags)
{
  Member *best = NULL;
  int best_rate = 0;

  for (guint i = 0; i < set->members->len; i++)
    {
      int rating = rate (set->members->pdata[i], flags);

      if (rating > best_rate)
        {
          best_rate = rating;
          best = set->members->pdata[i];
        }
    }
  return best;
}

static void
throw_access (const Set *set, const char *path, int flags, GError **error)
{
  g_autoptr (GString) there = g_string_new (NULL);

  for (guint i = 0; i < set->members->len; i++)
    {
      const Member *member = set->members->pdata[i];

      g_string_append_printf (there, "%s%d (%s)", i > 0 ? ", " : "", member->fd,
                              name_access (member->fd));
    }
  g_set_error (error, BANYAN_ERRNO, EACCES, "%s has no %s descriptor; it has %s", path,
               (flags & O_ACCMODE) == O_RDWR ? "read-write" : "readable",
               there->len > 0 ? there->str : "none");
}

/* A description of its own. -1: we may not, or there is no /proc. */
static int
open_anew (const Member *member, int flags)
{
  g_autofree char *same = g_strdup_printf ("/proc/self/fd/%d", member->fd);

  return open (same, O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
}

static gboolean
set_direct (const Member *member, int flags, const char *path, GError **error)
{
  int have = fcntl (member->fd, F_GETFL);

  if (member->n_users > 0)
    return banyan_throw_errno (
        error, EBUSY,
        "%s: descriptor %d is used %s O_DIRECT, and cannot be opened anew; pass another for %s",
        path, member->fd, flags & O_DIRECT ? "without" : "with",
        flags & O_DIRECT ? "cache.direct: true" : "cache.direct: false");
  if (fcntl (member->fd, F_SETFL, have ^ O_DIRECT) < 0)
    return banyan_throw_errno (error, errno, "%s: changing O_DIRECT of descriptor %d", path,
                               member->fd);
  return TRUE;
}

static int
open_member (const Member *member, const char *path, int flags, GError **error)
{
  gboolean is_alike = !((fcntl (member->fd, F_GETFL) ^ flags) & O_DIRECT);
  int fd;

  if (!is_alike)
    {
      fd = open_anew (member, flags);
      if (fd >= 0)
        return fd;
      if (!set_direct (member, flags, path, error))
        return -1;
    }

  fd = fcntl (member->fd, F_DUPFD_CLOEXEC, FIRST_FD);
  if (fd < 0)
    banyan_throw_errno (error, errno, "%s: duplicating descriptor %d", path, member->fd);
  return fd;
}

static void
count_user (BanyanDescriptors *self, Set *set, Member *member, int fd)
{
  Use *use = g_new0 (Use, 1);

  use->set = set;
  use->source = member->fd;
  member->n_users++;
  set->n_users++;
  g_hash_table_insert (self->uses, GINT_TO_POINTER (fd), use);
}

/**
 * banyan_descriptors_open:
 * @self: descriptors
 * @path: "/dev/fdset/N", or a name in place of the number
 * @flags: O_RDONLY or O_RDWR, and O_DIRECT
 * @error: where to put the error, or %NULL
 *
 * Opens the file that a set stands for.
 *
 * Returns: a descriptor, to be closed with banyan_descriptors_close(); -1 with @error
 */
int
banyan_descriptors_open (BanyanDescriptors *self, const char *path, int flags, GError **error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  Set *set;
  Member *member;
  int fd;

  g_return_val_if_fail (BANYAN_IS_DESCRIPTORS (self), -1);
  g_return_val_if_fail (banyan_descriptors_is_path (path), -1);

  locker = g_mutex_locker_new (&self->mutex);
  set = find_path (self, path, error);
  if (set == NULL)
    return -1;

  member = choose (set, flags);
  if (member == NULL)
    {
      throw_access (set, path, flags, error);
      return -1;
    }

  fd = open_member (member, path, flags, error);
  if (fd >= 0)
    count_user (self, set, member, fd);
  return fd;
}

/**
 * banyan_descriptors_close:
 * @self: descriptors
 * @fd: what banyan_descriptors_open() gave
 *
 * Closes a descriptor, and with the last of its set what nobody will ask for any more.
 */
void
banyan_descriptors_close (BanyanDescriptors *self, int fd)
{
  g_autoptr (GMutexLocker) locker = NULL;
  Set *set;
  Use *use;

  g_return_if_fail (BANYAN_IS_DESCRIPTORS (self));

  locker = g_mutex_locker_new (&self->mutex);
  use = g_hash_table_lookup (self->uses, GINT_TO_POINTER (fd));
  g_return_if_fail (use != NULL);

  set = use->set;
  for (guint i = 0; i < set->members->len; i++)
    {
      Member *member = set->members->pdata[i];

      if (member->fd == use->source && member->n_users > 0)
        member->n_users--;
    }
  set->n_users--;
  g_hash_table_remove (self->uses, GINT_TO_POINTER (fd));
  close (fd);
  collect (self, set);
}

/* -- Nothing else. -- */

/**
 * banyan_descriptors_set_only:
 * @self: descriptors
 * @why: what keeps this process from opening files by name, and the way out, in words
 *
 * Says that files are opened by descriptor only. It is not this that forbids names, but what
 * confines the process: here is what those are told whom the kernel refuses.
 */
void
banyan_descriptors_set_only (BanyanDescriptors *self, const char *why)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_if_fail (BANYAN_IS_DESCRIPTORS (self));
  g_return_if_fail (why != NULL);

  locker = g_mutex_locker_new (&self->mutex);
  self->only = g_intern_string (why);
}

/**
 * banyan_descriptors_get_only:
 * @self: descriptors
 *
 * Returns: (nullable): what banyan_descriptors_set_only() was told
 */
const char *
banyan_descriptors_get_only (BanyanDescriptors *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (BANYAN_IS_DESCRIPTORS (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);
  return self->only;
}

/* -- Monitors. -- */

void
banyan_descriptors_add_monitor (BanyanDescriptors *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  self->n_monitors++;
}

void
banyan_descriptors_remove_monitor (BanyanDescriptors *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  self->n_monitors--;
  for (guint i = self->sets->len; i-- > 0;)
    collect (self, self->sets->pdata[i]);
}
