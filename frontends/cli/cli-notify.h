/* cli-notify.h - telling a service manager how far we are
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* "READY=1": see sd_notify(3). Does nothing where no manager asked for it. */
/* Before the process gives up reaching the manager by its name. */
void cli_notify_prepare (void);
void cli_notify (const char *state);
