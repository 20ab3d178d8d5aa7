/* banyan-plugin-scan.c - program that loads plugins to see what they have
 * SPDX-License-Identifier: LGPL-2.1-or-later */

int banyan_plugin_scan_main (int argc, char **argv); /* the library exports it for us alone */

int
main (int argc, char **argv)
{
  return banyan_plugin_scan_main (argc, argv);
}
