/* images.h - images for tests of formats, made by QEMU's qemu-img and looked at by it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-test.h"

G_BEGIN_DECLS

/* A folder, in which images are: base.qcow2 and so on. */
typedef struct
{
  char *folder;           /* (owned) */
  BanyanTestGraph *graph; /* (owned) (nullable) */
  char *before;           /* (owned) (nullable): where one worked before images_enter() */
} Images;

Images *images_new (void);
/* Works in the folder from here on: what is relative to no image is found there. */
void images_enter (Images *self);
void images_free (Images *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Images, images_free)

/* FALSE, and the test is skipped, where there is no qemu-img. */
gboolean images_have_qemu (void);

/* Runs a line in the folder: "qemu-img create -f qcow2 a.qcow2 1M". What fails fails the test. */
void images_run (Images *self, const char *line);
gboolean images_try (Images *self, const char *line, char **said);

/* @nodes is what a document has under `nodes:`; DIR stands for the folder. */
void images_load (Images *self, const char *nodes);
/* The error's message, which has @says in it. */
void images_must_refuse (Images *self, const char *nodes, const char *says);
void images_close (Images *self);

void images_must_write (Images *self, const char *node, guint64 offset, gsize length, guint seed);
void images_must_read (Images *self, const char *node, guint64 offset, gsize length, guint seed);
void images_must_be_zero (Images *self, const char *node, guint64 offset, gsize length);

/* qemu-img check finds nothing wrong, not even a leak. */
void images_must_be_clean (Images *self, const char *name);

/* It may find clusters that nobody uses; @said is what it says otherwise. */
gboolean images_is_consistent (Images *self, const char *name, char **said);

/* What our own check of a node finds, mending nothing: each on a line of its own. (transfer full)
 */
char *images_dup_findings (Images *self, const char *node, guint64 *corruptions, GError **error);

/* As images_is_consistent(), by that check, which starts no program. The graph must be closed. */
gboolean images_is_in_order (Images *self, const char *name, char **said);

/* Most of the time of a test that looks at many images would go into starting QEMU: unless there
 * is time, only some are shown to it. */
gboolean images_ask_qemu (GRand *rand);

/* The bytes of a file in the folder, to be damaged. */
void images_patch (Images *self, const char *name, guint64 offset, gconstpointer bytes,
                   gsize length);
void images_patch64 (Images *self, const char *name, guint64 offset, guint64 value);
guint64 images_get_length (Images *self, const char *name);
guint64 images_get64 (Images *self, const char *name, guint64 offset);

G_END_DECLS
