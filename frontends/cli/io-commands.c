/* io-commands.c - banyan io: the table of commands, and those that move no data
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "io.h"

#include <stdio.h>

/* -- What one visit of the iothread does. -- */

typedef struct
{
  guint64 offset;
  guint64 length;
  BanyanBlockStatus status;
  BanyanAnswer answer;
} Visit;

static gboolean
visit_flush (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_channel_flush (channel, error);
}

static gboolean
visit_discard (BanyanChannel *channel, gpointer data, GError **error)
{
  Visit *visit = data;
  BanyanRequest request = BANYAN_REQUEST (visit->offset, visit->length, NULL, 0);

  visit->answer = banyan_channel_discard (channel, &request, error);
  return visit->answer != BANYAN_FAILED;
}

static gboolean
visit_status (BanyanChannel *channel, gpointer data, GError **error)
{
  Visit *visit = data;

  visit->status = (BanyanBlockStatus){ .size = sizeof visit->status };
  visit->answer
      = banyan_channel_block_status (channel, visit->offset, visit->length, &visit->status, error);
  return visit->answer != BANYAN_FAILED;
}

static gboolean
visit_resize (BanyanChannel *channel, gpointer data, GError **error)
{
  Visit *visit = data;
  BanyanResize resize = { .size = sizeof resize, .length = visit->length, .exact = TRUE };

  visit->answer = banyan_channel_resize (channel, &resize, error);
  return visit->answer != BANYAN_FAILED;
}

static gboolean
visit_node (IoSession *self, const char *name, BanyanChannelFunc func, Visit *visit)
{
  g_autoptr (GError) error = NULL;

  visit->answer = BANYAN_DONE;
  if (!banyan_backend_run (self->backend, func, visit, &error))
    return io_report_failure (name, error);
  if (visit->answer == BANYAN_UNSUPPORTED)
    return io_report_failure (name, NULL);

  return TRUE;
}

/* -- Commands. -- */

gboolean
io_may_write (IoSession *self, const char *what)
{
  if (!self->may_write)
    printf ("%s failed: the node was opened to be read only\n", what);

  return self->may_write;
}

static gboolean
io_flush (IoSession *self, int argc, char **argv)
{
  return visit_node (self, "flush", visit_flush, &(Visit){ 0 });
}

static gboolean
io_discard (IoSession *self, int argc, char **argv)
{
  IoOptions options;
  Visit visit = { 0 };
  int first;

  if (!io_may_write (self, "discard") || !io_parse_options (argc, argv, "Cq", &options, &first)
      || !io_parse_size (argv[first], "offset", &visit.offset)
      || !io_parse_size (argv[first + 1], "length", &visit.length))
    return FALSE;

  options.started_us = g_get_monotonic_time ();
  if (!visit_node (self, "discard", visit_discard, &visit))
    return FALSE;

  io_report (&options, "discard", visit.offset, visit.length);
  return TRUE;
}

/* A shrinking node is a change of the graph, and not for a channel to make. */
static gboolean
io_truncate (IoSession *self, int argc, char **argv)
{
  g_autoptr (BanyanTransaction) transaction = NULL;
  g_autoptr (GError) error = NULL;
  Visit visit = { 0 };

  if (!io_may_write (self, "truncate") || !io_parse_size (argv[1], "length", &visit.length))
    return FALSE;
  if (visit.length >= banyan_node_get_length (self->node))
    return visit_node (self, "truncate", visit_resize, &visit);

  transaction = banyan_transaction_new (self->graph);
  banyan_transaction_resize (transaction, self->node, visit.length);
  return banyan_transaction_commit (transaction, &error) || io_report_failure ("truncate", error);
}

static gboolean
io_length (IoSession *self, int argc, char **argv)
{
  g_autofree char *size = io_format_size (banyan_node_get_length (self->node));

  printf ("%s\n", size);
  return TRUE;
}

static const char *
describe_status (guint flags)
{
  if (!(flags & BANYAN_BLOCK_ALLOCATED) && !(flags & BANYAN_BLOCK_DATA))
    return "not allocated";

  return flags & BANYAN_BLOCK_ZERO ? "    allocated, zero" : "    allocated";
}

static gboolean
io_map (IoSession *self, int argc, char **argv)
{
  guint64 length = banyan_node_get_length (self->node);
  Visit visit = { 0 };

  while (visit.offset < length)
    {
      g_autofree char *size = NULL, *offset = io_format_size (visit.offset);

      visit.length = length - visit.offset;
      if (!visit_node (self, "map", visit_status, &visit))
        return FALSE;
      if (visit.status.length == 0)
        break;

      size = io_format_size (visit.status.length);
      printf ("%s (0x%" G_GINT64_MODIFIER "x) bytes %s at offset %s (0x%" G_GINT64_MODIFIER "x)\n",
              size, visit.status.length, describe_status (visit.status.flags), offset,
              visit.offset);
      visit.offset += visit.status.length;
    }

  return TRUE;
}

static gboolean
io_alloc (IoSession *self, int argc, char **argv)
{
  guint64 start, length = 512, allocated = 0, end;
  g_autofree char *offset = NULL;
  Visit visit = { 0 };

  if (!io_parse_size (argv[1], "offset", &start)
      || (argc > 2 && !io_parse_size (argv[2], "length", &length)))
    return FALSE;

  end = start + MIN (length, G_MAXUINT64 - start);
  for (visit.offset = start; visit.offset < end; visit.offset += visit.status.length)
    {
      visit.length = end - visit.offset;
      if (!visit_node (self, "alloc", visit_status, &visit) || visit.status.length == 0)
        return FALSE;
      visit.status.length = MIN (visit.status.length, visit.length);
      if (visit.status.flags & (BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_DATA))
        allocated += visit.status.length;
    }

  offset = io_format_size (start);
  printf ("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " bytes allocated at offset %s\n", allocated,
          length, offset);
  return TRUE;
}

static gboolean
io_info (IoSession *self, int argc, char **argv)
{
  const BanyanLimits *limits = banyan_node_get_limits (self->node);
  const char *type = banyan_registry_get_name_of_type (banyan_registry_get_default (),
                                                       G_OBJECT_TYPE (self->node));

  printf ("node: %s\n", banyan_object_get_id (BANYAN_OBJECT (self->node)));
  printf ("driver: %s\n", type != NULL ? type : G_OBJECT_TYPE_NAME (self->node));
  printf ("length: %" G_GUINT64_FORMAT "\n", banyan_node_get_length (self->node));
  printf ("read-only: %s\n", banyan_node_is_read_only (self->node) ? "true" : "false");
  printf ("request alignment: %u\n", limits->request_alignment);
  return TRUE;
}

static gboolean
stop_sleeping (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
io_sleep (IoSession *self, int argc, char **argv)
{
  gboolean is_over = FALSE;
  guint64 duration_ms;
  g_autoptr (GError) error = NULL;

  if (!banyan_scalar_parse_duration (argv[1], 1000 * 1000, &duration_ms, &error))
    {
      printf ("%s\n", error->message);
      return FALSE;
    }

  g_timeout_add (MIN (duration_ms, G_MAXUINT), stop_sleeping, &is_over);
  while (!is_over)
    g_main_context_iteration (NULL, TRUE);
  return TRUE;
}

static gboolean
io_quit (IoSession *self, int argc, char **argv)
{
  self->wants_quit = TRUE;
  return TRUE;
}

static const IoCommand *
find_command (const char *name)
{
  for (guint i = 0; io_commands[i].name != NULL; i++)
    if (g_str_equal (io_commands[i].name, name) || g_strcmp0 (io_commands[i].short_name, name) == 0)
      return &io_commands[i];

  return NULL;
}

static void
complain (const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *nearest;

  for (guint i = 0; io_commands[i].name != NULL; i++)
    g_ptr_array_add (names, (char *) io_commands[i].name);
  g_ptr_array_add (names, NULL);

  nearest = banyan_did_you_mean (name, (const char *const *) names->pdata);
  if (nearest != NULL)
    printf ("there is no command \"%s\"; did you mean \"%s\"?\n", name, nearest);
  else
    printf ("there is no command \"%s\"; help lists them\n", name);
}

static gboolean
io_help (IoSession *self, int argc, char **argv)
{
  const IoCommand *one = argc > 1 ? find_command (argv[1]) : NULL;

  if (argc > 1 && one == NULL)
    {
      complain (argv[1]);
      return FALSE;
    }

  for (const IoCommand *command = io_commands; command->name != NULL; command++)
    if (one == NULL || one == command)
      printf ("%s %s -- %s\n", command->name, command->arguments, command->summary);
  return TRUE;
}

const IoCommand io_commands[] = {
  { "read", "r", "[-qvC] [-P PATTERN [-s START] [-l LENGTH]] OFFSET LENGTH", "read, and verify", 2,
    2, io_read },
  { "readv", NULL, "[-qvC] [-P PATTERN] OFFSET LENGTH...", "read into several buffers", 2, -1,
    io_readv },
  { "write", "w", "[-qfC] [-P PATTERN | -s FILE | -z [-u] [-n]] OFFSET LENGTH", "write", 2, 2,
    io_write },
  { "writev", NULL, "[-qfC] [-P PATTERN] OFFSET LENGTH...", "write from several buffers", 2, -1,
    io_writev },
  { "aio_read", "aread", "[-qvC] [-P PATTERN] OFFSET LENGTH", "read, and go on meanwhile", 2, 2,
    io_aio_read },
  { "aio_write", "awrite", "[-qfC] [-P PATTERN] OFFSET LENGTH", "write, and go on meanwhile", 2, 2,
    io_aio_write },
  { "aio_flush", NULL, "", "wait for aio_read and aio_write", 0, 0, io_aio_flush },
  { "flush", "f", "", "make what was written last", 0, 0, io_flush },
  { "discard", "d", "[-qC] OFFSET LENGTH", "give space back", 2, 2, io_discard },
  { "truncate", "t", "LENGTH", "change the length", 1, 1, io_truncate },
  { "length", "l", "", "tell the length", 0, 0, io_length },
  { "map", NULL, "", "tell what is allocated", 0, 0, io_map },
  { "alloc", NULL, "OFFSET [LENGTH]", "count what is allocated", 1, 2, io_alloc },
  { "info", "i", "", "tell about the node", 0, 0, io_info },
  { "sleep", NULL, "MILLISECONDS", "wait", 1, 1, io_sleep },
  { "help", "?", "[COMMAND]", "list the commands", 0, 1, io_help },
  { "quit", "q", "", "end", 0, 0, io_quit },
  { NULL },
};

/* -- Lines. -- */

static int
count_options (int argc, char **argv)
{
  int n = 0;

  /* An option's value stands alone or behind the letter. */
  for (int i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++)
    {
      gboolean takes_next = strchr ("Psl", argv[i][strlen (argv[i]) - 1]) != NULL;

      n += 1 + takes_next;
      i += takes_next;
    }

  return n;
}

static gboolean
run_words (IoSession *self, int argc, char **argv)
{
  const IoCommand *command = find_command (argv[0]);
  int n;

  if (command == NULL)
    {
      complain (argv[0]);
      return FALSE;
    }

  n = argc - 1 - count_options (argc, argv);
  if (n < command->min_arguments || (command->max_arguments >= 0 && n > command->max_arguments))
    {
      printf ("usage: %s %s\n", command->name, command->arguments);
      return FALSE;
    }

  return command->run (self, argc, argv);
}

void
io_run_line (IoSession *self, const char *line)
{
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) error = NULL;
  int argc;

  if (!g_shell_parse_argv (line, &argc, &argv, &error))
    {
      if (g_error_matches (error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
        return;
      printf ("%s\n", error->message);
      self->has_failed = TRUE;
      return;
    }

  if (!run_words (self, argc, argv))
    self->has_failed = TRUE;
  fflush (stdout);
}
