/* smaller.c - plugin that was built when descriptors were shorter
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DEFINE_FRUIT (Olive, olive, OLIVE)

/* What follows the part that .size covers is none of the library's business. */
typedef struct
{
  guint32 abi;
  guint32 size;
  const char *name;
  const char *version;
  const char *licence;
  BanyanPluginKind kind;
  void (*register_type) (GTypeModule *module);
  const char *summary;
} OldDescriptor;

typedef struct
{
  OldDescriptor descriptor;
  gsize poison[8];
} Poisoned;

__attribute__ ((visibility ("default"))) extern const Poisoned banyan_plugin_descriptor;

const Poisoned banyan_plugin_descriptor = {
  { 1, sizeof (OldDescriptor), "olive", "0.9", "MIT", BANYAN_PLUGIN_OBJECT,
    test_olive_register_type, "A fruit of old" },
  { 1, 1, 1, 1, 1, 1, 1, 1 },
};
