/* fuzz-build-id.c - any bytes as a plugin's file
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-registry-private.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *id = NULL;
  int fd = memfd_create ("plugin", MFD_CLOEXEC);

  if (fd >= 0 && write (fd, data, size) == (gssize) size)
    id = banyan_build_id_read (fd);
  if (fd >= 0)
    close (fd);

  return 0;
}
