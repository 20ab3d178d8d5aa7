/* sandbox-user.c - users, capabilities and the root that a process has
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox-private.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_GROUPS 65536

/* -- Users. -- */

static gboolean
parse_number (const char *text, guint32 *number)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32 - 1, &value, NULL))
    return FALSE;
  *number = value;
  return TRUE;
}

static void
find_groups (SandboxUser *self, const char *name)
{
  int n = MAX_GROUPS;

  self->groups = g_new (gid_t, n);
  self->n_groups = getgrouplist (name, self->gid, self->groups, &n) >= 0 ? n : 0;
}

static gboolean
find_user (SandboxUser *self, const char *name, GError **error)
{
  guint32 number;
  const struct passwd *entry;

  if (parse_number (name, &number))
    entry = getpwuid (number);
  else
    entry = getpwnam (name);

  if (entry != NULL)
    {
      self->uid = entry->pw_uid;
      self->gid = entry->pw_gid;
      find_groups (self, entry->pw_name);
      return TRUE;
    }
  if (!parse_number (name, &number))
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                   "there is no user \"%s\"", name);
      return FALSE;
    }

  self->uid = self->gid = number;
  return TRUE;
}

/* Who names a group wants that one and no other. */
static gboolean
find_group (SandboxUser *self, const char *name, GError **error)
{
  const struct group *entry = getgrnam (name);
  guint32 number;

  if (entry != NULL)
    self->gid = entry->gr_gid;
  else if (parse_number (name, &number))
    self->gid = number;
  else
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                   "there is no group \"%s\"", name);
      return FALSE;
    }

  self->n_groups = 0;
  return TRUE;
}

SandboxUser *
sandbox_user_find (const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 2);
  SandboxUser *self = g_new0 (SandboxUser, 1);

  if (parts[0] != NULL && find_user (self, parts[0], error)
      && (parts[1] == NULL || find_group (self, parts[1], error)))
    return self;

  sandbox_user_free (self);
  return NULL;
}

void
sandbox_user_free (SandboxUser *self)
{
  if (self != NULL)
    g_free (self->groups);
  g_free (self);
}

/* The C library does this on all threads. Capabilities go with the user. */
gboolean
sandbox_user_become (const SandboxUser *self, GError **error)
{
  if (setgroups (self->n_groups, self->groups) < 0)
    return banyan_throw_errno (error, errno, "giving up groups; only root can");
  if (setresgid (self->gid, self->gid, self->gid) < 0)
    return banyan_throw_errno (error, errno, "becoming group %u", self->gid);
  if (setresuid (self->uid, self->uid, self->uid) < 0)
    return banyan_throw_errno (error, errno, "becoming user %u", self->uid);
  if (self->uid != 0 && setresuid (0, 0, 0) == 0)
    return banyan_throw_errno (error, ENOTRECOVERABLE, "becoming user %u for good", self->uid);
  return TRUE;
}

/* -- Capabilities. -- */

int
sandbox_drop_capabilities (void)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

  return syscall (SYS_capset, &header, none) < 0 ? errno : 0;
}

gboolean
sandbox_has_capabilities (void)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

  return syscall (SYS_capget, &header, data) < 0 || (data[0].permitted | data[1].permitted) != 0;
}

/* -- The root. -- */

/* Nothing is ever made in a folder that was removed. */
gboolean
sandbox_change_root (GError **error)
{
  g_autofree char *path = g_dir_make_tmp ("banyan-root-XXXXXX", error);
  int fd;
  gboolean changed;

  if (path == NULL)
    return FALSE;

  fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  rmdir (path);
  if (fd < 0)
    return banyan_throw_errno (error, errno, "opening %s", path);

  changed = fchdir (fd) == 0 && chroot (".") == 0 && chdir ("/") == 0;
  if (!changed)
    banyan_throw_errno (
        error, errno, "changing to an empty root; only root can (the step landlock does without)");
  close (fd);
  return changed;
}
