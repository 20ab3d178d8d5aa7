/* vmdk-descriptor.c - the text that says what a disk of VMware's is made of
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vmdk-descriptor.h"

#include <banyan/banyan-plugin.h>
#include <errno.h>
#include <string.h>

#define FIRST_LINE "# Disk DescriptorFile"
#define SECTOR 512

static void
line_clear (gpointer data)
{
  VmdkLine *line = data;

  g_free (line->type);
  g_free (line->filename);
}

void
vmdk_descriptor_free (VmdkDescriptor *self)
{
  if (self == NULL)
    return;

  g_free (self->create_type);
  g_free (self->parent);
  g_array_unref (self->lines);
  g_free (self);
}

/* Comments and empty lines may come first, and the case of letters does not matter. */
gboolean
vmdk_descriptor_is_one (const guint8 *text, gsize length)
{
  const char *at = (const char *) text, *end = at + length;

  if (length >= strlen (FIRST_LINE)
      && g_ascii_strncasecmp (at, FIRST_LINE, strlen (FIRST_LINE)) == 0)
    return TRUE;

  while (at < end && (*at == '#' || *at == '\r' || *at == '\n' || *at == ' '))
    {
      const char *next = memchr (at, '\n', end - at);

      if (next == NULL)
        return FALSE;
      at = next + 1;
    }
  return end - at >= 9 && strncmp (at, "version=", 8) == 0 && at[8] >= '1' && at[8] <= '3';
}

/* -- Lines. -- */

typedef struct
{
  const char *name;
  guint number;
  char *text;
} Source;

static gboolean
throw_line (const Source *source, const char *what, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (source->text, -1);

  return banyan_throw_errno (error, EINVAL, "%s: line %u of the image's descriptor, \"%s\", %s",
                             source->name, source->number, valid, what);
}

/* The next word, and whether there was one. */
static gboolean
take_word (char **at, char **word)
{
  *at += strspn (*at, " \t");
  *word = *at;
  *at += strcspn (*at, " \t");
  if (**at != '\0')
    *(*at)++ = '\0';
  return **word != '\0';
}

static gboolean
take_quoted (char **at, char **text)
{
  char *end;

  *at += strspn (*at, " \t");
  if (**at != '"' || (end = strchr (*at + 1, '"')) == NULL)
    return FALSE;

  *text = *at + 1;
  *end = '\0';
  *at = end + 1;
  return TRUE;
}

/* In sectors there, in bytes here. */
static gboolean
take_sectors (char **at, guint64 *bytes)
{
  guint64 sectors;
  char *word;

  if (!take_word (at, &word)
      || !g_ascii_string_to_unsigned (word, 10, 0, G_MAXINT64 / SECTOR, &sectors, NULL))
    return FALSE;

  *bytes = sectors * SECTOR;
  return TRUE;
}

static gboolean
is_access (const char *word)
{
  return g_str_equal (word, "RW") || g_str_equal (word, "RDONLY") || g_str_equal (word, "NOACCESS");
}

static gboolean
parse_extent (VmdkDescriptor *self, const Source *source, char *rest, GError **error)
{
  VmdkLine line = { 0 };
  char *type, *filename = NULL;

  if (self->lines->len == VMDK_MAX_EXTENTS)
    return throw_line (source, "is one extent more than the 1024 that there can be", error);
  if (!take_sectors (&rest, &line.length) || line.length == 0 || !take_word (&rest, &type))
    return throw_line (source, "has no number of sectors or no type behind its first word", error);
  if (!g_str_equal (type, "ZERO") && !take_quoted (&rest, &filename))
    return throw_line (source, "has no file name in quotes", error);
  if (g_str_equal (type, "FLAT") && !take_sectors (&rest, &line.offset))
    return throw_line (source, "has no offset behind its file name", error);

  line.type = g_strdup (type);
  line.filename = g_strdup (filename);
  g_array_append_val (self->lines, line);
  return TRUE;
}

static gboolean
parse_cid (const Source *source, const char *value, guint32 *cid, GError **error)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (value, 16, 0, G_MAXUINT32, &number, NULL))
    return throw_line (source, "has no hexadecimal number of up to 8 digits", error);

  *cid = number;
  return TRUE;
}

/* What is in quotes, or all of it. */
static char *
dup_value (char *value)
{
  char *quoted;

  return g_strdup (take_quoted (&value, &quoted) ? quoted : g_strstrip (value));
}

static gboolean
parse_setting (VmdkDescriptor *self, const Source *source, char *key, char *value, GError **error)
{
  g_strstrip (key);
  g_strstrip (value);
  if (g_ascii_strcasecmp (key, "CID") == 0)
    return parse_cid (source, value, &self->cid, error);
  if (g_ascii_strcasecmp (key, "parentCID") == 0)
    return parse_cid (source, value, &self->parent_cid, error);
  if (g_ascii_strcasecmp (key, "createType") == 0)
    {
      g_free (self->create_type);
      self->create_type = dup_value (value);
    }
  else if (g_ascii_strcasecmp (key, "parentFileNameHint") == 0)
    {
      g_free (self->parent);
      self->parent = dup_value (value);
    }
  return TRUE;
}

static gboolean
parse_line (VmdkDescriptor *self, const Source *source, GError **error)
{
  g_autofree char *line = g_strdup (source->text);
  char *rest = line, *word, *equals;

  g_strstrip (line);
  if (*line == '\0' || *line == '#')
    return TRUE;

  equals = strchr (line, '=');
  if (equals != NULL && strcspn (line, "\"") > (gsize) (equals - line))
    {
      *equals = '\0';
      return parse_setting (self, source, line, equals + 1, error);
    }
  if (!take_word (&rest, &word) || !is_access (word))
    return TRUE;
  return parse_extent (self, source, rest, error);
}

VmdkDescriptor *
vmdk_descriptor_new (const char *text, const char *name, GError **error)
{
  g_autoptr (VmdkDescriptor) self = g_new0 (VmdkDescriptor, 1);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  self->parent_cid = VMDK_NO_PARENT;
  self->lines = g_array_new (FALSE, FALSE, sizeof (VmdkLine));
  g_array_set_clear_func (self->lines, line_clear);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      Source source = { name, i + 1, lines[i] };

      if (!parse_line (self, &source, error))
        return NULL;
    }
  if (self->create_type == NULL)
    {
      banyan_throw_errno (error, EINVAL, "%s: the image's descriptor has no createType", name);
      return NULL;
    }
  return g_steal_pointer (&self);
}
