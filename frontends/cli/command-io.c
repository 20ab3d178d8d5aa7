/* command-io.c - banyan io: reads, writes and verifies, on any node
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Commands and output are qemu-io's. The graph is opened without its frontends and jobs. */

#include "io.h"

#include <stdio.h>
#include <unistd.h>

static char **lines;
static char **objects;
static gboolean is_image_opts;
static gboolean no_cache;
static gboolean is_native_aio;
static gboolean as_json;
static char *cache;
static CliImageSource source;

static const GOptionEntry options[] = {
  { "cmd", 'c', 0, G_OPTION_ARG_STRING_ARRAY, &lines,
    "Run this command; may be given again. Without any they are read from standard input", "CMD" },
  { "read-only", 'r', 0, G_OPTION_ARG_NONE, &source.read_only, "Do not ask for permission to write",
    NULL },
  { "format", 'f', 0, G_OPTION_ARG_STRING, &source.driver,
    "The argument is the name of an image file, to be opened by this driver", "DRIVER" },
  { "image-opts", 0, 0, G_OPTION_ARG_NONE, &is_image_opts,
    "The argument is a node in dotted keys: driver=raw,file.driver=file,file.filename=a.img",
    NULL },
  { "object", 0, 0, G_OPTION_ARG_STRING_ARRAY, &objects,
    "Make an object that an image links to; may be given again", "TYPE,id=ID,..." },
  { "cache", 't', 0, G_OPTION_ARG_STRING, &cache,
    "Of an image: none, directsync, writeback, writethrough or unsafe", "MODE" },
  { "nocache", 'n', 0, G_OPTION_ARG_NONE, &no_cache, "The same as --cache none", NULL },
  { "discard", 'd', 0, G_OPTION_ARG_STRING, &source.discard,
    "Of an image: whether discards are carried out, ignore or unmap", "MODE" },
  { "copy-on-read", 'C', 0, G_OPTION_ARG_NONE, &source.copies_on_read,
    "Of an image: what is read from its backing is written to it", NULL },
  { "aio", 'i', 0, G_OPTION_ARG_STRING, &source.aio,
    "Of an image: how its file is read and written, threads, native or io_uring", "MODE" },
  { "native-aio", 'k', 0, G_OPTION_ARG_NONE, &is_native_aio, "The same as --aio native", NULL },
  { "force-share", 'U', 0, G_OPTION_ARG_NONE, &source.force_share,
    "Read an image that others may be writing", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print each command's result as a line of JSON",
    NULL },
  { NULL },
};

/* -- Running. -- */

static void
run_input (IoSession *self)
{
  gboolean is_asked = isatty (STDIN_FILENO);
  char *line = NULL;
  gsize size = 0;

  while (!self->wants_quit)
    {
      if (is_asked)
        {
          printf ("banyan> ");
          fflush (stdout);
        }
      if (getline (&line, &size, stdin) < 0)
        break;
      if (line[0] != '#')
        io_run_line (self, line);
    }

  free (line);
}

static void
run_commands (IoSession *self)
{
  if (lines == NULL)
    run_input (self);
  for (guint i = 0; lines != NULL && lines[i] != NULL && !self->wants_quit; i++)
    io_run_line (self, lines[i]);
  io_let_go (self);
  io_wait_for_pending (self);
}

static CliStatus
run (char **arguments)
{
  IoSession session = { .as_json = as_json };
  CliStatus status = CLI_DONE, closed;
  g_autoptr (BanyanSpec) links = cli_image_read_objects (objects, &status);
  const char *fault;

  if (status != CLI_DONE)
    return status;

  if (is_image_opts && arguments[0] == NULL)
    return cli_fail (CLI_USAGE, "--image-opts needs the options");

  source.argument = is_image_opts ? NULL : arguments[0];
  source.dotted = is_image_opts ? arguments[0] : NULL;
  source.node = arguments[0] != NULL ? arguments[1] : NULL;
  source.objects = session.objects = links;
  source.cache = no_cache ? "none" : cache;
  if (is_native_aio)
    source.aio = "native";
  fault = cli_image_find_fault (&source);
  if (fault != NULL)
    return cli_fail (CLI_USAGE, "%s", fault);

  if (arguments[0] != NULL)
    status = io_open (&session, &source);
  if (status == CLI_DONE)
    run_commands (&session);

  closed = io_close (&session);
  if (status == CLI_DONE)
    status = session.has_failed || ferror (stdout) ? CLI_FAILED : closed;
  return status;
}

const CliCommand cli_io = {
  .name = "io",
  .arguments = "[FILE [NODE] | -f DRIVER IMAGE | --image-opts DOTTED]",
  .summary = "Read, write and verify patterns on a node",
  .description
  = "Opens the nodes that a YAML file declares, without its frontends and jobs, or one "
    "image, and runs qemu-io's commands on one of them: read, write, aio_read, "
    "aio_write, flush, discard, map, alloc, length, truncate, info, open, reopen and others; "
    "\"help\" lists them. NODE may be left out where one node alone has no user. The exit "
    "status is 1 when a command failed.",
  .options = options,
  .words = CLI_WORDS_FILES,
  .max_arguments = 2,
  .run = run,
};
