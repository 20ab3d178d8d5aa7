/* test-child-align.c - requests of any shape reach a node as it wants them, and do what they say
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "graph-fixture.h"

#define LENGTH 40000 /* no multiple of anything much */

/* A disk and, beside it, what it should hold. */
typedef struct
{
  BanyanChild *edge;
  TestLeaf *leaf;
  guint8 *model;
  guint64 length;
  guint64 base; /* where the model's first byte lies in the leaf */
  GRand *rand;
} Disk;

typedef struct
{
  guint64 offset;
  guint64 length;
  struct iovec iov[4];
  guint n_iov;
  gsize skip;
  guint8 *memory; /* (owned) */
} Shape;

/* Odd windows into odd pieces of memory, or neat ones. */
static Shape
random_shape (Disk *disk)
{
  gboolean is_neat = g_rand_boolean (disk->rand);
  guint64 unit = is_neat ? 1 << g_rand_int_range (disk->rand, 0, 13) : 1;
  Shape shape = { .n_iov = 1 + g_rand_int_range (disk->rand, 0, 4) };
  guint64 used = 0;

  shape.offset = g_rand_int_range (disk->rand, 0, disk->length);
  shape.offset -= shape.offset % unit;
  shape.length = 1 + g_rand_int_range (disk->rand, 0, 20000);
  shape.length = MIN ((shape.length + unit - 1) / unit * unit, disk->length - shape.offset);
  shape.skip = is_neat ? 0 : g_rand_int_range (disk->rand, 0, 600);

  g_assert_cmpint (posix_memalign ((void **) &shape.memory, 4096, 65536), ==, 0);
  for (guint i = 0; i < shape.n_iov; i++)
    {
      guint64 size = i + 1 < shape.n_iov ? (shape.skip + shape.length) / shape.n_iov
                                         : shape.skip + shape.length - used;

      shape.iov[i] = (struct iovec){ shape.memory + used + (is_neat ? 0 : 7 * i), size };
      used += size;
    }
  return shape;
}

static BanyanRequest
request_of (const Shape *shape)
{
  BanyanRequest request = BANYAN_REQUEST (shape->offset, shape->length, shape->iov, shape->n_iov);

  request.skip = shape->skip;
  while (request.n_iov > 1 && request.skip >= request.iov->iov_len)
    {
      request.skip -= request.iov->iov_len;
      request.iov++;
      request.n_iov--;
    }
  return request;
}

static void
do_read (Disk *disk)
{
  Shape shape = random_shape (disk);
  BanyanRequest request = request_of (&shape);
  g_autofree guint8 *got = g_malloc (shape.length);
  g_autoptr (GError) error = NULL;

  memset (shape.memory, 0xEE, 65536);
  banyan_child_read (disk->edge, &request, &error);
  g_assert_no_error (error);
  banyan_request_copy_out (&request, 0, got, shape.length);
  g_assert_cmpmem (got, shape.length, disk->model + shape.offset, shape.length);
  free (shape.memory);
}

static void
do_write (Disk *disk)
{
  Shape shape = random_shape (disk);
  BanyanRequest request = request_of (&shape);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 65536; i++)
    shape.memory[i] = g_rand_int (disk->rand);
  banyan_child_write (disk->edge, &request, &error);
  g_assert_no_error (error);
  banyan_request_copy_out (&request, 0, disk->model + shape.offset, shape.length);
  free (shape.memory);
}

static void
do_write_zeroes (Disk *disk)
{
  Shape shape = random_shape (disk);
  BanyanRequest request = BANYAN_REQUEST (shape.offset, shape.length, NULL, 0);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_child_write_zeroes (disk->edge, &request, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  memset (disk->model + shape.offset, 0, shape.length);
  free (shape.memory);
}

static void
do_discard (Disk *disk)
{
  Shape shape = random_shape (disk);
  BanyanRequest request = BANYAN_REQUEST (shape.offset, shape.length, NULL, 0);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_child_discard (disk->edge, &request, &error), !=, BANYAN_FAILED);
  g_assert_no_error (error);
  free (shape.memory);
}

static void
do_status (Disk *disk)
{
  guint64 offset = g_rand_int_range (disk->rand, 0, disk->length);
  guint64 length = 1 + g_rand_int_range (disk->rand, 0, disk->length - offset);
  BanyanBlockStatus status;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_child_block_status (disk->edge, offset, length, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_cmpuint (status.length, >, 0);
  g_assert_cmpuint (status.length, <=, length);
  g_assert_cmpint ((status.flags & BANYAN_BLOCK_END) != 0, ==,
                   offset + status.length == disk->length);
}

static void
torture (gpointer data)
{
  static void (*const ops[]) (Disk *)
      = { do_read, do_read, do_write, do_write, do_write, do_write_zeroes, do_discard, do_status };
  Disk *disk = data;

  for (guint i = 0; i < 150; i++)
    ops[g_rand_int_range (disk->rand, 0, G_N_ELEMENTS (ops))](disk);

  g_assert_cmpmem (disk->leaf->data + disk->base, disk->length, disk->model, disk->length);
}

static const BanyanLimits all_limits[] = {
  { .request_alignment = 1, .memory_alignment = 1 },
  { .request_alignment = 1, .memory_alignment = 512 },
  { .request_alignment = 2, .memory_alignment = 1, .max_transfer = 6 },
  { .request_alignment = 512, .memory_alignment = 1 },
  { .request_alignment = 512, .memory_alignment = 512, .max_transfer = 4096 },
  { .request_alignment = 512, .memory_alignment = 4096, .max_vectors = 1 },
  { .request_alignment = 4096, .memory_alignment = 4096 },
  { .request_alignment = 4096, .memory_alignment = 1, .max_vectors = 2, .max_transfer = 8192 },
  { .request_alignment = 1,
    .memory_alignment = 1,
    .discard_alignment = 4096,
    .zeroes_alignment = 1024,
    .max_zeroes = 4096,
    .max_discard = 8192 },
  { .request_alignment = 512, .memory_alignment = 1, .zeroes_alignment = 4096 },
  { .request_alignment = 1, .memory_alignment = 1, .max_transfer = 1000, .max_vectors = 1 },
};

/* @above: puts something between the leaf and the edge. */
static void
torture_all (gpointer (*above) (TestLeaf *leaf), guint64 length, guint64 base)
{
  BanyanLoop *loop = start_loop (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (all_limits); i++)
    {
      BanyanLimits limits = all_limits[i];
      TestLeaf *leaf = test_leaf_new (length);
      Disk disk = { .leaf = leaf, .base = base, .length = length - base };
      gpointer top;

      limits.size = sizeof limits;
      test_leaf_set_limits (leaf, &limits, 0);
      top = above != NULL ? above (leaf) : leaf;
      disk.edge = test_connect (NULL, top);
      disk.model = g_malloc0 (disk.length);
      disk.rand = g_rand_new_with_seed (g_test_rand_int ());

      run_on (loop, torture, &disk);

      g_rand_free (disk.rand);
      g_free (disk.model);
      test_lead (disk.edge, NULL);
      banyan_child_unref (disk.edge);
      test_node_free (top);
    }
  banyan_loop_stop (loop);
}

static void
test_leaf_gets_what_it_wants (void)
{
  g_test_summary (
      "Reads, writes, zeroes, discards and questions of any shape reach a node aligned, "
      "split and inside it, and do what they say, whatever the limits");

  torture_all (NULL, LENGTH, 0);
}

static void
test_neat_length (void)
{
  g_test_summary ("The same where the node's length is a multiple of its alignment");

  torture_all (NULL, 40960, 0);
}

static gpointer
put_filters (TestLeaf *leaf)
{
  return test_pass_new (test_hollow_new (test_pass_new (leaf)));
}

static void
test_through_filters (void)
{
  g_test_summary ("Filters change nothing about how a node gets its requests");

  torture_all (put_filters, LENGTH, 0);
}

static gpointer
put_aligned_filter (TestLeaf *leaf)
{
  TestPass *pass = test_pass_new (leaf);

  pass->alignment = 1024;
  banyan_node_update_limits (BANYAN_NODE (pass));
  return test_hollow_new (pass);
}

static void
test_filter_with_demands (void)
{
  g_test_summary ("A filter with an alignment of its own gets it, and its child what that wants");

  torture_all (put_aligned_filter, 40960, 0);
}

static gpointer
put_shift (TestLeaf *leaf)
{
  return test_shift_new (leaf, 123);
}

static void
test_shift_over_aligned (void)
{
  g_test_summary ("A format that begins at an odd offset works over every child");

  torture_all (put_shift, LENGTH, 123);
}

/* -- Two writers of one block. -- */

typedef struct
{
  BanyanChild *edge;
  guint64 offset;
  guint8 byte;
  guint rounds;
} HalfWriter;

static void
write_half (gpointer data)
{
  HalfWriter *writer = data;
  guint8 half[2048], got[2048];

  for (guint i = 0; i < writer->rounds; i++)
    {
      g_autoptr (GError) error = NULL;

      memset (half, writer->byte + i % 100, sizeof half);
      banyan_child_pwrite (writer->edge, writer->offset, half, sizeof half, 0, &error);
      g_assert_no_error (error);
      banyan_child_pread (writer->edge, writer->offset, got, sizeof got, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (got, sizeof got, half, sizeof half);
    }
}

static void
test_halves_of_a_block (void)
{
  BanyanLimits limits = { .size = sizeof limits, .request_alignment = 4096, .memory_alignment = 1 };
  TestLeaf *leaf = test_leaf_new (4096);
  BanyanLoop *loops[2] = { start_loop (NULL), start_loop (NULL) };
  TestHollow *hollow;
  BanyanChild *edges[2];
  HalfWriter writers[2];
  Visit visits[2];

  g_test_summary ("Two iothreads that write halves of one block, on different ways into a node "
                  "that takes whole blocks only, do not undo each other's writes");

  test_leaf_set_limits (leaf, &limits, 0);
  leaf->is_slow = TRUE;
  hollow = test_hollow_new (g_object_ref (leaf));
  edges[0] = test_connect (NULL, leaf);
  edges[1] = test_connect (NULL, hollow);

  for (guint i = 0; i < 2; i++)
    {
      writers[i] = (HalfWriter){ edges[i], 2048 * i, 1 + 100 * i, 2000 };
      visits[i] = (Visit){ .func = write_half, .data = &writers[i] };
      sem_init (&visits[i].ended, 0, 0);
      banyan_coroutine_start_on (loops[i], visit_main, &visits[i]);
    }
  for (guint i = 0; i < 2; i++)
    while (sem_wait (&visits[i].ended) < 0)
      ;
  for (guint i = 0; i < 2; i++)
    {
      banyan_loop_stop (loops[i]);
      test_lead (edges[i], NULL);
      banyan_child_unref (edges[i]);
    }
  test_node_free (hollow);
  g_object_unref (leaf);
}

static void
write_neat (gpointer data)
{
  HalfWriter *writer = data;
  guint8 block[4096];

  memset (block, writer->byte, sizeof block);
  for (guint i = 0; i < writer->rounds; i++)
    g_assert_true (
        banyan_child_pwrite (writer->edge, writer->offset, block, sizeof block, 0, NULL));
}

static void
neat_writers_overlap (gpointer data)
{
  HalfWriter one = { data, 0, 1, 3 }, other = { data, 4096, 2, 3 };

  banyan_coroutine_start (write_neat, &one);
  write_neat (&other);
  for (guint i = 0; i < 20; i++)
    banyan_co_yield ();
}

static void
test_neat_writes_go_together (void)
{
  BanyanLimits limits = { .size = sizeof limits, .request_alignment = 4096, .memory_alignment = 1 };
  TestLeaf *leaf = test_leaf_new (8192);
  BanyanChild *edge;

  g_test_summary ("Aligned writes to an aligned node run side by side");

  test_leaf_set_limits (leaf, &limits, 0);
  leaf->is_slow = TRUE;
  edge = test_connect (NULL, leaf);
  run_alone (NULL, neat_writers_overlap, edge);
  g_assert_cmpuint (leaf->most_inside, ==, 2);
  g_assert_cmpuint (leaf->reads, ==, 0);

  test_lead (edge, NULL);
  banyan_child_unref (edge);
  test_node_free (leaf);
}

/* -- Extents that end inside blocks. -- */

/* What @disk's leaf tells, however odd the question. */
static void
walk_extents (gpointer data)
{
  Disk *disk = data;
  guint64 extent = disk->leaf->extent;
  BanyanBlockStatus status;

  for (guint64 offset = 0; offset < disk->length; offset += 1 + offset % 211)
    {
      g_autoptr (GError) error = NULL;

      banyan_child_block_status (disk->edge, offset, disk->length - offset, &status, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (status.flags & (BANYAN_BLOCK_DATA | BANYAN_BLOCK_ZERO), ==,
                        offset / extent % 2 == 0 ? BANYAN_BLOCK_DATA : BANYAN_BLOCK_ZERO);
      g_assert_cmpuint (status.length, ==, MIN (extent - offset % extent, disk->length - offset));
      g_assert_true (status.leaf == BANYAN_NODE (disk->leaf));
      g_assert_cmpuint (status.leaf_offset, ==, offset);
    }
}

static void
walk_extents_of (TestLeaf *leaf, gpointer top, guint64 extent)
{
  Disk disk = { .edge = test_connect (NULL, top), .leaf = leaf, .length = LENGTH };

  leaf->extent = extent;
  run_alone (NULL, walk_extents, &disk);
  test_lead (disk.edge, NULL);
  banyan_child_unref (disk.edge);
  test_node_free (top);
}

static void
test_extents_end_inside_blocks (void)
{
  BanyanLimits limits = { .size = sizeof limits, .request_alignment = 4096, .memory_alignment = 1 };
  static const guint64 extents[] = { 777, 4095, 4097, 9001, 65536 };

  g_test_summary ("Status is told to the byte where extents end inside the blocks that a node, or "
                  "a filter above it, asks for");

  for (gsize i = 0; i < G_N_ELEMENTS (extents); i++)
    {
      TestLeaf *leaf = test_leaf_new (LENGTH);

      test_leaf_set_limits (leaf, &limits, 0);
      walk_extents_of (leaf, leaf, extents[i]);
      leaf = test_leaf_new (LENGTH);
      walk_extents_of (leaf, put_aligned_filter (leaf), extents[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/child/align/leaf-gets-what-it-wants", test_leaf_gets_what_it_wants);
  g_test_add_func ("/child/align/neat-length-needs-no-tail", test_neat_length);
  g_test_add_func ("/child/align/filters-change-nothing", test_through_filters);
  g_test_add_func ("/child/align/filter-with-demands", test_filter_with_demands);
  g_test_add_func ("/child/align/odd-offset-over-aligned-child", test_shift_over_aligned);
  g_test_add_func ("/child/align/halves-of-a-block", test_halves_of_a_block);
  g_test_add_func ("/child/align/neat-writes-go-together", test_neat_writes_go_together);
  g_test_add_func ("/child/align/extents-end-inside-blocks", test_extents_end_inside_blocks);
  return g_test_run ();
}
