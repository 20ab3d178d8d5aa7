/* img-bench.c - banyan img bench: how fast an image answers
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <stdio.h>

#define MAX_DEPTH 1024

static int n_requests = 75000;
static int depth = 64;
static int flush_interval;
static int pattern;
static char *size_text;
static char *step_text;
static char *offset_text;
static char *aio;
static gboolean is_write;
static gboolean is_direct;
static gboolean is_undrained;

static const GOptionEntry options[] = {
  { "count", 'c', 0, G_OPTION_ARG_INT, &n_requests, "How many requests; 75000 without it", "N" },
  { "depth", 'd', 0, G_OPTION_ARG_INT, &depth, "How many of them at a time; 64 without it", "N" },
  IMG_FORMAT,
  IMG_DOTTED,
  IMG_OBJECT,
  { "flush-interval", 0, 0, G_OPTION_ARG_INT, &flush_interval, "Flush after so many writes", "N" },
  { "no-drain", 0, 0, G_OPTION_ARG_NONE, &is_undrained,
    "Do not wait for what is under way before a flush", NULL },
  { "aio", 'i', 0, G_OPTION_ARG_STRING, &aio, "Taken, and ignored: --image-opts has file.aio",
    "AIO" },
  { "nocache", 'n', 0, G_OPTION_ARG_NONE, &is_direct, "The same as -t none", NULL },
  { "offset", 'o', 0, G_OPTION_ARG_STRING, &offset_text, "Where to begin", "OFFSET" },
  { "pattern", 0, 0, G_OPTION_ARG_INT, &pattern, "The byte that is written", "BYTE" },
  { "buffer-size", 's', 0, G_OPTION_ARG_STRING, &size_text, "Bytes of a request; 4K without it",
    "SIZE" },
  { "step-size", 'S', 0, G_OPTION_ARG_STRING, &step_text,
    "Bytes from one request to the next; those of a request without it", "SIZE" },
  IMG_CACHE ("writeback without it"),
  { "write", 'w', 0, G_OPTION_ARG_NONE, &is_write, "Write; what was there is lost", NULL },
  IMG_SHARE,
  IMG_QUIET,
  IMG_JSON,
  { NULL },
};

typedef struct
{
  BanyanChannel *channel;
  guint64 size;
  guint64 step;
  guint64 offset; /* of the next request */
  guint64 length; /* of the image */
  guint left;
  guint n_written; /* since the last flush */
  BanyanCoRwlock flushing;
  double seconds;
} Bench;

static guint64
take_offset (Bench *self)
{
  guint64 offset = self->offset;

  self->offset += self->step;
  if (self->offset > self->length - self->size)
    self->offset = 0;
  return offset;
}

static gboolean BANYAN_COROUTINE
run_flush (Bench *self, GError **error)
{
  gboolean is_done;

  if (!is_undrained)
    banyan_co_rwlock_write_lock (&self->flushing);
  is_done = banyan_channel_flush (self->channel, error);
  if (!is_undrained)
    banyan_co_rwlock_unlock (&self->flushing);
  return is_done;
}

static gboolean BANYAN_COROUTINE
run_request (Bench *self, BanyanBuffer *buffer, GError **error)
{
  struct iovec iov = { buffer->data, self->size };
  BanyanRequest request = BANYAN_REQUEST (take_offset (self), self->size, &iov, 1);
  gboolean is_done;

  if (cli_cache_writes_through (img_options.cache))
    request.flags = BANYAN_REQUEST_FUA;
  banyan_co_rwlock_read_lock (&self->flushing);
  is_done = is_write ? banyan_channel_write (self->channel, &request, error)
                     : banyan_channel_read (self->channel, &request, error);
  banyan_co_rwlock_unlock (&self->flushing);
  if (!is_done || flush_interval == 0 || ++self->n_written < (guint) flush_interval)
    return is_done;

  self->n_written = 0;
  return run_flush (self, error);
}

static gboolean BANYAN_COROUTINE
work (gpointer data, GError **error)
{
  Bench *self = data;
  BanyanBuffer *buffer = banyan_buffer_new (self->size);
  gboolean is_done = TRUE;

  memset (buffer->data, pattern, self->size);
  while (is_done && self->left > 0)
    {
      self->left--;
      is_done = run_request (self, buffer, error);
    }
  if (!is_done)
    self->left = 0;

  banyan_buffer_unref (buffer);
  return is_done;
}

static gboolean BANYAN_COROUTINE
bench_main (BanyanChannel *channel, gpointer data, GError **error)
{
  Bench *self = data;
  BanyanGather gather = BANYAN_GATHER_INIT;
  gint64 started_us = g_get_monotonic_time ();
  gboolean is_done;

  self->channel = channel;
  banyan_co_rwlock_init (&self->flushing);
  for (int i = 0; i < depth; i++)
    banyan_gather_start (&gather, work, self);
  is_done = banyan_co_gather (&gather, error);
  self->seconds = (g_get_monotonic_time () - started_us) / 1e6;
  return is_done;
}

static CliStatus
print_json (const Bench *self)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) spec = NULL;

  banyan_spec_builder_add_uint (map, "requests", n_requests);
  banyan_spec_builder_add_uint (map, "bytes", n_requests * self->size);
  banyan_spec_builder_add_double (map, "seconds", self->seconds);
  spec = banyan_spec_builder_end (map);
  return cli_print_json (spec);
}

static CliStatus
bench (ImgImage *image, Bench *self)
{
  g_autoptr (GError) error = NULL;

  self->length = banyan_node_get_length (image->node);
  self->left = n_requests;
  if (self->length < self->size || self->offset > self->length - self->size)
    return cli_fail (CLI_USAGE, "the image has only %" G_GUINT64_FORMAT " bytes", self->length);

  if (!img_options.as_json)
    img_say ("Sending %d %s requests, %" G_GUINT64_FORMAT
             " bytes each, %d in parallel (starting at offset %" G_GUINT64_FORMAT
             ", step size %" G_GUINT64_FORMAT ")\n",
             n_requests, is_write ? "write" : "read", self->size, depth, self->offset, self->step);
  fflush (stdout);
  if (!banyan_backend_run (image->backend, bench_main, self, &error))
    return cli_fail_with (error);
  if (img_options.as_json)
    return print_json (self);

  img_say ("Run completed in %3.3f seconds.\n", self->seconds);
  return CLI_DONE;
}

static CliStatus
read_numbers (Bench *self)
{
  self->size = 4096;
  if (n_requests < 1 || depth < 1 || depth > MAX_DEPTH || flush_interval < 0 || pattern < 0
      || pattern > 255)
    return cli_fail (CLI_USAGE, "-c is above 0, -d 1 to %d, --pattern 0 to 255", MAX_DEPTH);
  if (flush_interval > 0 && !is_write)
    return cli_fail (CLI_USAGE, "--flush-interval is for writes: -w");
  if ((size_text != NULL && !img_parse_size (size_text, "-s", &self->size))
      || (offset_text != NULL && !img_parse_size (offset_text, "-o", &self->offset)))
    return CLI_USAGE;
  if (self->size == 0 || self->size > 64 * 1024 * 1024)
    return cli_fail (CLI_USAGE, "-s is 1 to 64M");

  self->step = self->size;
  return step_text == NULL || img_parse_size (step_text, "-S", &self->step) ? CLI_DONE : CLI_USAGE;
}

static CliStatus
run (char **arguments)
{
  Bench self = { NULL };
  ImgImage image;
  CliStatus status = read_numbers (&self);

  if (status != CLI_DONE)
    return status;
  if (is_direct)
    img_options.cache = (char *) "none";
  img_options.source_cache = img_options.cache;

  status = img_open_argument (&image, arguments[0], is_write, FALSE);
  return status == CLI_DONE ? img_close (&image, bench (&image, &self)) : status;
}

const CliCommand img_bench = {
  .name = "img bench",
  .arguments = "FILE",
  .summary = "Tell how fast an image answers",
  .description = "Sends requests, one after the other through the image, several at a time, and "
                 "tells how long that took.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .min_arguments = 1,
  .max_arguments = 1,
  .run = run,
};
