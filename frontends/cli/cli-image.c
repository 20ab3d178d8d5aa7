/* cli-image.c - a node that the command line names: of a document, or an image of its own
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli-image.h"

#include "legacy.h"

#include <unistd.h>

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };

/* QEMU's words for what are several options here. */
static const CliCache caches[] = {
  { "none", "true", "false", FALSE },         { "off", "true", "false", FALSE },
  { "directsync", "true", "false", TRUE },    { "writeback", "false", "false", FALSE },
  { "writethrough", "false", "false", TRUE }, { "unsafe", "false", "true", FALSE },
};

const CliCache *
cli_cache_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (caches); i++)
    if (g_strcmp0 (caches[i].name, name) == 0)
      return &caches[i];

  return NULL;
}

gboolean
cli_cache_writes_through (const char *name)
{
  const CliCache *cache = cli_cache_find (name);

  return cache != NULL && cache->writes_through;
}

static gboolean
is_image (const CliImageSource *source)
{
  return source->driver != NULL || source->dotted != NULL || source->spec != NULL;
}

const char *
cli_image_find_fault (const CliImageSource *source)
{
  gboolean has_options = source->cache != NULL || source->discard != NULL || source->force_share
                         || source->aio != NULL || source->copies_on_read;

  if (source->cache != NULL && cli_cache_find (source->cache) == NULL)
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

/* -- Objects. -- */

/* A document of nothing but these objects. */
BanyanSpec *
cli_image_read_objects (char **texts, CliStatus *status)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GPtrArray) words = NULL;
  g_autoptr (BanyanSpec) document = NULL;
  BanyanSpec *objects;

  if (texts == NULL)
    return NULL;

  for (guint i = 0; texts[i] != NULL; i++)
    legacy_gather ("--object", texts[i], NULL, NULL);
  words = legacy_take_gathered ();
  document = legacy_to_document (words, NULL, NULL, problems);
  if (document == NULL || banyan_problems_get_length (problems) > 0)
    {
      cli_say_problems (problems);
      *status = CLI_FAILED;
      return NULL;
    }

  objects = banyan_spec_lookup (document, "objects");
  return objects != NULL ? banyan_spec_ref (objects) : NULL;
}

/* -- An image's options. -- */

static BanyanSpec *
new_text (const char *text)
{
  return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin);
}

/* Takes hold of the new map. */
static void
set_value (BanyanSpec **spec, const char *key, BanyanSpec *value)
{
  BanyanSpec *old = *spec;

  *spec = banyan_spec_with (old, key, value);
  banyan_spec_unref (old);
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

/* A format lies on a file. */
static void
set_filename (BanyanSpec **spec, const char *filename)
{
  const char *driver = banyan_spec_lookup_text (*spec, "driver");
  gboolean is_file = driver != NULL && banyan_driver_is_protocol (driver);

  if (!is_file)
    set_option (spec, "file", "driver", "file");
  set_option (spec, is_file ? NULL : "file", "filename", filename);
}

/* Says that there is no backing, whatever the header names, where the format has one at all. */
static void
leave_backing_out (BanyanSpec **spec)
{
  const char *driver = banyan_spec_lookup_text (*spec, "driver");
  GType type = driver == NULL
                   ? G_TYPE_INVALID
                   : banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                                       1u << BANYAN_PLUGIN_FORMAT, driver, NULL);
  g_autoptr (BanyanSpec) none = NULL;
  GObjectClass *klass;

  if (type == G_TYPE_INVALID || banyan_spec_lookup (*spec, "backing") != NULL)
    return;

  klass = g_type_class_ref (type);
  none = banyan_spec_new_null (&origin);
  if (g_object_class_find_property (klass, "backing") != NULL)
    set_value (spec, "backing", none);
  g_type_class_unref (klass);
}

static void
put_copy_on_read_before (BanyanSpec **spec)
{
  BanyanSpec *filter = banyan_spec_builder_end (banyan_spec_builder_new_map ());

  set_option (&filter, NULL, "driver", "copy-on-read");
  set_value (&filter, "file", *spec);
  banyan_spec_unref (*spec);
  *spec = filter;
}

static void
set_aio (BanyanSpec **spec, const char *mode)
{
  const char *driver = banyan_spec_lookup_text (*spec, "driver");

  set_option (spec, driver != NULL && banyan_driver_is_protocol (driver) ? NULL : "file", "aio",
              mode);
}

static BanyanSpec *
describe_image (const CliImageSource *source, BanyanProblems *problems)
{
  BanyanSpec *spec = source->spec != NULL ? banyan_spec_ref (source->spec)
                     : source->dotted != NULL
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
  if (source->snapshot != NULL)
    set_option (&spec, NULL, "snapshot", source->snapshot);
  if (source->cache != NULL)
    {
      const CliCache *cache = cli_cache_find (source->cache);

      set_option (&spec, "cache", "direct", cache->direct);
      set_option (&spec, "cache", "no-flush", cache->no_flush);
    }

  for (guint i = 0; source->options != NULL && i < banyan_spec_get_length (source->options); i++)
    set_value (&spec, banyan_spec_get_key (source->options, i),
               banyan_spec_get_item (source->options, i));
  if (source->aio != NULL)
    set_aio (&spec, source->aio);
  if (source->without_backing)
    leave_backing_out (&spec);
  if (source->copies_on_read)
    put_copy_on_read_before (&spec);

  return spec;
}

static BanyanCollection *
get_collection (BanyanGraph *graph, const char *name)
{
  return BANYAN_COLLECTION (banyan_object_get_child (BANYAN_OBJECT (graph), name));
}

static void
declare_objects (BanyanMapper *mapper, BanyanGraph *graph, BanyanSpec *objects)
{
  for (guint i = 0; objects != NULL && i < banyan_spec_get_length (objects); i++)
    banyan_mapper_declare (
        mapper, get_collection (graph, "objects"), banyan_spec_get_key (objects, i),
        banyan_spec_get_key_origin (objects, i), banyan_spec_get_item (objects, i));
}

static GPtrArray *
map_image (BanyanGraph *graph, const CliImageSource *source, const char *id,
           BanyanProblems *problems)
{
  g_autoptr (BanyanSpec) spec = describe_image (source, problems);
  g_autoptr (BanyanMapper) mapper = NULL;

  if (spec == NULL || banyan_problems_get_length (problems) > 0)
    return NULL;

  mapper = banyan_mapper_new (BANYAN_ROOT (graph), NULL, problems);
  declare_objects (mapper, graph, source->objects);
  banyan_mapper_declare (mapper, get_collection (graph, "nodes"), id, &origin, spec);
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
open_graph (BanyanGraph *graph, const CliImageSource *source, const char *id)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) objects = is_image (source)
                                      ? map_image (graph, source, id, problems)
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

/* Any node may be meant; with no slip in it, one at the top is. */
static CliStatus
refuse_node (BanyanGraph *graph, const char *id, const char *roots)
{
  BanyanObject *collection = banyan_object_get_child (BANYAN_OBJECT (graph), "nodes");
  g_autoptr (GPtrArray) nodes = banyan_object_list_children (collection);
  g_autoptr (GPtrArray) ids = g_ptr_array_new ();
  const char *nearest;

  for (guint i = 0; i < nodes->len; i++)
    g_ptr_array_add (ids, (gpointer) banyan_object_get_id (nodes->pdata[i]));
  g_ptr_array_add (ids, NULL);

  nearest = banyan_did_you_mean (id, (const char *const *) ids->pdata);
  if (nearest != NULL)
    return cli_fail (CLI_NOT_FOUND, "no node is called \"%s\"; did you mean \"%s\"?", id, nearest);

  return cli_fail (CLI_NOT_FOUND, "no node is called \"%s\"; at the top there are: %s", id, roots);
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
    *status = refuse_node (graph, id, ids);
  else if (roots->len == 0)
    *status = cli_fail (CLI_NOT_FOUND, "the document has no nodes");
  else
    *status = cli_fail (CLI_USAGE, "say which node: %s", ids);

  return NULL;
}

/* A file name is a file name. Who comes from QEMU's tools may mean more by it. */
gboolean
cli_name_is_for_qemu (const char *name)
{
  return banyan_file_name_has_prefix (name) && access (name, F_OK) != 0;
}

char *
cli_name_to_dotted (const char *name, const char *format)
{
  const char *driver = g_str_has_prefix (name, "json:") ? NULL : format;
  g_autoptr (BanyanSpec) spec = banyan_spec_from_backing_name (name, driver, &origin, NULL);

  return spec != NULL ? banyan_spec_to_dotted (spec)
                      : g_strdup_printf ("driver=%s,file.driver=...", format);
}

static gboolean
is_meant_for_qemu (const CliImageSource *source)
{
  return source->argument != NULL && cli_name_is_for_qemu (source->argument);
}

static CliStatus
explain_file_name (const CliImageSource *source)
{
  g_autofree char *dotted = cli_name_to_dotted (source->argument, "FORMAT");

  return cli_fail (CLI_NOT_FOUND,
                   "no file is called %s, and names are not looked into; say --image-opts '%s'",
                   source->argument, dotted);
}

CliStatus
cli_image_open (BanyanGraph *graph, const CliImageSource *source, BanyanNode **node)
{
  const char *name = source->name != NULL       ? source->name
                     : source->argument != NULL ? source->argument
                                                : source->dotted;
  const char *id = is_image (source) ? cli_names_add (graph, name) : source->node;
  CliStatus status
      = is_meant_for_qemu (source) ? explain_file_name (source) : open_graph (graph, source, id);

  *node = status == CLI_DONE ? find_node (graph, id, &status) : NULL;
  return status;
}

/* -- Closing. -- */

static void
drop_message (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
}

/* What goes wrong is told by the error, and what follows from it, such as that the next node cannot
 * flush either, is no news. */
gboolean
cli_image_close (BanyanGraph *graph, GError **error)
{
  guint handler = g_log_set_handler ("Banyan", G_LOG_LEVEL_WARNING, drop_message, NULL);
  gboolean is_closed = banyan_graph_close (graph, error);

  g_log_remove_handler ("Banyan", handler);
  return is_closed;
}

/* -- Asking. -- */

BanyanNode *
cli_node_get_below (BanyanNode *node)
{
  g_autoptr (GPtrArray) children = banyan_element_list_children (BANYAN_ELEMENT (node));

  for (guint i = 0; i < children->len; i++)
    if (banyan_child_get_role_flags (children->pdata[i])
        & (BANYAN_CHILD_PRIMARY | BANYAN_CHILD_FILTERED))
      return banyan_child_get_node (children->pdata[i]);

  return NULL;
}

char *
cli_node_dup_filename (BanyanNode *node)
{
  for (; node != NULL; node = cli_node_get_below (node))
    {
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), "filename");
      char *filename = NULL;

      if (pspec == NULL || !G_IS_PARAM_SPEC_STRING (pspec))
        continue;
      g_object_get (node, "filename", &filename, NULL);
      return filename;
    }

  return NULL;
}

/* The image of a format that is only read, which @node is or hands its requests on to. */
static BanyanNode *
find_only_read (BanyanNode *node)
{
  while (node != NULL
         && !(BANYAN_IS_FORMAT (node) && BANYAN_FORMAT_GET_CLASS (node)->only_reads != NULL))
    node = cli_node_get_below (node);
  return node;
}

char *
cli_node_explain_only_reads (BanyanNode *node)
{
  BanyanNode *image = find_only_read (node);
  g_autofree char *filename = image != NULL ? cli_node_dup_filename (image) : NULL;
  g_autofree char *name = NULL;

  if (image == NULL)
    return NULL;

  name = cli_names_quote (filename != NULL ? filename
                                           : banyan_object_get_id (BANYAN_OBJECT (image)));
  return g_strdup_printf (
      "%s has the format %s, and %s", name,
      banyan_registry_get_name_of_type (banyan_registry_get_default (), G_OBJECT_TYPE (image)),
      BANYAN_FORMAT_GET_CLASS (image)->only_reads);
}

gboolean
cli_node_get_number (BanyanNode *node, const char *property, guint64 *value)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), property);
  g_auto (GValue) any = G_VALUE_INIT, number = G_VALUE_INIT;

  if (pspec == NULL)
    return FALSE;

  g_value_init (&any, pspec->value_type);
  g_value_init (&number, G_TYPE_UINT64);
  g_object_get_property (G_OBJECT (node), property, &any);
  if (!g_value_transform (&any, &number))
    return FALSE;

  *value = g_value_get_uint64 (&number);
  return TRUE;
}
