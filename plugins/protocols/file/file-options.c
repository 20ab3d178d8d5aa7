/* file-options.c - types and rules of the options
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file-options.h"

GType
file_locking_get_type (void)
{
  static const GEnumValue values[] = {
    { FILE_LOCKING_AUTO, "BANYAN_FILE_LOCKING_AUTO", "auto" },
    { FILE_LOCKING_ON, "BANYAN_FILE_LOCKING_ON", "on" },
    { FILE_LOCKING_OFF, "BANYAN_FILE_LOCKING_OFF", "off" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanFileLocking", values));
  return type;
}

GType
file_aio_get_type (void)
{
  static const GEnumValue values[] = {
    { FILE_AIO_AUTO, "BANYAN_FILE_AIO_AUTO", "auto" },
    { FILE_AIO_THREADS, "BANYAN_FILE_AIO_THREADS", "threads" },
    { FILE_AIO_NATIVE, "BANYAN_FILE_AIO_NATIVE", "native" },
    { FILE_AIO_IO_URING, "BANYAN_FILE_AIO_IO_URING", "io_uring" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanFileAio", values));
  return type;
}

static gboolean
is_on (const BanyanProposal *proposal, const char *property)
{
  return g_value_get_boolean (banyan_proposal_get (proposal, property));
}

/* Who does not lock cannot tell others that he writes. QEMU's pr-manager is there to be refused in
 * words. */
void
file_options_check (const BanyanProposal *proposal, BanyanProblems *problems)
{
  if (is_on (proposal, "force-share") && !is_on (proposal, "read-only"))
    banyan_proposal_problem (proposal, problems, "force-share",
                             "only what is read-only can be read past the locks of others; set "
                             "read-only to true");

  if (is_on (proposal, "x-check-cache-dropped") && !is_on (proposal, "drop-cache"))
    banyan_proposal_problem (proposal, problems, "x-check-cache-dropped",
                             "nothing is dropped unless drop-cache is true");

  if (g_value_get_string (banyan_proposal_get (proposal, "pr-manager")) != NULL)
    banyan_proposal_problem (proposal, problems, "pr-manager",
                             "persistent reservations are not supported; leave it out");
}
