/* banyan-core.c - what the block layer tells the registry about itself
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-registry-private.h"

#include <banyan/banyan.h>

/* Which people know, and may have in a command line that they bring along. */
static const char *const drivers_of_qemu[] = {
  "blkreplay",
  "copy-before-write",
  "ftp",
  "ftps",
  "gluster",
  "host_cdrom",
  "http",
  "https",
  "io_uring",
  "iscsi",
  "nfs",
  "nvme",
  "nvme-io_uring",
  "rbd",
  "replication",
  "snapshot-access",
  "ssh",
  "virtio-blk-vfio-pci",
  "virtio-blk-vhost-user",
  "virtio-blk-vhost-vdpa",
  "vvfat",
  NULL,
};

/* When the library is loaded, so that whoever asks the registry first, be it to list the types,
 * gets all of them. No class is made yet. */
__attribute__ ((constructor)) static void
add_builtins (void)
{
  banyan_registry_add_builtin (banyan_registry_get_default (), "iothread", BANYAN_PLUGIN_OBJECT,
                               BANYAN_TYPE_IOTHREAD, "Thread that serves clients and does I/O");
  banyan_registry_add_builtin (banyan_registry_get_default (), "secret", BANYAN_PLUGIN_OBJECT,
                               BANYAN_TYPE_SECRET, "Password or key that others link to");
  banyan_registry_set_foreign (banyan_registry_get_default (),
                               1u << BANYAN_PLUGIN_PROTOCOL | 1u << BANYAN_PLUGIN_FORMAT
                                   | 1u << BANYAN_PLUGIN_FILTER,
                               drivers_of_qemu, "a driver of QEMU's");
}
