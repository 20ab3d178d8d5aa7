/* legacy-document.c - options as qemu-storage-daemon has them, as a document
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Options may refer to what stands behind them: servers are declared once all exports are known,
 * and chardevs are looked at first. */

#include "legacy-private.h"

#include <string.h>

/* -- Reading an option. -- */

static void
option_free (gpointer data)
{
  LegacyOption *self = data;

  g_clear_pointer (&self->spec, banyan_spec_unref);
  g_free (self);
}

/* What the first word of an option is when it has no key, as QEMU has it. Those of its older
 * parser also know words that are flags: "server", "nowait". */
static const struct
{
  const char *name;
  const char *implied_key;
  gboolean knows_flags;
  void (*translate) (LegacyDocument *self, LegacyOption *option);
} kinds[] = {
  { "chardev", "backend", TRUE, legacy_add_chardev },
  { "monitor", "chardev", TRUE, legacy_add_monitor },
  { "drive", NULL, TRUE, legacy_add_drive },
  { "nbd-server", NULL, FALSE, legacy_add_server },
  { "export", "type", FALSE, legacy_add_export },
};

/* Doubled commas are part of a word. */
static gsize
find_end_of_word (const char *text)
{
  gsize end = strcspn (text, ",");

  while (text[end] == ',' && text[end + 1] == ',')
    end += 2 + strcspn (text + end + 2, ",");
  return end;
}

static void
append_word (GString *text, const char *word, gboolean is_drive)
{
  if (is_drive && g_str_has_prefix (word, "file="))
    g_string_append_printf (text, "\"%s\"%s", LEGACY_DRIVE_NAME_KEY, word + strlen ("file"));
  else if (*word == '\0' || strchr (word, '=') != NULL)
    g_string_append (text, word);
  else if (g_str_has_prefix (word, "no"))
    g_string_append_printf (text, "%s=off", word + strlen ("no"));
  else
    g_string_append_printf (text, "%s=on", word);
}

/* "server,nowait" means "server=on,wait=off". */
static char *
expand_flags (const char *text, gboolean is_drive)
{
  GString *expanded = g_string_new (NULL);
  gsize length = is_drive ? 0 : find_end_of_word (text); /* the first word may lack a key */

  g_string_append_len (expanded, text, length);
  for (text += length; *text != '\0'; text += length)
    {
      g_autofree char *word = NULL;

      if (*text == ',')
        g_string_append_c (expanded, *text++);
      word = g_strndup (text, length = find_end_of_word (text));
      append_word (expanded, word, is_drive);
    }

  return g_string_free (expanded, FALSE);
}

static guint
count_named (GPtrArray *words, const char *name, guint end)
{
  guint n = 0;

  for (guint i = 0; i < end; i++)
    n += g_str_equal (((LegacyWord *) words->pdata[i])->name, name);
  return n;
}

static BanyanOrigin
make_origin (GPtrArray *words, guint index)
{
  const char *name = ((LegacyWord *) words->pdata[index])->name;
  BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };
  g_autofree char *label = g_strconcat ("--", name, NULL);

  if (count_named (words, name, words->len) > 1)
    {
      g_autofree char *plain = g_steal_pointer (&label);

      label = g_strdup_printf ("%s #%u", plain, count_named (words, name, index) + 1);
    }
  origin.name = g_intern_string (label);
  return origin;
}

static BanyanSpec *
parse (const LegacyWord *word, const char *implied_key, gboolean knows_flags,
       const BanyanOrigin *origin, BanyanProblems *problems)
{
  g_autofree char *expanded = knows_flags && *word->text != '{'
                                  ? expand_flags (word->text, g_str_equal (word->name, "drive"))
                                  : NULL;

  return banyan_spec_parse_option (expanded != NULL ? expanded : word->text, implied_key, origin,
                                   problems);
}

/* "backing=" in the words of a document, where an empty text is one. (transfer full) */
static BanyanSpec *
name_null (const char *key, BanyanSpec *spec)
{
  BanyanSpecKind kind = banyan_spec_get_kind (spec);
  const BanyanOrigin *origin = banyan_spec_get_origin (spec);
  BanyanSpecBuilder *builder;

  if ((kind == BANYAN_SPEC_TEXT || kind == BANYAN_SPEC_STRING) && g_strcmp0 (key, "backing") == 0
      && *banyan_spec_get_text (spec) == '\0')
    return banyan_spec_new_null (origin);
  if (kind < BANYAN_SPEC_LIST)
    return banyan_spec_ref (spec);

  builder = banyan_spec_builder_new (kind, origin);
  for (guint i = 0; i < banyan_spec_get_length (spec); i++)
    {
      const char *inner = kind == BANYAN_SPEC_MAP ? banyan_spec_get_key (spec, i) : NULL;
      g_autoptr (BanyanSpec) item = name_null (inner, banyan_spec_get_item (spec, i));

      banyan_spec_builder_add (builder, inner,
                               inner != NULL ? banyan_spec_get_key_origin (spec, i) : NULL, item);
    }
  return banyan_spec_builder_end (builder);
}

static LegacyOption *
option_new (GPtrArray *words, guint index, const char *implied_key, gboolean knows_flags,
            BanyanProblems *problems)
{
  LegacyOption *option = g_new0 (LegacyOption, 1);
  g_autoptr (BanyanSpec) spec = NULL;

  option->name = ((LegacyWord *) words->pdata[index])->name;
  option->origin = make_origin (words, index);
  spec = parse (words->pdata[index], implied_key, knows_flags, &option->origin, problems);
  option->spec = spec != NULL ? name_null (NULL, spec) : NULL;
  return option;
}

/* -- What the translations of the single options share. -- */

void
legacy_refuse (LegacyDocument *self, LegacyOption *option, const char *key, const char *format, ...)
{
  BanyanSpec *value = key != NULL ? cli_spec_get (option->spec, key) : NULL;
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  banyan_problems_add_text (self->problems, BANYAN_CONFIG_ERROR_RANGE,
                            value != NULL ? banyan_spec_get_origin (value) : &option->origin,
                            value != NULL ? key : NULL, text);
}

const char *
legacy_text (LegacyDocument *self, LegacyOption *option, const char *key)
{
  BanyanSpec *value = cli_spec_get (option->spec, key);
  const char *text = banyan_spec_lookup_text (option->spec, key);

  if (value != NULL && text == NULL)
    legacy_refuse (self, option, key, "a plain value is wanted");
  return text;
}

const char *
legacy_require (LegacyDocument *self, LegacyOption *option, const char *key)
{
  const char *text = legacy_text (self, option, key);

  if (text == NULL && cli_spec_get (option->spec, key) == NULL)
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_MISSING, &option->origin, NULL,
                         "needs %s=", key);
  return text;
}

gboolean
legacy_flag (LegacyDocument *self, LegacyOption *option, const char *key, gboolean fallback)
{
  static const char *const on[] = { "on", "true", "yes", "y", NULL };
  static const char *const off[] = { "off", "false", "no", "n", NULL };
  const char *text = legacy_text (self, option, key);

  if (text == NULL || g_strv_contains (on, text))
    return text != NULL || fallback;
  if (!g_strv_contains (off, text))
    legacy_refuse (self, option, key, "\"%s\" was given where on or off is wanted", text);
  return FALSE;
}

void
legacy_copy (LegacyOption *option, BanyanSpecBuilder *to, const char *const *left_out)
{
  for (guint i = 0; i < banyan_spec_get_length (option->spec); i++)
    {
      const char *key = banyan_spec_get_key (option->spec, i);

      if (!g_strv_contains (left_out, key))
        banyan_spec_builder_add (to, key, banyan_spec_get_key_origin (option->spec, i),
                                 banyan_spec_get_item (option->spec, i));
    }
}

void
legacy_add_text (LegacyOption *option, BanyanSpecBuilder *to, const char *key, const char *text)
{
  g_autoptr (BanyanSpec) value = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &option->origin);

  banyan_spec_builder_add (to, key, &option->origin, value);
}

void
legacy_declare (LegacyDocument *self, LegacyOption *option, BanyanSpecBuilder *section,
                const char *id, BanyanSpecBuilder *declaration)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_builder_end (declaration);
  BanyanSpec *place = cli_spec_get (option->spec, "id");

  if (place == NULL)
    place = cli_spec_get (option->spec, "node-name");
  if (!banyan_spec_builder_add (section, id, &option->origin, spec))
    banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_DUPLICATE,
                         place != NULL ? banyan_spec_get_origin (place) : &option->origin, NULL,
                         "\"%s\" is declared already", id);
}

/* -- Nodes and objects. -- */

static void
add_blockdev (LegacyDocument *self, LegacyOption *option)
{
  static const char *const left_out[] = { "node-name", NULL };
  const char *name = legacy_require (self, option, "node-name");
  BanyanSpecBuilder *node;

  if (name == NULL)
    return;

  node = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);
  legacy_copy (option, node, left_out);
  legacy_declare (self, option, self->nodes, name, node);
}

static gboolean
type_is_there (const char *type)
{
  g_autoptr (BanyanTypeInfo) info
      = banyan_registry_lookup (banyan_registry_get_default (), G_MAXUINT, type);

  return info != NULL;
}

/* For those who know QEMU: it is no spelling mistake. */
static gboolean
is_of_qemu (const char *type)
{
  static const char *const prefixes[]
      = { "tls-creds-", "tls-cipher-", "authz-", "pr-manager-", "main-loop", NULL };

  for (guint i = 0; prefixes[i] != NULL; i++)
    if (g_str_has_prefix (type, prefixes[i]) && !type_is_there (type))
      return TRUE;

  return FALSE;
}

static void
add_object (LegacyDocument *self, LegacyOption *option)
{
  static const char *const left_out[] = { "id", "qom-type", NULL };
  const char *type = legacy_require (self, option, "qom-type");
  const char *id = type != NULL ? legacy_require (self, option, "id") : NULL;
  BanyanSpecBuilder *object;

  if (id == NULL)
    return;
  if (is_of_qemu (type))
    {
      legacy_refuse (self, option, "qom-type",
                     "objects of type %s are QEMU's, and not there yet; banyan inspect --types "
                     "lists what is",
                     type);
      return;
    }

  object = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);
  banyan_spec_builder_add (object, "type", &option->origin,
                           banyan_spec_lookup (option->spec, "qom-type"));
  legacy_copy (option, object, left_out);
  legacy_declare (self, option, self->objects, id, object);
}

/* -- The whole. -- */

static void
translate (LegacyDocument *self, GPtrArray *words, guint index)
{
  const char *name = ((LegacyWord *) words->pdata[index])->name;
  gboolean is_object = g_str_equal (name, "object");
  void (*function) (LegacyDocument *, LegacyOption *) = is_object ? add_object : add_blockdev;
  const char *implied_key = is_object ? "qom-type" : "driver";
  gboolean knows_flags = FALSE;
  LegacyOption *option;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (name, kinds[i].name))
      {
        function = kinds[i].translate;
        implied_key = kinds[i].implied_key;
        knows_flags = kinds[i].knows_flags;
      }

  option = option_new (words, index, implied_key, knows_flags, self->problems);
  if (option->spec != NULL)
    function (self, option);
  option_free (option);
}

static BanyanSpec *
merge_section (LegacyDocument *self, const char *name, BanyanSpecBuilder *added)
{
  BanyanSpec *base = self->base != NULL ? cli_spec_get (self->base, name) : NULL;
  g_autoptr (BanyanSpec) extra = banyan_spec_builder_end (added);
  BanyanSpecBuilder *merged;

  if (base == NULL || banyan_spec_get_kind (base) != BANYAN_SPEC_MAP)
    return g_steal_pointer (&extra);

  merged = banyan_spec_builder_new (BANYAN_SPEC_MAP, banyan_spec_get_origin (base));
  /* A server that got exports from options replaces what the file says of it. */
  for (guint i = 0; i < banyan_spec_get_length (base); i++)
    {
      const char *key = banyan_spec_get_key (base, i);
      BanyanSpec *changed = banyan_spec_lookup (extra, key);
      gboolean is_server = changed != NULL && g_str_equal (name, "frontends")
                           && banyan_spec_get_origin (changed)->kind == BANYAN_ORIGIN_DOCUMENT;

      banyan_spec_builder_add (merged, key, banyan_spec_get_key_origin (base, i),
                               is_server ? changed : banyan_spec_get_item (base, i));
      if (changed != NULL && !is_server)
        banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_DUPLICATE,
                             banyan_spec_get_origin (changed), NULL,
                             "\"%s\" is declared in the file already", key);
    }
  for (guint i = 0; i < banyan_spec_get_length (extra); i++)
    banyan_spec_builder_add (merged, banyan_spec_get_key (extra, i),
                             banyan_spec_get_key_origin (extra, i),
                             banyan_spec_get_item (extra, i));
  return banyan_spec_builder_end (merged);
}

static BanyanSpec *
merge (LegacyDocument *self)
{
  static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };
  g_autoptr (BanyanSpec) objects = merge_section (self, "objects", self->objects);
  g_autoptr (BanyanSpec) nodes = merge_section (self, "nodes", self->nodes);
  g_autoptr (BanyanSpec) frontends = merge_section (self, "frontends", self->frontends);
  BanyanSpecBuilder *document = banyan_spec_builder_new (
      BANYAN_SPEC_MAP, self->base != NULL ? banyan_spec_get_origin (self->base) : &origin);

  if (self->base == NULL)
    banyan_spec_builder_add_uint (document, "version", 1);
  if (banyan_spec_get_length (objects) > 0)
    cli_add (document, "objects", objects);
  if (banyan_spec_get_length (nodes) > 0)
    cli_add (document, "nodes", nodes);
  if (banyan_spec_get_length (frontends) > 0)
    cli_add (document, "frontends", frontends);
  for (guint i = 0; self->base != NULL && i < banyan_spec_get_length (self->base); i++)
    banyan_spec_builder_add (document, banyan_spec_get_key (self->base, i),
                             banyan_spec_get_key_origin (self->base, i),
                             banyan_spec_get_item (self->base, i));
  return banyan_spec_builder_end (document);
}

static BanyanSpecBuilder *
section_new (void)
{
  static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };

  return banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
}

BanyanSpec *
legacy_to_document (GPtrArray *words, BanyanSpec *base, LegacyOpenClient open_client,
                    BanyanProblems *problems)
{
  LegacyDocument self = { .open_client = open_client, .problems = problems };
  BanyanSpec *document;

  if (base != NULL && banyan_spec_get_kind (base) != BANYAN_SPEC_MAP)
    return banyan_spec_ref (base);

  self.base = base;
  self.objects = section_new ();
  self.nodes = section_new ();
  self.frontends = section_new ();
  self.servers = g_ptr_array_new_with_free_func ((GDestroyNotify) legacy_server_free);
  self.chardevs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                         (GDestroyNotify) legacy_chardev_free);

  for (guint i = 0; i < words->len; i++)
    if (g_str_equal (((LegacyWord *) words->pdata[i])->name, "chardev"))
      translate (&self, words, i);
  for (guint i = 0; i < words->len; i++)
    if (!g_str_equal (((LegacyWord *) words->pdata[i])->name, "chardev"))
      translate (&self, words, i);
  legacy_declare_servers (&self);
  legacy_tell_unused_chardevs (&self);
  document = merge (&self);

  g_hash_table_unref (self.chardevs);
  g_ptr_array_unref (self.servers);
  return document;
}
