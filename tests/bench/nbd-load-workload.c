/* nbd-load-workload.c - which request comes next, what it carries, whether a read is right
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a block holds is told by one 64-bit number, its generation. Its words are the block's
 * number, the generation, and then a sequence that these two and the seed begin, so that wrong data
 * tells where it was meant to go and when. Without the mix all writes are of generation 1, so that
 * one run can write and another one verify.
 *
 * The mix keeps a model: each connection has a part of the export for itself, or, interleaved,
 * every Nth of its blocks; each block has a generation that every write raises. A request never
 * overlaps a write in flight, since the protocol gives those no order; reads overlap reads. After a
 * trim the protocol promises nothing, but a word that is neither zero nor what was there before is
 * somebody else's data: an error. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nbd-load.h"

#define CONTENT_ZERO 0u
#define CONTENT_UNKNOWN UINT64_MAX
#define CONTENT_TRIMMED (1ull << 63) /* or zero, word by word */

#define WORD_STEP 0x9e3779b97f4a7c15ull

static uint64_t last_generation;

static uint64_t
scramble (uint64_t x)
{
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

static uint64_t
next_random (LoadConnection *connection)
{
  return scramble (connection->random += WORD_STEP);
}

/* Unbiased enough: the ranges are far below 2^64. */
static uint64_t
random_below (LoadConnection *connection, uint64_t limit)
{
  return (unsigned __int128) next_random (connection) * limit >> 64;
}

static uint64_t
block_word (uint64_t block, uint64_t generation, unsigned i)
{
  if (i < 2)
    return i == 0 ? block : generation;
  return scramble (load_options.seed + block * WORD_STEP + scramble (generation)) + i * WORD_STEP;
}

static void
fill_block (uint64_t *words, uint64_t block, uint64_t generation)
{
  uint64_t first = block_word (block, generation, 2);

  words[0] = block;
  words[1] = generation;
  for (unsigned i = 2; i < load_options.block_bytes / 8; i++)
    words[i] = first + (i - 2) * WORD_STEP;
}

static void __attribute__ ((noreturn))
fail_block (const LoadConnection *connection, const uint64_t *words, uint64_t block,
            uint64_t content, unsigned i)
{
  uint64_t generation = content & ~CONTENT_TRIMMED;
  uint64_t wanted = content == CONTENT_ZERO ? 0 : block_word (block, generation, i);
  unsigned n_words = load_options.block_bytes / 8, n_wrong = 0;
  char found[96] = "no pattern of ours";

  for (unsigned k = 0; k < n_words; k++)
    n_wrong += words[k] != (content == CONTENT_ZERO ? 0 : block_word (block, generation, k));
  if (words[i] == 0)
    strcpy (found, "zeroes");
  else if (words[n_words - 1] == block_word (words[0], words[1], n_words - 1))
    snprintf (found, sizeof found, "block %" PRIu64 " generation %" PRIu64, words[0], words[1]);

  load_fail ("connection %u: wrong data in block %" PRIu64 " at 0x%" PRIx64
             ": word %u is 0x%" PRIx64 " and should be 0x%" PRIx64
             "%s; %u of %u words differ; generation %" PRIu64 " is wanted, found is: %s",
             connection->number, block, block * load_options.block_bytes, i, words[i], wanted,
             (content & CONTENT_TRIMMED) != 0 ? " or 0 after a trim" : "", n_wrong, n_words,
             generation, found);
}

static void
check_block (const LoadConnection *connection, const uint64_t *words, uint64_t block,
             uint64_t content)
{
  unsigned n_words = load_options.block_bytes / 8;
  bool trimmed = (content & CONTENT_TRIMMED) != 0;
  uint64_t generation = content & ~CONTENT_TRIMMED;
  uint64_t first = block_word (block, generation, 2);

  if (content == CONTENT_UNKNOWN)
    return;

  for (unsigned i = 0; i < n_words; i++)
    {
      uint64_t wanted = first + (i - 2) * WORD_STEP;

      if (generation == CONTENT_ZERO)
        wanted = 0;
      else if (i < 2)
        wanted = i == 0 ? block : generation;
      if (words[i] != wanted && !(trimmed && words[i] == 0))
        fail_block (connection, words, block, content, i);
    }
}

void
load_workload_prepare (LoadConnection *connection)
{
  uint64_t size = load_options.size_bytes;
  uint64_t n_blocks = size / load_options.block_bytes / load_options.connections;

  if (n_blocks == 0)
    load_fail ("%" PRIu64 " bytes are too few for %u connections with blocks of %u bytes", size,
               load_options.connections, load_options.block_bytes);
  connection->first_block = connection->number * n_blocks;
  connection->n_blocks = n_blocks;
  connection->stride = 1;
  connection->random = load_options.seed * 1000003 + connection->number;

  /* Random requests go everywhere: several connections to one disk meet. */
  if (load_options.pattern == LOAD_RANDOM_READ || load_options.pattern == LOAD_RANDOM_WRITE)
    {
      connection->first_block = 0;
      connection->n_blocks = n_blocks * load_options.connections;
    }
  if (load_options.pattern != LOAD_MIX)
    return;
  if (load_options.interleave)
    {
      connection->first_block = connection->number;
      connection->stride = load_options.connections;
    }

  connection->content = malloc (n_blocks * sizeof *connection->content);
  connection->claims = calloc (n_blocks, sizeof *connection->claims);
  if (connection->content == NULL || connection->claims == NULL)
    load_fail ("no memory for a model of %" PRIu64 " blocks; give a smaller --size", n_blocks);
  for (uint64_t i = 0; i < n_blocks; i++)
    connection->content[i] = load_options.starts_zeroed ? CONTENT_ZERO : CONTENT_UNKNOWN;
}

/* Of the model's block @i. */
static uint64_t
disk_block (const LoadConnection *connection, uint64_t i)
{
  return connection->first_block + i * connection->stride;
}

static uint16_t
mix_type (LoadConnection *connection)
{
  unsigned dice = random_below (connection, 100);
  uint16_t flags = connection->export_flags;

  if (dice < 1 && (flags & NBD_SEND_FLUSH) != 0)
    return NBD_CMD_FLUSH;
  if (dice < 4 && (flags & NBD_SEND_TRIM) != 0)
    return NBD_CMD_TRIM;
  if (dice < 8 && (flags & NBD_SEND_WRITE_ZEROES) != 0)
    return NBD_CMD_WRITE_ZEROES;
  return dice < 50 ? NBD_CMD_WRITE : NBD_CMD_READ;
}

static uint16_t
mix_flags (LoadConnection *connection, uint16_t type)
{
  uint16_t flags = 0;

  if (type == NBD_CMD_READ || type == NBD_CMD_FLUSH)
    return 0;
  if ((connection->export_flags & NBD_SEND_FUA) != 0 && random_below (connection, 32) == 0)
    flags |= NBD_CMD_FLAG_FUA;
  if (type == NBD_CMD_WRITE_ZEROES && random_below (connection, 2) == 0)
    flags |= NBD_CMD_FLAG_NO_HOLE;
  return flags;
}

/* Takes the blocks for a request of @type, all or none. */
static bool
claim_blocks (LoadConnection *connection, uint16_t type, uint64_t from, uint64_t n)
{
  int16_t *claims = connection->claims + from;

  for (uint64_t i = 0; i < n; i++)
    if (claims[i] < 0 || (type != NBD_CMD_READ && claims[i] > 0))
      return false;
  for (uint64_t i = 0; i < n; i++)
    claims[i] += type == NBD_CMD_READ ? 1 : -1;
  return true;
}

static void
fill_mix_write (LoadConnection *connection, LoadSlot *slot, uint64_t from, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++)
    {
      connection->content[from + i] = ++last_generation;
      fill_block ((uint64_t *) (slot->buffer + i * load_options.block_bytes),
                  disk_block (connection, from + i), last_generation);
    }
}

static bool
next_of_mix (LoadConnection *connection, LoadSlot *slot)
{
  uint64_t longest = load_options.longest_bytes / load_options.block_bytes;

  slot->type = mix_type (connection);
  slot->flags = mix_flags (connection, slot->type);
  slot->offset = slot->length = 0;
  if (slot->type == NBD_CMD_FLUSH)
    return true;

  if (longest > connection->n_blocks)
    longest = connection->n_blocks;
  for (unsigned attempt = 0; attempt < 16; attempt++)
    {
      bool small = next_random (connection) % 2 == 0;
      uint64_t n = small ? 1 : 1 + random_below (connection, longest);
      uint64_t from = random_below (connection, connection->n_blocks - n + 1);

      if (!claim_blocks (connection, slot->type, from, n))
        continue;
      slot->offset = disk_block (connection, from) * load_options.block_bytes;
      slot->length = n * load_options.block_bytes;
      if (slot->type == NBD_CMD_WRITE)
        fill_mix_write (connection, slot, from, n);
      return true;
    }
  return false;
}

static bool
next_of_sweep (LoadConnection *connection, LoadSlot *slot)
{
  uint64_t n = load_options.longest_bytes / load_options.block_bytes;

  if (connection->position == connection->n_blocks)
    return false;
  if (n > connection->n_blocks - connection->position)
    n = connection->n_blocks - connection->position;
  claim_blocks (connection, NBD_CMD_READ, connection->position, n);
  slot->type = NBD_CMD_READ;
  slot->flags = 0;
  slot->offset = disk_block (connection, connection->position) * load_options.block_bytes;
  slot->length = n * load_options.block_bytes;
  connection->position += n;
  return true;
}

/* Makes @slot the next request. Returns false if there is none at the moment. */
bool
load_workload_next (LoadConnection *connection, LoadSlot *slot)
{
  LoadPattern pattern = load_options.pattern;
  bool writes = pattern == LOAD_RANDOM_WRITE || pattern == LOAD_SEQUENTIAL_WRITE;
  uint64_t block;

  if (load_phase == LOAD_SWEEPING)
    return next_of_sweep (connection, slot);
  if (pattern == LOAD_MIX)
    return next_of_mix (connection, slot);

  if (pattern == LOAD_RANDOM_READ || pattern == LOAD_RANDOM_WRITE)
    block = connection->first_block + random_below (connection, connection->n_blocks);
  else
    block = connection->first_block + connection->position++ % connection->n_blocks;
  slot->type = writes ? NBD_CMD_WRITE : NBD_CMD_READ;
  slot->flags = 0;
  slot->offset = block * load_options.block_bytes;
  slot->length = load_options.block_bytes;
  if (writes && slot->buffer != NULL)
    fill_block ((uint64_t *) slot->buffer, block, 1);
  return true;
}

static void
end_of_mix (LoadConnection *connection, LoadSlot *slot)
{
  uint64_t first = slot->offset / load_options.block_bytes;
  uint64_t n = slot->length / load_options.block_bytes;
  uint64_t from = (first - connection->first_block) / connection->stride;

  if (slot->type == NBD_CMD_FLUSH)
    return;

  for (uint64_t i = 0; i < n; i++)
    {
      uint64_t *content = &connection->content[from + i];

      connection->claims[from + i] += slot->type == NBD_CMD_READ ? -1 : 1;
      if (slot->type == NBD_CMD_READ)
        check_block (connection, (uint64_t *) (slot->buffer + i * load_options.block_bytes),
                     first + i, *content);
      else if (slot->type == NBD_CMD_WRITE_ZEROES)
        *content = CONTENT_ZERO;
      else if (slot->type == NBD_CMD_TRIM && *content != CONTENT_ZERO)
        *content |= CONTENT_TRIMMED; /* the unknown stays unknown */
    }
}

/* The reply to @slot has arrived, a read with all its data. */
void
load_workload_ended (LoadConnection *connection, LoadSlot *slot)
{
  if (load_options.pattern == LOAD_MIX)
    end_of_mix (connection, slot);
  else if (slot->type == NBD_CMD_READ && slot->buffer != NULL)
    check_block (connection, (uint64_t *) slot->buffer, slot->offset / load_options.block_bytes, 1);
}
