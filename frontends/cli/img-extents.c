/* img-extents.c - banyan img: what is allocated, through a chain of images
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

/* One image of the chain. The first is entered by the command's own backend. */
typedef struct
{
  BanyanBackend *backend; /* (owned) */
  BanyanChannel *channel;
} Layer;

typedef struct
{
  GArray *layers; /* (element-type Layer) */
  guint64 offset;
  guint64 end;
  ImgExtentFunc func;
  gpointer data;
  ImgExtent last;
} Visit;

static gboolean BANYAN_COROUTINE
ask_layer (const Layer *layer, ImgExtent *extent, GError **error)
{
  guint64 length = banyan_channel_get_length (layer->channel);
  BanyanBlockStatus status = { .size = sizeof status };

  /* A backing that is shorter is zeroes from there on, which nobody has put there. */
  if (extent->start >= length)
    {
      extent->flags = BANYAN_BLOCK_ZERO;
      return TRUE;
    }
  if (banyan_channel_block_status (layer->channel, extent->start,
                                   MIN (extent->length, length - extent->start), &status, error)
      == BANYAN_FAILED)
    return FALSE;

  extent->length = MIN (extent->length, status.length);
  extent->flags = status.flags & ~BANYAN_BLOCK_END;
  extent->offset = status.leaf_offset;
  extent->leaf = status.flags & BANYAN_BLOCK_LOCATED ? status.leaf : NULL;
  return TRUE;
}

/* Neither data nor zeroes: an NBD server says that of a hole, and of what is dirty in a bitmap. To
 * qemu-img nothing is there then. */
static gboolean
is_untold (const ImgExtent *extent)
{
  return (extent->flags & (BANYAN_BLOCK_DATA | BANYAN_BLOCK_ZERO)) == 0;
}

static gboolean BANYAN_COROUTINE
find_extent (Visit *self, ImgExtent *extent, GError **error)
{
  for (extent->depth = 0; extent->depth < self->layers->len; extent->depth++)
    {
      if (!ask_layer (&g_array_index (self->layers, Layer, extent->depth), extent, error))
        return FALSE;
      if ((extent->flags & BANYAN_BLOCK_ALLOCATED) && !is_untold (extent))
        return TRUE;
    }

  /* Nowhere: so it was in the last of them that nothing was found. */
  extent->depth = self->layers->len - 1;
  if (is_untold (extent))
    {
      extent->flags = 0;
      extent->leaf = NULL;
    }
  return TRUE;
}

static gboolean
goes_on (const ImgExtent *last, const ImgExtent *next)
{
  return last->length > 0 && last->depth == next->depth && last->flags == next->flags
         && last->leaf == next->leaf
         && (last->leaf == NULL || last->offset + last->length == next->offset);
}

static void
add (Visit *self, const ImgExtent *extent)
{
  if (goes_on (&self->last, extent))
    {
      self->last.length += extent->length;
      return;
    }

  if (self->last.length > 0)
    self->func (&self->last, self->data);
  self->last = *extent;
}

static gboolean BANYAN_COROUTINE
visit (Visit *self, GError **error)
{
  while (self->offset < self->end)
    {
      ImgExtent extent = { .start = self->offset, .length = self->end - self->offset };

      if (!find_extent (self, &extent, error))
        return FALSE;
      add (self, &extent);
      self->offset += extent.length;
    }

  if (self->last.length > 0)
    self->func (&self->last, self->data);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
visit_main (BanyanChannel *channel, gpointer data, GError **error)
{
  Visit *self = data;
  gboolean is_done;

  for (guint i = 0; i < self->layers->len; i++)
    {
      Layer *layer = &g_array_index (self->layers, Layer, i);

      layer->channel = i > 0 ? banyan_backend_open_channel (layer->backend) : channel;
    }
  is_done = visit (self, error);
  for (guint i = 1; i < self->layers->len; i++)
    banyan_channel_close (g_array_index (self->layers, Layer, i).channel);

  return is_done;
}

static void
close_layers (GArray *layers)
{
  for (guint i = 0; i < layers->len; i++)
    {
      BanyanBackend *backend = g_array_index (layers, Layer, i).backend;

      if (i > 0)
        banyan_backend_close (backend);
      g_object_unref (backend);
    }
  g_array_unref (layers);
}

static gboolean
open_layers (ImgImage *image, GArray *layers, GError **error)
{
  Layer first = { .backend = g_object_ref (image->backend) };

  g_array_append_val (layers, first);
  for (BanyanNode *node = img_get_backing (image->node); node != NULL;
       node = img_get_backing (node))
    {
      Layer layer = { .backend = banyan_backend_new (node, "img", BANYAN_PERMISSION_CONSISTENT_READ,
                                                     BANYAN_PERMISSIONS_ALL, error) };

      if (layer.backend == NULL)
        return FALSE;
      g_array_append_val (layers, layer);
    }

  return TRUE;
}

gboolean
img_foreach_extent (ImgImage *self, guint64 offset, guint64 length, ImgExtentFunc func,
                    gpointer data, GError **error)
{
  guint64 whole = banyan_node_get_length (self->node);
  GArray *layers = g_array_new (FALSE, TRUE, sizeof (Layer));
  Visit work = {
    .layers = layers,
    .offset = MIN (offset, whole),
    .end = MIN (offset, whole) + MIN (length, whole - MIN (offset, whole)),
    .func = func,
    .data = data,
  };
  gboolean is_done = open_layers (self, layers, error)
                     && banyan_backend_run (self->backend, visit_main, &work, error);

  close_layers (layers);
  return is_done;
}
