/* run-sandbox.c - giving up, once everything is open, what serving does not need
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The order matters. What is looked up by name comes first: the threads in /proc, the folders that
 * stay reachable. An empty root needs a capability, so it comes before they go. No new privileges,
 * landlock and capabilities are each thread's own. Another user's are none, so that is after. The
 * filter of system calls is last: it lets none of this through. */

#include "run-sandbox.h"

#include "sandbox-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef enum
{
  STEP_LANDLOCK = 1 << 0,
  STEP_ROOT = 1 << 1,
  STEP_CAPABILITIES = 1 << 2,
  STEP_SECCOMP = 1 << 3,
  /* After these no file is opened by its name. */
  STEP_CLOSING = STEP_LANDLOCK | STEP_ROOT | STEP_SECCOMP,
} Step;

static const GDebugKey step_names[] = {
  { "landlock", STEP_LANDLOCK },
  { "root", STEP_ROOT },
  { "capabilities", STEP_CAPABILITIES },
  { "seccomp", STEP_SECCOMP },
};

char *run_sandbox_user;
char **run_sandbox_paths;

static gboolean is_wanted;
static guint steps;
static SandboxUser *user; /* (owned) (nullable) */

/* -- What was asked for. -- */

gboolean
run_sandbox_is_wanted (void)
{
  return is_wanted;
}

/* What the kernel has: by either, no file is reached by name. */
static guint
all_steps (void)
{
  return STEP_CAPABILITIES | STEP_SECCOMP
         | (sandbox_landlock_version () > 0 ? STEP_LANDLOCK : STEP_ROOT);
}

static gboolean
add_step (const char *name, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (step_names); i++)
    if (g_str_equal (name, step_names[i].key))
      {
        steps |= step_names[i].value;
        return TRUE;
      }

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "--sandbox: there is no step \"%s\"; there are: landlock, root, capabilities, "
               "seccomp, or all or off by itself",
               name);
  return FALSE;
}

gboolean
run_sandbox_option (const char *name, const char *value, gpointer data, GError **error)
{
  g_auto (GStrv) words = g_strsplit (value != NULL ? value : "", ",", -1);

  steps = 0;
  is_wanted = g_strcmp0 (value, "off") != 0;
  if (!is_wanted)
    return TRUE;
  if (words[0] == NULL || words[0][0] == '\0' || g_str_equal (value, "all"))
    {
      steps = all_steps ();
      return TRUE;
    }

  for (gsize i = 0; words[i] != NULL; i++)
    if (!add_step (words[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
refuse (GError **error, const char *format, const char *words)
{
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT, format, words);
  return FALSE;
}

gboolean
run_sandbox_check (GError **error)
{
  /* In the background the working directory is another. */
  for (guint i = 0; run_sandbox_paths != NULL && run_sandbox_paths[i] != NULL; i++)
    {
      g_autofree char *given = run_sandbox_paths[i];

      run_sandbox_paths[i] = g_canonicalize_filename (given, NULL);
    }
  if (run_sandbox_user != NULL && geteuid () != 0)
    return refuse (error, "--user %s: only root can become another user", run_sandbox_user);
  if (run_sandbox_user != NULL && (user = sandbox_user_find (run_sandbox_user, error)) == NULL)
    return FALSE;
  if (run_sandbox_paths != NULL && !is_wanted)
    return refuse (error, "--allow-path %s: without --sandbox every path is allowed",
                   run_sandbox_paths[0]);
  if (run_sandbox_paths != NULL && !(steps & STEP_CLOSING))
    return refuse (error,
                   "--allow-path %s: these steps leave every path allowed; add landlock or seccomp",
                   run_sandbox_paths[0]);
  if (run_sandbox_paths != NULL && steps & STEP_ROOT)
    return refuse (error,
                   "--allow-path %s: in an empty root there are no paths; leave the step "
                   "root out",
                   run_sandbox_paths[0]);
  if (steps & STEP_SECCOMP && sandbox_seccomp_lacks () != NULL)
    return refuse (error, "--sandbox: %s", sandbox_seccomp_lacks ());
  if (steps & STEP_LANDLOCK && sandbox_landlock_version () == 0)
    return refuse (error,
                   "--sandbox: this kernel has no %s; choose other steps, such as "
                   "--sandbox=root,capabilities,seccomp",
                   "landlock");
  if (steps & STEP_ROOT && geteuid () != 0)
    return refuse (error,
                   "--sandbox: only root can have an empty root; choose other steps, such as "
                   "--sandbox=%s",
                   "landlock,capabilities,seccomp");
  return TRUE;
}

/* -- Folders that are open and stay usable. -- */

static GArray *kept; /* (owned) (nullable) (element-type SandboxPlace) */

void
run_sandbox_keep (const char *path, int fd, gboolean replaces)
{
  const SandboxPlace place
      = { g_intern_string (path), replaces ? SANDBOX_REPLACE : SANDBOX_READ, fd };

  if (kept == NULL)
    kept = g_array_new (FALSE, FALSE, sizeof (SandboxPlace));
  g_array_append_val (kept, place);
}

/* All that stays in reach. */
static GArray *
list_places (const GPtrArray *folders)
{
  GArray *places = g_array_new (FALSE, FALSE, sizeof (SandboxPlace));

  for (guint i = 0; i < folders->len; i++)
    {
      const SandboxPlace place = { folders->pdata[i], SANDBOX_REMOVE, -1 };

      g_array_append_val (places, place);
    }
  for (guint i = 0; run_sandbox_paths != NULL && run_sandbox_paths[i] != NULL; i++)
    {
      const SandboxPlace place = { run_sandbox_paths[i], SANDBOX_ALL, -1 };

      g_array_append_val (places, place);
    }
  if (kept != NULL)
    g_array_append_vals (places, kept->data, kept->len);
  return places;
}

/* -- What is removed by name at the end. -- */

static void
add_folder (GPtrArray *folders, const char *path)
{
  char *folder = g_path_get_dirname (path);

  if (g_ptr_array_find_with_equal_func (folders, folder, g_str_equal, NULL))
    g_free (folder);
  else
    g_ptr_array_add (folders, folder);
}

static gpointer
get_struct (gpointer object, const char *name)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), name);
  gpointer value = NULL;

  if (pspec != NULL && g_type_is_a (pspec->value_type, BANYAN_TYPE_STRUCT))
    g_object_get (object, name, &value, NULL);
  return value;
}

static void
add_socket (GPtrArray *folders, BanyanObject *frontend)
{
  g_autoptr (GObject) address = get_struct (frontend, "listen");
  g_autofree char *path = NULL;
  gboolean is_abstract = FALSE;

  if (address == NULL
      || g_object_class_find_property (G_OBJECT_GET_CLASS (address), "abstract") == NULL)
    return;

  g_object_get (address, "path", &path, "abstract", &is_abstract, NULL);
  if (path != NULL && !is_abstract)
    add_folder (folders, path);
}

/* (transfer full) */
static GPtrArray *
list_folders (BanyanGraph *graph, const char *pidfile)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) frontends
      = banyan_object_list_children (banyan_object_get_child (BANYAN_OBJECT (graph), "frontends"));

  for (guint i = 0; i < frontends->len; i++)
    add_socket (folders, frontends->pdata[i]);
  if (pidfile != NULL)
    add_folder (folders, pidfile);
  return folders;
}

static void
tell_what_stays (const GPtrArray *folders)
{
  for (guint i = 0; i < folders->len; i++)
    if (steps & STEP_ROOT || eaccess (folders->pdata[i], W_OK) < 0)
      cli_message ("sandbox: what was made in %s stays there at the end, as it cannot be removed",
                   (const char *) folders->pdata[i]);
}

/* -- Going in. -- */

static int
confine_thread (void)
{
  int result = user == NULL && steps & STEP_CAPABILITIES ? sandbox_drop_capabilities () : 0;

  return result != 0 ? result : sandbox_landlock_restrict ();
}

/* GLib's own thread needs no path, ever. */
gboolean
run_sandbox_begin (GError **error)
{
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (SandboxPlace));

  if (!(steps & ~(guint) STEP_SECCOMP))
    return TRUE;
  if (steps & STEP_LANDLOCK && !sandbox_landlock_prepare (none, error))
    return FALSE;
  return sandbox_begin_threads (confine_thread, error);
}

static gboolean
confine_threads (const GArray *places, GError **error)
{
  int list;
  gboolean confined;

  if (!(steps & ~(guint) STEP_SECCOMP))
    return TRUE;
  if (steps & STEP_LANDLOCK && !sandbox_landlock_prepare (places, error))
    return FALSE;

  list = sandbox_open_threads (error);
  if (list < 0)
    return FALSE;

  confined = (!(steps & STEP_ROOT) || sandbox_change_root (error))
             && sandbox_on_all_threads (list, confine_thread, error);
  close (list);
  return confined;
}

static gboolean
check_capabilities (GError **error)
{
  if (steps & STEP_CAPABILITIES && sandbox_has_capabilities ())
    return banyan_throw_errno (error, EPERM, "capabilities stay after they were dropped");
  return TRUE;
}

/* Else each change would find out anew that it cannot be kept. */
static gboolean
check_places (const GArray *places, GError **error)
{
  for (guint i = 0; i < places->len; i++)
    {
      const SandboxPlace *place = &g_array_index (places, SandboxPlace, i);

      if (place->right == SANDBOX_REPLACE
          && faccessat (place->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return banyan_throw_errno (error, errno, "%s has to be %s's", place->path,
                                   run_sandbox_user);
    }
  return TRUE;
}

static void
close_paths (BanyanGraph *graph)
{
  banyan_registry_seal (banyan_registry_get_default ());
  if (steps & STEP_CLOSING)
    banyan_descriptors_set_only (banyan_graph_get_descriptors (graph),
                                 "banyan run --sandbox opens no file by its name any more; pass a "
                                 "descriptor with add-fd and "
                                 "name it /dev/fdset/N, or start the server with --allow-path");
}

gboolean
run_sandbox_enter (BanyanGraph *graph, const char *pidfile, GError **error)
{
  g_autoptr (GPtrArray) folders = list_folders (graph, pidfile);
  g_autoptr (GArray) places = list_places (folders);
  gboolean entered;

  if (is_wanted)
    close_paths (graph);

  entered = confine_threads (places, error)
            && (user == NULL || (sandbox_user_become (user, error) && check_places (places, error)))
            && check_capabilities (error);
  if (entered && (is_wanted || user != NULL))
    tell_what_stays (folders);
  if (entered && steps & STEP_SECCOMP)
    entered = sandbox_seccomp_load (run_sandbox_paths != NULL, places, error);

  if (!entered)
    g_prefix_error (error, "sandbox: ");
  g_clear_pointer (&user, sandbox_user_free);
  return entered;
}
