/* io.h - the parts of `banyan io`
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

typedef struct
{
  BanyanGraph *graph;     /* (owned) */
  BanyanNode *node;       /* (unowned) */
  BanyanBackend *backend; /* (owned) */
  guint n_pending;        /* requests of aio_read and aio_write */
  gboolean may_write;
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
} IoCommand;

extern const IoCommand io_commands[]; /* ends with a NULL name */

/* One line: a command and its arguments, quoted as in a shell. */
void io_run_line (IoSession *self, const char *line);
/* Runs until no request of aio_read and aio_write is pending. */
void io_wait_for_pending (IoSession *self);

/* Says so where it may not. */
gboolean io_may_write (IoSession *self, const char *what);

/* -- io-transfer.c: commands that move data. -- */

gboolean io_read (IoSession *self, int argc, char **argv);
gboolean io_readv (IoSession *self, int argc, char **argv);
gboolean io_write (IoSession *self, int argc, char **argv);
gboolean io_writev (IoSession *self, int argc, char **argv);

/* -- io-aio.c -- */

gboolean io_aio_read (IoSession *self, int argc, char **argv);
gboolean io_aio_write (IoSession *self, int argc, char **argv);
gboolean io_aio_flush (IoSession *self, int argc, char **argv);

/* -- io-report.c: numbers in and out. -- */

/* The options that transfers share, as qemu-io writes them. */
typedef struct
{
  gboolean is_quiet;      /* -q */
  gboolean is_terse;      /* -C */
  gboolean is_dump;       /* -v */
  gboolean has_pattern;   /* -P */
  gboolean is_zero;       /* -z */
  gboolean may_unmap;     /* -u */
  gboolean no_fallback;   /* -n */
  gboolean is_fua;        /* -f */
  guint8 pattern;         /* -P */
  guint64 pattern_start;  /* read -s */
  guint64 pattern_length; /* read -l; 0: up to the end */
  const char *file;       /* write -s (nullable) */
  gint64 started_us;
} IoOptions;

/* Reads the options in @letters out of @argv; @first is where the arguments begin. */
gboolean io_parse_options (int argc, char **argv, const char *letters, IoOptions *options,
                           int *first);
gboolean io_parse_size (const char *text, const char *what, guint64 *size);
/* Not more than what one buffer may hold. */
gboolean io_parse_length (const char *text, guint64 *length);

void io_report (const IoOptions *options, const char *verb, guint64 offset, guint64 length);
gboolean io_report_failure (const char *what, const GError *error);
/* "64 KiB" */
char *io_format_size (guint64 bytes);
void io_dump (const guint8 *data, gsize length, guint64 offset);
/* Whether the part of @data that the options name has the pattern; says where it has not. */
gboolean io_verify (const IoOptions *options, const guint8 *data, guint64 offset, gsize length);

G_END_DECLS
