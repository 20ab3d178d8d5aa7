/* io.h - the parts of `banyan io`
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli-image.h"

G_BEGIN_DECLS

/* What one command found: words for people, or with --json one object. */
typedef struct
{
  const char *command;      /* (unowned) */
  BanyanSpecBuilder *facts; /* (owned) */
  GString *trouble;         /* (owned) */
  gboolean is_put_off;      /* whoever ends the request tells */
} IoResult;

typedef struct
{
  BanyanGraph *graph;     /* (owned) (nullable): nothing is open */
  BanyanNode *node;       /* (unowned) (nullable) */
  BanyanSpec *objects;    /* (unowned) (nullable): a map of what images link to */
  BanyanBackend *backend; /* (owned) (nullable) */
  IoResult result;
  guint n_pending; /* requests of aio_read and aio_write */

  BanyanBreakpoints *breakpoints; /* (owned) (nullable): where requests may be held */
  GPtrArray *tags;                /* (owned) (nullable): of breakpoints that were set */
  char **held;                    /* (owned) (nullable): tags of requests that were told of */

  gboolean may_write;
  gboolean writes_through; /* every write is lasting when it ends */
  gboolean as_json;
  gboolean has_failed;
  gboolean wants_quit;
} IoSession;

typedef struct
{
  const char *name;
  const char *short_name; /* (nullable) */
  const char *arguments;
  const char *summary;
  int min_arguments; /* the options not counted */
  int max_arguments; /* -1: any number */
  /* FALSE: it failed, and has said so. @argv[0] is the name; options are still in it. */
  gboolean (*run) (IoSession *self, int argc, char **argv);
  const char *valued;     /* the options that take a value; NULL: it has no options */
  gboolean needs_nothing; /* works while no node is open */
} IoCommand;

extern const IoCommand io_commands[]; /* ends with a NULL name */

/* Bytes of one request, as QEMU limits them; who wants to move more does it in steps. */
#define IO_MAX_LENGTH G_GUINT64_CONSTANT (2147483136)

/* The options that transfers share, as qemu-io writes them. */
typedef struct
{
  gboolean is_quiet;      /* -q */
  gboolean is_terse;      /* -C */
  gboolean is_dump;       /* -v */
  gboolean has_pattern;   /* -P */
  gboolean has_part;      /* read -s, -l */
  gboolean is_zero;       /* -z */
  gboolean may_unmap;     /* -u */
  gboolean no_fallback;   /* -n */
  gboolean is_fua;        /* -f */
  gboolean is_compressed; /* write -c */
  gboolean is_invalid;    /* aio_read, aio_write -i: is not made at all */
  gboolean is_state;      /* -b */
  guint8 pattern;         /* -P */
  guint64 pattern_start;  /* read -s */
  guint64 pattern_length; /* read -l; 0: up to the end */
  const char *file;       /* write -s (nullable) */
  gint64 started_us;
} IoOptions;

/* One line: a command and its arguments, quoted as in a shell. */
void io_run_line (IoSession *self, const char *line);
/* Runs until no request of aio_read and aio_write is pending. */
void io_wait_for_pending (IoSession *self);

/* Says so where it may not. */
gboolean io_may_write (IoSession *self, const char *what);

/* -- io-open.c -- */

CliStatus io_open (IoSession *self, const CliImageSource *source);
CliStatus io_close (IoSession *self);
gboolean io_run_open (IoSession *self, int argc, char **argv);
gboolean io_run_close (IoSession *self, int argc, char **argv);
gboolean io_run_reopen (IoSession *self, int argc, char **argv);

/* -- io-transfer.c: commands that move data. -- */

gboolean io_read (IoSession *self, int argc, char **argv);
gboolean io_readv (IoSession *self, int argc, char **argv);
gboolean io_write (IoSession *self, int argc, char **argv);
gboolean io_writev (IoSession *self, int argc, char **argv);

/* Lengths to pieces of one buffer; @pieces may be NULL. */
gboolean io_parse_pieces (IoSession *self, char **words, int n, struct iovec *pieces,
                          guint64 *length);
gboolean io_check_write_options (IoSession *self, const IoOptions *options);

/* -- io-aio.c -- */

gboolean io_aio_read (IoSession *self, int argc, char **argv);
gboolean io_aio_write (IoSession *self, int argc, char **argv);
gboolean io_aio_flush (IoSession *self, int argc, char **argv);

/* -- io-break.c -- */

gboolean io_break (IoSession *self, int argc, char **argv);
gboolean io_remove_break (IoSession *self, int argc, char **argv);
gboolean io_resume (IoSession *self, int argc, char **argv);
gboolean io_wait_break (IoSession *self, int argc, char **argv);
/* Removes all breakpoints; whoever is held goes on. */
void io_let_go (IoSession *self);

/* -- io-report.c: numbers in and out. -- */

/* Reads the options in @letters out of @argv; @first is where the arguments begin. */
gboolean io_parse_options (IoSession *self, int argc, char **argv, const char *letters,
                           IoOptions *options, int *first);
gboolean io_parse_size (IoSession *self, const char *text, const char *what, guint64 *size);
/* Not more than what one buffer may hold. */
gboolean io_parse_length (IoSession *self, const char *text, guint64 *length);

void io_report (IoSession *self, const IoOptions *options, const char *verb, guint64 offset,
                guint64 length);
/* "64 KiB" */
char *io_format_size (guint64 bytes);
void io_dump (IoSession *self, const guint8 *data, gsize length, guint64 offset);
/* Whether the part of @data that the options name has the pattern; says where it has not. */
gboolean io_verify (IoSession *self, const IoOptions *options, const guint8 *data, guint64 offset,
                    gsize length);

/* -- io-result.c -- */

void io_result_begin (IoSession *self, const char *command);
/* Prints what --json prints of it. */
void io_result_end (IoSession *self, gboolean is_done);
/* What people read, and nobody with --json. */
void io_say (IoSession *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Why the command failed. Always FALSE. */
gboolean io_complain (IoSession *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* The same in qemu-io's words: "read failed: Input/output error"; @error NULL: not supported. */
gboolean io_report_failure (IoSession *self, const char *what, const GError *error);

G_END_DECLS
