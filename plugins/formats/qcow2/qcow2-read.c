/* qcow2-read.c - what the guest reads
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-cluster.h"
#include "qcow2-codec.h"
#include "qcow2-encryption.h"
#include "qcow2-io.h"

#include <errno.h>
#include <string.h>

/* An image need not reach to the end of its last cluster: what is missing is zero. */
static gboolean BANYAN_COROUTINE
read_placed (Qcow2Image *image, BanyanChild *child, const BanyanRequest *request, guint64 offset,
             GError **error)
{
  guint64 end = banyan_child_get_length (child);
  guint64 there = request->length;
  BanyanRequest below;

  if (G_UNLIKELY (offset > end || there > end - offset))
    {
      there = offset < end ? end - offset : 0;
      if (request->iov != NULL)
        banyan_request_fill (request, there, 0, request->length - there);
      if (there == 0)
        return TRUE;
    }

  below = banyan_request_slice (request, 0, there, offset);
  return banyan_child_read (child, &below, error);
}

static gboolean BANYAN_COROUTINE
read_backing (Qcow2Image *image, const BanyanRequest *request, GError **error)
{
  if (image->backing != NULL)
    {
      qcow2_image_announce (image, BANYAN_DEBUG_EVENT_READ_BACKING_AIO);
      return read_placed (image, image->backing, request, request->offset, error);
    }

  banyan_request_fill (request, 0, 0, request->length);
  return TRUE;
}

/* What is missing was never encrypted: it is zero as it is. */
static gboolean BANYAN_COROUTINE
read_encrypted (Qcow2Image *image, const BanyanRequest *request, guint64 host, GError **error)
{
  BanyanChild *child = qcow2_image_data (image);
  guint64 end = banyan_child_get_length (child);
  guint64 there = host < end ? MIN (request->length, end - host) : 0;
  BanyanRequest part
      = banyan_request_slice (request, 0, there - there % ENCRYPTION_SECTOR, request->offset);
  BanyanRequest below = banyan_request_slice (&part, 0, part.length, host);

  if (part.length < request->length && request->iov != NULL)
    banyan_request_fill (request, part.length, 0, request->length - part.length);
  return part.length == 0
         || (banyan_child_read (child, &below, error)
             && qcow2_encryption_decrypt (image, &part, host, error));
}

static gboolean BANYAN_COROUTINE
read_data (Qcow2Image *image, const BanyanRequest *request, guint64 host, GError **error)
{
  return G_UNLIKELY (image->encryption != NULL)
             ? read_encrypted (image, request, host, error)
             : read_placed (image, qcow2_image_data (image), request, host, error);
}

/* -- Compressed data. -- */

static gboolean BANYAN_COROUTINE
read_packed_bytes (Qcow2Image *image, guint64 place, guint8 *bytes, gsize length, GError **error)
{
  guint64 end = banyan_child_get_length (image->file);
  gsize there = place < end ? MIN (length, end - place) : 0;

  memset (bytes + there, 0, length - there);
  return there == 0 || banyan_child_pread (image->file, place, bytes, there, error);
}

static gboolean BANYAN_COROUTINE
read_packed (Qcow2Image *image, const Qcow2Mapping *mapping, const BanyanRequest *request,
             GError **error)
{
  guint64 skip = request->offset & (image->cluster_size - 1);
  guint64 length;
  guint64 place = qcow2_entry_place (image, &mapping->first, &length);
  g_autoptr (BanyanBuffer) packed = banyan_buffer_new (length);
  g_autoptr (BanyanBuffer) cluster = banyan_buffer_new (image->cluster_size);

  if (packed == NULL || cluster == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to decompress", image->name);
  qcow2_image_announce (image, BANYAN_DEBUG_EVENT_READ_COMPRESSED);
  if (!read_packed_bytes (image, place, packed->data, length, error))
    return FALSE;
  if (!qcow2_codecs_unpack (image->codecs, packed->data, length, cluster->data,
                            image->cluster_size))
    return banyan_throw_errno (
        error, EIO, "%s: the compressed data of the cluster at %" G_GUINT64_FORMAT " is damaged",
        image->name, request->offset - skip);

  banyan_request_copy_in (request, 0, cluster->data + skip, request->length);
  return TRUE;
}

/* -- All kinds. -- */

static gboolean BANYAN_COROUTINE
read_mapped (Qcow2Image *image, const Qcow2Mapping *mapping, const BanyanRequest *request,
             GError **error)
{
  switch (mapping->kind)
    {
    case QCOW2_DATA:
      qcow2_image_announce (image, BANYAN_DEBUG_EVENT_READ_AIO);
      return read_data (image, request, mapping->host, error);
    case QCOW2_PACKED:
      return read_packed (image, mapping, request, error);
    case QCOW2_UNALLOCATED:
    case QCOW2_PLACED:
      return read_backing (image, request, error);
    default:
      banyan_request_fill (request, 0, 0, request->length);
      return TRUE;
    }
}

static gboolean BANYAN_COROUTINE
read_inside (Qcow2Image *image, const BanyanRequest *request, GError **error)
{
  Qcow2Mapping mapping;

  for (guint64 done = 0; done < request->length; done += mapping.length)
    {
      guint64 offset = request->offset + done;
      BanyanRequest part;

      if (!qcow2_map (image, offset, request->length - done, &mapping, error))
        return FALSE;
      part = banyan_request_slice (request, done, mapping.length, offset);
      if (!read_mapped (image, &mapping, &part, error))
        return FALSE;
    }
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_io_read (Qcow2Image *image, const BanyanRequest *request, GError **error)
{
  Qcow2Visit visit = qcow2_presence_enter (&image->presence);
  gboolean done = read_inside (image, request, error);

  qcow2_presence_leave (&image->presence, &visit);
  return done;
}

/* -- Sending. -- */

static BanyanAnswer
send_inside (Qcow2Image *image, guint64 offset, gsize length, int socket, gsize *sent)
{
  BanyanChild *data = qcow2_image_data (image);
  Qcow2Mapping mapping;

  if (image->encryption != NULL || !qcow2_map_at_once (image, offset, length, &mapping)
      || mapping.kind != QCOW2_DATA || mapping.length < length)
    return BANYAN_UNSUPPORTED;

  return banyan_child_send (data, mapping.host, length, socket, sent);
}

BanyanAnswer
qcow2_io_send (Qcow2Image *image, guint64 offset, gsize length, int socket, gsize *sent)
{
  Qcow2Visit visit = qcow2_presence_enter (&image->presence);
  BanyanAnswer answer = send_inside (image, offset, length, socket, sent);

  qcow2_presence_leave (&image->presence, &visit);
  return answer;
}

/* -- Status. -- */

/* What is there according to us, and what the child knows about it beyond that. */
static BanyanAnswer BANYAN_COROUTINE
ask_below (Qcow2Image *image, const Qcow2Mapping *mapping, BanyanBlockStatus *status,
           GError **error)
{
  BanyanChild *child = qcow2_image_data (image);
  guint64 end = banyan_child_get_length (child);

  /* Zeroes of storage are none of the guest's, and data that lies there is not the guest's either.
   */
  if (image->encryption != NULL)
    {
      status->flags = BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED;
      status->length = mapping->length;
      return BANYAN_DONE;
    }
  if (mapping->host >= end)
    {
      status->flags = BANYAN_BLOCK_ZERO | BANYAN_BLOCK_ALLOCATED;
      status->length = mapping->length;
      return BANYAN_DONE;
    }
  if (banyan_child_block_status (child, mapping->host, MIN (mapping->length, end - mapping->host),
                                 status, error)
      == BANYAN_FAILED)
    return BANYAN_FAILED;

  status->flags |= BANYAN_BLOCK_ALLOCATED;
  return BANYAN_DONE;
}

static BanyanAnswer BANYAN_COROUTINE
status_of (Qcow2Image *image, guint64 offset, const Qcow2Mapping *mapping,
           BanyanBlockStatus *status, GError **error)
{
  status->length = mapping->length;
  switch (mapping->kind)
    {
    case QCOW2_DATA:
      return ask_below (image, mapping, status, error);
    case QCOW2_PACKED:
      status->flags = BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_COMPRESSED;
      return BANYAN_DONE;
    case QCOW2_ZERO_PLAIN:
    case QCOW2_ZERO_ALLOCATED:
      status->flags = BANYAN_BLOCK_ZERO | BANYAN_BLOCK_ALLOCATED;
      return BANYAN_DONE;
    default:
      status->flags = image->backing == NULL ? BANYAN_BLOCK_ZERO : 0;
      return BANYAN_DONE;
    }
}

/* Clusters that do not lie one after the other are one extent nevertheless, if all of them read the
 * same without being read. */
static gboolean
says_the_same (const Qcow2Mapping *mapping, const Qcow2Mapping *next)
{
  gboolean is_zero = mapping->kind == QCOW2_ZERO_PLAIN || mapping->kind == QCOW2_ZERO_ALLOCATED;
  gboolean is_below = mapping->kind == QCOW2_UNALLOCATED || mapping->kind == QCOW2_PLACED;

  return (is_zero && (next->kind == QCOW2_ZERO_PLAIN || next->kind == QCOW2_ZERO_ALLOCATED))
         || (is_below && (next->kind == QCOW2_UNALLOCATED || next->kind == QCOW2_PLACED))
         || (mapping->kind == QCOW2_PACKED && next->kind == QCOW2_PACKED);
}

static BanyanAnswer BANYAN_COROUTINE
status_inside (Qcow2Image *image, guint64 offset, guint64 length, BanyanBlockStatus *status,
               GError **error)
{
  Qcow2Mapping mapping;

  if (!qcow2_map (image, offset, length, &mapping, error))
    return BANYAN_FAILED;

  while (mapping.length < length && mapping.kind != QCOW2_DATA)
    {
      Qcow2Mapping next;

      if (!qcow2_map (image, offset + mapping.length, length - mapping.length, &next, NULL)
          || !says_the_same (&mapping, &next))
        break;
      mapping.length += next.length;
    }
  return status_of (image, offset, &mapping, status, error);
}

BanyanAnswer BANYAN_COROUTINE
qcow2_io_block_status (Qcow2Image *image, guint64 offset, guint64 length, BanyanBlockStatus *status,
                       GError **error)
{
  Qcow2Visit visit = qcow2_presence_enter (&image->presence);
  BanyanAnswer answer = status_inside (image, offset, length, status, error);

  qcow2_presence_leave (&image->presence, &visit);
  return answer;
}
