/* random-document.h - documents that nobody would write, and that are right
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every document of a run declares the same three disks and exports them, by stacks of filters that
 * differ from one document to the next: inline or by reference, in any order, with any values. What
 * the data lies in stays, so clients of these exports may go on from document to document. The rest
 * (other nodes, exports, servers, limits, threads) comes and goes. */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define RANDOM_DISKS 3
#define RANDOM_DISK_BYTES (2u << 20)

/* File names in it are relative to the folder of the document; the disks' exports are d0, d1 and
 * d2 of the server at "disks.sock". (transfer full) */
char *random_document_new (GRand *random);
/* Makes the files that documents refer to. */
void random_document_make_files (const char *folder);
void random_document_remove_files (const char *folder);

G_END_DECLS
