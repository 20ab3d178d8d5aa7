/* convert.h - command lines as documents, and documents as command lines
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "legacy.h"

G_BEGIN_DECLS

/* -- convert-words.c -- */

/* Whether a text is a document, not a command line. */
gboolean convert_is_document (const char *text);
/* (transfer full) (nullable): the options in a script, or in a file with an option a line: what
 * follows qemu-storage-daemon, banyan run, or nothing. */
char **convert_split_script (const char *text, GError **error);
/* (transfer full) (nullable) (element-type LegacyWord) */
GPtrArray *convert_gather (char **words, GError **error);

/* -- convert-options.c -- */

typedef struct
{
  GPtrArray *words;    /* (owned): "--blockdev", "driver=...", in pairs */
  GPtrArray *left_out; /* (owned): sentences */
} ConvertOptions;

/* @for_banyan: as banyan run takes them, which knows more than qemu-storage-daemon. */
ConvertOptions *convert_from_document (BanyanSpec *document, gboolean for_banyan);
void convert_options_free (ConvertOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ConvertOptions, convert_options_free)
/* (transfer full): a word as a shell wants it */
char *convert_quote (const char *word);

G_END_DECLS
