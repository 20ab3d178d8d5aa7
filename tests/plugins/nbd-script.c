/* nbd-script.c - an NBD server that says, byte by byte, what a line of text tells it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The protocol's numbers are written out once more: a mistake shared with the client would not
 * show. */

#include "nbd-script.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING "8:4e42444d41474943 8:49484156454f5054 2:3 <4 "
#define CHOSEN "option reply:4 4:13 4:9 \"base:allocation reply:1 4:0 "

typedef struct
{
  const char *word;
  const char *stands_for;
} Macro;

static const Macro macros[] = {
  { "greet", GREETING },
  { "yes", "option reply:1 4:0" },
  { "no", "option reply:80000001 4:0" },
  { "go", "option reply:3 4:c 2:0 8:100000 2:4ed reply:1 4:0" },
  { "simple", "greet no no go" },
  { "structured", "greet no yes no go" },
  { "context", "greet no yes " CHOSEN "go" },
  { "extended", "greet yes no go" },
  { "xcontext", "greet yes " CHOSEN "go" },
};

struct _Script
{
  const char *text;
  int fd;          /* (owned) */
  GByteArray *out; /* (owned): not sent yet */
  GThread *thread;
  gboolean is_through;
  gboolean is_extended;
  guint32 option;
  guint flags;
  guint type;
  guint64 cookie;
  guint64 offset;
};

/* -- Bytes. -- */

/* Whoever found the mistake hangs up before all of it is out. */
static gboolean
send_all (Script *self)
{
  gsize done = 0;

  while (done < self->out->len)
    {
      gssize n = TEMP_FAILURE_RETRY (
          send (self->fd, self->out->data + done, self->out->len - done, MSG_NOSIGNAL));

      if (n <= 0)
        return FALSE;
      done += n;
    }
  g_byte_array_set_size (self->out, 0);
  return TRUE;
}

static gboolean
get (Script *self, gpointer to, gsize length)
{
  if (!send_all (self))
    return FALSE;
  for (gsize done = 0; done < length;)
    {
      gssize n = TEMP_FAILURE_RETRY (recv (self->fd, (guint8 *) to + done, length - done, 0));

      if (n <= 0)
        return FALSE;
      done += n;
    }
  return TRUE;
}

/* What a script says in a row is sent at once, so that it arrives in one piece. */
static gboolean
put (Script *self, gconstpointer from, gsize length)
{
  g_byte_array_append (self->out, from, length);
  return TRUE;
}

static gboolean
put_number (Script *self, guint64 value, guint width)
{
  guint8 bytes[8];

  for (guint i = 0; i < width; i++)
    bytes[i] = value >> (8 * (width - 1 - i));
  return put (self, bytes, width);
}

static gboolean
put_many (Script *self, guint8 byte, gsize n)
{
  g_autofree guint8 *bytes = g_malloc (n);

  memset (bytes, byte, n);
  return put (self, bytes, n);
}

static guint64
number_at (const guint8 *bytes, guint width)
{
  guint64 value = 0;

  for (guint i = 0; i < width; i++)
    value = value << 8 | bytes[i];
  return value;
}

static gboolean
drop (Script *self, gsize n)
{
  g_autofree guint8 *bytes = g_malloc (n + 1);

  return get (self, bytes, n);
}

static gboolean
wait_for_end (Script *self)
{
  guint8 byte;

  while (get (self, &byte, 1))
    ;
  return TRUE;
}

/* -- Words. -- */

static gboolean
take_option (Script *self)
{
  guint8 header[16];

  if (!get (self, header, sizeof header))
    return FALSE;
  g_assert_cmphex (number_at (header, 8), ==, 0x49484156454f5054);
  self->option = number_at (header + 8, 4);
  return drop (self, number_at (header + 12, 4));
}

static gboolean
take_request (Script *self)
{
  guint8 header[32];
  guint64 length;

  if (!get (self, header, self->is_extended ? 32 : 28))
    return FALSE;
  g_assert_cmphex (number_at (header, 4), ==, self->is_extended ? 0x21e41c71 : 0x25609513);
  self->flags = number_at (header + 4, 2);
  self->type = number_at (header + 6, 2);
  self->cookie = number_at (header + 8, 8);
  self->offset = number_at (header + 16, 8);
  length = number_at (header + 24, self->is_extended ? 8 : 4);
  return self->type != 1 || drop (self, length);
}

static gboolean run_text (Script *self, const char *text);

static gboolean
run_macro (Script *self, const char *word)
{
  if (strcmp (word, "extended") == 0 || strcmp (word, "xcontext") == 0)
    self->is_extended = TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (macros); i++)
    if (strcmp (macros[i].word, word) == 0)
      return run_text (self, macros[i].stands_for);
  g_error ("a script does not know the word %s", word);
}

static gboolean
run_reply (Script *self, guint64 type)
{
  return put_number (self, 0x3e889045565a9, 8) && put_number (self, self->option, 4)
         && put_number (self, type, 4);
}

static gboolean
run_colon (Script *self, const char *word, const char *colon)
{
  guint64 value = g_ascii_strtoull (colon + 1, NULL, 16);

  if (g_str_has_prefix (word, "reply:"))
    return run_reply (self, value);
  if (g_str_has_prefix (word, "flags:"))
    g_assert_cmphex (self->flags, ==, value);
  else if (g_str_has_prefix (word, "type:"))
    g_assert_cmphex (self->type, ==, value);
  else
    return put_number (self, value, g_ascii_strtoull (word, NULL, 10));
  return TRUE;
}

static gboolean
run_word (Script *self, const char *word)
{
  const char *star = strchr (word, '*');
  const char *colon = strchr (word, ':');

  if (word[0] == '"')
    return put (self, word + 1, strlen (word + 1));
  if (word[0] == '<')
    return drop (self, g_ascii_strtoull (word + 1, NULL, 10));
  if (colon != NULL)
    return run_colon (self, word, colon);
  if (star != NULL)
    return put_many (self, g_ascii_strtoull (star + 1, NULL, 16),
                     g_ascii_strtoull (word, NULL, 10));
  if (strcmp (word, "C") == 0)
    return put_number (self, self->cookie, 8);
  if (strcmp (word, "O") == 0)
    return put_number (self, self->offset, 8);
  if (strcmp (word, "option") == 0)
    return take_option (self);
  if (strcmp (word, "request") == 0)
    return take_request (self);
  if (strcmp (word, "wait") == 0)
    return wait_for_end (self);
  return run_macro (self, word);
}

static gboolean
run_text (Script *self, const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  for (guint i = 0; words[i] != NULL; i++)
    if (words[i][0] != '\0' && !run_word (self, words[i]))
      return FALSE;
  return TRUE;
}

/* -- Life. -- */

static gpointer
script_main (gpointer data)
{
  Script *self = data;

  self->is_through = run_text (self, self->text) && send_all (self);
  shutdown (self->fd, SHUT_RDWR);
  return NULL;
}

Script *
script_start (const char *text, int *fd)
{
  Script *self = g_new0 (Script, 1);
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  *fd = fds[0];
  self->fd = fds[1];
  self->text = text;
  self->out = g_byte_array_new ();
  self->thread = g_thread_new ("nbd-script", script_main, self);
  return self;
}

gboolean
script_end (Script *self)
{
  gboolean is_through;

  g_thread_join (self->thread);
  is_through = self->is_through;
  close (self->fd);
  g_byte_array_unref (self->out);
  g_free (self);
  return is_through;
}
