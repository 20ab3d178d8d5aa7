/* command-io.c - banyan io: reads, writes and verifies, on any node
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Commands and output are qemu-io's. The graph is opened without its frontends and jobs. */

#include "io.h"

#include <stdio.h>
#include <unistd.h>

static char **lines;
static gboolean read_only;
static gboolean is_image_opts;
static char *driver;

static const GOptionEntry options[] = {
  { "cmd", 'c', 0, G_OPTION_ARG_STRING_ARRAY, &lines,
    "Run this command; may be given again. Without any they are read from standard input", "CMD" },
  { "read-only", 'r', 0, G_OPTION_ARG_NONE, &read_only, "Do not ask for permission to write",
    NULL },
  { "image-opts", 0, 0, G_OPTION_ARG_NONE, &is_image_opts,
    "The argument is a node in dotted keys: driver=raw,file.driver=file,file.filename=a.img",
    NULL },
  { "format", 'f', 0, G_OPTION_ARG_STRING, &driver,
    "The argument is the name of an image file, to be opened by this driver", "DRIVER" },
  { NULL },
};

/* -- Opening. -- */

static gboolean
is_wanted (BanyanObject *object)
{
  return !BANYAN_IS_FRONTEND (object) && !BANYAN_IS_EXPORT (object) && !BANYAN_IS_JOB (object);
}

static gboolean
open_objects (BanyanGraph *graph, GPtrArray *objects, GError **error)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (graph);

  for (guint i = 0; i < objects->len; i++)
    if (is_wanted (objects->pdata[i]))
      banyan_transaction_add (transaction, objects->pdata[i], NULL);

  return banyan_transaction_commit (transaction, error);
}

static GPtrArray *
map_document (BanyanGraph *graph, const char *path, BanyanProblems *problems, GError **error)
{
  g_autoptr (CliDocument) document = cli_document_read (path, error);

  return document != NULL ? banyan_graph_map (graph, document->text, document->length,
                                              document->name, document->directory, problems)
                          : NULL;
}

static gboolean
is_protocol (const char *name)
{
  g_autoptr (BanyanTypeInfo) type
      = banyan_registry_lookup (banyan_registry_get_default (), 1u << BANYAN_PLUGIN_PROTOCOL, name);

  return type != NULL;
}

static BanyanSpec *
describe_image (const char *filename)
{
  BanyanSpecBuilder *node = cli_map_new ();
  BanyanSpecBuilder *file = is_protocol (driver) ? node : cli_map_new ();

  cli_add_text (node, "driver", driver);
  if (file != node)
    cli_add_text (file, "driver", "file");
  cli_add_text (file, "filename", filename);
  if (file != node)
    cli_add_built (node, "file", file);

  return banyan_spec_builder_end (node);
}

static BanyanSpec *
with_read_only (BanyanSpec *spec)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };
  g_autoptr (BanyanSpec) truth = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, "true", &origin);

  return read_only && banyan_spec_get_kind (spec) == BANYAN_SPEC_MAP
             ? banyan_spec_with (spec, "read-only", truth)
             : banyan_spec_ref (spec);
}

/* One node, called "image", from the command line. */
static GPtrArray *
map_image (BanyanGraph *graph, const char *argument, BanyanProblems *problems)
{
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };
  g_autoptr (BanyanSpec) plain = is_image_opts
                                     ? banyan_spec_parse_dotted (argument, &origin, problems)
                                     : describe_image (argument);
  g_autoptr (BanyanMapper) mapper = NULL;
  g_autoptr (BanyanSpec) spec = NULL;

  if (plain == NULL)
    return NULL;

  spec = with_read_only (plain);
  mapper = banyan_mapper_new (BANYAN_ROOT (graph), NULL, problems);
  banyan_mapper_declare (
      mapper, BANYAN_COLLECTION (banyan_object_get_child (BANYAN_OBJECT (graph), "nodes")), "image",
      &origin, spec);
  return banyan_mapper_build (mapper);
}

static CliStatus
open_graph (BanyanGraph *graph, const char *argument)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) objects = is_image_opts || driver != NULL
                                      ? map_image (graph, argument, problems)
                                      : map_document (graph, argument, problems, &error);

  if (error != NULL)
    return cli_fail_with (error);
  if (objects == NULL)
    {
      cli_say_problems (problems);
      return CLI_FAILED;
    }

  return open_objects (graph, objects, &error) ? CLI_DONE : cli_fail_with (error);
}

/* -- Which node. -- */

static GPtrArray *
list_roots (BanyanGraph *graph)
{
  BanyanObject *collection = banyan_object_get_child (BANYAN_OBJECT (graph), "nodes");
  GPtrArray *nodes = banyan_object_list_children (collection);

  for (guint i = nodes->len; i-- > 0;)
    {
      g_auto (GStrv) users = banyan_object_describe_users (nodes->pdata[i]);

      if (users[0] != NULL)
        g_ptr_array_remove_index (nodes, i);
    }

  return nodes;
}

static char *
join_ids (GPtrArray *nodes)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < nodes->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "",
                            banyan_object_get_id (nodes->pdata[i]));

  return g_string_free (text, FALSE);
}

static BanyanNode *
find_node (BanyanGraph *graph, const char *id, CliStatus *status)
{
  g_autoptr (GPtrArray) roots = list_roots (graph);
  g_autofree char *ids = join_ids (roots);
  BanyanNode *node = id != NULL ? banyan_graph_get_node (graph, id) : NULL;

  if (node != NULL || (id == NULL && roots->len == 1))
    return node != NULL ? node : roots->pdata[0];
  if (id != NULL)
    *status
        = cli_fail (CLI_NOT_FOUND, "no node is called \"%s\"; at the top there are: %s", id, ids);
  else if (roots->len == 0)
    *status = cli_fail (CLI_NOT_FOUND, "the document has no nodes");
  else
    *status = cli_fail (CLI_USAGE, "say which node: %s", ids);

  return NULL;
}

/* -- Running. -- */

static void
run_input (IoSession *self)
{
  gboolean is_asked = isatty (STDIN_FILENO);
  char *line = NULL;
  gsize size = 0;

  while (!self->wants_quit)
    {
      if (is_asked)
        {
          printf ("banyan> ");
          fflush (stdout);
        }
      if (getline (&line, &size, stdin) < 0)
        break;
      if (line[0] != '#')
        io_run_line (self, line);
    }

  free (line);
}

static void
run_commands (IoSession *self)
{
  if (lines == NULL)
    run_input (self);
  for (guint i = 0; lines != NULL && lines[i] != NULL && !self->wants_quit; i++)
    io_run_line (self, lines[i]);
  io_wait_for_pending (self);
}

static CliStatus
use_node (BanyanGraph *graph, BanyanNode *node)
{
  gboolean may_write = !read_only && !banyan_node_is_read_only (node);
  guint used = BANYAN_PERMISSION_CONSISTENT_READ
               | (may_write ? BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE : 0);
  g_autoptr (GError) error = NULL;
  IoSession session = { .graph = graph, .node = node, .may_write = may_write };

  session.backend = banyan_backend_new (node, "io", used, BANYAN_PERMISSIONS_ALL, &error);
  if (session.backend == NULL)
    return cli_fail_with (error);

  run_commands (&session);
  banyan_backend_close (session.backend);
  g_object_unref (session.backend);
  return session.has_failed || ferror (stdout) ? CLI_FAILED : CLI_DONE;
}

static CliStatus
run_in (BanyanGraph *graph, char **arguments)
{
  CliStatus status = open_graph (graph, arguments[0]);
  BanyanNode *node;

  if (status != CLI_DONE)
    return status;

  node = find_node (graph, is_image_opts || driver != NULL ? "image" : arguments[1], &status);
  return node != NULL ? use_node (graph, node) : status;
}

static CliStatus
run (char **arguments)
{
  g_autoptr (BanyanGraph) graph = NULL;
  g_autoptr (GError) error = NULL;
  CliStatus status;

  if (is_image_opts && driver != NULL)
    return cli_fail (CLI_USAGE, "--image-opts names the driver itself; leave out -f");
  if ((is_image_opts || driver != NULL) && arguments[1] != NULL)
    return cli_fail (CLI_USAGE, "with --image-opts or -f there is one node only");

  graph = banyan_graph_new ();
  status = run_in (graph, arguments);
  if (!banyan_graph_close (graph, &error) && status == CLI_DONE)
    status = cli_fail_with (error);

  return status;
}

const CliCommand cli_io = {
  .name = "io",
  .arguments = "FILE [NODE] | -f DRIVER IMAGE | --image-opts DOTTED",
  .summary = "Read, write and verify patterns on a node",
  .description
  = "Opens the nodes that a YAML file declares, without its frontends and jobs, or one "
    "image, and runs qemu-io's commands on one of them: read, write, aio_read, "
    "aio_write, flush, discard, map, alloc, length, truncate, info and others; \"help\" "
    "lists them. NODE may be left out where one node alone has no user. The exit "
    "status is 1 when a command failed.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 2,
  .run = run,
};
