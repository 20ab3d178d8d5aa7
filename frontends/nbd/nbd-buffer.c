/* nbd-buffer.c - memory for payload, kept by a connection for its next request
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-buffer.h"

#include <sys/mman.h>

/* What a connection keeps at most, by class: 4 MiB of the larger ones, so that an idle client costs
 * little. */
static const gsize class_size[NBD_BUFFER_CLASSES] = { 4096, 16384, 65536, 262144, 1048576 };
static const guint class_keep[NBD_BUFFER_CLASSES] = { 64, 64, 32, 16, 4 };

static guint
find_class (gsize size)
{
  for (guint i = 0; i < NBD_BUFFER_CLASSES; i++)
    if (size <= class_size[i])
      return i;
  return NBD_BUFFER_CLASSES;
}

static NbdBuffer *
buffer_new (gsize size, guint size_class)
{
  NbdBuffer *self = g_new0 (NbdBuffer, 1);

  self->size_class = size_class;
  self->size = size_class < NBD_BUFFER_CLASSES ? class_size[size_class] : (size + 4095) & ~4095ul;
  self->data = mmap (NULL, self->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (self->data == MAP_FAILED)
    g_clear_pointer (&self, g_free);
  return self;
}

static void
buffer_free (NbdBuffer *self)
{
  munmap (self->data, self->size);
  g_free (self);
}

NbdBuffer *
nbd_buffer_pool_take (NbdBufferPool *self, gsize size)
{
  guint size_class = find_class (size);
  NbdBuffer *buffer = NULL;

  if (size_class < NBD_BUFFER_CLASSES && self->free[size_class] != NULL)
    {
      buffer = self->free[size_class];
      self->free[size_class] = buffer->next;
      self->n_free[size_class]--;
    }
  else
    buffer = buffer_new (size, size_class);

  if (buffer != NULL)
    buffer->references = 1;
  return buffer;
}

NbdBuffer *
nbd_buffer_ref (NbdBuffer *self)
{
  self->references++;
  return self;
}

void
nbd_buffer_pool_give_back (NbdBufferPool *self, NbdBuffer *buffer)
{
  guint size_class = buffer->size_class;

  if (--buffer->references > 0)
    return;

  if (size_class == NBD_BUFFER_CLASSES || self->n_free[size_class] == class_keep[size_class])
    {
      buffer_free (buffer);
      return;
    }
  buffer->next = self->free[size_class];
  self->free[size_class] = buffer;
  self->n_free[size_class]++;
}

void
nbd_buffer_pool_clear (NbdBufferPool *self)
{
  for (guint i = 0; i < NBD_BUFFER_CLASSES; i++)
    while (self->free[i] != NULL)
      {
        NbdBuffer *buffer = self->free[i];

        self->free[i] = buffer->next;
        buffer_free (buffer);
      }
}
