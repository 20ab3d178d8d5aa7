/* file-holder.h - who holds a lock
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* "qemu-img (pid 4711)": another process that holds @byte of the file behind @fd, or words for one
 * that cannot be found. */
char *file_holder_describe (int fd, guint byte);

G_END_DECLS
