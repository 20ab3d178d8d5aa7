/* img-options.c - banyan img: what several commands take
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <stdio.h>

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };

ImgOptions img_options;

static CliStatus
check_cache (const char *option, const char *cache)
{
  return cache == NULL || cli_cache_find (cache) != NULL
             ? CLI_DONE
             : cli_fail (CLI_USAGE,
                         "%s is one of none, directsync, writeback, writethrough and unsafe, not "
                         "\"%s\"",
                         option, cache);
}

CliStatus
img_options_check (void)
{
  const char *output = img_options.output;
  CliStatus status = check_cache ("-t", img_options.cache);

  if (status == CLI_DONE)
    status = check_cache ("-T", img_options.source_cache);
  if (status != CLI_DONE)
    return status;
  if (output != NULL && !g_str_equal (output, "json") && !g_str_equal (output, "human"))
    return cli_fail (CLI_USAGE, "--output is human or json, not \"%s\"", output);
  if (img_options.is_dotted && img_options.format != NULL)
    return cli_fail (CLI_USAGE, "with --image-opts the keys say which driver; leave out -f");

  img_options.as_json |= g_strcmp0 (output, "json") == 0;
  return CLI_DONE;
}

gboolean
img_parse_size (const char *text, const char *what, guint64 *size)
{
  g_autoptr (GError) error = NULL;

  if (!banyan_scalar_parse_size (text, size, &error))
    cli_message ("%s: %s", what, error->message);
  else if (*size > G_MAXINT64)
    cli_message ("%s: \"%s\" is too large: an image has at most 8 EiB", what, text);
  else
    return TRUE;
  return FALSE;
}

/* qemu-img has underscores where the options of nodes have dashes. */
BanyanSpec *
img_read_options (char **options)
{
  BanyanSpec *all = banyan_spec_builder_end (banyan_spec_builder_new_map ());

  for (guint i = 0; options != NULL && options[i] != NULL; i++)
    {
      g_autoptr (BanyanProblems) problems = banyan_problems_new ();
      g_autoptr (BanyanSpec) some = banyan_spec_parse_dotted (options[i], &origin, problems);

      if (some == NULL || banyan_problems_get_length (problems) > 0)
        {
          cli_say_problems (problems);
          g_clear_pointer (&all, banyan_spec_unref);
          return NULL;
        }

      for (guint j = 0; j < banyan_spec_get_length (some); j++)
        {
          g_autoptr (BanyanSpec) before = all;
          g_autofree char *key = g_strdelimit (g_strdup (banyan_spec_get_key (some, j)), "_", '-');

          all = banyan_spec_with (before, key, banyan_spec_get_item (some, j));
        }
    }

  return all;
}

/* Three digits that count, as qemu-img's. */
char *
img_format_size (guint64 bytes)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  double amount = bytes;
  guint unit = 0;

  while (amount >= 1000 && unit + 1 < G_N_ELEMENTS (units))
    {
      amount /= 1024;
      unit++;
    }

  return g_strdup_printf ("%0.3g %s", amount, units[unit]);
}

void
img_say (const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *printable = NULL;
  va_list arguments;

  if (img_options.is_quiet)
    return;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  printable = cli_make_printable (text);
  fputs (printable, stdout);
}
