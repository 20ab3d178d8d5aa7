/* banyan-spec-private.h - what the spec's parsers and writers share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-problems.h>
#include <banyan/banyan-spec.h>

G_BEGIN_DECLS

/* Bounds on what a text may ask of us, whoever wrote it. They are far above any real declaration:
 * a graph of ten thousand nodes has about a hundred thousand values. Values and bytes are counted
 * as if every alias were written out, because whoever walks the tree walks it so. */
#define BANYAN_SPEC_MAX_BYTES (16 * 1024 * 1024)
#define BANYAN_SPEC_MAX_DOTTED_BYTES (1024 * 1024)
#define BANYAN_SPEC_MAX_VALUES 1000000
#define BANYAN_SPEC_MAX_DEPTH 128
#define BANYAN_SPEC_MAX_PROBLEMS 100

/* Someone else has it, too, as far as this thread knows. */
gboolean banyan_spec_is_shared (BanyanSpec *self);

/* A map of a text that has entries which could not be read: what it lacks may be among them. */
void banyan_spec_builder_set_partial (BanyanSpecBuilder *builder);
gboolean banyan_spec_is_partial (BanyanSpec *self);

/* The place where @builder's map got @key, or NULL. */
const BanyanOrigin *banyan_spec_builder_find (BanyanSpecBuilder *builder, const char *key);

/* A place in a text that is read from front to back. Columns are counted once for each character,
 * so that a text of one long line costs no more than one of many. */
typedef struct
{
  BanyanOrigin origin; /* of @at */
  const char *at;
} BanyanSpecCursor;

void banyan_spec_cursor_init (BanyanSpecCursor *self, const char *text, const BanyanOrigin *base);
BanyanOrigin banyan_spec_cursor_advance (BanyanSpecCursor *self, const char *to);

/* FALSE with a problem unless @text is UTF-8 without NUL, of at most @limit bytes. */
gboolean banyan_spec_check_text (const char *text, gsize length, gsize limit,
                                 const BanyanOrigin *base, BanyanProblems *problems);
/* How many bytes of a byte order mark @text begins with: 0 or 3. */
gsize banyan_spec_byte_order_mark (const char *text, gsize length);

/* @text in double quotes, shortened, for a message. */
char *banyan_spec_quote (const char *text);
/* Appends @key to a path such as "nodes.disk0", shortened; undone by truncating to what it was. */
void banyan_spec_path_append (GString *path, const char *key);
const char *banyan_spec_path_or_null (GString *path);

gboolean banyan_spec_text_is_null (const char *text);
gboolean banyan_spec_text_is_json_number (const char *text);
gboolean banyan_spec_text_is_boolean (const char *text);

G_END_DECLS
