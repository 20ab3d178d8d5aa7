/* cli-names.c - what a person calls the nodes of an image that the command line names
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages of the graph name nodes. Those of an image that is no document's have ids that nobody
 * has given them, such as image.file; a person knows the file. */

#include "cli-image.h"

#include <string.h>

typedef struct
{
  BanyanGraph *graph; /* (unowned): until it goes */
  char *id;           /* (owned): of the node at the top */
  char *name;         /* (owned): as it was written */
} Named;

static GList *all; /* (owned) (element-type Named): main thread */

static void
forget (gpointer data, GObject *graph)
{
  Named *self = data;

  all = g_list_remove (all, self);
  g_free (self->id);
  g_free (self->name);
  g_free (self);
}

const char *
cli_names_add (BanyanGraph *graph, const char *name)
{
  static guint n;
  Named *self = g_new0 (Named, 1);

  n++;
  self->graph = graph;
  self->id = n == 1 ? g_strdup ("image") : g_strdup_printf ("image%u", n);
  self->name = g_strdup (name);
  g_object_weak_ref (G_OBJECT (graph), forget, self);
  all = g_list_prepend (all, self);
  return self->id;
}

/* As the file driver quotes a name. */
char *
cli_names_quote (const char *name)
{
  g_autofree char *escaped = NULL;
  gboolean is_plain = g_utf8_validate (name, -1, NULL);

  for (const char *p = name; is_plain && *p != '\0'; p = g_utf8_next_char (p))
    is_plain = !g_unichar_iscntrl (g_utf8_get_char (p));
  if (is_plain)
    return g_strdup (name);

  escaped = g_strescape (name, NULL);
  return g_strdup_printf ("\"%s\"", escaped);
}

/* -- Finding them in a message. -- */

static gsize
measure_id (const char *text)
{
  return strspn (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._");
}

static const Named *
find_named (const char *id)
{
  for (GList *i = all; i != NULL; i = i->next)
    {
      const Named *self = i->data;
      gsize length = strlen (self->id);

      if (g_str_has_prefix (id, self->id) && (id[length] == '\0' || id[length] == '.'))
        return self;
    }

  return NULL;
}

/* (transfer full) (nullable) */
static char *
dup_name (const char *id)
{
  const Named *self = find_named (id);
  BanyanNode *node = self != NULL ? banyan_graph_get_node (self->graph, id) : NULL;
  g_autofree char *filename = node != NULL ? cli_node_dup_filename (node) : NULL;
  g_autofree char *own = self != NULL ? g_strconcat (self->id, ".file", NULL) : NULL;

  if (filename != NULL)
    return cli_names_quote (filename);
  return own != NULL && (g_str_equal (id, self->id) || g_str_equal (id, own))
             ? cli_names_quote (self->name)
             : NULL;
}

/* The innermost of the nodes that @message begins with; @message is what is left. (nullable) */
static char *
take_nodes (const char **message)
{
  char *name = NULL;

  for (;;)
    {
      const char *id = *message + (g_str_has_prefix (*message, "/nodes/") ? 7 : 0);
      gsize length = measure_id (id);
      g_autofree char *one = g_strndup (id, length);
      g_autofree char *found = g_str_has_prefix (id + length, ": ") ? dup_name (one) : NULL;

      if (found == NULL)
        return name;
      g_free (name);
      name = g_steal_pointer (&found);
      *message = id + length + 2;
    }
}

/* Who else has it open is this command. */
static char *
replace_paths (const char *message)
{
  GString *text = g_string_new (NULL);
  const char *path;

  while ((path = strstr (message, "/nodes/")) != NULL)
    {
      gsize length = measure_id (path + 7);
      g_autofree char *id = g_strndup (path + 7, length);

      g_string_append_len (text, message, path - message);
      message = path + 7 + length;
      if (find_named (id) != NULL)
        g_string_append (text, "this very command");
      else
        g_string_append_len (text, path, message - path);
    }

  g_string_append (text, message);
  return g_string_free (text, FALSE);
}

char *
cli_names_explain (const char *message)
{
  g_autofree char *name = take_nodes (&message);
  g_autofree char *rest = replace_paths (message);

  return name == NULL || strstr (rest, name) != NULL ? g_steal_pointer (&rest)
                                                     : g_strdup_printf ("%s: %s", name, rest);
}
