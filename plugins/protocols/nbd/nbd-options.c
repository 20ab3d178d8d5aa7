/* nbd-options.c - types and rules of the options
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-options.h"

#include <string.h>

/* The protocol's limit for the names of exports and contexts. */
#define MAX_NAME_BYTES 4096

GType
nbd_lost_writes_get_type (void)
{
  static const GEnumValue values[] = {
    { NBD_LOST_WRITES_REPORT, "BANYAN_NBD_LOST_WRITES_REPORT", "report" },
    { NBD_LOST_WRITES_IGNORE, "BANYAN_NBD_LOST_WRITES_IGNORE", "ignore" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanNbdLostWrites", values));
  return type;
}

static void
check_name (const BanyanProposal *proposal, const char *property, BanyanProblems *problems)
{
  const char *name = g_value_get_string (banyan_proposal_get (proposal, property));

  if (name != NULL && strlen (name) > MAX_NAME_BYTES)
    banyan_proposal_problem (proposal, problems, property, "has %zu bytes, the limit is %d",
                             strlen (name), MAX_NAME_BYTES);
}

/* QEMU's tls-creds is there to be refused in words: to go on without would show data to others. */
void
nbd_options_check (const BanyanProposal *proposal, BanyanProblems *problems)
{
  check_name (proposal, "export", problems);
  check_name (proposal, "x-dirty-bitmap", problems);

  if (g_value_get_string (banyan_proposal_get (proposal, "tls-creds")) != NULL)
    banyan_proposal_problem (proposal, problems, "tls-creds",
                             "TLS is not there yet; leave it out, or put a tunnel in between");
  if (g_value_get_string (banyan_proposal_get (proposal, "tls-hostname")) != NULL)
    banyan_proposal_problem (proposal, problems, "tls-hostname",
                             "TLS is not there yet; leave it out");
}
