/* banyan-spec.h - the neutral option tree that YAML, JSON and dotted keys are parsed into
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-error.h>

G_BEGIN_DECLS

/**
 * BanyanOriginKind:
 * @BANYAN_ORIGIN_DEFAULT: the class's default
 * @BANYAN_ORIGIN_DOCUMENT: a YAML document, at a line and column
 * @BANYAN_ORIGIN_COMMAND_LINE: a dotted key or JSON on the command line
 * @BANYAN_ORIGIN_CLIENT: a QMP client
 * @BANYAN_ORIGIN_PROGRAM: a property setter in code
 * @BANYAN_ORIGIN_JOB: a job
 * @BANYAN_ORIGIN_IMAGE: an image's header
 * @BANYAN_ORIGIN_INHERITED: given by the parent that an inline child is declared in
 *
 * Where a value came from.
 */
typedef enum
{
  BANYAN_ORIGIN_DEFAULT,
  BANYAN_ORIGIN_DOCUMENT,
  BANYAN_ORIGIN_COMMAND_LINE,
  BANYAN_ORIGIN_CLIENT,
  BANYAN_ORIGIN_PROGRAM,
  BANYAN_ORIGIN_JOB,
  BANYAN_ORIGIN_IMAGE,
  BANYAN_ORIGIN_INHERITED,
} BanyanOriginKind;

#define BANYAN_TYPE_ORIGIN_KIND (banyan_origin_kind_get_type ())
BANYAN_API
GType banyan_origin_kind_get_type (void);

/* Kept small, as every value has one; a GBoxed. The name is interned. */
typedef struct
{
  BanyanOriginKind kind;
  const char *name; /* (nullable): file, client or job; interned */
  guint line;       /* from 1; 0: none */
  guint column;     /* from 1, in characters */
} BanyanOrigin;

#define BANYAN_TYPE_ORIGIN (banyan_origin_get_type ())
BANYAN_API
GType banyan_origin_get_type (void);
/* For bindings: interns the name. In C, fill the structure on the stack. */
BANYAN_API
BanyanOrigin *banyan_origin_new (BanyanOriginKind kind, const char *name, guint line, guint column);
BANYAN_API
BanyanOrigin *banyan_origin_copy (const BanyanOrigin *origin);
BANYAN_API
void banyan_origin_free (BanyanOrigin *origin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanOrigin, banyan_origin_free)

/* "disk.yaml:14:7", "command line", "client qmp0", ... */
BANYAN_API
char *banyan_origin_to_string (const BanyanOrigin *origin);

/**
 * BanyanSpecKind:
 * @BANYAN_SPEC_NULL: explicitly nothing
 * @BANYAN_SPEC_TEXT: a plain scalar, to be converted by the property's type: YAML plain scalars and
 * dotted keys
 * @BANYAN_SPEC_STRING: a string and nothing else: quoted in YAML, a JSON string
 * @BANYAN_SPEC_BOOLEAN: a JSON true or false
 * @BANYAN_SPEC_NUMBER: a JSON number, as written
 * @BANYAN_SPEC_LIST: a list
 * @BANYAN_SPEC_MAP: a map with string keys, in the order written
 */
typedef enum
{
  BANYAN_SPEC_NULL,
  BANYAN_SPEC_TEXT,
  BANYAN_SPEC_STRING,
  BANYAN_SPEC_BOOLEAN,
  BANYAN_SPEC_NUMBER,
  BANYAN_SPEC_LIST,
  BANYAN_SPEC_MAP,
} BanyanSpecKind;

#define BANYAN_TYPE_SPEC_KIND (banyan_spec_kind_get_type ())
BANYAN_API
GType banyan_spec_kind_get_type (void);

/* Immutable once built, reference counted (atomic), a GBoxed. */
#define BANYAN_TYPE_SPEC (banyan_spec_get_type ())
typedef struct _BanyanSpec BanyanSpec;
BANYAN_API
GType banyan_spec_get_type (void);
BANYAN_API
BanyanSpec *banyan_spec_ref (BanyanSpec *self);
BANYAN_API
void banyan_spec_unref (BanyanSpec *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanSpec, banyan_spec_unref)

BANYAN_API
BanyanSpec *banyan_spec_new_null (const BanyanOrigin *origin);
BANYAN_API
BanyanSpec *banyan_spec_new_scalar (BanyanSpecKind kind, const char *text,
                                    const BanyanOrigin *origin);

/* Containers are built by a builder of their own, then frozen by _end, which consumes it. */
#define BANYAN_TYPE_SPEC_BUILDER (banyan_spec_builder_get_type ())
typedef struct _BanyanSpecBuilder BanyanSpecBuilder;
BANYAN_API
GType banyan_spec_builder_get_type (void);
BANYAN_API
BanyanSpecBuilder *banyan_spec_builder_ref (BanyanSpecBuilder *self);
BANYAN_API
BanyanSpecBuilder *banyan_spec_builder_new (BanyanSpecKind kind, const BanyanOrigin *origin);
/* @key NULL for a list. FALSE, and nothing added, if a map has the key already. The builder takes
 * a reference of its own to @value. */
BANYAN_API
gboolean banyan_spec_builder_add (BanyanSpecBuilder *self, const char *key,
                                  const BanyanOrigin *key_origin, BanyanSpec *value);
BANYAN_API
BanyanSpec *banyan_spec_builder_end (BanyanSpecBuilder *self);
BANYAN_API
void banyan_spec_builder_free (BanyanSpecBuilder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanSpecBuilder, banyan_spec_builder_free)

BANYAN_API
BanyanSpecKind banyan_spec_get_kind (BanyanSpec *self);
BANYAN_API
const BanyanOrigin *banyan_spec_get_origin (BanyanSpec *self);
/* Scalars only: as written. */
BANYAN_API
const char *banyan_spec_get_text (BanyanSpec *self);
/* Lists and maps. */
BANYAN_API
guint banyan_spec_get_length (BanyanSpec *self);
BANYAN_API
BanyanSpec *banyan_spec_get_item (BanyanSpec *self, guint index);
/* Maps only. */
BANYAN_API
const char *banyan_spec_get_key (BanyanSpec *self, guint index);
BANYAN_API
const BanyanOrigin *banyan_spec_get_key_origin (BanyanSpec *self, guint index);
BANYAN_API
BanyanSpec *banyan_spec_lookup (BanyanSpec *self, const char *key); /* (transfer none) (nullable) */

/* -- What a program builds and reads: answers, descriptions, events. Keys are NULL in lists. -- */

BANYAN_API
BanyanSpecBuilder *banyan_spec_builder_new_map (void);
BANYAN_API
BanyanSpecBuilder *banyan_spec_builder_new_list (void);
BANYAN_API
void banyan_spec_builder_take (BanyanSpecBuilder *self, const char *key, BanyanSpec *value);
BANYAN_API
void banyan_spec_builder_take_built (BanyanSpecBuilder *self, const char *key,
                                     BanyanSpecBuilder *inner);
BANYAN_API
void banyan_spec_builder_add_string (BanyanSpecBuilder *self, const char *key, const char *text);
BANYAN_API
void banyan_spec_builder_add_boolean (BanyanSpecBuilder *self, const char *key, gboolean value);
BANYAN_API
void banyan_spec_builder_add_uint (BanyanSpecBuilder *self, const char *key, guint64 number);
BANYAN_API
void banyan_spec_builder_add_int (BanyanSpecBuilder *self, const char *key, gint64 number);
BANYAN_API
void banyan_spec_builder_add_double (BanyanSpecBuilder *self, const char *key, double number);
BANYAN_API
void banyan_spec_builder_add_strings (BanyanSpecBuilder *self, const char *key,
                                      const char *const *strings);
BANYAN_API
const char *banyan_spec_lookup_text (BanyanSpec *self, const char *key);

/* A new map that is @self with @key set to @value, or without it where @value is NULL. */
BANYAN_API
BanyanSpec *banyan_spec_with (BanyanSpec *self, const char *key, BanyanSpec *value);
/* The same further down: @key is dotted. NULL where it leads into a list. */
BANYAN_API
BanyanSpec *banyan_spec_with_nested (BanyanSpec *self, const char *key, BanyanSpec *value);
/* Values only; origins and the order of keys do not count; TEXT equals STRING/NUMBER/BOOLEAN/NULL
 * of the same text. */
BANYAN_API
gboolean banyan_spec_equal (BanyanSpec *self, BanyanSpec *other);

/* -- Parsers and writers. All problems of a text are collected, each with its place. NULL when the
 * text has no structure that could be read; otherwise a tree, which is only good for looking for
 * more problems when some were found. -- */

typedef struct _BanyanProblems BanyanProblems;

BANYAN_API
BanyanSpec *banyan_spec_parse_yaml (const char *text, gssize length, const char *name,
                                    BanyanProblems *problems);
BANYAN_API
BanyanSpec *banyan_spec_parse_json (const char *text, gssize length, const BanyanOrigin *origin,
                                    BanyanProblems *problems);
/* "driver=nbd,file.host=localhost,list.0=a,\"odd.key\"=b,with=comma,,doubled". */
BANYAN_API
BanyanSpec *banyan_spec_parse_dotted (const char *text, const BanyanOrigin *origin,
                                      BanyanProblems *problems);
/* JSON where @text begins with "{", else dotted keys, the first of which may be left out. */
BANYAN_API
BanyanSpec *banyan_spec_parse_option (const char *text, const char *implied_key,
                                      const BanyanOrigin *origin, BanyanProblems *problems);

BANYAN_API
char *banyan_spec_to_yaml (BanyanSpec *self);
BANYAN_API
char *banyan_spec_to_json (BanyanSpec *self, gboolean pretty);
BANYAN_API
char *banyan_spec_to_dotted (BanyanSpec *self); /* (nullable): not everything can be said */

G_END_DECLS
