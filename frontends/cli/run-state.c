/* run-state.c - a folder with what a restart must know
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One file, state.json, written anew whenever the graph has changed: beside the old one, to the
 * disk, then in its place. The folder is locked, since two servers would each forget what the other
 * wrote. */

#include "run-live.h"

#include "run-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FORMAT "banyan-state"
#define VERSION "1"
#define FILE_NAME "state.json"

static int folder = -1;
static char *file;     /* (owned) */
static char *document; /* (owned): its absolute path */
static char *written;  /* (owned): what is in the file */

/* -- Reading. -- */

static CliStatus
refuse (const char *why)
{
  return cli_fail (CLI_REFUSED, "%s %s; move it away if it is not wanted any more", file, why);
}

/* What is not ours is neither believed nor overwritten. */
static CliStatus
check_state (BanyanSpec *state)
{
  const char *format, *version, *of;

  if (banyan_spec_get_kind (state) != BANYAN_SPEC_MAP)
    return refuse ("is no state of a Banyan server");

  format = banyan_spec_lookup_text (state, "format");
  version = banyan_spec_lookup_text (state, "version");
  of = banyan_spec_lookup_text (state, "document");
  if (g_strcmp0 (format, FORMAT) != 0)
    return refuse ("is no state of a Banyan server");
  if (g_strcmp0 (version, VERSION) != 0)
    return refuse ("was written by a later Banyan, which this one does not understand");
  if (g_strcmp0 (of, document) != 0)
    return cli_fail (CLI_REFUSED, "%s belongs to %s, not to %s; give each its own --state", file,
                     of != NULL ? of : "another file", document);
  return CLI_DONE;
}

static CliStatus
say (BanyanProblems *problems)
{
  g_autoptr (GError) error = NULL;

  banyan_problems_check (problems, &error);
  return cli_fail_with (error);
}

static CliStatus
compare (BanyanGraph *graph, CliDocument *now, const char *text, gsize length)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanProblems) conflicts = banyan_problems_new ();
  g_autoptr (BanyanSpec) state = banyan_spec_parse_json (text, length, NULL, problems);
  CliStatus status;

  if (state == NULL)
    return refuse ("is damaged");
  status = check_state (state);
  if (status != CLI_DONE)
    return status;
  if (run_live_options.override
      || banyan_graph_check_state (graph, state, now->text, now->length, now->name, now->directory,
                                   conflicts))
    return CLI_DONE;

  say (conflicts);
  return CLI_REFUSED;
}

/* -- The folder. -- */

static CliStatus
open_folder (const char *path)
{
  if (g_mkdir_with_parents (path, 0700) < 0)
    return cli_fail (CLI_FAILED, "making %s: %s", path, g_strerror (errno));

  folder = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return cli_fail (CLI_FAILED, "opening %s: %s", path, g_strerror (errno));
  if (flock (folder, LOCK_EX | LOCK_NB) == 0)
    return CLI_DONE;

  return cli_fail (CLI_REFUSED, "%s is in use by another server; give each its own --state", path);
}

CliStatus
run_state_open (BanyanGraph *graph, CliDocument *now)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length;
  CliStatus status = open_folder (run_live_options.state);

  if (status != CLI_DONE)
    return status;

  run_sandbox_keep (run_live_options.state, folder, TRUE);
  file = g_build_filename (run_live_options.state, FILE_NAME, NULL);
  document = g_canonicalize_filename (now->name, NULL);
  if (g_file_get_contents (file, &text, &length, &error))
    return compare (graph, now, text, length);
  return g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? CLI_DONE
                                                                   : cli_fail_with (error);
}

/* -- Writing. -- */

static char *
describe (BanyanGraph *graph)
{
  g_autoptr (BanyanSpec) state = banyan_graph_save_state (graph);
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autoptr (BanyanSpec) whole = NULL;

  banyan_spec_builder_add_string (map, "format", FORMAT);
  banyan_spec_builder_add_uint (map, "version", 1);
  banyan_spec_builder_add_string (map, "document", document);
  for (guint i = 0; i < banyan_spec_get_length (state); i++)
    banyan_spec_builder_add (map, banyan_spec_get_key (state, i), NULL,
                             banyan_spec_get_item (state, i));
  whole = banyan_spec_builder_end (map);
  return banyan_spec_to_json (whole, TRUE);
}

static gboolean
write_all (int fd, const char *text, gsize length)
{
  while (length > 0)
    {
      gssize n = write (fd, text, length);

      if (n < 0 && errno != EINTR)
        return FALSE;
      text += MAX (n, 0);
      length -= MAX (n, 0);
    }
  return fsync (fd) == 0;
}

/* In the folder that is open: a sandbox has no names. The folder is ours alone, and so is the name
 * of the file that is not whole yet. That the new file has the name is on the disk only when the
 * folder is. */
static gboolean
replace (const char *text)
{
  int fd = openat (folder, FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gboolean is_written = fd >= 0 && write_all (fd, text, strlen (text));
  int number = errno;

  if (fd >= 0)
    close (fd);
  errno = number;
  return is_written && renameat (folder, FILE_NAME ".new", folder, FILE_NAME) == 0
         && fsync (folder) == 0;
}

void
run_state_save (BanyanGraph *graph)
{
  g_autofree char *text = NULL;

  if (folder < 0)
    return;

  text = describe (graph);
  if (g_strcmp0 (text, written) == 0)
    return;
  if (!replace (text))
    {
      cli_message ("the state could not be kept in %s: %s", file, g_strerror (errno));
      return;
    }

  g_free (written);
  written = g_steal_pointer (&text);
}

void
run_state_close (void)
{
  if (folder >= 0)
    close (folder);
  folder = -1;
  g_clear_pointer (&file, g_free);
  g_clear_pointer (&document, g_free);
  g_clear_pointer (&written, g_free);
}
