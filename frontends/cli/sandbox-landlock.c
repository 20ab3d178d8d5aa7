/* sandbox-landlock.c - no file by its name (landlock(7))
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Younger than the oldest headers that we build with. */
#define ACCESS_REFER (1ull << 13)
#define ACCESS_TRUNCATE (1ull << 14)
#define ACCESS_IOCTL_DEV (1ull << 15)

#define ACCESS_FILE \
  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE \
   | ACCESS_IOCTL_DEV)
#define ACCESS_FOLDER \
  (ACCESS_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE \
   | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | ACCESS_REFER)

#define ACCESS_REPLACE \
  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE \
   | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)

static const guint64 accesses[] = {
  [SANDBOX_REMOVE] = LANDLOCK_ACCESS_FS_REMOVE_FILE,
  [SANDBOX_READ] = LANDLOCK_ACCESS_FS_READ_FILE,
  [SANDBOX_REPLACE] = ACCESS_REPLACE,
  [SANDBOX_ALL] = ACCESS_FOLDER,
};

static int ruleset = -1;

guint
sandbox_landlock_version (void)
{
  long version = syscall (SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

  return MAX (version, 0);
}

/* All that this kernel can refuse. */
static guint64
all_access (void)
{
  guint version = sandbox_landlock_version ();
  guint64 access = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

  if (version >= 2)
    access |= ACCESS_REFER;
  if (version >= 3)
    access |= ACCESS_TRUNCATE;
  if (version >= 5)
    access |= ACCESS_IOCTL_DEV;
  return access;
}

static gboolean
allow_open (int fd, const char *path, guint64 access, GError **error)
{
  struct landlock_path_beneath_attr rule
      = { .allowed_access = access & all_access (), .parent_fd = fd };
  struct stat status;

  if (fstat (fd, &status) < 0)
    return banyan_throw_errno (error, errno, "allowing %s", path);

  if (!S_ISDIR (status.st_mode))
    rule.allowed_access &= ACCESS_FILE;
  return syscall (SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0
         || banyan_throw_errno (error, errno, "allowing %s", path);
}

/* By its descriptor where there is one: the name may be another's by now. */
static gboolean
allow (const SandboxPlace *place, GError **error)
{
  int fd = place->fd >= 0 ? place->fd : open (place->path, O_PATH | O_CLOEXEC);
  gboolean allowed;

  if (fd < 0)
    return banyan_throw_errno (error, errno, "allowing %s", place->path);

  allowed = allow_open (fd, place->path, accesses[place->right], error);
  if (fd != place->fd)
    close (fd);
  return allowed;
}

gboolean
sandbox_landlock_prepare (const GArray *places, GError **error)
{
  /* As long as in the first version. */
  struct landlock_ruleset_attr attributes = { .handled_access_fs = all_access () };

  if (sandbox_landlock_version () == 0)
    return banyan_throw_errno (error, EOPNOTSUPP,
                               "this kernel has no landlock; choose other steps, such as "
                               "--sandbox=root,seccomp");

  if (ruleset >= 0)
    close (ruleset);
  ruleset
      = syscall (SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
  if (ruleset < 0)
    return banyan_throw_errno (error, errno, "making landlock rules");

  for (guint i = 0; i < places->len; i++)
    if (!allow (&g_array_index (places, SandboxPlace, i), error))
      return FALSE;
  return TRUE;
}

int
sandbox_landlock_restrict (void)
{
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return errno;
  if (ruleset >= 0 && syscall (SYS_landlock_restrict_self, ruleset, 0) < 0)
    return errno;
  return 0;
}
