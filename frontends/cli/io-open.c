/* io-open.c - banyan io: what is opened, and what changes while it is open
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "io.h"

#include <unistd.h>

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };

/* QEMU's words for what are several options here. */
static const struct
{
  const char *name;
  const char *direct;
  const char *no_flush;
  gboolean writes_through;
} caches[] = {
  { "none", "true", "false", FALSE },         { "off", "true", "false", FALSE },
  { "directsync", "true", "false", TRUE },    { "writeback", "false", "false", FALSE },
  { "writethrough", "false", "false", TRUE }, { "unsafe", "false", "true", FALSE },
};

static int
find_cache (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (caches); i++)
    if (g_str_equal (caches[i].name, name))
      return i;

  return -1;
}

static gboolean
is_image (const IoSource *source)
{
  return source->driver != NULL || source->dotted != NULL;
}

const char *
io_source_find_fault (const IoSource *source)
{
  gboolean has_options = source->cache != NULL || source->discard != NULL || source->force_share;

  if (source->cache != NULL && find_cache (source->cache) < 0)
    return "the cache is one of none, directsync, writeback, writethrough and unsafe";
  if (source->argument == NULL && source->dotted == NULL)
    return has_options || source->driver != NULL ? "these options need something to open" : NULL;
  if (source->dotted != NULL && source->driver != NULL)
    return "dotted keys name the driver themselves; leave out -f";
  if (is_image (source) && source->node != NULL)
    return "an image is one node only";
  if (!is_image (source) && has_options)
    return "a document says itself how its nodes are cached, discarded and shared";

  return NULL;
}

/* -- An image's options. -- */

static BanyanSpec *
new_text (const char *text)
{
  return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin);
}

/* Sets "cache.direct" and the like, and takes hold of the new map. */
static void
set_option (BanyanSpec **spec, const char *outer, const char *key, const char *text)
{
  g_autoptr (BanyanSpec) value = new_text (text);
  g_autoptr (BanyanSpec) map = NULL;
  BanyanSpec *old = *spec;

  if (outer != NULL)
    {
      BanyanSpec *inner = cli_spec_get (old, outer);
      g_autoptr (BanyanSpec) empty = banyan_spec_builder_end (banyan_spec_builder_new_map ());

      map = banyan_spec_with (inner != NULL ? inner : empty, key, value);
    }

  *spec = banyan_spec_with (old, outer != NULL ? outer : key, map != NULL ? map : value);
  banyan_spec_unref (old);
}

static gboolean
is_protocol (const char *name)
{
  g_autoptr (BanyanTypeInfo) type
      = banyan_registry_lookup (banyan_registry_get_default (), 1u << BANYAN_PLUGIN_PROTOCOL, name);

  return type != NULL;
}

/* A format lies on a file. */
static void
set_filename (BanyanSpec **spec, const char *filename)
{
  const char *driver = banyan_spec_lookup_text (*spec, "driver");
  gboolean is_file = driver != NULL && is_protocol (driver);

  if (!is_file)
    set_option (spec, "file", "driver", "file");
  set_option (spec, is_file ? NULL : "file", "filename", filename);
}

static BanyanSpec *
describe_image (const IoSource *source, BanyanProblems *problems)
{
  BanyanSpec *spec = source->dotted != NULL
                         ? banyan_spec_parse_dotted (source->dotted, &origin, problems)
                         : banyan_spec_builder_end (banyan_spec_builder_new_map ());

  if (spec == NULL || banyan_problems_get_length (problems) > 0
      || banyan_spec_get_kind (spec) != BANYAN_SPEC_MAP)
    return spec;

  if (source->driver != NULL)
    set_option (&spec, NULL, "driver", source->driver);
  if (source->argument != NULL)
    set_filename (&spec, source->argument);
  if (source->read_only)
    set_option (&spec, NULL, "read-only", "true");
  if (source->force_share)
    set_option (&spec, NULL, "force-share", "true");
  if (source->discard != NULL)
    set_option (&spec, NULL, "discard", source->discard);
  if (source->cache != NULL)
    {
      int cache = find_cache (source->cache);

      set_option (&spec, "cache", "direct", caches[cache].direct);
      set_option (&spec, "cache", "no-flush", caches[cache].no_flush);
    }

  return spec;
}

/* One node, called "image". */
static GPtrArray *
map_image (BanyanGraph *graph, const IoSource *source, BanyanProblems *problems)
{
  g_autoptr (BanyanSpec) spec = describe_image (source, problems);
  g_autoptr (BanyanMapper) mapper = NULL;

  if (spec == NULL || banyan_problems_get_length (problems) > 0)
    return NULL;

  mapper = banyan_mapper_new (BANYAN_ROOT (graph), NULL, problems);
  banyan_mapper_declare (
      mapper, BANYAN_COLLECTION (banyan_object_get_child (BANYAN_OBJECT (graph), "nodes")), "image",
      &origin, spec);
  return banyan_mapper_build (mapper);
}

/* -- Opening. -- */

static GPtrArray *
map_document (BanyanGraph *graph, const char *path, BanyanProblems *problems, GError **error)
{
  g_autoptr (CliDocument) document = cli_document_read (path, error);

  return document != NULL ? banyan_graph_map (graph, document->text, document->length,
                                              document->name, document->directory, problems)
                          : NULL;
}

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

static CliStatus
open_graph (BanyanGraph *graph, const IoSource *source)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) objects = is_image (source)
                                      ? map_image (graph, source, problems)
                                      : map_document (graph, source->argument, problems, &error);

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

/* -- The session. -- */

static void
leave_node (IoSession *self)
{
  if (self->backend == NULL)
    return;

  io_wait_for_pending (self);
  banyan_backend_close (self->backend);
  g_clear_object (&self->backend);
}

static CliStatus
enter_node (IoSession *self, gboolean may_write)
{
  guint used = BANYAN_PERMISSION_CONSISTENT_READ
               | (may_write ? BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE : 0);
  g_autoptr (GError) error = NULL;

  self->may_write = may_write;
  self->backend = banyan_backend_new (self->node, "io", used, BANYAN_PERMISSIONS_ALL, &error);
  return self->backend != NULL ? CLI_DONE : cli_fail_with (error);
}

CliStatus
io_open (IoSession *self, const IoSource *source)
{
  CliStatus status;

  self->graph = banyan_graph_new ();
  self->writes_through = source->cache != NULL && caches[find_cache (source->cache)].writes_through;
  status = open_graph (self->graph, source);
  if (status == CLI_DONE)
    self->node = find_node (self->graph, is_image (source) ? "image" : source->node, &status);
  if (self->node != NULL)
    status = enter_node (self, !source->read_only && !banyan_node_is_read_only (self->node));
  if (status != CLI_DONE)
    io_close (self);

  return status;
}

CliStatus
io_close (IoSession *self)
{
  g_autoptr (GError) error = NULL;

  if (self->graph == NULL)
    return CLI_DONE;

  leave_node (self);
  self->node = NULL;
  banyan_graph_close (self->graph, &error);
  g_clear_object (&self->graph);
  return error == NULL ? CLI_DONE : cli_fail_with (error);
}

/* -- Commands. -- */

static gboolean
read_source (IoSession *self, IoSource *source, int argc, char **argv)
{
  int letter;

  optind = 0;
  opterr = 0;
  while ((letter = getopt (argc, argv, "+rnUt:f:o:")) >= 0)
    switch (letter)
      {
      case 'r':
        source->read_only = TRUE;
        break;
      case 'n':
        source->cache = "none";
        break;
      case 'U':
        source->force_share = TRUE;
        break;
      case 't':
        source->cache = optarg;
        break;
      case 'f':
        source->driver = optarg;
        break;
      case 'o':
        source->dotted = optarg;
        break;
      default:
        return io_complain (self, "open: bad option; see help open");
      }

  source->argument = argv[optind];
  source->node = source->argument != NULL ? argv[optind + 1] : NULL;
  return TRUE;
}

gboolean
io_run_open (IoSession *self, int argc, char **argv)
{
  IoSource source = { 0 };
  const char *fault;

  if (self->node != NULL)
    return io_complain (self, "a node is open already; see help close");
  if (!read_source (self, &source, argc, argv))
    return FALSE;

  fault = io_source_find_fault (&source);
  if (fault == NULL && source.argument == NULL && source.dotted == NULL)
    fault = "what? See help open";
  if (fault != NULL)
    return io_complain (self, "open: %s", fault);

  return io_open (self, &source) == CLI_DONE || io_complain (self, "open failed");
}

gboolean
io_run_close (IoSession *self, int argc, char **argv)
{
  return io_close (self) == CLI_DONE || io_complain (self, "close failed");
}

static void
set (BanyanTransaction *transaction, BanyanNode *node, const char *key, const char *text)
{
  g_autoptr (BanyanSpec) value = new_text (text);

  banyan_transaction_set (transaction, BANYAN_OBJECT (node), key, value);
}

/* What was declared inside the node got these from it, and follows. */
static void
set_all (IoSession *self, BanyanTransaction *transaction, const char *key, const char *text)
{
  BanyanObject *collection = banyan_object_get_child (BANYAN_OBJECT (self->graph), "nodes");
  g_autoptr (GPtrArray) nodes = banyan_object_list_children (collection);
  g_autofree char *inside
      = g_strconcat (banyan_object_get_id (BANYAN_OBJECT (self->node)), ".", NULL);

  for (guint i = 0; i < nodes->len; i++)
    if (nodes->pdata[i] == self->node
        || (banyan_object_is_implicit (nodes->pdata[i])
            && g_str_has_prefix (banyan_object_get_id (nodes->pdata[i]), inside)))
      set (transaction, nodes->pdata[i], key, text);
}

static gboolean
set_cache (IoSession *self, BanyanTransaction *transaction, const char *name)
{
  int cache = find_cache (name);

  if (cache < 0)
    return io_complain (self, "no cache is called \"%s\"", name);

  set_all (self, transaction, "cache.direct", caches[cache].direct);
  set_all (self, transaction, "cache.no-flush", caches[cache].no_flush);
  self->writes_through = caches[cache].writes_through;
  return TRUE;
}

static gboolean
set_dotted (IoSession *self, BanyanTransaction *transaction, const char *dotted)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) spec = banyan_spec_parse_dotted (dotted, &origin, problems);

  if (spec == NULL || banyan_problems_get_length (problems) > 0)
    {
      cli_say_problems (problems);
      return io_complain (self, "reopen: the options cannot be read");
    }

  for (guint i = 0; i < banyan_spec_get_length (spec); i++)
    banyan_transaction_set (transaction, BANYAN_OBJECT (self->node), banyan_spec_get_key (spec, i),
                            banyan_spec_get_item (spec, i));
  return TRUE;
}

/* @may_write: changed by -r and -w. */
static gboolean
read_changes (IoSession *self, BanyanTransaction *transaction, gboolean *may_write, int argc,
              char **argv)
{
  gboolean is_right = TRUE;
  int letter;

  optind = 0;
  opterr = 0;
  while (is_right && (letter = getopt (argc, argv, "+rwc:o:")) >= 0)
    switch (letter)
      {
      case 'r':
      case 'w':
        *may_write = letter == 'w';
        set_all (self, transaction, "read-only", *may_write ? "false" : "true");
        break;
      case 'c':
        is_right = set_cache (self, transaction, optarg);
        break;
      case 'o':
        is_right = set_dotted (self, transaction, optarg);
        break;
      default:
        is_right = io_complain (self, "reopen: bad option; see help reopen");
      }

  return is_right;
}

/* The permission to write is given back first: with it the node would not become read-only. */
gboolean
io_run_reopen (IoSession *self, int argc, char **argv)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (self->graph);
  g_autoptr (GError) error = NULL;
  gboolean could_write = self->may_write, may_write = could_write;

  if (!read_changes (self, transaction, &may_write, argc, argv))
    return FALSE;

  leave_node (self);
  if (!banyan_transaction_commit (transaction, &error))
    {
      io_report_failure (self, "reopen", error);
      may_write = could_write;
    }

  return enter_node (self, may_write) == CLI_DONE && error == NULL;
}
