/* legacy-options.c - gathers options as qemu-storage-daemon has them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "legacy.h"

/* GOption hands its callbacks nothing of the caller's, so what they gather lies here until it is
 * taken; the command line is parsed once, on the main thread. */
static GPtrArray *gathered;

static void
word_free (gpointer data)
{
  LegacyWord *self = data;

  g_free (self->name);
  g_free (self->text);
  g_free (self);
}

static GPtrArray *
words_new (void)
{
  return g_ptr_array_new_with_free_func (word_free);
}

gboolean
legacy_gather (const char *option, const char *value, gpointer data, GError **error)
{
  LegacyWord *word = g_new0 (LegacyWord, 1);

  if (gathered == NULL)
    gathered = words_new ();
  word->name = g_strdup (option + strspn (option, "-"));
  word->text = g_strdup (value);
  g_ptr_array_add (gathered, word);
  return TRUE;
}

GPtrArray *
legacy_take_gathered (void)
{
  GPtrArray *words = g_steal_pointer (&gathered);

  return words != NULL ? words : words_new ();
}
