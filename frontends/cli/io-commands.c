/* io-commands.c - banyan io: the table of commands, and those that move no data
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "io.h"

#include <signal.h>
#include <stdlib.h>

/* -- What one visit of the iothread does. -- */

typedef struct
{
  guint64 offset;
  guint64 length;
  BanyanBlockStatus status;
  BanyanAnswer answer;
  BanyanPreallocation preallocation;
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
  BanyanResize resize = {
    .size = sizeof resize,
    .preallocation = visit->preallocation,
    .length = visit->length,
    .exact = TRUE,
  };

  visit->answer = banyan_channel_resize (channel, &resize, error);
  return visit->answer != BANYAN_FAILED;
}

static gboolean
visit_node (IoSession *self, const char *name, BanyanChannelFunc func, Visit *visit)
{
  g_autoptr (GError) error = NULL;

  visit->answer = BANYAN_DONE;
  if (!banyan_backend_run (self->backend, func, visit, &error))
    return io_report_failure (self, name, error);
  if (visit->answer == BANYAN_UNSUPPORTED)
    return io_report_failure (self, name, NULL);

  return TRUE;
}

/* -- Commands. -- */

/* Where nothing but reading is possible, that is told rather than who asked for it. */
gboolean
io_may_write (IoSession *self, const char *what)
{
  g_autofree char *why = NULL;

  if (self->may_write)
    return TRUE;

  why = cli_node_explain_only_reads (self->node);
  if (why != NULL)
    return io_complain (self, "%s failed: %s", what, why);
  return io_complain (self, "%s failed: the node was opened to be read only", what);
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

  if (!io_may_write (self, "discard")
      || !io_parse_options (self, argc, argv, "Cq", &options, &first)
      || !io_parse_size (self, argv[first], "offset", &visit.offset)
      || !io_parse_length (self, argv[first + 1], &visit.length))
    return FALSE;

  options.started_us = g_get_monotonic_time ();
  if (!visit_node (self, "discard", visit_discard, &visit))
    return FALSE;

  io_report (self, &options, "discard", visit.offset, visit.length);
  return TRUE;
}

static gboolean
parse_truncate (IoSession *self, int argc, char **argv, BanyanPreallocation *mode,
                const char **length)
{
  g_autoptr (GEnumClass) modes = g_type_class_ref (BANYAN_TYPE_PREALLOCATION);
  const GEnumValue *found;

  *length = argv[argc - 1];
  if (argc == 2)
    return TRUE;
  if (argc != 4 || !g_str_equal (argv[1], "-m"))
    return io_complain (self, "usage: truncate [-m PREALLOCATION] LENGTH");

  found = g_enum_get_value_by_nick (modes, argv[2]);
  if (found == NULL)
    return io_complain (self, "%s is none of off, metadata, falloc and full", argv[2]);
  *mode = found->value;
  return TRUE;
}

/* A shrinking node is a change of the graph, and not for a channel to make. */
static gboolean
io_truncate (IoSession *self, int argc, char **argv)
{
  g_autoptr (BanyanTransaction) transaction = NULL;
  g_autoptr (GError) error = NULL;
  const char *text;
  Visit visit = { 0 };

  if (!io_may_write (self, "truncate")
      || !parse_truncate (self, argc, argv, &visit.preallocation, &text)
      || !io_parse_size (self, text, "length", &visit.length))
    return FALSE;
  if (visit.length >= banyan_node_get_length (self->node))
    return visit_node (self, "truncate", visit_resize, &visit);

  transaction = banyan_transaction_new (self->graph);
  banyan_transaction_resize (transaction, self->node, visit.length);
  return banyan_transaction_commit (transaction, &error)
         || io_report_failure (self, "truncate", error);
}

static gboolean
io_length (IoSession *self, int argc, char **argv)
{
  guint64 length = banyan_node_get_length (self->node);
  g_autofree char *size = io_format_size (length);

  banyan_spec_builder_add_uint (self->result.facts, "length", length);
  io_say (self, "%s\n", size);
  return TRUE;
}

static gboolean
is_allocated (const Visit *visit)
{
  return (visit->status.flags & (BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_DATA)) != 0;
}

static void
add_extent (BanyanSpecBuilder *extents, const Visit *visit)
{
  BanyanSpecBuilder *extent = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_uint (extent, "offset", visit->offset);
  banyan_spec_builder_add_uint (extent, "length", visit->status.length);
  banyan_spec_builder_add_boolean (extent, "allocated", is_allocated (visit));
  banyan_spec_builder_add_boolean (extent, "zero", (visit->status.flags & BANYAN_BLOCK_ZERO) != 0);
  banyan_spec_builder_take_built (extents, NULL, extent);
}

/* qemu-io's lines tell neighbours apart by whether they are allocated only. */
static void
say_extent (IoSession *self, gboolean allocated, guint64 start, guint64 end)
{
  g_autofree char *size = io_format_size (end - start);
  g_autofree char *offset = io_format_size (start);

  io_say (self,
          "%s (0x%" G_GINT64_MODIFIER "x) bytes %s at offset %s (0x%" G_GINT64_MODIFIER "x)\n",
          size, end - start, allocated ? "    allocated" : "not allocated", offset, start);
}

static gboolean
visit_extents (IoSession *self, BanyanSpecBuilder *extents)
{
  guint64 length = banyan_node_get_length (self->node);
  gboolean allocated = FALSE;
  Visit visit = { 0 };
  guint64 start = 0;

  while (visit.offset < length)
    {
      visit.length = length - visit.offset;
      if (!visit_node (self, "map", visit_status, &visit))
        return FALSE;
      if (visit.status.length == 0)
        break;

      add_extent (extents, &visit);
      if (visit.offset > start && is_allocated (&visit) != allocated)
        {
          say_extent (self, allocated, start, visit.offset);
          start = visit.offset;
        }
      allocated = is_allocated (&visit);
      visit.offset += visit.status.length;
    }

  if (visit.offset > start)
    say_extent (self, allocated, start, visit.offset);
  return TRUE;
}

static gboolean
io_map (IoSession *self, int argc, char **argv)
{
  BanyanSpecBuilder *extents = banyan_spec_builder_new_list ();
  gboolean is_done = visit_extents (self, extents);

  banyan_spec_builder_take_built (self->result.facts, "extents", extents);
  return is_done;
}

static gboolean
io_alloc (IoSession *self, int argc, char **argv)
{
  guint64 start, length = 512, allocated = 0, end;
  g_autofree char *offset = NULL;
  Visit visit = { 0 };

  if (!io_parse_size (self, argv[1], "offset", &start)
      || (argc > 2 && !io_parse_size (self, argv[2], "length", &length)))
    return FALSE;

  end = MIN (start + MIN (length, G_MAXUINT64 - start), banyan_node_get_length (self->node));
  length = end - MIN (start, end);
  for (visit.offset = start; visit.offset < end; visit.offset += visit.status.length)
    {
      visit.length = end - visit.offset;
      if (!visit_node (self, "alloc", visit_status, &visit) || visit.status.length == 0)
        return FALSE;
      visit.status.length = MIN (visit.status.length, visit.length);
      if (is_allocated (&visit))
        allocated += visit.status.length;
    }

  banyan_spec_builder_add_uint (self->result.facts, "offset", start);
  banyan_spec_builder_add_uint (self->result.facts, "length", length);
  banyan_spec_builder_add_uint (self->result.facts, "allocated", allocated);
  offset = io_format_size (start);
  io_say (self, "%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " bytes allocated at offset %s\n",
          allocated, length, offset);
  return TRUE;
}

static gboolean
io_info (IoSession *self, int argc, char **argv)
{
  const BanyanLimits *limits = banyan_node_get_limits (self->node);
  const char *id = banyan_object_get_id (BANYAN_OBJECT (self->node));
  const char *type = banyan_registry_get_name_of_type (banyan_registry_get_default (),
                                                       G_OBJECT_TYPE (self->node));
  gboolean is_read_only = banyan_node_is_read_only (self->node);
  BanyanSpecBuilder *facts = self->result.facts;
  guint64 cluster_size;

  if (type == NULL)
    type = G_OBJECT_TYPE_NAME (self->node);
  banyan_spec_builder_add_string (facts, "node", id);
  banyan_spec_builder_add_string (facts, "driver", type);
  banyan_spec_builder_add_uint (facts, "length", banyan_node_get_length (self->node));
  banyan_spec_builder_add_boolean (facts, "read-only", is_read_only);
  banyan_spec_builder_add_uint (facts, "request-alignment", limits->request_alignment);

  io_say (self, "format name: %s\n", type);
  if (cli_node_get_number (self->node, "cluster-size", &cluster_size) && cluster_size > 0)
    {
      g_autofree char *size = io_format_size (cluster_size);

      banyan_spec_builder_add_uint (facts, "cluster-size", cluster_size);
      io_say (self, "cluster size: %s\n", size);
    }
  io_say (self, "node: %s\n", id);
  io_say (self, "length: %" G_GUINT64_FORMAT "\n", banyan_node_get_length (self->node));
  io_say (self, "read-only: %s\n", is_read_only ? "true" : "false");
  io_say (self, "request alignment: %u\n", limits->request_alignment);
  return TRUE;
}

static gboolean
stop_sleeping (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
io_abort (IoSession *self, int argc, char **argv)
{
  abort ();
}

static gboolean
io_sigraise (IoSession *self, int argc, char **argv)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (argv[1], 10, 1, 64, &number, NULL))
    return io_complain (self, "%s is no signal's number", argv[1]);

  raise (number);
  return TRUE;
}

static gboolean
io_sleep (IoSession *self, int argc, char **argv)
{
  gboolean is_over = FALSE;
  guint64 duration_ms;
  g_autoptr (GError) error = NULL;

  if (!banyan_scalar_parse_duration (argv[1], 1000 * 1000, &duration_ms, &error))
    return io_complain (self, "%s", error->message);

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

static gboolean
complain (IoSession *self, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *nearest;

  for (guint i = 0; io_commands[i].name != NULL; i++)
    g_ptr_array_add (names, (char *) io_commands[i].name);
  g_ptr_array_add (names, NULL);

  nearest = banyan_did_you_mean (name, (const char *const *) names->pdata);
  if (nearest != NULL)
    return io_complain (self, "there is no command \"%s\"; did you mean \"%s\"?", name, nearest);

  return io_complain (self, "there is no command \"%s\"; help lists them", name);
}

static gboolean
io_help (IoSession *self, int argc, char **argv)
{
  const IoCommand *one = argc > 1 ? find_command (argv[1]) : NULL;
  BanyanSpecBuilder *commands;

  if (argc > 1 && one == NULL)
    return complain (self, argv[1]);

  commands = banyan_spec_builder_new_list ();
  for (const IoCommand *command = io_commands; command->name != NULL; command++)
    if (one == NULL || one == command)
      {
        BanyanSpecBuilder *entry = banyan_spec_builder_new_map ();

        banyan_spec_builder_add_string (entry, "name", command->name);
        banyan_spec_builder_add_string (entry, "alias", command->short_name);
        banyan_spec_builder_add_string (entry, "arguments", command->arguments);
        banyan_spec_builder_add_string (entry, "summary", command->summary);
        banyan_spec_builder_take_built (commands, NULL, entry);
        io_say (self, "%s%s%s -- %s\n", command->name, *command->arguments != '\0' ? " " : "",
                command->arguments, command->summary);
      }

  banyan_spec_builder_take_built (self->result.facts, "commands", commands);
  return TRUE;
}

const IoCommand io_commands[] = {
  { "read", "r", "[-qvC] [-P PATTERN [-s START] [-l LENGTH]] OFFSET LENGTH", "read, and verify", 2,
    2, io_read, "Psl" },
  { "readv", NULL, "[-qvC] [-P PATTERN] OFFSET LENGTH...", "read into several buffers", 2, -1,
    io_readv, "P" },
  { "write", "w", "[-cqfC] [-P PATTERN | -s FILE | -z [-u] [-n]] OFFSET LENGTH", "write", 2, 2,
    io_write, "Ps" },
  { "writev", NULL, "[-qfC] [-P PATTERN] OFFSET LENGTH...", "write from several buffers", 2, -1,
    io_writev, "P" },
  { "aio_read", "aread", "[-qvCi] [-P PATTERN] OFFSET LENGTH...", "read, and go on meanwhile", 2,
    -1, io_aio_read, "P" },
  { "aio_write", "awrite", "[-qfCi] [-P PATTERN | -z [-u] [-n]] OFFSET LENGTH...",
    "write, and go on meanwhile", 2, -1, io_aio_write, "P" },
  { "aio_flush", NULL, "", "wait for aio_read and aio_write", 0, 0, io_aio_flush },
  { "break", NULL, "EVENT TAG", "hold the next request that comes to EVENT, and call it TAG", 2, 2,
    io_break },
  { "wait_break", NULL, "TAG", "wait until the request is held", 1, 1, io_wait_break },
  { "resume", NULL, "TAG", "let the request go on", 1, 1, io_resume },
  { "remove_break", NULL, "TAG", "hold no request there, and let go who is held", 1, 1,
    io_remove_break },
  { "flush", "f", "", "make what was written last", 0, 0, io_flush },
  { "discard", "d", "[-qC] OFFSET LENGTH", "give space back", 2, 2, io_discard, "" },
  { "truncate", "t", "[-m PREALLOCATION] LENGTH", "change the length", 1, 1, io_truncate, "m" },
  { "length", "l", "", "tell the length", 0, 0, io_length },
  { "map", NULL, "", "tell what is allocated", 0, 0, io_map },
  { "alloc", NULL, "OFFSET [LENGTH]", "count what is allocated", 1, 2, io_alloc },
  { "info", "i", "", "tell about the node", 0, 0, io_info },
  { "open", "o", "[-rnUCk] [-t CACHE] [-d DISCARD] [-i AIO] [-f DRIVER] [-o DOTTED] [FILE [NODE]]",
    "open a document's node, or an image", 0, 2, io_run_open, "fotdi", TRUE },
  { "close", "c", "", "close what is open", 0, 0, io_run_close },
  { "reopen", NULL, "[-r | -w] [-c CACHE] [-o DOTTED]", "change options of the open node", 0, 0,
    io_run_reopen, "co" },
  { "abort", NULL, "", "end as a crash does", 0, 0, io_abort, NULL, TRUE },
  { "sigraise", NULL, "SIGNAL", "send the program a signal, by its number", 1, 1, io_sigraise, NULL,
    TRUE },
  { "sleep", NULL, "MILLISECONDS", "wait", 1, 1, io_sleep, NULL, TRUE },
  { "help", "?", "[COMMAND]", "list the commands", 0, 1, io_help, NULL, TRUE },
  { "quit", "q", "", "end", 0, 0, io_quit, NULL, TRUE },
  { NULL },
};

/* -- Lines. -- */

static int
count_options (const IoCommand *command, int argc, char **argv)
{
  int n = 0;

  /* An option's value stands alone or behind the letter. */
  for (int i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++)
    {
      gboolean takes_next = strchr (command->valued, argv[i][strlen (argv[i]) - 1]) != NULL;

      n += 1 + takes_next;
      i += takes_next;
    }

  return n;
}

static gboolean
run_command (IoSession *self, const IoCommand *command, int argc, char **argv)
{
  int n;

  n = argc - 1 - (command->valued != NULL ? count_options (command, argc, argv) : 0);
  if (n < command->min_arguments || (command->max_arguments >= 0 && n > command->max_arguments))
    return io_complain (self, "usage: %s %s", command->name, command->arguments);
  if (self->node == NULL && !command->needs_nothing)
    return io_complain (self, "nothing is open; see help open");

  return command->run (self, argc, argv);
}

static void
run_words (IoSession *self, int argc, char **argv)
{
  const IoCommand *command = find_command (argv[0]);

  io_result_begin (self, command != NULL ? command->name : argv[0]);
  io_result_end (self, command != NULL ? run_command (self, command, argc, argv)
                                       : complain (self, argv[0]));
}

void
io_run_line (IoSession *self, const char *line)
{
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) error = NULL;
  int argc;

  if (g_shell_parse_argv (line, &argc, &argv, &error))
    run_words (self, argc, argv);
  else if (!g_error_matches (error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
    {
      io_result_begin (self, line);
      io_result_end (self, io_complain (self, "%s", error->message));
    }
}
