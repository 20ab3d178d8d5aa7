/* recipes.c - what the walks need to know about a type, and all that they can guess
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-real-time.h"
#include "conformance.h"

#include <glib/gstdio.h>
#include <string.h>

#define DISK "{ driver: memory, size: 262267 }"
#define QCOW2 ", file: { driver: file, discard: unmap, filename: %s }"

#define IMAGE ", file: { driver: file, filename: %s }"

/* A type that needs nothing that cannot be guessed needs no line here. */
static const Recipe recipes[] = {
  { "delay", NULL, ", read-delay: 1", FALSE },
  { "file", NULL, ", filename: %s", FALSE },
  { "file", "direct", ", filename: %s, cache: { direct: true }", FALSE },
  { "file", "threads", ", filename: %s, aio: threads", FALSE },
  { "null", NULL, NULL, TRUE },
  { "nbd", NULL, ", server: { type: unix, path: %s }, export: disk", .server = DISK },
  { "nbd", "alone", ", server: { type: unix, path: %s }, export: disk, connections: 1",
    .server = DISK },
  { "raw", NULL, NULL, FALSE },
  { "raw", "window",
    ", offset: 123, size: 262267"
    ", file: { driver: blkdebug, align: 4096, image: { driver: memory, size: 1MiB } }",
    FALSE },
  { "quorum", NULL,
    ", vote-threshold: 2, rewrite-corrupted: true, children: [" DISK ", " DISK ", " DISK "]",
    FALSE },
  { "quorum", "fifo", ", vote-threshold: 1, read-pattern: fifo, children: [" DISK ", " DISK "]",
    FALSE },
  { "quorum", "blkverify",
    ", vote-threshold: 2, blkverify: true"
    ", children: [" DISK ", { driver: raw, size: 262267, offset: 1, file: { driver: blkdebug, "
    "align: 512, image: { driver: memory, size: 1MiB } } }]",
    FALSE },
  { "qcow2", "v2", QCOW2, FALSE, make_qcow2_v2 },
  { "qcow2", "small", QCOW2 ", l2-cache-entry-size: 512, cache-size: 1", FALSE, make_qcow2_small },
  { "qcow2", "subclusters", QCOW2, FALSE, make_qcow2_extended },
  { "qcow2", "lazy", QCOW2, FALSE, make_qcow2_lazy },
  { "qcow2", "direct", ", file: { driver: file, filename: %s, cache: { direct: true } }", FALSE,
    make_qcow2_extended },
  { "qcow2", "overlay", QCOW2 ", backing: " DISK, FALSE, make_qcow2_extended },
  { "luks", NULL, ", key-secret: { type: secret, data: " MADE_PASSPHRASE " }" IMAGE, FALSE,
    make_luks, .has_sectors = TRUE },
  { "qcow2", "luks",
    ", encrypt: { format: luks, key-secret: { type: secret, data: " MADE_PASSPHRASE " } }" QCOW2,
    FALSE, make_qcow2_luks, .has_sectors = TRUE },
  { "bochs", NULL, IMAGE, FALSE, make_bochs, .only_reads = TRUE },
  { "cloop", NULL, IMAGE, FALSE, make_cloop, .only_reads = TRUE },
  { "dmg", NULL, IMAGE, FALSE, make_dmg, .only_reads = TRUE },
  { "parallels", NULL, IMAGE, FALSE, make_parallels, .only_reads = TRUE },
  { "qcow", NULL, IMAGE, FALSE, make_qcow, .only_reads = TRUE },
  { "qed", NULL, IMAGE, FALSE, make_qed, .only_reads = TRUE },
  { "vdi", NULL, IMAGE, FALSE, make_vdi, .only_reads = TRUE },
  { "vhdx", NULL, IMAGE, FALSE, make_vhdx, .only_reads = TRUE },
  { "vpc", NULL, IMAGE, FALSE, make_vpc, .only_reads = TRUE },
  { "vmdk", NULL, IMAGE, FALSE, make_vmdk, .only_reads = TRUE },
  { "vmdk", "stream", IMAGE, FALSE, make_vmdk_stream, .only_reads = TRUE },
  { "vmdk", "sesparse", IMAGE, FALSE, make_vmdk_sesparse, .only_reads = TRUE },
  { "blkdebug", NULL, NULL, FALSE },
  { "blkdebug", "limits", ", align: 512, max-transfer: 4096, opt-write-zero: 4096", FALSE },
  { "throttle", NULL, ", throttle-group: { type: throttle-group, iops-total: 50000 }", FALSE },
  { "nbd-server", NULL,
    ", listen: { type: unix, path: %s }"
    ", exports: { one: { node: disk, writable: true }, two: { node: disk } }",
    FALSE },
  { "qmp", NULL, ", listen: { type: unix, path: %s }", FALSE },
};

guint64
recipe_get_length (const Recipe *self)
{
  return self->only_reads || self->has_sectors ? MADE_LENGTH (DISK_SIZE) : DISK_SIZE;
}

guint
recipe_get_used (const Recipe *self)
{
  return BANYAN_PERMISSION_CONSISTENT_READ | (self->only_reads ? 0 : BANYAN_PERMISSION_WRITE);
}

/* -- The folder. -- */

static void
make_image (Stage *stage)
{
  const Recipe *recipe = stage->the_case->recipe;
  g_autofree char *zeroes = g_malloc0 (DISK_SIZE);
  g_autoptr (GError) error = NULL;

  if (recipe->make_image != NULL)
    {
      recipe->make_image (stage->path, DISK_SIZE);
      return;
    }
  g_file_set_contents (stage->path, zeroes, DISK_SIZE, &error);
  g_assert_no_error (error);
}

/* The server is a graph of its own: a node is open before the frontends of its graph are. */
static void
start_server (Stage *stage)
{
  g_autofree char *document = g_strdup_printf (
      "version: 1\n"
      "nodes: { disk: %s }\n"
      "frontends: { server: { type: nbd-server, listen: { type: unix, path: %s },"
      " exports: { disk: { node: disk, writable: true } } } }\n",
      stage->the_case->recipe->server, stage->path);
  g_autoptr (GError) error = NULL;

  stage->server = banyan_graph_new ();
  banyan_graph_load (stage->server, document, -1, "server.yaml", stage->folder, &error);
  g_assert_no_error (error);
}

static void
stop_server (Stage *stage)
{
  g_autoptr (GError) error = NULL;

  banyan_graph_close (stage->server, &error);
  g_assert_no_error (error);
  g_clear_object (&stage->server);
}

static gboolean
has_image (Stage *stage)
{
  return stage->the_case->kind != BANYAN_PLUGIN_FRONTEND && stage->the_case->recipe->server == NULL;
}

void
stage_init (Stage *stage, const Case *the_case)
{
  g_autoptr (GError) error = NULL;

  *stage = (Stage){ .the_case = the_case };
  stage->folder = g_dir_make_tmp ("banyan-conformance-XXXXXX", &error);
  g_assert_no_error (error);
  stage->path = g_build_filename (stage->folder, "it", NULL);
  if (has_image (stage))
    make_image (stage);
  if (the_case->recipe->server != NULL)
    start_server (stage);
}

void
stage_clear (Stage *stage)
{
  if (stage->server != NULL)
    stop_server (stage);
  if (has_image (stage))
    g_unlink (stage->path);
  if (g_rmdir (stage->folder) < 0)
    g_error ("%s left something in %s", stage->the_case->type, stage->folder);

  g_free (stage->path);
  g_free (stage->folder);
}

/* -- Declarations. -- */

static gboolean
is_given (Stage *stage, const char *name)
{
  g_autofree char *key = g_strdup_printf (", %s:", name);

  return strstr (stage->the_case->recipe->options != NULL ? stage->the_case->recipe->options : "",
                 key)
         != NULL;
}

static void
guess_value (Stage *stage, GParamSpec *pspec, GString *text)
{
  if (is_given (stage, pspec->name))
    return;

  if (strcmp (pspec->name, "size") == 0)
    g_string_append_printf (text, ", size: %d", DISK_SIZE);
  else if (banyan_param_is_required (pspec)
           && g_strcmp0 (banyan_param_get_link_target (pspec), "BanyanNode") == 0)
    g_string_append_printf (text, ", %s: { driver: memory, size: %d }", pspec->name, DISK_SIZE);
}

static void
guess_values (Stage *stage, GString *text)
{
  g_autoptr (GError) error = NULL;
  GType type = banyan_registry_get_type_by_name (
      banyan_registry_get_default (), 1u << stage->the_case->kind, stage->the_case->type, &error);
  GObjectClass *klass;
  g_autofree GParamSpec **properties = NULL;
  guint n_properties;

  g_assert_no_error (error);
  klass = g_type_class_ref (type);
  properties = g_object_class_list_properties (klass, &n_properties);
  for (guint i = 0; i < n_properties; i++)
    guess_value (stage, properties[i], text);
  g_type_class_unref (klass);
}

char *
stage_dup_declaration (Stage *stage)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text, "%s: %s",
                   stage->the_case->kind == BANYAN_PLUGIN_FRONTEND ? "type" : "driver",
                   stage->the_case->type);
  guess_values (stage, text);
  if (stage->the_case->recipe->options != NULL)
    {
      g_string_append (text, stage->the_case->recipe->options);
      g_string_replace (text, "%s", stage->path, 0);
    }
  return g_string_free (text, FALSE);
}

char *
stage_dup_document (Stage *stage, const char *more)
{
  g_autofree char *declaration = stage_dup_declaration (stage);

  return g_strdup_printf ("version: 1\n"
                          "objects:\n"
                          "  io0: { type: iothread }\n"
                          "  io1: { type: iothread }\n"
                          "nodes:\n"
                          "  top: { %s, discard: unmap }\n"
                          "%s",
                          declaration, more);
}

BanyanTestGraph *
stage_load (Stage *stage, const char *document)
{
  g_autoptr (GError) error = NULL;
  BanyanTestGraph *graph = stage->server != NULL
                               ? banyan_test_graph_new_in_real_time (document, &error)
                               : banyan_test_graph_new (document, &error);

  if (graph == NULL)
    g_error ("%s cannot be opened by what can be guessed about it; give it a recipe in "
             "tests/conformance/recipes.c. It said: %s\nto:\n%s",
             stage->the_case->type, error->message, document);
  return graph;
}

/* -- The registry, and descriptors. -- */

typedef struct
{
  Case the_case;
  void (*func) (const Case *the_case);
} Test;

static void
run_test (gconstpointer data)
{
  const Test *test = data;

  test->func (&test->the_case);
}

static void
add_test (const char *type, BanyanPluginKind kind, const Recipe *recipe, const char *claim,
          void (*func) (const Case *the_case))
{
  g_autofree char *path
      = g_strdup_printf ("/conformance/%s%s%s/%s", type, recipe->variant != NULL ? "-" : "",
                         recipe->variant != NULL ? recipe->variant : "", claim);
  Test *test = g_new (Test, 1);

  *test = (Test){ { type, kind, recipe }, func };
  g_test_add_data_func_full (path, test, run_test, g_free);
}

static void
add_tests (BanyanTypeInfo *info, const char *claim, void (*func) (const Case *the_case))
{
  static const Recipe none = { NULL };
  const char *type = g_intern_string (banyan_type_info_get_name (info));
  BanyanPluginKind kind = banyan_type_info_get_kind (info);
  guint n_found = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (recipes); i++)
    if (strcmp (recipes[i].type, type) == 0)
      {
        add_test (type, kind, &recipes[i], claim, func);
        n_found++;
      }
  if (n_found == 0)
    add_test (type, kind, &none, claim, func);
}

void
conformance_add (guint kinds, const char *claim, void (*func) (const Case *the_case))
{
  BanyanTypeInfo **types = banyan_registry_list_types (banyan_registry_get_default ());
  guint n_found = 0;

  for (guint i = 0; types[i] != NULL; i++)
    {
      if (kinds & 1u << banyan_type_info_get_kind (types[i]))
        {
          add_tests (types[i], claim, func);
          n_found++;
        }
      banyan_type_info_unref (types[i]);
    }
  g_free (types);
  g_assert_cmpuint (n_found, >, 0);
}

static guint
count_clients (Stage *stage)
{
  BanyanObject *frontends = banyan_object_get_child (BANYAN_OBJECT (stage->server), "frontends");
  guint n = 0;

  g_object_get (banyan_object_get_child (frontends, "server"), "connections", &n, NULL);
  return n;
}

guint
stage_count_descriptors (Stage *stage)
{
  g_autoptr (GDir) folder = NULL;
  guint n = 0;

  while (stage->server != NULL && count_clients (stage) > 0)
    g_main_context_iteration (NULL, FALSE);

  folder = g_dir_open ("/proc/self/fd", 0, NULL);
  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}
