/* nbd-load.c - a load generator for NBD servers that batches its requests
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Measures rate, latency and the server's own CPU time; in --mix it verifies all data against a
 * model. See README.md beside this file, and nbd-load.h for how the parts fit. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "nbd-load.h"

LoadOptions load_options = {
  .export_name = "",
  .connections = 1,
  .depth = 1,
  .block_bytes = 4096,
  .seconds = 1,
  .limit_requests = UINT64_MAX,
  .seed = 1,
};

LoadStatistics load_statistics;
LoadPhase load_phase = LOAD_RUNNING;

static LoadConnection *connections[LOAD_MAX_CONNECTIONS];
static uint64_t n_started;
static unsigned n_silent_seconds;

static const char *const pattern_names[]
    = { "randread", "randwrite", "seqread", "seqwrite", "mix" };

static const char help_text[]
    = "Usage: nbd-load --unix PATH|--tcp HOST:PORT [OPTION...]\n"
      "Load an NBD server, with many requests in flight and many sent by one system call.\n\n"
      "  --unix PATH, --tcp HOST:PORT  where the server listens\n"
      "  --export NAME                 the export (the default one)\n"
      "  --connections N               connections, all driven by one thread (1)\n"
      "  --depth N                     requests in flight on each (1)\n"
      "  --pattern NAME                randread, randwrite, seqread or seqwrite (randread)\n"
      "  --block-size SIZE             of a request; in the mix, of what a request is made of "
      "(4K)\n"
      "  --size SIZE                   use only that much of the export's beginning\n"
      "  --seconds S                   stop after S seconds, which may be a fraction (1)\n"
      "  --count N                     stop after N requests\n"
      "  --poll US                     on one connection, look so long for a reply before sleeping "
      "(0)\n"
      "  --until-eof                   stop when standard input ends, and not after a time\n"
      "  --verify                      writes carry a pattern, reads check it\n"
      "  --mix                         all kinds of requests, verified against a model\n"
      "  --longest SIZE                the mix's longest request (64K)\n"
      "  --interleave                  the mix's connections have every Nth block each, one a "
      "request\n"
      "  --zeroed                      the mix may expect zeroes where it has not written\n"
      "  --seed N                      of offsets and patterns (1)\n"
      "  --structured                  ask for structured replies\n"
      "  --server-pid PID              measure the CPU time of this process\n"
      "  --json                        print one JSON object\n";

void
load_fail (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  fputs ("nbd-load: ", stderr);
  vfprintf (stderr, format, arguments);
  fputc ('\n', stderr);
  va_end (arguments);
  exit (1);
}

uint64_t
load_now_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Includes threads that have ended, and the kernel's workers for the process's io_uring. */
static uint64_t
cpu_ns_of (int pid)
{
  struct timespec t;
  clockid_t clock;

  if (clock_getcpuclockid (pid, &clock) != 0 || clock_gettime (clock, &t) != 0)
    load_fail ("no CPU time of process %d: is it still there?", pid);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void
load_note_reply (void)
{
  n_silent_seconds = 0;
}

static void __attribute__ ((noreturn)) give_up (void)
{
  const LoadSlot *oldest = NULL;
  const LoadConnection *its = NULL;

  for (unsigned i = 0; i < load_options.connections; i++)
    {
      const LoadSlot *slot = load_connection_find_oldest (connections[i]);

      if (slot == NULL || (oldest != NULL && oldest->start_ns <= slot->start_ns))
        continue;
      oldest = slot;
      its = connections[i];
    }
  if (oldest == NULL)
    load_fail ("no reply for %u s", LOAD_STALL_SECONDS);

  load_fail ("no reply for %u s: connection %u%s waits for a %s of %u bytes at 0x%" PRIx64
             " for %.3f s",
             LOAD_STALL_SECONDS, its->number, its->wants_write ? ", which cannot send," : "",
             load_type_name (oldest->type), oldest->length, oldest->offset,
             (load_now_ns () - oldest->start_ns) / 1e9);
}

void
load_note_silence (void)
{
  if (++n_silent_seconds >= LOAD_STALL_SECONDS)
    give_up ();
}

bool
load_may_start_request (void)
{
  if (load_phase == LOAD_SWEEPING)
    return true;
  if (load_phase != LOAD_RUNNING || n_started >= load_options.limit_requests)
    return false;
  n_started++;
  return true;
}

/* Logarithmic with 32 steps an octave: an error of 3 % at most. */
static unsigned
bucket_of (uint64_t ns)
{
  if (ns < 64)
    return ns;

  unsigned octave = 63 - __builtin_clzll (ns);
  return (octave - 5) * 32 + (ns >> (octave - 5));
}

static uint64_t
bucket_start_ns (unsigned bucket)
{
  if (bucket < 64)
    return bucket;
  return (uint64_t) (32 + bucket % 32) << (bucket / 32 - 1);
}

void
load_request_ended (const LoadSlot *slot, uint64_t now_ns)
{
  uint64_t ns = now_ns - slot->start_ns;

  if (load_phase == LOAD_SWEEPING)
    return;
  load_statistics.requests++;
  if (slot->type <= NBD_CMD_WRITE)
    load_statistics.bytes += slot->length;
  load_statistics.by_type[slot->type]++;
  load_statistics.histogram[bucket_of (ns)]++;
  if (ns > load_statistics.longest_ns)
    load_statistics.longest_ns = ns;
}

static double
percentile_us (double fraction)
{
  uint64_t wanted = load_statistics.requests * fraction, seen = 0;

  for (unsigned i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++)
    if ((seen += load_statistics.histogram[i]) > wanted)
      return bucket_start_ns (i) / 1e3;
  return load_statistics.longest_ns / 1e3;
}

static bool
is_time_over (uint64_t end_ns)
{
  struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

  return load_options.until_eof ? poll (&input, 1, 0) > 0 : load_now_ns () >= end_ns;
}

/* Runs the present phase until nothing is in flight and there is nothing to begin. */
static void
run_phase (int epoll_fd, uint64_t end_ns)
{
  unsigned n_busy = load_options.connections;
  bool alone = load_options.connections == 1;
  struct epoll_event events[LOAD_MAX_CONNECTIONS];
  int n_events = load_options.connections;

  for (unsigned i = 0; i < load_options.connections; i++)
    events[i].data.ptr = connections[i];

  while (n_busy > 0)
    {
      for (int i = 0; i < n_events; i++)
        {
          LoadConnection *c = events[i].data.ptr;
          bool wanted_write = c->wants_write;

          if (!load_connection_is_idle (c))
            load_connection_receive (c, alone && !c->wants_write);
          load_connection_send (c);
          if (c->wants_write != wanted_write)
            {
              struct epoll_event event = { EPOLLIN | (c->wants_write ? EPOLLOUT : 0), { c } };

              epoll_ctl (epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
            }
        }

      n_busy = 0;
      for (unsigned i = 0; i < load_options.connections; i++)
        n_busy += !load_connection_is_idle (connections[i]);
      if (load_phase == LOAD_RUNNING && is_time_over (end_ns))
        load_phase = LOAD_DRAINING;

      /* A single connection waits in recv: one system call less between reply and request. */
      if (n_busy == 0 || (alone && !connections[0]->wants_write))
        continue;
      n_events = epoll_wait (epoll_fd, events, LOAD_MAX_CONNECTIONS, 1000);
      if (n_events == 0)
        load_note_silence ();
      if (n_events < 0 && errno != EINTR)
        load_fail ("epoll: %s", strerror (errno));
    }
}

static void
print_json (double seconds, double server_us, double client_us)
{
  const LoadStatistics *s = &load_statistics;

  printf ("{\"pattern\": \"%s\", \"connections\": %u, \"depth\": %u, \"block_size\": %u, "
          "\"structured\": %s, \"requests\": %" PRIu64 ", \"seconds\": %.6f, "
          "\"requests_per_second\": %.1f, \"bytes_per_second\": %.0f, \"latency_p50_us\": %.3f, "
          "\"latency_p99_us\": %.3f, \"latency_p999_us\": %.3f, \"latency_max_us\": %.3f, "
          "\"client_cpu_us\": %.4f",
          pattern_names[load_options.pattern], load_options.connections, load_options.depth,
          load_options.block_bytes, connections[0]->structured ? "true" : "false", s->requests,
          seconds, s->requests / seconds, s->bytes / seconds, percentile_us (0.5),
          percentile_us (0.99), percentile_us (0.999), s->longest_ns / 1e3, client_us);
  if (load_options.server_pid > 0)
    printf (", \"server_cpu_us\": %.4f", server_us);
  printf ("}\n");
}

static void
print_text (double seconds, double server_us, double client_us)
{
  const LoadStatistics *s = &load_statistics;

  printf ("%-10s %10.0f ops/s  %8.1f MB/s  p50 %.1f us  p99 %.1f us  max %.1f us",
          pattern_names[load_options.pattern], s->requests / seconds, s->bytes / seconds / 1e6,
          percentile_us (0.5), percentile_us (0.99), s->longest_ns / 1e3);
  if (load_options.server_pid > 0)
    printf ("  server %.2f us/op", server_us);
  printf ("  client %.2f us/op%s\n", client_us, connections[0]->structured ? "  structured" : "");
  if (load_options.pattern == LOAD_MIX)
    printf ("verified: %" PRIu64 " reads, %" PRIu64 " writes, %" PRIu64 " flushes, %" PRIu64
            " trims, %" PRIu64 " write-zeroes, and all of it once more at the end\n",
            s->by_type[NBD_CMD_READ], s->by_type[NBD_CMD_WRITE], s->by_type[NBD_CMD_FLUSH],
            s->by_type[NBD_CMD_TRIM], s->by_type[NBD_CMD_WRITE_ZEROES]);
}

static void
measure (int epoll_fd)
{
  uint64_t server = load_options.server_pid > 0 ? cpu_ns_of (load_options.server_pid) : 0;
  uint64_t client = cpu_ns_of (getpid ());
  uint64_t start = load_now_ns ();

  run_phase (epoll_fd, start + load_options.seconds * 1e9);

  double seconds = (load_now_ns () - start) / 1e9;
  double n = load_statistics.requests > 0 ? load_statistics.requests : 1;

  client = cpu_ns_of (getpid ()) - client;
  if (load_options.server_pid > 0)
    server = cpu_ns_of (load_options.server_pid) - server;
  if (load_options.pattern == LOAD_MIX)
    {
      load_phase = LOAD_SWEEPING;
      run_phase (epoll_fd, 0);
    }
  (load_options.json ? print_json : print_text) (seconds, server / 1e3 / n, client / 1e3 / n);
}

/* What the export is like decides what can be asked of it. */
static void
check_export (const LoadConnection *c)
{
  bool writes
      = load_options.pattern != LOAD_RANDOM_READ && load_options.pattern != LOAD_SEQUENTIAL_READ;

  if (writes && (c->export_flags & NBD_SEND_READ_ONLY) != 0)
    load_fail ("the export is read-only");
  if (writes && c->number > 0 && (c->export_flags & NBD_SEND_MULTI_CONN) == 0)
    fprintf (stderr, "nbd-load: the server does not promise multi-conn\n");
  if (c->minimum_block > 1 && load_options.block_bytes % c->minimum_block != 0)
    load_fail ("the export's blocks have %u bytes", c->minimum_block);
  if (load_options.size_bytes == 0)
    load_options.size_bytes = c->export_bytes;
  if (load_options.size_bytes > c->export_bytes)
    load_fail ("the export has only %" PRIu64 " bytes", c->export_bytes);
}

static void
run (void)
{
  int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);

  for (unsigned i = 0; i < load_options.connections; i++)
    {
      LoadConnection *c = connections[i] = calloc (1, sizeof *c);
      struct epoll_event event = { EPOLLIN, { c } };

      c->number = i;
      load_connection_connect (c);
      check_export (c);
      load_connection_prepare (c);
      load_workload_prepare (c);
      if (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
        load_fail ("epoll: %s", strerror (errno));
    }

  measure (epoll_fd);

  for (unsigned i = 0; i < load_options.connections; i++)
    {
      load_connection_disconnect (connections[i]);
      load_connection_free (connections[i]);
      free (connections[i]);
    }
  close (epoll_fd);
}

static void __attribute__ ((noreturn)) fail_usage (const char *name, const char *value)
{
  fprintf (stderr, "nbd-load: --%s %s: not understood; try --help\n", name, value);
  exit (2);
}

static uint64_t
parse_number (const char *name, const char *text, uint64_t least, uint64_t most, bool is_size)
{
  static const char suffixes[] = "KMGT";
  char *end;

  errno = 0;
  uint64_t value = strtoull (text, &end, 10);
  const char *suffix = is_size && *end != '\0' ? strchr (suffixes, *end) : NULL;
  unsigned shift = suffix != NULL ? 10 * (suffix - suffixes + 1) : 0;

  if (errno != 0 || end == text || *text == '-' || end[suffix != NULL] != '\0'
      || value > UINT64_MAX >> shift || value << shift < least || value << shift > most)
    fail_usage (name, text);
  return value << shift;
}

static LoadPattern
parse_pattern (const char *text)
{
  for (unsigned i = 0; i < LOAD_MIX; i++)
    if (strcmp (text, pattern_names[i]) == 0)
      return i;
  fail_usage ("pattern", text);
}

static double
parse_seconds (const char *text)
{
  char *end;
  double seconds = strtod (text, &end);

  if (end == text || *end != '\0' || !(seconds > 0 && seconds <= 86400))
    fail_usage ("seconds", text);
  return seconds;
}

static const struct option long_options[] = {
  { "unix", 1, NULL, 'u' },        { "tcp", 1, NULL, 't' },        { "export", 1, NULL, 'e' },
  { "connections", 1, NULL, 'c' }, { "depth", 1, NULL, 'd' },      { "pattern", 1, NULL, 'p' },
  { "block-size", 1, NULL, 'b' },  { "size", 1, NULL, 'z' },       { "seconds", 1, NULL, 's' },
  { "count", 1, NULL, 'n' },       { "verify", 0, NULL, 'v' },     { "mix", 0, NULL, 'm' },
  { "longest", 1, NULL, 'l' },     { "zeroed", 0, NULL, 'Z' },     { "seed", 1, NULL, 'S' },
  { "structured", 0, NULL, 'r' },  { "server-pid", 1, NULL, 'P' }, { "json", 0, NULL, 'j' },
  { "interleave", 0, NULL, 'i' },  { "until-eof", 0, NULL, 'E' },  { "poll", 1, NULL, 'o' },
  { "help", 0, NULL, 'h' },        { NULL, 0, NULL, 0 },
};

static void
take_option (int c, const char *name, const char *value)
{
  LoadOptions *o = &load_options;

  switch (c)
    {
    case 'u':
      o->unix_path = value;
      break;
    case 't':
      o->tcp_address = value;
      break;
    case 'e':
      o->export_name = value;
      break;
    case 'c':
      o->connections = parse_number (name, value, 1, LOAD_MAX_CONNECTIONS, false);
      break;
    case 'd':
      o->depth = parse_number (name, value, 1, LOAD_MAX_DEPTH, false);
      break;
    case 'p':
      o->pattern = parse_pattern (value);
      break;
    case 'b':
      o->block_bytes = parse_number (name, value, 512, LOAD_MAX_BLOCK, true);
      break;
    case 'z':
      o->size_bytes = parse_number (name, value, 512, INT64_MAX, true);
      break;
    case 's':
      o->seconds = parse_seconds (value);
      break;
    case 'n':
      o->limit_requests = parse_number (name, value, 1, UINT64_MAX, false);
      break;
    case 'o':
      o->poll_ns = parse_number (name, value, 0, 1000000, false) * 1000;
      break;
    case 'E':
      o->until_eof = true;
      break;
    case 'v':
      o->verify = true;
      break;
    case 'm':
      o->pattern = LOAD_MIX;
      break;
    case 'l':
      o->longest_bytes = parse_number (name, value, 512, LOAD_MAX_BLOCK, true);
      break;
    case 'i':
      o->interleave = true;
      break;
    case 'Z':
      o->starts_zeroed = true;
      break;
    case 'S':
      o->seed = parse_number (name, value, 0, UINT64_MAX, false);
      break;
    case 'r':
      o->structured = true;
      break;
    case 'P':
      o->server_pid = parse_number (name, value, 1, INT32_MAX, false);
      break;
    case 'j':
      o->json = true;
      break;
    case 'h':
      fputs (help_text, stdout);
      exit (0);
    default:
      exit (2);
    }
}

int
main (int argc, char **argv)
{
  LoadOptions *o = &load_options;
  int c, index;

  while ((c = getopt_long (argc, argv, "", long_options, &index)) >= 0)
    take_option (c, c != '?' ? long_options[index].name : NULL, optarg);
  if (optind < argc || (o->unix_path == NULL) == (o->tcp_address == NULL))
    {
      fputs (help_text, stderr);
      return 2;
    }
  if (o->block_bytes % 8 != 0)
    fail_usage ("block-size", "must be a multiple of 8 bytes");

  if (o->pattern == LOAD_MIX)
    {
      o->verify = true;
      o->longest_bytes = o->longest_bytes > 0 ? o->longest_bytes : 65536;
      o->longest_bytes -= o->longest_bytes % o->block_bytes;
    }
  if (o->pattern != LOAD_MIX || o->interleave || o->longest_bytes < o->block_bytes)
    o->longest_bytes = o->block_bytes;
  run ();
  return 0;
}
