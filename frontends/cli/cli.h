/* cli.h - what the commands of `banyan` are made of
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan.h>

G_BEGIN_DECLS

/* What scripts may count on. */
typedef enum
{
  CLI_DONE = 0,
  CLI_FAILED = 1,
  CLI_USAGE = 2,
  CLI_NOT_FOUND = 3,
  CLI_REFUSED = 4,
  CLI_CANNOT_CONNECT = 5,
} CliStatus;

/* What the arguments are, for completion. */
typedef enum
{
  CLI_WORDS_NONE,
  CLI_WORDS_FILES,
  CLI_WORDS_TYPES,
  CLI_WORDS_COMMANDS,
} CliWords;

typedef struct _CliCommand CliCommand;

/* One command: the help, the parser and the completion read this and nothing else. */
struct _CliCommand
{
  const char *name;      /* of one within another both words: "img create" */
  const char *arguments; /* as in the usage line: "FILE..." */
  const char *summary;
  const char *description;
  const GOptionEntry *options; /* ends with a NULL name; --help is added to it */
  CliWords words;
  guint min_arguments;
  guint max_arguments;
  CliStatus (*run) (char **arguments);
  gboolean is_hidden;
  gboolean takes_words_as_they_are;  /* options are arguments like the others */
  gboolean takes_last_word_as_it_is; /* the last may begin with a dash: "-1G" */
  const CliCommand *const *commands; /* (nullable): ends with NULL; the first word is one of them */
};

#define CLI_MANY G_MAXUINT

extern const CliCommand cli_apply;
extern const CliCommand cli_check;
extern const CliCommand cli_complete;
extern const CliCommand cli_convert_config;
extern const CliCommand cli_export_config;
extern const CliCommand cli_graph;
extern const CliCommand cli_help;
extern const CliCommand cli_img;
extern const CliCommand cli_inspect;
extern const CliCommand cli_io;
extern const CliCommand cli_plan;
extern const CliCommand cli_qmp;
extern const CliCommand cli_run;
extern const CliCommand cli_schema;

/* -- cli-commands.c: the table. -- */

extern const CliCommand *const cli_commands[]; /* ends with NULL */
/* Each of these: of @outer (NULL: of the table). */
const CliCommand *cli_command_find (const CliCommand *outer, const char *word);
/* Says on standard error that there is none, and which may have been meant. */
void cli_command_complain (const CliCommand *outer, const char *word);
/* The words for all that are shown. NULL-terminated; the array is the caller's. */
const char **cli_command_list_words (const CliCommand *outer);
/* What is written for it, after that for the one that it belongs to. */
const char *cli_command_get_word (const CliCommand *self);
CliStatus cli_command_run (const CliCommand *self, char **words);
CliStatus cli_print_commands_as_json (const CliCommand *outer); /* command-help.c */
void cli_append_overview (GString *text);
void cli_append_help (GString *text, const CliCommand *command);

/* -- cli-options.c -- */

/* Takes the options out of @argv, whose first word is the command's name. CLI_DONE: go on. */
CliStatus cli_options_parse (const CliCommand *command, int *argc, char ***argv,
                             gboolean *wants_help);

/* -- cli-message.c: standard error, and what the exit status tells. -- */

/* "banyan: ..." */
void cli_message (const char *format, ...) G_GNUC_PRINTF (1, 2);
CliStatus cli_fail (CliStatus status, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Says @error and returns the status that it stands for. */
CliStatus cli_fail_with (const GError *error);
/* One line each, as compilers do, without "banyan:". */
void cli_say_problems (BanyanProblems *problems);

/* -- cli-output.c: standard output. -- */

typedef enum
{
  CLI_PLAIN,
  CLI_BOLD,
  CLI_DIM,
  CLI_HEADING,
  CLI_BAD,
} CliStyle;

/* What turns @style on, or "" where colours are not wanted; cli_style_off() ends it. */
const char *cli_style_on (CliStyle style);
const char *cli_style_off (CliStyle style);
/* Columns of the terminal; 0: not a terminal, lines may be as long as they like. */
guint cli_output_width (void);
/* Through the pager where it is a terminal and the text does not fit. */
CliStatus cli_print (const char *text);
CliStatus cli_print_json (BanyanSpec *spec);
/* Control characters that a plugin or a document brought along are made visible: they are not the
 * terminal's to obey. (transfer full) */
char *cli_make_printable (const char *text);
/* The same in one line, whatever is in @text. */
char *cli_make_line (const char *text);
/* @message with the files in place of the nodes that the command line made of them; as it is where
 * there are none. (transfer full) */
char *cli_names_explain (const char *message);
/* @name in quotes and escaped, where it is not plain text of one line. (transfer full) */
char *cli_names_quote (const char *name);

/* -- cli-table.c: aligned columns without borders. -- */

typedef struct _CliTable CliTable;
CliTable *cli_table_new (guint indent, guint n_columns);
void cli_table_free (CliTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliTable, cli_table_free)
void cli_table_set_style (CliTable *self, guint column, CliStyle style);
/* A cell for each column; NULL is an empty one. */
void cli_table_add (CliTable *self, const char *first, ...);
void cli_table_append_to (CliTable *self, GString *text);
void cli_append_heading (GString *text, const char *heading);
/* Lines of @width columns (0: one long line), all after the first begin with @indent spaces. An
 * empty line in @words parts paragraphs. */
void cli_append_wrapped (GString *text, const char *words, guint indent, guint width);

/* -- cli-spec.c: reading and building option trees. -- */

gboolean cli_spec_flag (BanyanSpec *map, const char *key);
BanyanSpec *cli_spec_get (BanyanSpec *map, const char *key);
guint cli_spec_count (BanyanSpec *list);
char *cli_spec_join (BanyanSpec *list, const char *separator);
/* A value as one would write it, on one line and safe for terminals; "nothing" where there is none.
 * (transfer full) */
char *cli_spec_to_line (BanyanSpec *value);
/* What a person writes for a value: JSON where it is JSON, else a string. size=4096, flag=true,
 * name=disk0, list=["a"]. (transfer full) */
BanyanSpec *cli_read_value (const char *text);
/* KEY=VALUE words as a map; dotted keys reach inside, and a key alone is true. (transfer full) */
BanyanSpec *cli_read_arguments (char **words);

/* Beside the library's banyan_spec_builder_add_...(): @key NULL in lists, @text NULL adds nothing,
 * and @value stays the caller's. */
void cli_add (BanyanSpecBuilder *self, const char *key, BanyanSpec *value);
void cli_add_number (BanyanSpecBuilder *self, const char *key, const char *text);
void cli_add_null (BanyanSpecBuilder *self, const char *key);

/* -- command-complete.c -- */

/* Offers @word to a shell, if it begins with @prefix. */
void cli_offer (GString *text, const char *prefix, const char *word, const char *meaning);

/* -- cli-document.c: files that declare graphs. -- */

typedef struct
{
  char *name;      /* for messages */
  char *directory; /* what relative paths are relative to */
  char *text;
  gsize length;
} CliDocument;

/* "-" is standard input. */
CliDocument *cli_document_read (const char *path, GError **error);
/* The same, for a file whose folder was opened before: no other path is looked up. */
CliDocument *cli_document_read_in (int folder, const char *path, GError **error);
void cli_document_free (CliDocument *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliDocument, cli_document_free)

/* -- cli-types.c: types by name, as people write it. -- */

const char *cli_kind_to_string (BanyanPluginKind kind);
/* The heading for several types of a kind: "Protocols". */
const char *cli_kind_to_heading (BanyanPluginKind kind);
/* The document's section that objects of @kind are declared in: "nodes"; NULL: in none. */
const char *cli_kind_to_section (BanyanPluginKind kind);
/* NULL-terminated, all types, by kind and name. (transfer full) */
typedef BanyanTypeInfo *CliTypes;
CliTypes *cli_types_list (void);
void cli_types_free (CliTypes *types);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliTypes, cli_types_free)

G_END_DECLS
