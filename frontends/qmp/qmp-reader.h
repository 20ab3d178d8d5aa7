/* qmp-reader.h - cuts what a client sends into JSON texts
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* JSON texts follow each other without anything that separates them, and arrive in pieces of any
 * size. The reader only looks for where each begins and ends; what is in it is the parser's
 * affair. */
typedef struct
{
  GString *text; /* (owned): the message so far */
  guint depth;   /* brackets that are open */
  gboolean is_in_string;
  gboolean is_escaped;
  gboolean is_deep;
  gboolean is_garbage; /* until the end of the line */
} QmpReader;

typedef enum
{
  QMP_READER_MORE,     /* everything has been read, and there is no whole message */
  QMP_READER_MESSAGE,  /* @text is one */
  QMP_READER_GARBAGE,  /* @text is what cannot begin one */
  QMP_READER_TOO_LONG, /* the client does not know where to stop */
} QmpReaderResult;

#define QMP_READER_MAX_BYTES (16 * 1024 * 1024)

void qmp_reader_init (QmpReader *self);
void qmp_reader_clear (QmpReader *self);
/* Reads on in *@data, moves it and *@length past what was read. A message stays in @text until the
 * next call. */
QmpReaderResult qmp_reader_feed (QmpReader *self, const char **data, gsize *length);

G_END_DECLS
