/* image.h - image files for tests, and what others see of them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-test.h"

G_BEGIN_DECLS

#define IMAGE_SIZE (1 << 20)
#define IMAGE_WRITES (BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE)

/* A sparse file in a folder of its own, and what a test opens over it. */
typedef struct
{
  char *folder;
  char *path;
  char *other;            /* a second one, as long as the first */
  BanyanTestGraph *graph; /* (owned) (nullable) */
} Image;

Image *image_new (void);
void image_free (Image *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Image, image_free)

/* IMAGE and OTHER in @nodes stand for the paths. */
void image_load (Image *image, const char *nodes);
/* "disk", a node of driver file, with @more options. */
void image_open (Image *image, const char *more);

void image_must_write (Image *image, const char *node, guint64 offset, gsize length, guint seed);
void image_must_read (Image *image, const char *node, guint64 offset, gsize length, guint seed);
/* Asked past the library. */
guint8 *image_contents (const Image *image, gsize *length);
void image_assert_zero (const guint8 *bytes, gsize length);

/* Skips the test where there is none. */
gboolean image_has_direct_io (const Image *image);

/* A program that takes @used of @node, or NULL. */
BanyanBackend *image_hold (Image *image, const char *node, guint used, GError **error);
void image_let_go (BanyanBackend *backend);

/* FALSE: it failed, and @said is what it said. */
gboolean image_run_qemu (const char *const *argv, char **said);
gboolean image_qemu_io (const char *path, const char *command, gboolean read_only, char **said);
/* Skips the test where there is none. */
gboolean image_has_qemu (void);

G_END_DECLS
