/* banyan-problems.h - everything that is wrong with a declaration, at once
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-spec.h>

G_BEGIN_DECLS

/* A list of problems, in the order of their places. Reference counted, a GBoxed; one thread. */
#define BANYAN_TYPE_PROBLEMS (banyan_problems_get_type ())
BANYAN_API
GType banyan_problems_get_type (void);
BANYAN_API
BanyanProblems *banyan_problems_new (void);
BANYAN_API
BanyanProblems *banyan_problems_ref (BanyanProblems *self);
BANYAN_API
void banyan_problems_unref (BanyanProblems *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanProblems, banyan_problems_unref)

/* @path is the subject ("nodes.disk0.file", nullable), @origin its place (nullable). */
BANYAN_API
void banyan_problems_add (BanyanProblems *self, BanyanConfigError code, const BanyanOrigin *origin,
                          const char *path, const char *format, ...) G_GNUC_PRINTF (5, 6);
/* The same for bindings: @text as it is. */
BANYAN_API
void banyan_problems_add_text (BanyanProblems *self, BanyanConfigError code,
                               const BanyanOrigin *origin, const char *path, const char *text);

BANYAN_API
guint banyan_problems_get_length (BanyanProblems *self);
BANYAN_API
BanyanConfigError banyan_problems_get_code (BanyanProblems *self, guint index);
/* "disk.yaml:9:12: nodes.disk0.file: no node is called "bse"; there are: base, disk0" */
BANYAN_API
char *banyan_problems_get_message (BanyanProblems *self, guint index);
BANYAN_API
const BanyanOrigin *banyan_problems_get_origin (BanyanProblems *self, guint index);
BANYAN_API
const char *banyan_problems_get_path (BanyanProblems *self, guint index);
/* The message without origin and path. */
BANYAN_API
const char *banyan_problems_get_text (BanyanProblems *self, guint index);

/* TRUE when there are none; otherwise FALSE and @error has all messages, one a line, and the first
 * one's code. */
BANYAN_API
gboolean banyan_problems_check (BanyanProblems *self, GError **error);
/* What banyan_problems_check() made @error of; NULL for other errors. (transfer none) */
BANYAN_API
BanyanProblems *banyan_problems_of_error (const GError *error);

/* The candidate nearest to @word by edit distance, or NULL when none is near enough to suggest. */
BANYAN_API
const char *banyan_did_you_mean (const char *word, const char *const *candidates);

G_END_DECLS
