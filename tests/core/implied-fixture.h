/* implied-fixture.h - images that name what they lie on, and graphs with them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each test has a folder with its images; "@/" in a document stands for it. */

#pragma once

#include "banyan-test.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_BYTES 8192

extern char *folder; /* (owned): with the images of one test */

#define DISK "disk: { driver: test-header, file: { driver: file, filename: '@/disk.img' } }\n"
#define DISK_WITH(backing) \
  "disk: { driver: test-header, backing: " backing \
  ", file: { driver: file, filename: '@/disk.img' } }\n"

/* Works in the folder, or again where one did. */
void enter_folder (void);
void leave_folder (void);
/* @header: (nullable) */
void write_file (const char *name, const char *header, guint seed);
/* @format: (nullable) */
void write_image (const char *name, const char *backing, const char *format);
void write_base (const char *name, guint seed);

/* @nodes with each "@/" replaced by the folder. */
char *in_folder (const char *nodes);
BanyanTestGraph *must_load (const char *nodes);
/* What opening disk.img says that is wrong, with the folder as "@/". */
char *error_of (const char *nodes);
BanyanNode *find_node (BanyanTestGraph *graph, const char *id);
void assert_reads (BanyanTestGraph *graph, const char *node, guint seed);
/* Fails opening @nodes in each place once, and tries it again; "disk", and all @ids, are there when
 * it has been done, and not before. */
void assert_whole_or_nothing (const char *nodes, const char *const *ids);
char *dup_string (gpointer object, const char *property);
/* Applies @nodes, and returns how many differences there were. */
guint apply (BanyanTestGraph *graph, const char *nodes);

typedef struct
{
  const char *path;
  void (*func) (void);
} ImpliedTest;

/* Each in a folder of its own. */
int run_tests (int *argc, char ***argv, const ImpliedTest *tests, gsize n);
