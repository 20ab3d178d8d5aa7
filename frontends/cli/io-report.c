/* io-report.c - banyan io: numbers in and out
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The lines are those that qemu-io prints, since scripts compare them. */

#include "io.h"

#include <stdio.h>
#include <unistd.h>

/* One buffer; who wants to move more does it in steps. */
#define MAX_LENGTH (G_GUINT64_CONSTANT (1) << 30)

static gboolean
take_pattern (IoOptions *options, const char *text)
{
  guint64 pattern;

  if (!g_ascii_string_to_unsigned (text, g_str_has_prefix (text, "0x") ? 16 : 10, 0, 255, &pattern,
                                   NULL)
      && !(g_str_has_prefix (text, "0x")
           && g_ascii_string_to_unsigned (text + 2, 16, 0, 255, &pattern, NULL)))
    {
      printf ("%s is not a valid pattern byte\n", text);
      return FALSE;
    }

  options->has_pattern = TRUE;
  options->pattern = pattern;
  return TRUE;
}

static gboolean
take_option (IoOptions *options, int letter, const char *command)
{
  switch (letter)
    {
    case 'C':
      return options->is_terse = TRUE;
    case 'q':
      return options->is_quiet = TRUE;
    case 'v':
      return options->is_dump = TRUE;
    case 'z':
      return options->is_zero = TRUE;
    case 'u':
      return options->may_unmap = TRUE;
    case 'n':
      return options->no_fallback = TRUE;
    case 'f':
      return options->is_fua = TRUE;
    case 'P':
      return take_pattern (options, optarg);
    case 'l':
      return io_parse_size (optarg, "pattern length", &options->pattern_length);
    case 's':
      if (command[0] == 'r')
        return io_parse_size (optarg, "pattern offset", &options->pattern_start);
      options->file = optarg;
      return TRUE;
    default:
      printf ("%s: bad option; see help %s\n", command, command);
      return FALSE;
    }
}

gboolean
io_parse_options (int argc, char **argv, const char *letters, IoOptions *options, int *first)
{
  g_autofree char *stop_at_first = g_strconcat ("+", letters, NULL);
  int letter;

  *options = (IoOptions){ 0 };
  /* 0 makes glibc begin anew, whatever it read before. */
  optind = 0;
  opterr = 0;
  while ((letter = getopt (argc, argv, stop_at_first)) >= 0)
    if (!take_option (options, letter, argv[0]))
      return FALSE;

  *first = optind;
  return TRUE;
}

gboolean
io_parse_size (const char *text, const char *what, guint64 *size)
{
  g_autoptr (GError) error = NULL;

  if (banyan_scalar_parse_size (text, size, &error))
    return TRUE;

  printf ("%s: %s\n", what, error->message);
  return FALSE;
}

gboolean
io_parse_length (const char *text, guint64 *length)
{
  if (!io_parse_size (text, "length", length))
    return FALSE;
  if (*length <= MAX_LENGTH)
    return TRUE;

  printf ("length: %s is too much for one request; the limit is 1 GiB\n", text);
  return FALSE;
}

char *
io_format_size (guint64 bytes)
{
  static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  double value = bytes;
  guint unit = 0;

  while (value >= 1024 && unit + 1 < G_N_ELEMENTS (units))
    {
      value /= 1024;
      unit++;
    }

  /* Exact where it is whole, else as many digits as fit. */
  return g_strdup_printf ("%.*f %s", value == (guint64) value ? 0 : 3, value, units[unit]);
}

void
io_report (const IoOptions *options, const char *verb, guint64 offset, guint64 length)
{
  double seconds = (g_get_monotonic_time () - options->started_us) / 1e6;
  double rate = seconds > 0 ? length / seconds : 0, operations = seconds > 0 ? 1 / seconds : 0;
  g_autofree char *size = io_format_size (length);
  g_autofree char *rate_text = io_format_size (rate);

  if (options->is_quiet)
    return;
  if (options->is_terse)
    {
      printf ("%" G_GUINT64_FORMAT ",1,%.6f,%.3f,%.3f\n", length, seconds, rate, operations);
      return;
    }

  printf ("%s %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT "\n",
          verb, length, length, offset);
  printf ("%s, 1 ops; %.4f sec (%s/sec and %.4f ops/sec)\n", size, seconds, rate_text, operations);
}

gboolean
io_report_failure (const char *what, const GError *error)
{
  printf ("%s failed: %s\n", what, error != NULL ? error->message : "Operation not supported");
  return FALSE;
}

void
io_dump (const guint8 *data, gsize length, guint64 offset)
{
  for (gsize i = 0; i < length; i += 16)
    {
      gsize n = MIN (16, length - i);

      printf ("%08" G_GINT64_MODIFIER "x:  ", offset + i);
      for (gsize j = 0; j < n; j++)
        printf ("%02x ", data[i + j]);
      printf (" ");
      for (gsize j = 0; j < n; j++)
        putchar (g_ascii_isalnum (data[i + j]) ? data[i + j] : '.');
      printf ("\n");
    }
}

gboolean
io_verify (const IoOptions *options, const guint8 *data, guint64 offset, gsize length)
{
  guint64 start = options->pattern_start;
  guint64 n = options->pattern_length != 0 ? options->pattern_length : length - MIN (start, length);

  if (!options->has_pattern)
    return TRUE;
  if (start > length || n > length - start)
    {
      printf ("the pattern's range ends beyond what is read\n");
      return FALSE;
    }

  for (guint64 i = 0; i < n; i++)
    if (data[start + i] != options->pattern)
      {
        printf ("Pattern verification failed at offset %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
                " bytes\n",
                offset + start, n);
        return FALSE;
      }

  return TRUE;
}
