/* plugin-folder.h - folders with the test plugins that a test wants
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-registry.h>

/* The file of the plugin in tests/object/plugins/NAME.c. */
char *test_path_of_module (const char *name);

/* A folder with links to the plugins in @names, separated by spaces. Its name is all that it is;
 * g_autoptr (Folder) removes it. */
char *test_make_folder (const char *names);
void test_drop_folder (char *folder);
char *test_path_in (const char *folder, const char *name);
void test_add_module (const char *folder, const char *name);
/* A copy of the module @name, as a file of its own called for @as; in place of the one there. */
void test_copy_module (const char *folder, const char *name, const char *as);

typedef char Folder;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Folder, test_drop_folder)
