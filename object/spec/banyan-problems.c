/* banyan-problems.c - everything that is wrong with a declaration, at once
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-problems.h>

#include <string.h>

typedef struct
{
  BanyanConfigError code;
  BanyanOrigin *origin; /* (owned) (nullable) */
  char *path;           /* (owned) (nullable) */
  char *text;           /* (owned) */
} Problem;

struct _BanyanProblems
{
  int references;
  GPtrArray *list; /* (owned): Problem, in the order of their places */
};

G_DEFINE_BOXED_TYPE (BanyanProblems, banyan_problems, banyan_problems_ref, banyan_problems_unref)

/* -- Errors that know what they were made of. -- */

typedef struct
{
  BanyanProblems *problems; /* (owned) (nullable) */
} BanyanConfigErrorPrivate;

static void
banyan_config_error_private_init (BanyanConfigErrorPrivate *private)
{
}

static void
banyan_config_error_private_copy (const BanyanConfigErrorPrivate *from,
                                  BanyanConfigErrorPrivate *to)
{
  if (from->problems != NULL)
    to->problems = banyan_problems_ref (from->problems);
}

static void
banyan_config_error_private_clear (BanyanConfigErrorPrivate *private)
{
  g_clear_pointer (&private->problems, banyan_problems_unref);
}

/**
 * banyan_config_error_quark:
 *
 * Returns: the domain of #BanyanConfigError
 */
G_DEFINE_EXTENDED_ERROR (BanyanConfigError, banyan_config_error)

/* -- The list. -- */

static void
problem_free (Problem *problem)
{
  g_clear_pointer (&problem->origin, banyan_origin_free);
  g_free (problem->path);
  g_free (problem->text);
  g_free (problem);
}

/**
 * banyan_problems_new: (constructor)
 *
 * Returns: (transfer full): an empty list
 */
BanyanProblems *
banyan_problems_new (void)
{
  BanyanProblems *self = g_new0 (BanyanProblems, 1);

  self->references = 1;
  self->list = g_ptr_array_new_with_free_func ((GDestroyNotify) problem_free);
  return self;
}

/**
 * banyan_problems_ref:
 * @self: a list of problems
 *
 * Returns: (transfer full): @self, with one more reference
 */
BanyanProblems *
banyan_problems_ref (BanyanProblems *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  self->references++;
  return self;
}

/**
 * banyan_problems_unref:
 * @self: (transfer full): a list of problems
 *
 * Gives a reference back, on the thread that uses the list.
 */
void
banyan_problems_unref (BanyanProblems *self)
{
  g_return_if_fail (self != NULL);

  if (--self->references > 0)
    return;

  g_ptr_array_unref (self->list);
  g_free (self);
}

/* What has no place stands after what has one. */
static int
compare_origins (const BanyanOrigin *a, const BanyanOrigin *b)
{
  int order;

  if (!a || !b)
    return (a == NULL) - (b == NULL);
  if ((order = g_strcmp0 (a->name, b->name)) != 0)
    return order;
  if (a->line != b->line)
    return a->line < b->line ? -1 : 1;

  return (a->column > b->column) - (a->column < b->column);
}

static const Problem *
problem_at (BanyanProblems *self, guint index)
{
  return g_ptr_array_index (self->list, index);
}

/* After all of the same place, so that these stay in the order they were found. Most are found in
 * the order of the text: look from the end. */
static guint
position_for (BanyanProblems *self, const BanyanOrigin *origin)
{
  guint position = self->list->len;

  while (position > 0 && compare_origins (problem_at (self, position - 1)->origin, origin) > 0)
    position--;

  return position;
}

/* A message is one line, and what it quotes may come from a stranger: nothing in it reaches a
 * terminal as a control sequence. */
static char *
make_printable (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *printable = g_string_sized_new (strlen (valid));

  for (const char *at = valid; *at; at = g_utf8_next_char (at))
    {
      gunichar character = g_utf8_get_char (at);

      if (character < 0x20 || (character >= 0x7f && character < 0xa0))
        g_string_append_printf (printable, "\\x%02x", character);
      else
        g_string_append_unichar (printable, character);
    }

  return g_string_free (printable, FALSE);
}

/**
 * banyan_problems_add_text: (rename-to banyan_problems_add)
 * @self: a list of problems
 * @code: what kind of problem it is
 * @origin: (nullable): its place
 * @path: (nullable): its subject, such as "nodes.disk0.file"
 * @text: what is wrong, and what would be right
 *
 * Adds a problem at its place in the order: by the origin's name, line and column, then in the
 * order found. Control characters are shown as escapes.
 */
void
banyan_problems_add_text (BanyanProblems *self, BanyanConfigError code, const BanyanOrigin *origin,
                          const char *path, const char *text)
{
  Problem *problem;

  g_return_if_fail (self != NULL);
  g_return_if_fail (text != NULL);

  problem = g_new0 (Problem, 1);
  problem->code = code;
  problem->origin = origin ? banyan_origin_copy (origin) : NULL;
  problem->path = path ? make_printable (path) : NULL;
  problem->text = make_printable (text);
  g_ptr_array_insert (self->list, position_for (self, origin), problem);
}

/**
 * banyan_problems_add: (skip)
 * @self: a list of problems
 * @code: what kind of problem it is
 * @origin: (nullable): its place
 * @path: (nullable): its subject, such as "nodes.disk0.file"
 * @format: what is wrong, and what would be right
 * @...: its arguments
 *
 * Adds a problem as banyan_problems_add_text() does.
 */
void
banyan_problems_add (BanyanProblems *self, BanyanConfigError code, const BanyanOrigin *origin,
                     const char *path, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  banyan_problems_add_text (self, code, origin, path, text);
}

/**
 * banyan_problems_get_length:
 * @self: a list of problems
 *
 * Returns: how many there are
 */
guint
banyan_problems_get_length (BanyanProblems *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->list->len;
}

/**
 * banyan_problems_get_code:
 * @self: a list of problems
 * @index: a position below its length
 *
 * Returns: what kind of problem it is
 */
BanyanConfigError
banyan_problems_get_code (BanyanProblems *self, guint index)
{
  g_return_val_if_fail (self != NULL, BANYAN_CONFIG_ERROR_SYNTAX);
  g_return_val_if_fail (index < self->list->len, BANYAN_CONFIG_ERROR_SYNTAX);

  return problem_at (self, index)->code;
}

/**
 * banyan_problems_get_message:
 * @self: a list of problems
 * @index: a position below its length
 *
 * Returns: (transfer full): one line: "disk.yaml:14:7: nodes.disk0: what is wrong", without the
 *   parts that the problem does not have
 */
char *
banyan_problems_get_message (BanyanProblems *self, guint index)
{
  const Problem *problem;
  g_autofree char *place = NULL;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->list->len, NULL);

  problem = problem_at (self, index);
  if (problem->origin)
    {
      g_autofree char *origin = banyan_origin_to_string (problem->origin);
      place = make_printable (origin);
    }

  return g_strconcat (place ? place : "", place ? ": " : "", problem->path ? problem->path : "",
                      problem->path ? ": " : "", problem->text, NULL);
}

/**
 * banyan_problems_get_origin:
 * @self: a list of problems
 * @index: a position below its length
 *
 * Returns: (transfer none) (nullable): its place, or NULL when it has none
 */
const BanyanOrigin *
banyan_problems_get_origin (BanyanProblems *self, guint index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->list->len, NULL);

  return problem_at (self, index)->origin;
}

/**
 * banyan_problems_get_path:
 * @self: a list of problems
 * @index: a position below its length
 *
 * Returns: (transfer none) (nullable): its subject, or NULL when it has none
 */
const char *
banyan_problems_get_path (BanyanProblems *self, guint index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->list->len, NULL);

  return problem_at (self, index)->path;
}

/**
 * banyan_problems_get_text:
 * @self: a list of problems
 * @index: a position below its length
 *
 * Returns: (transfer none): what is wrong, and what would be right
 */
const char *
banyan_problems_get_text (BanyanProblems *self, guint index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->list->len, NULL);

  return problem_at (self, index)->text;
}

/**
 * banyan_problems_of_error:
 * @error: an error
 *
 * Tells the single problems of an error that banyan_problems_check() made.
 *
 * Returns: (transfer none) (nullable): the problems; %NULL for any other error
 */
BanyanProblems *
banyan_problems_of_error (const GError *error)
{
  g_return_val_if_fail (error != NULL, NULL);

  return error->domain == BANYAN_CONFIG_ERROR ? banyan_config_error_get_private (error)->problems
                                              : NULL;
}

/**
 * banyan_problems_check:
 * @self: a list of problems
 * @error: where to put them all, one a line, with the first one's code
 *
 * Returns: TRUE when there are none
 */
gboolean
banyan_problems_check (BanyanProblems *self, GError **error)
{
  g_autoptr (GString) all = NULL;

  g_return_val_if_fail (self != NULL, FALSE);

  if (self->list->len == 0)
    return TRUE;

  all = g_string_new (NULL);
  for (guint i = 0; i < self->list->len; i++)
    {
      g_autofree char *message = banyan_problems_get_message (self, i);
      g_string_append_printf (all, "%s%s", i > 0 ? "\n" : "", message);
    }

  if (error != NULL)
    {
      *error = g_error_new_literal (BANYAN_CONFIG_ERROR, problem_at (self, 0)->code, all->str);
      banyan_config_error_get_private (*error)->problems = banyan_problems_ref (self);
    }
  return FALSE;
}
