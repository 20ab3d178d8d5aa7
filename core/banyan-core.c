/* banyan-core.c - what the block layer tells the registry about itself
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan.h>

/* When the library is loaded, so that whoever asks the registry first, be it to list the types,
 * gets all of them. No class is made yet. */
__attribute__ ((constructor)) static void
add_builtins (void)
{
  banyan_registry_add_builtin (banyan_registry_get_default (), "iothread", BANYAN_PLUGIN_OBJECT,
                               BANYAN_TYPE_IOTHREAD, "Thread that serves clients and does I/O");
  banyan_registry_add_builtin (banyan_registry_get_default (), "secret", BANYAN_PLUGIN_OBJECT,
                               BANYAN_TYPE_SECRET, "Password or key that others link to");
}
