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
allow (const char *path, guint64 access, GError **error)
{
  struct landlock_path_beneath_attr rule = { .allowed_access = access & all_access () };
  int fd = open (path, O_PATH | O_CLOEXEC);
  struct stat status;
  long result;

  if (fd < 0 || fstat (fd, &status) < 0)
    return banyan_throw_errno (error, errno, "allowing %s", path);

  if (!S_ISDIR (status.st_mode))
    rule.allowed_access &= ACCESS_FILE;
  rule.parent_fd = fd;
  result = syscall (SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  close (fd);
  return result == 0 || banyan_throw_errno (error, errno, "allowing %s", path);
}

gboolean
sandbox_landlock_prepare (const char *const *removable, const char *const *allowed, GError **error)
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

  for (gsize i = 0; removable[i] != NULL; i++)
    if (!allow (removable[i], LANDLOCK_ACCESS_FS_REMOVE_FILE, error))
      return FALSE;
  for (gsize i = 0; allowed[i] != NULL; i++)
    if (!allow (allowed[i], ACCESS_FOLDER, error))
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
