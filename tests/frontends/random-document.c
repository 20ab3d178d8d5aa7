/* random-document.c - documents that nobody would write, and that are right
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "random-document.h"

#include <glib/gstdio.h>

typedef struct
{
  GRand *random;
  GPtrArray *nodes; /* (owned) (element-type utf8): lines of their section */
  guint disk;       /* whose layers are drawn, the mirror's first; RANDOM_DISKS: no disk's */
  guint n_names[RANDOM_DISKS + 1];
} Draft;

static gboolean
one_in (Draft *self, guint n)
{
  return g_rand_int_range (self->random, 0, n) == 0;
}

static const char *
one_of (Draft *self, const char *const *choices)
{
  return choices[g_rand_int_range (self->random, 0, g_strv_length ((char **) choices))];
}

/* -- Nodes. -- */

/* As it stands, or by a name under which it is declared. */
static char *
put (Draft *self, char *mapping, gboolean must_have_name)
{
  char *name;

  if (!must_have_name && one_in (self, 2))
    return mapping;

  /* Ids come again in other documents for other things, but not for another disk's: a document
   * that has an export lead to what has the name of another disk means that disk. */
  name = g_strdup_printf ("%c%u", "xyzn"[self->disk], self -> n_names[self->disk]++);
  g_ptr_array_add (self->nodes, g_strdup_printf ("  %s: %s\n", name, mapping));
  g_free (mapping);
  return name;
}

static char *
make_delay (Draft *self, const char *below)
{
  static const char *const delays[] = { "", "read-delay: 1ms, ", "write-delay: 1ms, ",
                                        "flush-delay: 2ms, read-delay: 0, ", NULL };

  return g_strdup_printf ("{ driver: delay, %sfile: %s }", one_of (self, delays), below);
}

static char *
make_raw (Draft *self, const char *below)
{
  static const char *const windows[]
      = { "", "offset: 0, ", "size: 2M, ", "offset: 0, size: 2097152, ", NULL };

  return g_strdup_printf ("{ driver: raw, %sfile: %s }", one_of (self, windows), below);
}

static char *
make_throttle (Draft *self, const char *below)
{
  return g_strdup_printf ("{ driver: throttle, throttle-group: g%u, file: %s }",
                          g_rand_int_range (self->random, 0, 2), below);
}

static char *
make_blkdebug (Draft *self, const char *below)
{
  static const char *const values[]
      = { "",
          "align: 4096, ",
          "max-transfer: 64k, ",
          "seed: 3, ",
          "rules: [ { operations: [read], delay: 100us, probability: 10 } ], ",
          NULL };

  return g_strdup_printf ("{ driver: blkdebug, %simage: %s }", one_of (self, values), below);
}

static char *
make_quorum (Draft *self, const char *below)
{
  static const char *const values[]
      = { "", "read-pattern: fifo, ", "rewrite-corrupted: true, ", "blkverify: false, ", NULL };

  return g_strdup_printf ("{ driver: quorum, vote-threshold: 1, %schildren: [ %s ] }",
                          one_of (self, values), below);
}

static char *
make_log (Draft *self, const char *below)
{
  static const char *const values[]
      = { "", "log-sector-size: 4096, ", "log-super-update-interval: 100, ", NULL };

  return g_strdup_printf ("{ driver: blklogwrites, %slog: { driver: \"null\", size: 1G }, "
                          "file: %s }",
                          one_of (self, values), below);
}

static char *
make_plain (Draft *self, const char *below)
{
  static const char *const drivers[] = { "copy-on-read", "compress", NULL };

  return g_strdup_printf ("{ driver: %s, file: %s }", one_of (self, drivers), below);
}

/* Layers that do not change what is below them. */
static char *
stack (Draft *self, const char *bottom, guint layers, gboolean must_have_name)
{
  static char *(*const makers[]) (Draft *, const char *)
      = { make_delay, make_raw, make_throttle, make_blkdebug, make_quorum, make_log, make_plain };
  char *top = g_strdup (bottom);

  for (guint i = 0; i < layers; i++)
    {
      g_autofree char *below = top;
      guint kind = g_rand_int_range (self->random, 0, G_N_ELEMENTS (makers));

      top = put (self, makers[kind](self, below), must_have_name && i == layers - 1);
    }
  return top;
}

static char *
stack_some (Draft *self, const char *bottom)
{
  return stack (self, bottom, g_rand_int_range (self->random, 0, 4), FALSE);
}

/* -- Disks: what their data is in stays open, under a name or inline, whatever it is called. -- */

static char *
make_bottom (Draft *self, const char *name, const char *mapping)
{
  static const char *const suffixes[] = { "", "-a", "-b", NULL };
  char *id;

  if (one_in (self, 2))
    return g_strdup_printf ("{ %s }", mapping);

  id = g_strconcat (name, one_of (self, suffixes), NULL);
  g_ptr_array_add (self->nodes, g_strdup_printf ("  %s: { %s }\n", id, mapping));
  return id;
}

/* One of several keeps its name. */
static char *
make_member (Draft *self, const char *name)
{
  if (one_in (self, 2))
    return g_strdup_printf ("{ driver: memory, node-name: %s, size: 2M }", name);

  g_ptr_array_add (self->nodes, g_strdup_printf ("  %s: { driver: memory, size: 2M }\n", name));
  return g_strdup (name);
}

static char *
make_mirror (Draft *self)
{
  static const char *const values[]
      = { "", "read-pattern: fifo, ", "rewrite-corrupted: true, ", "blkverify: false, ", NULL };
  g_autofree char *m0 = make_member (self, "m0");
  g_autofree char *m1 = make_member (self, "m1");
  g_autofree char *m2 = make_member (self, "m2");
  g_autofree char *first = stack_some (self, m0);
  g_autofree char *second = stack_some (self, m1);
  g_autofree char *third = stack_some (self, m2);

  return put (self,
              g_strdup_printf ("{ driver: quorum, vote-threshold: %u, %schildren: [ %s, %s, %s ] }",
                               g_rand_int_range (self->random, 1, 4), one_of (self, values), first,
                               second, third),
              FALSE);
}

static void
add_disks (Draft *self, GString *exports)
{
  g_autofree char *mirror = make_mirror (self);
  g_autofree char *memory = make_bottom (self, "memory", "driver: memory, size: 2M");
  g_autofree char *image
      = make_bottom (self, "image",
                     one_in (self, 2) ? "driver: file, filename: image, aio: threads"
                                      : "driver: file, filename: image");
  const char *const bottoms[RANDOM_DISKS] = { memory, image, mirror };

  for (guint i = 0; i < RANDOM_DISKS; i++)
    {
      g_autofree char *top = NULL;

      self->disk = i;
      top = stack_some (self, bottoms[i]);
      g_string_append_printf (exports, "      d%u: { node: %s, writable: true }\n", i, top);
    }
  self->disk = RANDOM_DISKS;
}

/* -- What comes and goes. -- */

static char *
make_leaf (Draft *self)
{
  static const char *const leaves[]
      = { "{ driver: \"null\", size: 2M }",
          "{ driver: \"null\", size: 2M, latency-ns: 10us }",
          "{ driver: \"null\", size: 2M, read-zeroes: true }",
          "{ driver: memory, size: 2048k }",
          "{ driver: file, filename: other, read-only: true }",
          "{ driver: file, filename: other, read-only: true, cache: { direct: false } }",
          "{ driver: preallocate, file: { driver: memory, size: 2M } }",
          "{ driver: preallocate, prealloc-size: 1M, file: { driver: memory, size: 2M } }",
          "{ driver: preallocate, prealloc-align: 64k, file: { driver: \"null\", size: 2M } }",
          "{ driver: blkverify, test: { driver: memory, size: 2M },"
          " raw: { driver: \"null\", size: 2M } }",
          NULL };

  return put (self, g_strdup (one_of (self, leaves)), FALSE);
}

static char *
make_other (Draft *self, gboolean must_have_name)
{
  g_autofree char *leaf = make_leaf (self);

  return stack (self, leaf, g_rand_int_range (self->random, must_have_name, 4), must_have_name);
}

static void
add_other_server (Draft *self, GString *frontends)
{
  static const char *const values[] = { "",
                                        "    max-connections: 7\n",
                                        "    iothreads: [io0, io1]\n",
                                        "    iothread: io1\n",
                                        "    iothread: io0\n    handshake-max-seconds: 5\n",
                                        NULL };
  guint n_exports = g_rand_int_range (self->random, 1, 4);

  g_string_append_printf (frontends,
                          "  others:\n    type: nbd-server\n"
                          "    listen: { type: unix, path: %s }\n%s    exports:\n",
                          one_in (self, 3) ? "more.sock" : "others.sock", one_of (self, values));
  for (guint i = 0; i < n_exports; i++)
    {
      g_autofree char *node = make_other (self, FALSE);

      g_string_append_printf (frontends, "      x%u: { node: %s%s }\n", i, node,
                              one_in (self, 3) ? ", description: one of many" : "");
    }
}

static char *
make_objects (Draft *self)
{
  static const char *const limits[]
      = { "", ", iops-total: 200000", ", iops-total: 300000, iops-size: 4096", NULL };

  return g_strdup_printf ("  io0: { type: iothread }\n"
                          "  io1: { type: iothread%s }\n"
                          "  g0: { type: throttle-group%s }\n"
                          "  g1: { type: throttle-group%s }\n%s",
                          one_in (self, 2) ? ", poll-max-ns: 1000" : "", one_of (self, limits),
                          one_of (self, limits),
                          one_in (self, 2) ? "  io2: { type: iothread }\n" : "");
}

static char *
join_shuffled (Draft *self)
{
  GString *text = g_string_new (NULL);

  while (self->nodes->len > 0)
    {
      guint index = g_rand_int_range (self->random, 0, self->nodes->len);

      g_string_append (text, self->nodes->pdata[index]);
      g_ptr_array_remove_index_fast (self->nodes, index);
    }
  return g_string_free (text, FALSE);
}

char *
random_document_new (GRand *random)
{
  Draft self = { .random = random,
                 .nodes = g_ptr_array_new_with_free_func (g_free),
                 .disk = RANDOM_DISKS - 1 };
  g_autoptr (GString) exports = g_string_new (NULL);
  g_autoptr (GString) frontends = g_string_new (NULL);
  static const char *const threads[] = { "",
                                         "    iothreads: [io0, io1]\n",
                                         "    iothreads: [io1]\n",
                                         "    iothreads: [io0]\n",
                                         "    iothreads: [io1, io0]\n",
                                         NULL };
  g_autofree char *objects = make_objects (&self);
  g_autofree char *nodes = NULL;

  add_disks (&self, exports);
  for (guint i = g_rand_int_range (random, 0, 3); i > 0; i--)
    g_free (make_other (&self, TRUE));
  if (!one_in (&self, 3))
    add_other_server (&self, frontends);

  nodes = join_shuffled (&self);
  g_ptr_array_unref (self.nodes);
  return g_strdup_printf ("version: 1\nobjects:\n%snodes:\n%sfrontends:\n"
                          "  disks:\n    type: nbd-server\n"
                          "    listen: { type: unix, path: disks.sock }\n%s    exports:\n%s%s",
                          objects, nodes, one_of (&self, threads), exports->str, frontends->str);
}

/* -- Files. -- */

static const char *const files[] = { "image", "other" };

void
random_document_make_files (const char *folder)
{
  g_autofree char *zeroes = g_malloc0 (RANDOM_DISK_BYTES);

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (folder, files[i], NULL);
      g_autoptr (GError) error = NULL;

      g_file_set_contents (path, zeroes, RANDOM_DISK_BYTES, &error);
      g_assert_no_error (error);
    }
}

void
random_document_remove_files (const char *folder)
{
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (folder, files[i], NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}
