/* commands-query.c - commands that tell about nodes, in QEMU's shapes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

#include <string.h>

/* Parsers of JSON have limits; ours reads 128 levels. */
#define MAX_NESTED_IMAGES 64

static GPtrArray *
list_nodes (BanyanMonitor *monitor)
{
  return banyan_object_list_children (qmp_get_collection (monitor, "nodes"));
}

/* The child that QEMU would call the node's file. (nullable) */
static BanyanNode *
get_child_node (BanyanNode *node, const char *role)
{
  BanyanChild *edge = banyan_element_get_child (BANYAN_ELEMENT (node), role);

  return edge != NULL ? banyan_child_get_node (edge) : NULL;
}

static BanyanNode *
get_child_of_kind (BanyanNode *node, guint flags)
{
  g_autoptr (GPtrArray) edges = banyan_element_list_children (BANYAN_ELEMENT (node));

  for (guint i = 0; i < edges->len; i++)
    if (banyan_child_get_role_flags (edges->pdata[i]) & flags
        && banyan_child_get_node (edges->pdata[i]) != NULL)
      return banyan_child_get_node (edges->pdata[i]);
  return NULL;
}

/* Through filters, as in QEMU. (nullable) */
static BanyanNode *
get_backing (BanyanNode *node)
{
  while (node != NULL && BANYAN_IS_FILTER (node))
    node = get_child_of_kind (node, BANYAN_CHILD_FILTERED);

  return node != NULL ? get_child_of_kind (node, BANYAN_CHILD_COW) : NULL;
}

/* -- query-named-block-nodes. -- */

typedef struct
{
  BanyanCommand parent_instance;
  gboolean flat;
} QmpQueryNamedBlockNodes;

QMP_DEFINE_COMMAND (QmpQueryNamedBlockNodes, query_named_block_nodes)

/* What a property of this name says, of the node or of whatever is below it that has one. */
static char *
find_file_name (BanyanNode *node)
{
  while (node != NULL)
    {
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), "filename");
      g_autoptr (BanyanSpec) value = NULL;

      if (pspec != NULL)
        {
          value = qmp_describe_value (BANYAN_OBJECT (node), pspec);
          return g_strdup (
              banyan_spec_get_kind (value) == BANYAN_SPEC_NULL ? "" : banyan_spec_get_text (value));
        }
      node = get_child_node (node, "file");
    }
  return g_strdup ("");
}

static guint
count_backing (BanyanNode *node)
{
  guint depth = 0;

  while ((node = get_backing (node)) != NULL)
    depth++;
  return depth;
}

static BanyanSpecBuilder *
describe_cache (BanyanNode *node)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanCache *cache = banyan_node_get_cache (node);
  gboolean is_direct = FALSE, is_no_flush = FALSE;

  if (cache != NULL)
    g_object_get (cache, "direct", &is_direct, "no-flush", &is_no_flush, NULL);
  banyan_spec_builder_add_boolean (map, "writeback", TRUE);
  banyan_spec_builder_add_boolean (map, "direct", is_direct);
  banyan_spec_builder_add_boolean (map, "no-flush", is_no_flush);
  return map;
}

static BanyanSpecBuilder *
describe_one_image (BanyanNode *node)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *driver = qmp_name_type (node);
  g_autofree char *file_name = find_file_name (node);
  g_autofree char *backing = banyan_node_dup_backing_name (node);
  g_autofree char *full = banyan_node_dup_full_backing_name (node);
  g_autofree char *format = banyan_node_dup_backing_format (node);

  banyan_spec_builder_add_string (map, "filename", file_name);
  banyan_spec_builder_add_string (map, "format", driver);
  banyan_spec_builder_add_uint (map, "virtual-size", banyan_node_get_length (node));
  banyan_spec_builder_add_boolean (map, "dirty-flag", FALSE);
  if (backing != NULL)
    banyan_spec_builder_add_string (map, "backing-filename", backing);
  if (full != NULL)
    banyan_spec_builder_add_string (map, "full-backing-filename", full);
  if (format != NULL)
    banyan_spec_builder_add_string (map, "backing-filename-format", format);
  return map;
}

/* Each with the one below inside, unless it is to be @flat. A chain can be as long as a request's
 * way, and an answer's notation not, so the rest of a very long one is left to its own nodes. */
static BanyanSpecBuilder *
describe_image (BanyanNode *node, gboolean is_flat)
{
  g_autoptr (GPtrArray) images = g_ptr_array_new ();
  BanyanSpecBuilder *below = NULL;

  for (; node != NULL && images->len < MAX_NESTED_IMAGES; node = get_backing (node))
    {
      g_ptr_array_add (images, describe_one_image (node));
      if (is_flat)
        break;
    }
  while (images->len > 0)
    {
      BanyanSpecBuilder *map = g_ptr_array_steal_index (images, images->len - 1);

      if (below != NULL)
        banyan_spec_builder_take_built (map, "backing-image", below);
      below = map;
    }
  return below;
}

/* QEMU tells the limits of throttling with each node; here they are a filter's, and all 0. */
static void
add_no_limits (BanyanSpecBuilder *map)
{
  static const char *const limits[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    banyan_spec_builder_add_uint (map, limits[i], 0);
}

static gboolean
is_encrypted (BanyanNode *node)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), "encrypted");
  gboolean encrypted = FALSE;

  if (pspec != NULL && pspec->value_type == G_TYPE_BOOLEAN)
    g_object_get (node, "encrypted", &encrypted, NULL);
  return encrypted;
}

static void
add_detect_zeroes (BanyanSpecBuilder *map, BanyanNode *node)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), "detect-zeroes");

  if (pspec != NULL)
    banyan_spec_builder_take (map, "detect_zeroes",
                              qmp_describe_value (BANYAN_OBJECT (node), pspec));
}

static void
describe_node (BanyanSpecBuilder *list, BanyanNode *node, gboolean is_flat)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanNode *backing = get_backing (node);
  g_autofree char *driver = qmp_name_type (node);
  g_autofree char *file_name = find_file_name (node);
  g_autofree char *backing_name = backing != NULL ? find_file_name (backing) : NULL;

  banyan_spec_builder_add_string (map, "node-name", banyan_object_get_id (BANYAN_OBJECT (node)));
  banyan_spec_builder_add_string (map, "drv", driver);
  banyan_spec_builder_add_string (map, "file", file_name);
  banyan_spec_builder_add_boolean (map, "ro", banyan_node_is_read_only (node));
  if (backing_name != NULL)
    banyan_spec_builder_add_string (map, "backing_file", backing_name);
  banyan_spec_builder_add_boolean (map, "encrypted", is_encrypted (node));
  banyan_spec_builder_add_uint (map, "backing_file_depth", count_backing (node));
  add_detect_zeroes (map, node);
  add_no_limits (map);
  banyan_spec_builder_add_uint (map, "write_threshold", 0);
  banyan_spec_builder_take_built (map, "cache", describe_cache (node));
  banyan_spec_builder_take_built (map, "image", describe_image (node, is_flat));
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpec *
query_named_block_nodes_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  gboolean is_flat = ((QmpQueryNamedBlockNodes *) command)->flat;
  g_autoptr (GPtrArray) nodes = list_nodes (monitor);
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < nodes->len; i++)
    describe_node (list, nodes->pdata[i], is_flat);
  return banyan_spec_builder_end (list);
}

static void
query_named_block_nodes_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_named_block_nodes_run;
  banyan_command_class_describe (
      klass, "query-named-block-nodes", 0,
      "[{ node-name: str, drv: str, file: str, ro: bool, encrypted: bool, "
      "'*backing_file': str, backing_file_depth: int, '*detect_zeroes': 'off|on|unmap', bps: int, "
      "bps_rd: int, "
      "bps_wr: int, iops: int, iops_rd: int, iops_wr: int, write_threshold: int, "
      "cache: { writeback: bool, direct: bool, no-flush: bool }, "
      "image: { filename: str, format: str, virtual-size: int, dirty-flag: bool, "
      "'*backing-filename': str, '*full-backing-filename': str, "
      "'*backing-filename-format': str, '*backing-image': any } }]");
  qmp_add_boolean (klass, "flat", "Flat",
                   "Whether to leave out the images of backing nodes, which are inside one another",
                   FALSE, G_STRUCT_OFFSET (QmpQueryNamedBlockNodes, flat));
}

/* -- x-debug-query-block-graph, and query-block-graph: the same with our paths. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryBlockGraph;

QMP_DEFINE_COMMAND (QmpQueryBlockGraph, query_block_graph)

/* Numbers of one answer, as QEMU gives them. */
typedef struct
{
  GHashTable *numbers; /* (owned): path to number */
  BanyanSpecBuilder *nodes;
  BanyanSpecBuilder *edges;
} Drawing;

static guint
number_of (Drawing *self, const char *path, const char *type, const char *name)
{
  gpointer known = g_hash_table_lookup (self->numbers, path);
  guint number = known != NULL ? GPOINTER_TO_UINT (known) : g_hash_table_size (self->numbers) + 1;
  BanyanSpecBuilder *map;

  if (known != NULL)
    return number;

  g_hash_table_insert (self->numbers, g_strdup (path), GUINT_TO_POINTER (number));
  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_uint (map, "id", number);
  banyan_spec_builder_add_string (map, "type", type);
  banyan_spec_builder_add_string (map, "name", name);
  banyan_spec_builder_add_string (map, "path", path);
  banyan_spec_builder_take_built (self->nodes, NULL, map);
  return number;
}

static guint
number_of_object (Drawing *self, BanyanObject *object)
{
  g_autofree char *path = banyan_object_dup_path (object);

  return number_of (self, path, BANYAN_IS_NODE (object) ? "block-driver" : "block-backend",
                    banyan_object_get_id (object));
}

static void
draw_edge (Drawing *self, guint parent, BanyanChild *edge)
{
  BanyanNode *node = banyan_child_get_node (edge);
  BanyanSpecBuilder *map;

  if (node == NULL)
    return;

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_uint (map, "parent", parent);
  banyan_spec_builder_add_uint (map, "child", number_of_object (self, BANYAN_OBJECT (node)));
  banyan_spec_builder_add_string (map, "name", banyan_child_get_role (edge));
  banyan_spec_builder_take (map, "perm", banyan_permissions_to_spec (banyan_child_get_used (edge)));
  banyan_spec_builder_take (map, "shared-perm",
                            banyan_permissions_to_spec (banyan_child_get_shared (edge)));
  banyan_spec_builder_take_built (self->edges, NULL, map);
}

/* And what belongs to it: a server's exports. */
static void
draw_object (Drawing *self, BanyanObject *object)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (object);
  g_autoptr (GPtrArray) edges = NULL;

  if (BANYAN_IS_ELEMENT (object))
    {
      edges = banyan_element_list_children (BANYAN_ELEMENT (object));
      if (BANYAN_IS_NODE (object))
        number_of_object (self, object);
      for (guint i = 0; i < edges->len; i++)
        draw_edge (self, number_of_object (self, object), edges->pdata[i]);
    }
  for (guint i = 0; i < children->len; i++)
    draw_object (self, children->pdata[i]);
}

static BanyanSpec *
query_block_graph_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  Drawing drawing = { g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                      banyan_spec_builder_new_list (), banyan_spec_builder_new_list () };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  draw_object (&drawing, BANYAN_OBJECT (banyan_monitor_get_graph (monitor)));
  banyan_spec_builder_take_built (map, "nodes", drawing.nodes);
  banyan_spec_builder_take_built (map, "edges", drawing.edges);
  g_hash_table_unref (drawing.numbers);
  return banyan_spec_builder_end (map);
}

#define GRAPH_RESULT \
  "{ nodes: [{ id: int, type: 'block-backend|block-driver', name: str, path: str }], " \
  "edges: [{ parent: int, child: int, name: str, perm: [str], shared-perm: [str] }] }"

static void
query_block_graph_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_block_graph_run;
  banyan_command_class_describe (klass, "query-block-graph", 0, GRAPH_RESULT);
}

typedef QmpQueryBlockGraph QmpDebugBlockGraph;

QMP_DEFINE_COMMAND (QmpDebugBlockGraph, x_debug_query_block_graph)

static void
x_debug_query_block_graph_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_block_graph_run;
  banyan_command_class_describe (klass, "x-debug-query-block-graph", 0, GRAPH_RESULT);
}
