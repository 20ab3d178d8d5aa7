/* io-open.c - banyan io: what is opened, and what changes while it is open
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "io.h"

#include <unistd.h>

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };

/* -- The session. -- */

static void
leave_node (IoSession *self)
{
  if (self->backend == NULL)
    return;

  io_let_go (self);
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
io_open (IoSession *self, const CliImageSource *source)
{
  CliStatus status;

  self->graph = banyan_graph_new ();
  self->writes_through = source->cache == NULL || cli_cache_writes_through (source->cache);
  status = cli_image_open (self->graph, source, &self->node);
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
  cli_image_close (self->graph, &error);
  g_clear_object (&self->graph);
  return error == NULL ? CLI_DONE : cli_fail_with (error);
}

/* -- Commands. -- */

static gboolean
read_source (IoSession *self, CliImageSource *source, int argc, char **argv)
{
  int letter;

  optind = 0;
  opterr = 0;
  while ((letter = getopt (argc, argv, "+rnUCkt:d:i:f:o:")) >= 0)
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
      case 'd':
        source->discard = optarg;
        break;
      case 'C':
        source->copies_on_read = TRUE;
        break;
      case 'k':
        source->aio = "native";
        break;
      case 'i':
        source->aio = optarg;
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
  CliImageSource source = { .objects = self->objects };
  const char *fault;

  if (self->node != NULL)
    return io_complain (self, "a node is open already; see help close");
  if (!read_source (self, &source, argc, argv))
    return FALSE;

  fault = cli_image_find_fault (&source);
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
  g_autoptr (BanyanSpec) value = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin);

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
  const CliCache *cache = cli_cache_find (name);

  if (cache == NULL)
    return io_complain (self, "no cache is called \"%s\"", name);

  set_all (self, transaction, "cache.direct", cache->direct);
  set_all (self, transaction, "cache.no-flush", cache->no_flush);
  self->writes_through = cache->writes_through;
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

/* @access: r or w, where one of them was given. */
static gboolean
read_changes (IoSession *self, BanyanTransaction *transaction, int *access, int argc, char **argv)
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
        if (*access != 0)
          return io_complain (self, "Only one -r/-w option may be given");
        *access = letter;
        set_all (self, transaction, "read-only", letter == 'w' ? "false" : "true");
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

/* What cannot be written any more can be read, perhaps. */
static gboolean
enter_again (IoSession *self, gboolean may_write)
{
  if (enter_node (self, may_write) == CLI_DONE)
    return TRUE;
  if (!may_write || enter_node (self, FALSE) != CLI_DONE)
    io_close (self);
  return FALSE;
}

/* The permission to write is given back first: with it the node would not become read-only. */
gboolean
io_run_reopen (IoSession *self, int argc, char **argv)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (self->graph);
  g_autoptr (GError) error = NULL;
  gboolean may_write = self->may_write;
  int access = 0;

  if (!read_changes (self, transaction, &access, argc, argv))
    return FALSE;

  leave_node (self);
  if (!banyan_transaction_commit (transaction, &error))
    io_report_failure (self, "reopen", error);
  else
    may_write = access == 'w' || (access == 0 && !banyan_node_is_read_only (self->node));

  return enter_again (self, may_write) && error == NULL;
}
