/* vhdx-log.c - changes of tables that were not made when the image was last closed
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The log is a ring of sectors. An entry begins with a header, with descriptors behind it; each of
 * those stands for zeroes somewhere, or for a sector that follows in the entry, but for its first 8
 * and last 4 bytes, which are in the descriptor. Entries whose numbers follow one another are a
 * sequence, and the last one says where the first is that matters ("VHDX Format Specification",
 * section 2.3). */

#include "vhdx-log.h"

#include "vhdx-crc.h"

#include <errno.h>

#define ENTRY_SIGNATURE "loge"
#define ENTRY_CHECKSUM 4
#define ENTRY_LENGTH 8
#define ENTRY_TAIL 12
#define ENTRY_SEQUENCE 16
#define ENTRY_N_DESCRIPTORS 24
#define ENTRY_GUID 32
#define ENTRY_FLUSHED 48
#define ENTRY_LAST 56
#define ENTRY_HEADER_SIZE 64

#define DESCRIPTOR_SIZE 32
#define DATA_DESCRIPTOR "desc"
#define ZERO_DESCRIPTOR "zero"
#define DESCRIPTOR_TRAILING 4
#define DESCRIPTOR_LEADING 8
#define DESCRIPTOR_OFFSET 16
#define DESCRIPTOR_SEQUENCE 24

#define DATA_SIGNATURE "data"
#define DATA_SEQUENCE_HIGH 4
#define DATA_SEQUENCE_LOW 4092
#define LEADING_SIZE 8
#define TRAILING_SIZE 4

/* What has more was made by no program that is known. */
#define MAX_LENGTH (64u << 20)
/* How often the ring may be read, in whole: entries that look right until all of them has been read
 * could make that take hours. */
#define MAX_ROUNDS 8
/* All of them are looked at for each sector of a table that is read. Hyper-V's logs have 1 MiB,
 * which is less than half as many. */
#define MAX_CHANGES 65536u

typedef struct
{
  guint64 offset; /* bytes, in the file */
  guint64 length; /* bytes */
  guint64 source; /* bytes, in the file: the data sector; 0: zeroes */
  guint8 leading[LEADING_SIZE];
  guint8 trailing[TRAILING_SIZE];
} Change;

typedef struct
{
  Mapped *mapped;
  guint64 offset; /* of the ring */
  guint32 length; /* of the ring */
  const guint8 *guid;
  guint64 budget; /* bytes of entries that may still be read */
} Ring;

/* An entry that was read whole, and is right. */
typedef struct
{
  guint8 *bytes; /* (owned) (nullable) */
  guint32 at;    /* in the ring */
  guint32 length;
  guint32 tail;
  guint32 n_descriptors;
  guint64 sequence;
} Entry;

static void
entry_clear (Entry *entry)
{
  g_clear_pointer (&entry->bytes, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Entry, entry_clear)

void
vhdx_log_free (VhdxLog *self)
{
  if (self == NULL)
    return;

  g_array_unref (self->changes);
  g_free (self);
}

/* -- Entries. -- */

static gboolean BANYAN_COROUTINE
read_ring (const Ring *ring, guint32 at, guint8 *bytes, guint32 length, GError **error)
{
  guint32 first = MIN (length, ring->length - at);

  return banyan_child_pread (ring->mapped->file, ring->offset + at, bytes, first, error)
         && (first == length
             || banyan_child_pread (ring->mapped->file, ring->offset, bytes + first, length - first,
                                    error));
}

static guint32
count_descriptor_bytes (guint32 n_descriptors)
{
  guint64 bytes = ENTRY_HEADER_SIZE + (guint64) n_descriptors * DESCRIPTOR_SIZE;

  return (bytes + VHDX_LOG_SECTOR - 1) / VHDX_LOG_SECTOR * VHDX_LOG_SECTOR;
}

static gboolean
is_kind (const guint8 *bytes, const char *signature)
{
  return memcmp (bytes, signature, 4) == 0;
}

static gboolean
is_header (const Ring *ring, const guint8 *header)
{
  guint32 length = banyan_get_le32 (header + ENTRY_LENGTH),
          tail = banyan_get_le32 (header + ENTRY_TAIL);

  return is_kind (header, ENTRY_SIGNATURE) && length % VHDX_LOG_SECTOR == 0 && length > 0
         && length <= ring->length && tail % VHDX_LOG_SECTOR == 0 && tail < ring->length
         && banyan_get_le64 (header + ENTRY_SEQUENCE) != 0
         && memcmp (header + ENTRY_GUID, ring->guid, VHDX_GUID_SIZE) == 0
         && banyan_get_le32 (header + ENTRY_N_DESCRIPTORS) <= length / DESCRIPTOR_SIZE
         && count_descriptor_bytes (banyan_get_le32 (header + ENTRY_N_DESCRIPTORS)) <= length;
}

/* Each descriptor belongs to the entry, and each that has data has a sector that does. */
static gboolean
has_all (const Entry *entry)
{
  guint32 at = count_descriptor_bytes (entry->n_descriptors);

  for (guint32 i = 0; i < entry->n_descriptors; i++)
    {
      const guint8 *descriptor = entry->bytes + ENTRY_HEADER_SIZE + i * DESCRIPTOR_SIZE;
      const guint8 *data = entry->bytes + at;
      gboolean has_data = is_kind (descriptor, DATA_DESCRIPTOR);

      if (banyan_get_le64 (descriptor + DESCRIPTOR_SEQUENCE) != entry->sequence
          || banyan_get_le64 (descriptor + DESCRIPTOR_OFFSET) % VHDX_LOG_SECTOR != 0
          || (!has_data
              && (!is_kind (descriptor, ZERO_DESCRIPTOR)
                  || banyan_get_le64 (descriptor + DESCRIPTOR_LEADING) % VHDX_LOG_SECTOR != 0)))
        return FALSE;
      if (!has_data)
        continue;
      if (entry->length - at < VHDX_LOG_SECTOR || !is_kind (data, DATA_SIGNATURE)
          || banyan_get_le32 (data + DATA_SEQUENCE_HIGH) != entry->sequence >> 32
          || banyan_get_le32 (data + DATA_SEQUENCE_LOW) != (guint32) entry->sequence)
        return FALSE;
      at += VHDX_LOG_SECTOR;
    }
  return TRUE;
}

/* FALSE with @error: it could not be read. What is there and is no entry has no bytes. */
static gboolean BANYAN_COROUTINE
read_entry (Ring *ring, guint32 at, Entry *entry, GError **error)
{
  guint8 header[ENTRY_HEADER_SIZE];

  entry_clear (entry);
  if (!read_ring (ring, at, header, sizeof header, error))
    return FALSE;
  if (!is_header (ring, header))
    return TRUE;

  *entry = (Entry){
    .at = at,
    .length = banyan_get_le32 (header + ENTRY_LENGTH),
    .tail = banyan_get_le32 (header + ENTRY_TAIL),
    .n_descriptors = banyan_get_le32 (header + ENTRY_N_DESCRIPTORS),
    .sequence = banyan_get_le64 (header + ENTRY_SEQUENCE),
  };
  if (entry->length > ring->budget)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image's log has too many entries that are broken",
                               ring->mapped->name);
  ring->budget -= entry->length;
  entry->bytes = g_try_malloc (entry->length);
  if (entry->bytes == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: %u bytes for a log entry", ring->mapped->name,
                               entry->length);
  if (!read_ring (ring, at, entry->bytes, entry->length, error))
    return FALSE;
  if (!vhdx_crc_is_right (entry->bytes, entry->length, ENTRY_CHECKSUM) || !has_all (entry))
    entry_clear (entry);
  return TRUE;
}

static guint32
end_of (const Ring *ring, const Entry *entry)
{
  return ((guint64) entry->at + entry->length) % ring->length;
}

/* -- Sequences. -- */

/* The entries from @from on whose numbers follow one another. */
typedef struct
{
  guint32 from; /* in the ring */
  guint32 head; /* in the ring: the last entry */
  guint32 tail; /* in the ring: from where it is to be done again */
  guint32 end;  /* in the ring: behind it */
  guint64 sequence;
  gboolean is_whole; /* the tail is one of its entries */
} Sequence;

static gboolean BANYAN_COROUTINE
follow (Ring *ring, guint32 from, Sequence *found, GError **error)
{
  g_auto (Entry) entry = { 0 };
  g_autoptr (GHashTable) starts = g_hash_table_new (NULL, NULL);
  guint64 covered = 0;

  *found = (Sequence){ .from = from, .end = from };
  while (covered < ring->length)
    {
      if (!read_entry (ring, found->end, &entry, error))
        return FALSE;
      if (entry.bytes == NULL || (found->sequence != 0 && entry.sequence != found->sequence + 1))
        break;
      covered += entry.length;
      if (covered > ring->length)
        break;
      g_hash_table_add (starts, GUINT_TO_POINTER (entry.at + 1));
      found->head = entry.at;
      found->tail = entry.tail;
      found->sequence = entry.sequence;
      found->end = end_of (ring, &entry);
    }
  found->is_whole
      = found->sequence != 0 && g_hash_table_contains (starts, GUINT_TO_POINTER (found->tail + 1));
  return TRUE;
}

/* Of all sequences in the ring, the one that was written last. */
static gboolean BANYAN_COROUTINE
find_newest (Ring *ring, Sequence *newest, GError **error)
{
  guint32 from = 0;

  *newest = (Sequence){ 0 };
  while (TRUE)
    {
      Sequence here;

      if (!follow (ring, from, &here, error))
        return FALSE;
      if (here.is_whole && here.sequence > newest->sequence)
        *newest = here;
      /* Behind it, or one sector on; who has come round has seen all. */
      if (here.sequence == 0)
        from += VHDX_LOG_SECTOR;
      else if (here.end <= from)
        break;
      else
        from = here.end;
      if (from >= ring->length)
        break;
    }
  return TRUE;
}

/* -- Changes. -- */

static void
take_changes (VhdxLog *self, const Ring *ring, const Entry *entry)
{
  guint32 data = count_descriptor_bytes (entry->n_descriptors);

  for (guint32 i = 0; i < entry->n_descriptors; i++)
    {
      const guint8 *descriptor = entry->bytes + ENTRY_HEADER_SIZE + i * DESCRIPTOR_SIZE;
      Change change = { .offset = banyan_get_le64 (descriptor + DESCRIPTOR_OFFSET) };

      if (is_kind (descriptor, ZERO_DESCRIPTOR))
        change.length = banyan_get_le64 (descriptor + DESCRIPTOR_LEADING);
      else
        {
          change.length = VHDX_LOG_SECTOR;
          change.source = ring->offset + ((guint64) entry->at + data) % ring->length;
          memcpy (change.leading, descriptor + DESCRIPTOR_LEADING, LEADING_SIZE);
          memcpy (change.trailing, descriptor + DESCRIPTOR_TRAILING, TRAILING_SIZE);
          data += VHDX_LOG_SECTOR;
        }
      g_array_append_val (self->changes, change);
    }
  self->file_end = MAX (self->file_end, banyan_get_le64 (entry->bytes + ENTRY_LAST));
}

/* A file that is shorter than it was when the entry was written has lost something. */
static gboolean
check_file (const Ring *ring, const Entry *entry, GError **error)
{
  guint64 end = banyan_child_get_length (ring->mapped->file);
  guint64 flushed = banyan_get_le64 (entry->bytes + ENTRY_FLUSHED);

  return flushed <= end
         || mapped_throw_field (ring->mapped, error, "flushed file offset", flushed,
                                ring->offset + entry->at + ENTRY_FLUSHED,
                                "the file has only %" G_GUINT64_FORMAT " bytes: it is cut short",
                                end);
}

static gboolean BANYAN_COROUTINE
collect (VhdxLog *self, Ring *ring, const Sequence *sequence, GError **error)
{
  g_auto (Entry) entry = { 0 };
  guint32 at = sequence->tail;

  while (TRUE)
    {
      if (!read_entry (ring, at, &entry, error))
        return FALSE;
      if (entry.bytes == NULL)
        return banyan_throw_errno (error, EIO, "%s: the image's log changes while it is read",
                                   ring->mapped->name);
      if (!check_file (ring, &entry, error))
        return FALSE;
      if (entry.n_descriptors > MAX_CHANGES - self->changes->len)
        return mapped_throw_unsupported (
            ring->mapped, error,
            "the image was not closed in order, and its log has more than %u changes; open it once "
            "with the program that made it",
            MAX_CHANGES);
      take_changes (self, ring, &entry);
      if (at == sequence->head)
        return TRUE;
      at = end_of (ring, &entry);
    }
}

VhdxLog *BANYAN_COROUTINE
vhdx_log_read (Mapped *mapped, guint64 offset, guint64 length, const guint8 *guid, GError **error)
{
  VhdxLog *self = g_new0 (VhdxLog, 1);
  Ring ring = { mapped, offset, length, guid, MAX_ROUNDS * length };
  Sequence newest;

  self->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  self->file_end = banyan_child_get_length (mapped->file);
  if (length > MAX_LENGTH)
    mapped_throw_unsupported (
        mapped, error,
        "the image was not closed in order, and has a log of %" G_GUINT64_FORMAT
        " bytes; at most %u are read. Open it once with the program that made it",
        length, MAX_LENGTH);
  else if (mapped_check_inside (mapped, mapped->file, offset, length, "log", error)
           && find_newest (&ring, &newest, error))
    {
      if (newest.sequence != 0 && collect (self, &ring, &newest, error))
        return self;
      if (newest.sequence == 0)
        banyan_throw_errno (error, EINVAL,
                            "%s: the image was not closed in order, and its log, at byte "
                            "%" G_GUINT64_FORMAT ", has no sequence of entries that is whole",
                            mapped->name, offset);
    }
  vhdx_log_free (self);
  return NULL;
}

/* -- Applying. -- */

gboolean BANYAN_COROUTINE
vhdx_log_apply (const VhdxLog *self, Mapped *mapped, guint64 offset, guint8 *sector, GError **error)
{
  for (guint i = self->changes->len; i-- > 0;)
    {
      const Change *change = &g_array_index (self->changes, Change, i);

      if (offset < change->offset || offset - change->offset >= change->length)
        continue;
      if (change->source == 0)
        {
          memset (sector, 0, VHDX_LOG_SECTOR);
          return TRUE;
        }
      if (!banyan_child_pread (mapped->file, change->source, sector, VHDX_LOG_SECTOR, error))
        return FALSE;
      memcpy (sector, change->leading, LEADING_SIZE);
      memcpy (sector + VHDX_LOG_SECTOR - TRAILING_SIZE, change->trailing, TRAILING_SIZE);
      return TRUE;
    }
  return TRUE;
}

gboolean
vhdx_log_touches (const VhdxLog *self, guint64 offset, guint64 length)
{
  for (guint i = 0; i < self->changes->len; i++)
    {
      const Change *change = &g_array_index (self->changes, Change, i);

      if (offset < change->offset ? change->offset - offset < length
                                  : offset - change->offset < change->length)
        return TRUE;
    }
  return FALSE;
}
