/* io-report.c - banyan io: numbers in and out
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The lines are those that qemu-io prints, since scripts compare them. */

#include "io.h"

#include <errno.h>
#include <unistd.h>

static gboolean
take_pattern (IoSession *self, IoOptions *options, const char *text)
{
  char *end;
  gulong pattern = strtoul (text, &end, 0);

  if (!g_ascii_isdigit (text[0]) || *end != '\0' || pattern > 255)
    return io_complain (self, "%s is not a valid pattern byte", text);

  options->has_pattern = TRUE;
  options->pattern = pattern;
  return TRUE;
}

static gboolean
take_option (IoSession *self, IoOptions *options, int letter, const char *command)
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
    case 'c':
      return options->is_compressed = TRUE;
    case 'i':
      return options->is_invalid = TRUE;
    case 'b':
      return options->is_state = TRUE;
    case 'P':
      return take_pattern (self, options, optarg);
    case 'a':
    case 'p': /* qemu-io takes and ignores them */
      return TRUE;
    case 'l':
      options->has_part = TRUE;
      return io_parse_size (self, optarg, "pattern length", &options->pattern_length);
    case 's':
      options->has_part = command[0] == 'r';
      if (options->has_part)
        return io_parse_size (self, optarg, "pattern offset", &options->pattern_start);
      options->file = optarg;
      return TRUE;
    default:
      return io_complain (self, "%s: bad option; see help %s", command, command);
    }
}

gboolean
io_parse_options (IoSession *self, int argc, char **argv, const char *letters, IoOptions *options,
                  int *first)
{
  g_autofree char *stop_at_first = g_strconcat ("+", letters, NULL);
  int letter;

  *options = (IoOptions){ 0 };
  /* 0 makes glibc begin anew, whatever it read before. */
  optind = 0;
  opterr = 0;
  while ((letter = getopt (argc, argv, stop_at_first)) >= 0)
    if (!take_option (self, options, letter, argv[0]))
      return FALSE;

  *first = optind;
  if (options->has_part && !options->has_pattern)
    return io_complain (self, "-s and -l need -P");
  /* Machines' states are in the images of those who run machines. */
  if (options->is_state)
    return io_complain (self, "%s failed: %s", argv[0], g_strerror (ENOTSUP));
  return TRUE;
}

gboolean
io_parse_size (IoSession *self, const char *text, const char *what, guint64 *size)
{
  g_autoptr (GError) error = NULL;

  if (banyan_scalar_parse_size (text, size, &error))
    return TRUE;

  return io_complain (self, "%s: %s", what, error->message);
}

gboolean
io_parse_length (IoSession *self, const char *text, guint64 *length)
{
  if (!io_parse_size (self, text, "length", length))
    return FALSE;
  if (*length <= IO_MAX_LENGTH)
    return TRUE;

  return io_complain (self, "length cannot exceed %" G_GUINT64_FORMAT ", given %s", IO_MAX_LENGTH,
                      text);
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
io_report (IoSession *self, const IoOptions *options, const char *verb, guint64 offset,
           guint64 length)
{
  double seconds = (g_get_monotonic_time () - options->started_us) / 1e6;
  double rate = seconds > 0 ? length / seconds : 0, operations = seconds > 0 ? 1 / seconds : 0;
  g_autofree char *size = io_format_size (length);
  g_autofree char *rate_text = io_format_size (rate);
  g_autofree char *seconds_text = g_strdup_printf ("%.6f", seconds);

  banyan_spec_builder_add_uint (self->result.facts, "offset", offset);
  banyan_spec_builder_add_uint (self->result.facts, "length", length);
  cli_add_number (self->result.facts, "seconds", seconds_text);
  if (options->is_quiet)
    return;
  if (options->is_terse)
    {
      guint64 hundredths = seconds * 100;

      io_say (self, "%" G_GUINT64_FORMAT ",1,%u:%02u:%02u.%02u,%.3f,%.3f\n", length,
              (guint) (hundredths / 360000), (guint) (hundredths / 6000 % 60),
              (guint) (hundredths / 100 % 60), (guint) (hundredths % 100), rate, operations);
      return;
    }

  io_say (self,
          "%s %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT "\n",
          verb, length, length, offset);
  io_say (self, "%s, 1 ops; %.4f sec (%s/sec and %.4f ops/sec)\n", size, seconds, rate_text,
          operations);
}

static void
say_bytes (IoSession *self, const guint8 *data, gsize n)
{
  for (gsize i = 0; i < n; i++)
    io_say (self, "%02x ", data[i]);
  io_say (self, " ");
  for (gsize i = 0; i < n; i++)
    io_say (self, "%c", g_ascii_isalnum (data[i]) ? data[i] : '.');
  io_say (self, "\n");
}

void
io_dump (IoSession *self, const guint8 *data, gsize length, guint64 offset)
{
  GString *hexadecimal = g_string_new (NULL);

  for (gsize i = 0; i < length; i++)
    g_string_append_printf (hexadecimal, "%02x", data[i]);
  banyan_spec_builder_add_string (self->result.facts, "data", hexadecimal->str);
  g_string_free (hexadecimal, TRUE);

  for (gsize i = 0; i < length; i += 16)
    {
      io_say (self, "%08" G_GINT64_MODIFIER "x:  ", offset + i);
      say_bytes (self, data + i, MIN (16, length - i));
    }
}

gboolean
io_verify (IoSession *self, const IoOptions *options, const guint8 *data, guint64 offset,
           gsize length)
{
  guint64 start = options->pattern_start;
  guint64 n = options->pattern_length != 0 ? options->pattern_length : length - MIN (start, length);

  if (!options->has_pattern)
    return TRUE;

  for (guint64 i = 0; i < n; i++)
    if (data[start + i] != options->pattern)
      return io_complain (self,
                          "Pattern verification failed at offset %" G_GUINT64_FORMAT
                          ", %" G_GUINT64_FORMAT " bytes",
                          offset + start, n);

  return TRUE;
}
