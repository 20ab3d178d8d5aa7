/* make-image.c - makes an image of a format that no program here makes: make-image FORMAT PATH
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "made.h"

#include <string.h>

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *format;
    void (*make) (const char *path, guint64 size);
  } formats[] = {
    { "bochs", make_bochs }, { "cloop", make_cloop },
    { "dmg", make_dmg },     { "parallels", make_parallels },
    { "qcow", make_qcow },   { "qed", make_qed },
    { "vdi", make_vdi },     { "vhdx", make_vhdx },
    { "vmdk", make_vmdk },   { "vpc", make_vpc },
  };

  for (gsize i = 0; argc == 3 && i < G_N_ELEMENTS (formats); i++)
    if (strcmp (argv[1], formats[i].format) == 0)
      {
        formats[i].make (argv[2], 1 << 20);
        return 0;
      }

  g_printerr ("usage: make-image FORMAT PATH\n");
  return 2;
}
