/* banyan-did-you-mean.c - the nearest of the words that would have been right
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-problems.h>

#include <string.h>

/* No name of ours is longer; what is longer in a text is no slip of a finger. */
#define MAX_WORD 64

/* The number of letters to insert, delete, change or swap with their neighbour that turns @a into
 * @b. Three rows of the usual table suffice, as a swap looks two rows back. */
static guint
edit_distance (const char *a, const char *b)
{
  guint rows[3][MAX_WORD + 1];
  gsize a_length = strlen (a), b_length = strlen (b);

  for (gsize j = 0; j <= b_length; j++)
    rows[0][j] = j;

  for (gsize i = 1; i <= a_length; i++)
    {
      guint *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

      row[0] = i;
      for (gsize j = 1; j <= b_length; j++)
        {
          row[j] = MIN (MIN (above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
          if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
            row[j] = MIN (row[j], two_above[j - 2] + 1);
        }
    }

  return rows[a_length % 3][b_length];
}

/* About a third of the letters may be wrong, one in a short word. A word that begins a candidate
 * is a slip too, but any nearer candidate comes first. */
static guint
distance_to (const char *word, const char *candidate)
{
  g_autofree char *lower = NULL;
  guint limit = MAX (1, strlen (word) / 3), distance;

  if (strlen (candidate) > MAX_WORD)
    return G_MAXUINT;

  lower = g_ascii_strdown (candidate, -1);
  distance = edit_distance (word, lower);
  if (distance <= limit && distance < strlen (word))
    return distance;

  return strlen (word) > 1 && g_str_has_prefix (lower, word) ? MAX_WORD : G_MAXUINT;
}

/**
 * banyan_did_you_mean:
 * @word: what was written
 * @candidates: (array zero-terminated=1): what would have been right
 *
 * Finds what was probably meant. Upper and lower case count as the same; of candidates equally
 * near, the first is taken.
 *
 * Returns: (transfer none) (nullable): one of @candidates, or NULL when none is near enough
 */
const char *
banyan_did_you_mean (const char *word, const char *const *candidates)
{
  g_autofree char *lower = NULL;
  const char *best = NULL;
  guint best_distance = G_MAXUINT;

  g_return_val_if_fail (word != NULL, NULL);
  g_return_val_if_fail (candidates != NULL, NULL);

  if (strlen (word) > MAX_WORD)
    return NULL;

  lower = g_ascii_strdown (word, -1);
  for (; *candidates; candidates++)
    {
      guint distance = distance_to (lower, *candidates);

      if (distance < best_distance)
        {
          best = *candidates;
          best_distance = distance;
        }
    }

  return best;
}
